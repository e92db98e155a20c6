import type { InvalidArguments, Message, Part } from './messages.ts';
import type { FinishReason, RawExchange } from './request.ts';
import type { Span } from './trace.ts';
import type { Cost, Usage } from './usage.ts';

/** A finished tool call of the model. */
export interface ToolCall {
  id: string;
  name: string;
  arguments: unknown;
  /** The provider has run the tool itself: nobody else may run it. */
  providerExecuted?: true;
  /** The arguments could not be read: `arguments` is `{}`, and the call must not be run. */
  invalid?: InvalidArguments;
}

/** The answer: what was streamed, after resets. */
export interface Response {
  content: string;
  thinking: string;
  toolCalls: ToolCall[];
  finishReason: FinishReason;
  /** The same in the order in which it came, tool results and provider blocks included. */
  parts: Part[];
}

/** What an execution resolves to: plain data that survives `JSON.stringify` and `structuredClone`. */
export interface ExecutionResult {
  id: string;
  outcome: 'completed' | 'interrupted';
  /** Why it was interrupted. */
  reason?: string;
  response: Response;
  /** What this turn adds to the conversation: the caller's messages and the reply's. */
  messages: Message[];
  /** Sum over all calls, retried and failed ones too. */
  usage: Usage;
  /** Sum over all calls; unknown without the cost middleware. */
  cost: Cost;
  trace: Span[];
  warnings: string[];
  /** From the first pull to the end. */
  latencyMs: number;
  /** From the first pull to the first chunk; absent where none came. */
  timeToFirstChunkMs?: number;
  provider?: string;
  model?: string;
  sessionId?: string;
  /** The turn was finished before: this is its stored reply. Usage and cost are what it took then; nothing was spent now. */
  replayed?: true;
  /** The reply's messages that could not be stored in the session; a warning says why. */
  unsaved?: Message[];
  /** The caller's metadata, as given. */
  metadata: Record<string, unknown>;
  /** With `includeRaw`: request and reply of each call. */
  raw?: RawExchange[];
}
