import type { Message, Part } from './messages.ts';
import type { ToolCall } from './partial.ts';
import type { PendingCall } from './pending-call.ts';
import type { FinishReason, RawExchange } from './request.ts';
import type { Span } from './trace.ts';
import type { Cost, Usage } from './usage.ts';

/** The answer: what was streamed, after resets. */
export interface Response {
  content: string;
  thinking: string;
  toolCalls: ToolCall[];
  finishReason: FinishReason;
  /** Everything in the order in which it came, including tool results and provider blocks. */
  parts: Part[];
}

/** What an execution resolves to: plain data that survives `JSON.stringify` and `structuredClone`. */
export interface ExecutionResult {
  id: string;
  outcome: 'completed' | 'interrupted';
  /**
   * Why it was interrupted. If calls are pending: `approval` if one of them waits for an approval, else `tool_calls` if one waits for the client, else
   * `unknown_outcome`.
   */
  reason?: string;
  response: Response;
  /** The checked output, if one was asked for and the execution completed. It is plain data if what the schema makes is. */
  output?: unknown;
  /** Tool calls that wait for a decision, if there are any. */
  pending?: PendingCall[];
  /** What this turn adds to the conversation: the caller's messages and those of the reply. */
  messages: Message[];
  /** The sum over all calls, including retried and failed ones. */
  usage: Usage;
  /** The sum over all calls; unknown without the cost middleware. */
  cost: Cost;
  trace: Span[];
  warnings: string[];
  /** From the first read to the end. */
  latencyMs: number;
  /** From the first read to the first chunk; absent if there was none. */
  timeToFirstChunkMs?: number;
  provider?: string;
  model?: string;
  sessionId?: string;
  /** The turn of the session: its id, and what it has spent in all its runs. An estimate if one of them died. */
  turn?: { id: string; usage: Usage; cost: Cost };
  /** The turn was finished before, and this is its stored reply. Usage and cost are those of then; nothing was spent now. */
  replayed?: true;
  /** The reply's messages that could not be stored in the session; a warning says why. */
  unsaved?: Message[];
  /** The caller's metadata, as given. */
  metadata: Record<string, unknown>;
  /** With `includeRaw`: the request and the reply of each call. */
  raw?: RawExchange[];
}
