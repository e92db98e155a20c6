import type { ProviderCall, Reply, StreamChunk } from '../../src/index.ts';
import type { Limits } from './options/limits.ts';
import type { Origin } from './origin.ts';

/** What the headers of a response say, for the errors and the reply of a decoder. */
export interface ResponseInfo {
  status: number;
  requestId?: string | undefined;
  /** What no message, warning or name may show. */
  secrets: readonly string[];
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

/** Turns the parsed events of one API into chunks. Each call has one. */
export interface Decoder {
  /**
   * Takes the JSON payload of one event and its name ('' if it has none), and pushes chunks into `out`. Throws a
   * `SluiceError` for an error event, a second message and an exceeded limit.
   */
  event(data: Record<string, unknown>, name: string, out: StreamChunk[]): void;
  /** Whether the event that ends the reply was seen. Nothing more is read then, and `end()` is called. */
  readonly finished: boolean;
  /** The data `[DONE]` came. Whether it ends the reply is up to `finished`. */
  sentinel?(): void;
  /**
   * Called when the body has ended or `finished` is true. Pushes the last chunks (tool calls) into `out` and returns the
   * reply. Throws `truncated` or `protocol` if the reply is not complete. `wireStream` checks for a reply without any
   * output.
   */
  end(out: StreamChunk[]): Reply;
}

/** One model call over HTTP, as a provider describes it to `wireStream`. */
export interface WireCall {
  /** The provider's name, for errors. */
  provider: string;
  /** Sends the request. Not called before the first read. */
  open(signal: AbortSignal): Promise<Response>;
  /** Makes the decoder. Called once, when a usable response has arrived. */
  decoder(info: ResponseInfo): Decoder;
  call: ProviderCall;
  limits: Limits;
  /** Removed from every message. */
  secrets: readonly string[];
  /** With `includeRaw`: the body of the request. The events are kept as well, and both are put on `reply.raw`. */
  raw?: { request: unknown } | undefined;
  /**
   * A complete JSON reply as events for the decoder. It comes from an endpoint that cannot stream, or from a server that
   * ignored the request for a stream. Without this function such a reply is an error.
   */
  events?(body: Record<string, unknown>): Iterable<Record<string, unknown>>;
}
