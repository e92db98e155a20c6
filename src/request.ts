import type { Message } from './messages.ts';
import type { RequestedOutput } from './output/requested.ts';
import type { PendingCall } from './pending-call.ts';
import type { Usage } from './usage.ts';

/** A tool that the model may call; `parameters` is a JSON Schema of type object. */
export interface ToolDefinition {
  name: string;
  description?: string;
  parameters: Record<string, unknown>;
  /** Asks the provider to enforce the schema, if it can. */
  strict?: boolean;
  /** Fields of the tool that only one provider knows, under its name. Other providers leave them out. So far those of `anthropic` are sent. */
  providerOptions?: Record<string, Record<string, unknown>>;
}

/** Which tools the model may, must or must not call. */
export type ToolChoice = 'auto' | 'none' | 'required' | { name: string };

/** The shape of the answer. */
export type ResponseFormat =
  | { type: 'text' }
  | { type: 'json' }
  | {
      type: 'json_schema';
      name: string;
      schema: Record<string, unknown>;
      description?: string;
      strict?: boolean;
      /**
       * Whose API the schema is written for, as a client of it has asked for it; `other`: for none. `output()` then sees to it: providers get it converted, but for that API's own, and the
       * answer is checked. The text of the answer is the JSON itself. Providers do not send this.
       */
      dialect?: 'openai' | 'anthropic' | 'other';
    };

/** How much the model thinks: `budgetTokens` for providers that take a number of tokens, `effort` for those that take a level. */
export interface ReasoningOptions {
  effort?: 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max';
  budgetTokens?: number;
  summary?: 'auto' | 'concise' | 'detailed';
}

/**
 * Where the cached prefix of the prompt ends: after the tools, after the system prompt, or after the message with this index
 * (negative: counted from the end).
 */
export type CacheBreakpoint =
  'tools' | 'system' | number | { at: 'tools' | 'system' | number; ttl?: '5m' | '1h' };

/** Sampling, limits and other settings of a call. What a provider cannot honor becomes a warning, or an error with `strict`. */
export interface Parameters {
  temperature?: number;
  topP?: number;
  /** Maximum number of tokens in the answer, thinking included. */
  maxTokens?: number;
  stopSequences?: string[];
  seed?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  toolChoice?: ToolChoice;
  parallelToolCalls?: boolean;
  reasoning?: ReasoningOptions;
  promptCache?: 'auto' | CacheBreakpoint[];
  /** Additional fields for the request body, by the provider's name: `{ openai: { user: 'u1' } }`. They override all others. */
  providerOptions?: Record<string, Record<string, unknown>>;
  /** Keeps the raw request and reply of each call in `result.raw`. */
  includeRaw?: boolean;
  /** Makes what a provider cannot honor an error instead of a warning. */
  strict?: boolean;
}

/** A request to a model. It is read-only: pass changes to `next()`. */
export interface ModelRequest {
  readonly messages: readonly Message[];
  /** Overrides the provider's model. */
  readonly model?: string | undefined;
  readonly parameters: Readonly<Parameters>;
  readonly tools?: readonly ToolDefinition[] | undefined;
  readonly responseFormat?: ResponseFormat | undefined;
  /** The output that the execution was asked for. `output()` sees to it; a layer that asks the model something else passes `undefined`. */
  readonly output?: RequestedOutput | undefined;
  /** The caller's own data, if there is any. It is never sent to a provider. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** Why the model stopped. `pause`: the provider paused a long turn; send the reply back to continue. */
export type FinishReason =
  'stop' | 'length' | 'tool_calls' | 'content_filter' | 'refusal' | 'pause' | 'other';

/** The raw request and reply of one call, with `includeRaw`. It never contains headers that authenticate. */
export interface RawExchange {
  call: number;
  request: unknown;
  /** The parsed events of the reply, in order. */
  reply: unknown[];
}

/** What is known at the end of a call and is not in its chunks. */
export interface Reply {
  finishReason: FinishReason;
  /** The provider's own word for the finish reason. */
  rawFinishReason?: string | undefined;
  usage?: Usage | undefined;
  /** The model that answered, by the name in its answer. */
  model?: string | undefined;
  provider?: string | undefined;
  requestId?: string | undefined;
  /** The service tier that the provider billed; the price depends on it. */
  serviceTier?: string | undefined;
  /** Set by `collect()`: what the stream passed through, as one message. */
  message?: Message | undefined;
  /** Tool calls that wait for a decision. An execution whose reply has some ends as interrupted, and its result lists them. */
  pending?: readonly PendingCall[] | undefined;
  /** The checked output. */
  output?: { readonly value: unknown } | undefined;
  /** Set with `includeRaw`. */
  raw?: { request: unknown; reply: unknown[] } | undefined;
}
