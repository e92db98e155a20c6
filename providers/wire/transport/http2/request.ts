import { constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { Dispatcher } from 'undici';
import type { PlainRequest } from '../plain-request.ts';
import { MAX_RESPONSE_HEADERS_BYTES } from '../http1-options.ts';
import { brokenStream, longHeaders, refusedStream } from './errors.ts';
import { areLonger, requestHeaders } from './headers.ts';

type IncomingHeaders = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2];

/** How often a request that the server has refused is sent again. */
const MAX_REFUSALS = 3;

/** The type of a HEADERS frame (RFC 9113, section 6.2). */
const HEADERS_FRAME = 1;

/** Errors of a stream that was never sent, because its connection takes no more. */
const NEVER_SENT: ReadonlySet<unknown> = new Set([
  'ERR_HTTP2_GOAWAY_SESSION',
  'ERR_HTTP2_INVALID_SESSION',
  'ERR_HTTP2_OUT_OF_STREAMS',
]);

/** The connection on which a request is sent, as the request sees it. */
export interface Carrier {
  /** Whether the server has said that it did not process a stream. */
  wasIgnored(streamId: number | undefined): boolean;
  /** A stream is closed. `refused`: by the server, although the connection goes on. `reset`: by the caller. */
  closed(how: 'refused' | 'reset' | 'over'): void;
}

/** The pool that a request belongs to. */
export interface RequestOwner {
  /** Sends a request again that no server has processed, on another connection if possible. */
  sendAgain(request: Http2Request): void;
  /** Sends it over HTTP/1.1, as the server asks for. */
  sendOverHttp1(request: Http2Request): void;
  /** The request was aborted. It may be waiting. */
  withdraw(request: Http2Request): void;
}

/**
 * A request over HTTP/2, and the controller of its handler. Its handler does not see how often it is sent: a server that refuses a stream
 * has not processed it.
 */
export class Http2Request implements Dispatcher.DispatchController {
  plain: PlainRequest;
  readonly handler: Dispatcher.DispatchHandler;
  /** Headers are not kept in this form. Those who give room to the collector may set it. */
  rawHeaders = null;
  readonly #owner: RequestOwner;
  #stream: ClientHttp2Stream | undefined;
  #refusals = 0;
  #paused = false;
  #responded = false;
  #over = false;
  #reason: Error | null = null;

  constructor(plain: PlainRequest, handler: Dispatcher.DispatchHandler, owner: RequestOwner) {
    this.plain = plain;
    this.handler = handler;
    this.#owner = owner;
  }

  get aborted(): boolean {
    return this.#reason !== null;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get reason(): Error | null {
    return this.#reason;
  }

  /** Resets the stream, and no other. */
  abort(reason: Error): void {
    if (this.#over) return;
    this.#reason = reason;
    const stream = this.#stream;
    stream?.close(constants.NGHTTP2_CANCEL);
    // Not left to the answer of a busy connection: until then it would hold its memory and its place.
    stream?.destroy();
    this.#owner.withdraw(this);
    this.fail(reason);
  }

  pause(): void {
    this.#paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#stream?.resume();
  }

  /** Sends it on a connection. `carrier.closed()` is called once, unless this throws. */
  start(session: ClientHttp2Session, carrier: Carrier): void {
    const { body } = this.plain;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const stream = session.request(requestHeaders(this.plain, bytes?.byteLength), {
      endStream: bytes === null,
    });
    this.#stream = stream;
    let failure: Error | undefined;
    let neverSent = false;
    stream.on('response', (headers) => {
      const status = headers[':status'] ?? 0;
      delete headers[':status'];
      this.#respond(status, headers);
    });
    stream.on('data', (part: Buffer) => this.handler.onResponseData?.(this, part));
    stream.on('end', () => this.#end(stream));
    stream.on('frameError', (type) => (neverSent ||= type === HEADERS_FRAME));
    stream.on('error', (error: Error) => {
      failure ??= error;
      if ('code' in error) neverSent ||= NEVER_SENT.has(error.code);
    });
    stream.on('close', () => {
      const { rstCode } = stream;
      const ignored = neverSent || carrier.wasIgnored(stream.id);
      const refused = rstCode === constants.NGHTTP2_REFUSED_STREAM;
      carrier.closed(refused && !ignored ? 'refused' : this.aborted ? 'reset' : 'over');
      if (this.#stream !== stream || this.#over) return;
      this.#stream = undefined;
      if (!this.#responded && (ignored || refused)) this.#sendAgain();
      else if (!this.#responded && rstCode === constants.NGHTTP2_HTTP_1_1_REQUIRED) {
        this.#owner.sendOverHttp1(this);
      } else this.fail(failure ?? brokenStream(rstCode));
    });
    if (bytes !== null) stream.end(bytes);
  }

  /** It could not be sent. */
  notSent(error: unknown): void {
    this.#stream = undefined;
    if (error instanceof Error && 'code' in error && NEVER_SENT.has(error.code)) this.#sendAgain();
    else this.fail(error instanceof Error ? error : new Error(String(error)));
  }

  /** Ends it with an error, unless it is over. */
  fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.handler.onResponseError?.(this, error);
  }

  /** Ends the part of this object: the handler gets the controller of another dispatcher. */
  release(): void {
    this.#over = true;
  }

  #respond(status: number, headers: IncomingHeaders): void {
    if (this.#over) return;
    this.#responded = true;
    if (areLonger(headers, MAX_RESPONSE_HEADERS_BYTES)) {
      this.abort(longHeaders(MAX_RESPONSE_HEADERS_BYTES));
      return;
    }
    // It is not sent again from now on. A body may have megabytes, and a response may take minutes.
    this.plain = { ...this.plain, body: null };
    this.handler.onResponseStart?.(this, status, headers, '');
  }

  /** Node also ends a stream whose connection is gone, as if it were complete. */
  #end(stream: ClientHttp2Stream): void {
    const complete = !stream.destroyed && stream.rstCode === constants.NGHTTP2_NO_ERROR;
    if (this.#over || this.#stream !== stream || !complete || !this.#responded) return;
    this.#over = true;
    this.#stream = undefined;
    // The server does not need the rest of the body.
    if (!stream.writableFinished) stream.close(constants.NGHTTP2_CANCEL);
    this.handler.onResponseEnd?.(this, {});
  }

  #sendAgain(): void {
    this.#refusals += 1;
    if (this.#refusals > MAX_REFUSALS) this.fail(refusedStream());
    else this.#owner.sendAgain(this);
  }
}
