import type { Message } from './messages.ts';
import type { Usage } from './usage.ts';

/** A tool offered to the model: `parameters` is a JSON Schema of type object. */
export interface ToolDefinition {
  name: string;
  description?: string;
  parameters: Record<string, unknown>;
  /** Ask the provider to hold the model to the schema, where it can. */
  strict?: boolean;
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
    };

/** How much the model thinks. `budgetTokens` for providers that count, `effort` for those that grade. */
export interface ReasoningOptions {
  effort?: 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max';
  budgetTokens?: number;
  summary?: 'auto' | 'concise' | 'detailed';
}

/**
 * Where the cached prefix of the prompt ends: after the tools, after the system prompt, or after the message of that index
 * (negative: from the end).
 */
export type CacheBreakpoint =
  'tools' | 'system' | number | { at: 'tools' | 'system' | number; ttl?: '5m' | '1h' };

/** How a call is sampled and bounded. What a provider cannot honour becomes a warning, or an error with `strict`. */
export interface Parameters {
  temperature?: number;
  topP?: number;
  /** Most tokens of the answer, thinking included. */
  maxTokens?: number;
  stopSequences?: string[];
  seed?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  toolChoice?: ToolChoice;
  parallelToolCalls?: boolean;
  reasoning?: ReasoningOptions;
  promptCache?: 'auto' | CacheBreakpoint[];
  /** Fields for one provider's request body, by the provider's name: `{ openai: { user: 'u1' } }`. They win. */
  providerOptions?: Record<string, Record<string, unknown>>;
  /** Keep the raw request and reply of each call in `result.raw`. */
  includeRaw?: boolean;
  /** What a provider cannot honour is an error instead of a warning. */
  strict?: boolean;
}

/** What a model is asked. Read-only: a change is a value handed to `next()`. */
export interface ModelRequest {
  readonly messages: readonly Message[];
  /** Overrides the provider's model. */
  readonly model?: string | undefined;
  readonly parameters: Readonly<Parameters>;
  readonly tools?: readonly ToolDefinition[] | undefined;
  readonly responseFormat?: ResponseFormat | undefined;
}

/** Why the model stopped. `pause`: the provider paused a long turn, send the reply back to go on. */
export type FinishReason =
  'stop' | 'length' | 'tool_calls' | 'content_filter' | 'refusal' | 'pause' | 'other';

/** The raw request and reply of one call, with `includeRaw`. Never holds headers that authenticate. */
export interface RawExchange {
  call: number;
  request: unknown;
  /** The parsed events of the reply, in order. */
  reply: unknown[];
}

/** What the terminal middleware knows at the end of a call that its chunks cannot say. */
export interface Reply {
  finishReason: FinishReason;
  /** The provider's own word for it. */
  rawFinishReason?: string | undefined;
  usage?: Usage | undefined;
  /** The model that answered, as it names itself. */
  model?: string | undefined;
  provider?: string | undefined;
  requestId?: string | undefined;
  /** The tier that the provider billed: the price depends on it. */
  serviceTier?: string | undefined;
  /** Set by `collect()`: what the stream let through, as one message. */
  message?: Message | undefined;
  /** With `includeRaw`. */
  raw?: { request: unknown; reply: unknown[] } | undefined;
}
