import type { StreamChunk } from './chunks.ts';
import type { Call } from './call.ts';
import type { ModelRequest, Reply } from './request.ts';
import type { Stream } from './stream/stream.ts';

/** What a provider gets beside the request. */
export interface ProviderCall {
  /** Aborted when the call must end; the provider frees its socket then. */
  readonly signal: AbortSignal;
  /** When the execution must be over, in milliseconds since the epoch. */
  readonly deadline: number | undefined;
  /** The record of this call: set `usage` on it as soon as the wire tells, so that an interrupted call is billed right. */
  readonly call: Call;
  /** Adds a warning to the result, as for a parameter that cannot be honoured. */
  warn(message: string): void;
}

/** A model behind some wire. Make one with `openai()`, `anthropic()`, `demo()`, or implement it. */
export interface Provider {
  /** Such as `openai`; prices, logs and `providerOptions` go by it. */
  readonly name: string;
  /** The model asked for where the request names none. */
  readonly model: string;
  /**
   * One model call. Lazy: nothing is sent before the first pull. The stream ends with a `Reply` or an error, never silently; closing
   * it, or aborting the signal, frees the socket.
   */
  stream(request: ModelRequest, call: ProviderCall): Stream<StreamChunk, Reply>;
  /**
   * How many input tokens a request has, by the provider's own count. One small request of its own, which is no model call; rejects as a call
   * does. Absent where the provider has no such endpoint.
   */
  countTokens?(request: ModelRequest, options: { signal: AbortSignal }): Promise<number>;
  /** Frees what the provider made itself. */
  close?(): Promise<void>;
}
