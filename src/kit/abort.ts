import { abortedError, isSluiceError } from '../errors.ts';
import type { SluiceError } from '../errors.ts';

/**
 * The reason of an aborted signal as an error of the library: the reason itself if it is a `SluiceError`, else an `aborted` error with the
 * reason as its cause.
 *
 * @example
 * if (context.signal.aborted) throw abortReason(context.signal);
 */
export function abortReason(signal: AbortSignal): SluiceError {
  const reason: unknown = signal.reason;
  return isSluiceError(reason) ? reason : abortedError(reason);
}

/**
 * Calls a function once, when a signal aborts, or at once if it has aborted already. Dispose of the returned object to remove the listener.
 * Otherwise a signal that lives longer than the work keeps it.
 *
 * @example
 * using listening = onAbort(context.signal, () => socket.destroy());
 */
export function onAbort(signal: AbortSignal, listener: (reason: SluiceError) => void): Disposable {
  const onEvent = (): void => listener(abortReason(signal));
  if (signal.aborted) onEvent();
  else signal.addEventListener('abort', onEvent, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', onEvent) };
}
