import { SluiceError } from '../errors.ts';
import { abortReason, onAbort } from './abort.ts';
import { Timer } from './timer.ts';

/**
 * Waits so many milliseconds. 0 or less waits for nothing, `Infinity` for the signal alone.
 *
 * Rejects with the signal's reason, as {@link abortReason} gives it, as soon as the signal aborts. Leaves neither a timer nor a listener.
 *
 * @example
 * await delay(250, context.signal);
 */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.reject(abortReason(signal));
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = new Timer(() => {
      listening?.[Symbol.dispose]();
      resolve();
    });
    timer.start(ms);
    const listening =
      signal &&
      onAbort(signal, (reason) => {
        timer.stop();
        reject(reason);
      });
  });
}

/**
 * Waits for a promise until a signal aborts. Rejects with the signal's reason, as {@link abortReason} gives it, if it aborts first. This does
 * not stop the work that settles the promise: pass the signal to it, too. A later rejection is ignored.
 *
 * @example
 * const document = await abortable(cache.load(key), context.signal);
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return withDeadline(promise, Number.POSITIVE_INFINITY, { signal });
}

/** What ends the wait for a promise, and what becomes of a value that comes after that. */
export interface DeadlineOptions<T> {
  /** Ends the wait with its reason, as {@link abortReason} gives it. */
  signal?: AbortSignal | undefined;
  /** Makes the error of a wait that took too long. Default: a `SluiceError` of code `timeout`. */
  error?: (() => Error) | undefined;
  /** Takes a value that comes after the wait has ended, for example to close it. It must not throw. Default: the value is dropped. */
  late?: ((value: T) => void) | undefined;
}

/**
 * Waits for a promise, but at most so many milliseconds; `Infinity`: no limit. A promise that is settled already costs no timer.
 *
 * Rejects with what the promise rejects with, with `timeout` if the time is over, or with the signal's reason. This does not stop the work
 * that settles the promise. A later rejection is ignored.
 *
 * @example
 * const user = await withDeadline(directory.find(id), 2_000, { signal: context.signal });
 */
export function withDeadline<T>(
  promise: Promise<T>,
  ms: number,
  { signal, error = () => timeoutError(ms), late }: DeadlineOptions<T> = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    let timer: Timer | undefined;
    let listening: Disposable | undefined;
    const end = (): void => {
      isOver = true;
      timer?.stop();
      listening?.[Symbol.dispose]();
    };
    const fail = (reason: Error): void => {
      if (isOver) return;
      end();
      reject(reason);
    };
    promise.then((value) => {
      if (isOver) return late?.(value);
      end();
      resolve(value);
    }, fail);
    if (signal?.aborted === true) {
      fail(abortReason(signal));
      return;
    }
    // A promise that was settled already has ended the wait before this runs.
    queueMicrotask(() => {
      if (isOver) return;
      if (ms !== Number.POSITIVE_INFINITY) {
        timer = new Timer(() => fail(error()));
        timer.start(ms);
      }
      if (signal !== undefined) listening = onAbort(signal, fail);
    });
  });
}

function timeoutError(ms: number): SluiceError {
  return new SluiceError('timeout', `What was waited for did not come within ${ms} ms.`, { phase: 'total' });
}
