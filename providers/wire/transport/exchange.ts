import type { Dispatcher } from 'undici';
import { SluiceError } from '../../../src/index.ts';
import { decodedBody } from './content-encoding.ts';
import { DispatchResponse } from './dispatch-response.ts';
import type { RawBody } from './raw-body.ts';
import { redirectError } from './redirects.ts';

/** If this many bytes wait for the reader, the socket is paused. It is the size of one read of a socket. */
const HIGH_WATER_BYTES = 64 * 1024;

const NOTHING: readonly Uint8Array[] = [];
/** The initial list. Nothing is ever added to it. */
const NONE: Uint8Array[] = [];

/** The two ends of the promise that `fetch` returned. */
export interface Settle {
  resolve(response: Response): void;
  reject(error: unknown): void;
}

/**
 * One request and its response. For undici it is a handler, for the reader it is a body. undici calls it synchronously from
 * its parser, often several times for one read of the socket; the reader takes all of these parts at once.
 */
export class Exchange implements Dispatcher.DispatchHandler, RawBody {
  readonly #url: string;
  readonly #method: string;
  /** Dropped once it is settled, because its promise holds the headers of the response. */
  #settle: Settle | undefined;
  readonly #signal: AbortSignal | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;
  #failure: { error: unknown } | undefined;
  #parts: Uint8Array[] = NONE;
  #waitingBytes = 0;
  #wake: (() => void) | undefined;

  constructor(url: string, method: string, signal: AbortSignal | undefined, settle: Settle) {
    this.#url = url;
    this.#method = method;
    this.#settle = settle;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // The request was aborted while it waited for its connection.
    if (this.#over) controller.abort(errorOf(this.#failure?.error));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    statusText = '',
  ): void {
    if (status < 200 || this.#over) return;
    const redirected = redirectError(status);
    if (redirected !== undefined) {
      this.#fail(redirected);
      controller.abort(redirected);
      return;
    }
    const settle = this.#settle;
    this.#settle = undefined;
    // Each header is a buffer over what the socket read. Kept until the end of the body, they would be most of the memory
    // of a stream.
    controller.rawHeaders = null;
    const empty = this.#method === 'HEAD' || status === 204 || status === 304;
    try {
      const body = empty ? undefined : decodedBody(this, status, headers['content-encoding']);
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- it implements the interface
      settle?.resolve(new DispatchResponse(this.#url, status, statusText, headers, body));
    } catch (error) {
      settle?.reject(error);
      this.cancel(error);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Uint8Array): void {
    if (this.#over) return;
    // A new list for a single part: push() would allocate room for sixteen more.
    if (this.#waitingBytes === 0) this.#parts = [bytes];
    else this.#parts.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#wake !== undefined) this.#awaken();
    else if (this.#waitingBytes > HIGH_WATER_BYTES) controller.pause();
  }

  onResponseEnd(): void {
    this.#finish();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  /** The dispatcher threw instead of taking the request. */
  onDispatchError(error: unknown): void {
    this.#fail(error);
  }

  take(): readonly Uint8Array[] | undefined {
    if (this.#waitingBytes > 0) {
      const parts = this.#parts;
      this.#parts = NONE;
      this.#waitingBytes = 0;
      return parts;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#over ? undefined : NOTHING;
  }

  wait(wake: () => void): void {
    if (this.#waitingBytes > 0 || this.#over) {
      wake();
      return;
    }
    this.#wake = wake;
    this.#controller?.resume();
  }

  cancel(reason?: unknown): void {
    if (this.#over) return;
    this.#parts = NONE;
    this.#waitingBytes = 0;
    this.#finish();
    this.#controller?.abort(errorOf(reason));
  }

  /** The caller's signal was aborted, maybe before the request was sent. */
  readonly #abort = (): void => {
    const reason: unknown = this.#signal?.reason;
    this.#fail(reason);
    this.#controller?.abort(errorOf(reason));
  };

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#failure = { error };
    this.#settle?.reject(error);
    this.#settle = undefined;
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#awaken();
  }

  #awaken(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function errorOf(reason: unknown): Error {
  return reason instanceof Error
    ? reason
    : new SluiceError('aborted', 'The request was cancelled.', { cause: reason });
}
