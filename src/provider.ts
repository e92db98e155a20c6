import type { StreamChunk } from './chunks.ts';
import type { Call } from './call.ts';
import type { ModelRequest, Reply } from './request.ts';
import type { OutputSupport } from './output/support.ts';
import type { Stream } from './stream/stream.ts';

/** What a provider gets besides the request. */
export interface ProviderCall {
  /** Aborted when the call must end; the provider then frees its socket. */
  readonly signal: AbortSignal;
  /** When the execution must be over, in milliseconds since the epoch. */
  readonly deadline: number | undefined;
  /** The record of this call. Set its `usage` as soon as the server reports it, so that an interrupted call is billed correctly. */
  readonly call: Call;
  /** Adds a warning to the result, for example for a parameter that cannot be honored. */
  warn(message: string): void;
}

/** Access to the models of one service. Create one with `openai()`, `anthropic()` or `demo()`, or implement this interface. */
export interface Provider {
  /** The name, such as `openai`. Prices, logs and `providerOptions` use it. */
  readonly name: string;
  /** The model to use if the request does not name one. */
  readonly model: string;
  /** The address of its server, without credentials, if `name` was not chosen for it. See `Call.server`. */
  readonly server?: string | undefined;
  /**
   * Makes one model call. It is lazy: nothing is sent before the first pull. The stream ends with a `Reply` or an error, never silently.
   * Closing it or aborting the signal frees the socket.
   */
  stream(request: ModelRequest, call: ProviderCall): Stream<StreamChunk, Reply>;
  /**
   * Asks the provider how many input tokens a request has. This is one small request, which is not a model call; it rejects like a model call.
   * Absent if the provider has no such endpoint.
   */
  countTokens?(request: ModelRequest, options: { signal: AbortSignal }): Promise<number>;
  /** Says how the model of a request can be made to answer in a given shape. Absent: the schema is put into the prompt. */
  output?(request: ModelRequest): OutputSupport;
  /** Frees what the provider itself created. */
  close?(): Promise<void>;
}
