import { end, Stream, type PushSource, type Receiver } from '../../../src/index.ts';
import type { Reply, SluiceError, StreamChunk } from '../../../src/index.ts';
import { headersOfResponse } from '../transport/dispatch-response.ts';
import { headersOfError, requestIdIn, type HeaderReader } from '../headers.ts';
import { abortedBy, toSluiceError } from '../errors/errors.ts';
import { wasNeverSent } from '../errors/never-sent.ts';
import { EventReader } from './event-reader.ts';
import { drain, rawBodyOf, type RawBody } from '../transport/raw-body.ts';
import { rateLimitsOf } from '../errors/rate-limit-headers.ts';
import { checkedResponse } from './checked-response.ts';
import type { WireCall } from '../wire.ts';

/** A promise job runs after undici has reported everything of one read of the socket. */
const now = Promise.resolve();

/** One model call over HTTP as a stream. Nothing is sent before the first read. */
export function wireStream(wire: WireCall): Stream<StreamChunk, Reply> {
  return Stream.fromSource(() => new WireSource(wire));
}

/**
 * Reads one HTTP response through a decoder. A batch is what one read of the socket brought. Any end (the end of the reply,
 * an error, `close()`, the call's signal) releases the connection and removes the only listener, once.
 */
export class WireSource implements PushSource<StreamChunk, Reply> {
  readonly #wire: WireCall;
  readonly #controller = new AbortController();
  #opened = false;
  /** The error that it was closed or failed with. All later reads get it. */
  #error: SluiceError | undefined;
  /** The reply, which follows the last batch. */
  #reply: Reply | undefined;
  #receiver: Receiver<StreamChunk, Reply> | undefined;
  /** Rejects the wait for the response: a client may ignore its signal. */
  #interrupt: ((error: SluiceError) => void) | undefined;
  #body: RawBody | undefined;
  #requestId: string | undefined;
  #reader: EventReader | undefined;

  constructor(wire: WireCall) {
    this.#wire = wire;
  }

  request(receiver: Receiver<StreamChunk, Reply>): void {
    this.#receiver = receiver;
    if (this.#opened) this.#read();
    else void this.#open();
  }

  close(error: SluiceError): void {
    if (this.#error !== undefined || this.#reply !== undefined) return;
    this.#end(error);
    this.#controller.abort(error);
    this.#interrupt?.(error);
  }

  /**
   * Delivers what is there: chunks, the end, or the error, which follows the chunks that came with it. If there is nothing,
   * it waits.
   */
  #read(): void {
    const reader = this.#reader;
    const over = this.#error !== undefined || this.#reply !== undefined;
    const chunks = over || reader === undefined ? undefined : this.#available(reader);
    if (chunks !== undefined) this.#receiver?.pulled(chunks);
    else if (this.#reply !== undefined) this.#receiver?.pulled(end(this.#reply));
    else if (this.#error !== undefined || this.#body === undefined) {
      this.#receiver?.failed(this.#error ?? abortedBy(undefined));
    } else this.#body.wait(this.#awaken);
  }

  readonly #awaken = (): void => void now.then(this.#arrived);
  readonly #arrived = (): void => this.#read();

  async #open(): Promise<void> {
    this.#opened = true;
    const { signal, call } = this.#wire.call;
    call.progress = 'unsent';
    if (signal.aborted) this.#abort();
    else signal.addEventListener('abort', this.#abort, { once: true });
    try {
      this.#checkOpen();
      const response = await this.#headers();
      this.#reader = await this.#start(response);
    } catch (error) {
      this.#noteUnsent(error);
      this.#noteLimits(headersOfError(error));
      this.#fail(error, 'invalid_request');
    }
    this.#read();
  }

  /** The response. Rejects as soon as the call is closed. */
  #headers(): Promise<Response> {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    this.#interrupt = reject;
    this.#request().then(resolve, reject);
    return promise;
  }

  async #request(): Promise<Response> {
    const response = await this.#wire.open(this.#controller.signal);
    this.#interrupt = undefined;
    this.#body = rawBodyOf(response);
    // The call was closed meanwhile: nobody will read the body.
    if (this.#error !== undefined) this.#body.cancel(this.#error);
    return response;
  }

  /** Checks the response and makes its reader. */
  async #start(response: Response): Promise<EventReader> {
    const wire = this.#wire;
    const body = this.#body;
    this.#checkOpen();
    if (body === undefined) throw new TypeError('The response has no body.');
    if (response.ok) wire.call.call.progress = 'accepted';
    // The status does not matter here: a 429 response has the limits, too.
    this.#noteLimits(headersOfResponse(response));
    const mediaType = await checkedResponse(response, body, wire);
    const { secrets } = wire;
    this.#requestId = requestIdIn(headersOfResponse(response), secrets);
    return new EventReader(wire, { status: response.status, requestId: this.#requestId, secrets }, mediaType);
  }

  /** Nobody bills a request that failed before any of it was sent. */
  #noteUnsent(error: unknown): void {
    const { call } = this.#wire.call;
    if (call.progress === 'sent' && wasNeverSent(error)) call.progress = 'unsent';
  }

  /** Notes the rate limits. An error response has them, too: the SDK's error carries its headers. */
  #noteLimits(headers: HeaderReader | undefined): void {
    if (headers !== undefined) this.#wire.call.call.rateLimits = rateLimitsOf(headers);
  }

  /** Decodes what has come. Undefined if there is nothing yet. */
  #available(reader: EventReader): StreamChunk[] | undefined {
    try {
      const parts = this.#take(reader);
      if (parts !== undefined) for (const part of parts) reader.feed(part);
      reader.meter();
      if (parts === undefined || reader.finished) this.#complete(reader);
    } catch (error) {
      this.#fail(error);
    }
    return reader.take();
  }

  #take(reader: EventReader): readonly Uint8Array[] | undefined {
    if (reader.finished) return undefined;
    try {
      return this.#body?.take();
    } catch (error) {
      throw toSluiceError(error, this.#wire.provider, this.#wire.secrets, { fallback: 'network' });
    }
  }

  #complete(reader: EventReader): void {
    this.#reply = reader.end();
    this.#release();
    if (this.#body !== undefined) drain(this.#body);
  }

  /** Throws the error that it was closed with. */
  #checkOpen(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Ends it with an error, and releases what it holds. The first error stays. */
  #fail(error: unknown, fallback?: 'invalid_request'): SluiceError {
    if (this.#error !== undefined) return this.#error;
    const { provider, secrets } = this.#wire;
    return this.#end(toSluiceError(error, provider, secrets, { fallback, requestId: this.#requestId }));
  }

  #end(error: SluiceError): SluiceError {
    this.#error = error;
    this.#release();
    this.#body?.cancel(error);
    return error;
  }

  #release(): void {
    this.#wire.call.signal.removeEventListener('abort', this.#abort);
  }

  readonly #abort = (): void => {
    this.close(abortedBy(this.#wire.call.signal.reason));
  };
}
