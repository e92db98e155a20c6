import type { ProviderCall, Reply, StreamChunk } from '../../src/index.ts';
import type { Limits } from './options/limits.ts';
import type { Origin } from './origin.ts';

/** What the headers of an answer say, for a decoder's errors and its reply. */
export interface ResponseInfo {
  status: number;
  requestId?: string | undefined;
}

/** What a decoder knows of its call. */
export interface ReplyContext {
  provider: string;
  call: ProviderCall;
  limits: Limits;
  info: ResponseInfo;
  /** Where the reply comes from. Its blocks are marked with it. */
  origin: Origin;
}

/** Turns the parsed events of one wire into chunks. One instance a call. */
export interface Decoder {
  /**
   * One event's parsed JSON payload with its SSE event name ('' where it has none). Pushes chunks into `out`.
   * Throws `SluiceError` for error events, splices and caps.
   */
  event(data: Record<string, unknown>, name: string, out: StreamChunk[]): void;
  /** True as soon as the wire's terminal event was seen: nothing more is read then, and `end()` is called. */
  readonly finished: boolean;
  /** The sentinel `[DONE]` came. Whether that ends the stream is for `finished` to say. */
  sentinel?(): void;
  /**
   * The body ended, or `finished` is true: flushes last chunks (tool calls) into `out` and returns the reply. Throws
   * `truncated` or `protocol` where this is no proper end. That a reply without any output is an error is checked by
   * `wireStream`, not here.
   */
  end(out: StreamChunk[]): Reply;
}

/** One model call over HTTP, as a provider describes it to `wireStream`. */
export interface WireCall {
  /** The provider's name, for errors. */
  provider: string;
  /** Sends the request, as through an SDK's `.asResponse()`. Not called before the first pull. */
  open(signal: AbortSignal): Promise<Response>;
  /** Called once, when a usable answer has arrived. */
  decoder(info: ResponseInfo): Decoder;
  call: ProviderCall;
  limits: Limits;
  /** Scrubbed from every message. */
  secrets: readonly string[];
  /** With `includeRaw`: the request's body. The events are kept, and both are put on `reply.raw`. */
  raw?: { request: unknown } | undefined;
  /**
   * A whole answer in JSON as events for the decoder: of an endpoint that cannot stream, or of a server that was asked for a stream
   * and does not care. Without it such an answer is an error.
   */
  events?(body: Record<string, unknown>): Iterable<Record<string, unknown>>;
}
