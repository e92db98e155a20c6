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
  return exchanged(request, (exchange) => startDispatch(dispatcher, request, exchange));
}

/** Hands a request and the handler of its response to a dispatcher. */
export function startDispatch(
  dispatcher: Dispatches,
  { target, method, body }: PlainRequest,
  handler: Dispatcher.DispatchHandler,
): void {
  const { origin, path, headers } = target;
  dispatcher.dispatch({ origin, path, method, headers, body, headersTimeout: 0, bodyTimeout: 0 }, handler);
}

/** The response of a request that `start` sends. Rejects as {@link dispatchRequest} does. */
export function exchanged(request: PlainRequest, start: (exchange: Exchange) => void): Promise<Response> {
  const { target, method, signal } = request;
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
      start(exchange);
    } catch (error) {
      exchange.onDispatchError(error);
    }
  });
}
