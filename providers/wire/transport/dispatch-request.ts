import type { Dispatcher } from 'undici';
import { SluiceError } from '../../../src/index.ts';
import { Exchange } from './exchange.ts';
import type { PlainRequest } from './plain-request.ts';

/** The only method of an undici dispatcher that is used. */
export interface Dispatches {
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean;
}

/**
 * Sends a request through a dispatcher. Rejects with the error of the socket, with the signal's reason, or with a
 * `SluiceError` for a redirect. It has no timeouts: those are the caller's.
 */
export function dispatchRequest(dispatcher: Dispatches, request: PlainRequest): Promise<Response> {
  const { target, method, body, signal } = request;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      const reason: unknown = signal.reason;
      reject(
        reason instanceof Error
          ? reason
          : new SluiceError('aborted', 'The request was aborted.', { cause: reason }),
      );
      return;
    }
    const exchange = new Exchange(target.href, method, signal, { resolve, reject });
    try {
      dispatcher.dispatch(
        {
          origin: target.origin,
          path: target.path,
          method,
          headers: target.headers,
          body,
          headersTimeout: 0,
          bodyTimeout: 0,
        },
        exchange,
      );
    } catch (error) {
      exchange.onDispatchError(error);
    }
  });
}
