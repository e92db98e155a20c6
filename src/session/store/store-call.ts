import { findSluiceError } from '../../errors.ts';
import type { SluiceError } from '../../errors.ts';
import { abortReason } from '../../kit/abort.ts';
import { withDeadline } from '../../kit/wait.ts';
import { storeFailedError, storeTimeoutError } from './store-errors.ts';

/** The default timeout of a call of a store, in milliseconds. */
export const STORE_TIMEOUT_MS = 5_000;

/** What ends the wait for a store, and what happens to a late answer. */
export interface StoreCallOptions<T> {
  /** The longest wait in milliseconds; 0: no limit. Default: 5,000. */
  timeoutMs?: number | undefined;
  /** Ends the wait with its reason. */
  signal?: AbortSignal | undefined;
  /** Takes an answer that comes after the wait has ended. It must not throw. Default: the answer is ignored. */
  late?: ((answer: T) => void) | undefined;
}

/**
 * Calls a store and waits for its answer, but not forever. `doing` names the call, such as `load`.
 *
 * Rejects with a `SluiceError` only: with the store's own, with `store`, retryable, if there was no answer in time or the store rejected with
 * another error, or with the signal's reason. A store that throws in place of rejecting is treated the same. An error that comes late is ignored.
 *
 * @example
 * const session = await storeCall('load', () => store.load(key), { timeoutMs: 2_000 });
 */
export function storeCall<T>(
  doing: string,
  call: () => Promise<T>,
  options: StoreCallOptions<T> = {},
): Promise<T> {
  return timedCall(doing, call, options);
}

/** Like {@link storeCall}, with a given error for an answer that does not come in time. */
export function timedCall<T>(
  doing: string,
  call: () => Promise<T>,
  {
    timeoutMs = STORE_TIMEOUT_MS,
    signal,
    late,
    tooLate = () => storeTimeoutError(doing, timeoutMs),
  }: StoreCallOptions<T> & { tooLate?: () => SluiceError },
): Promise<T> {
  // Nobody waits for the answer, so the store is not called.
  if (signal?.aborted === true) return Promise.reject(abortReason(signal));
  const ms = timeoutMs > 0 ? timeoutMs : Number.POSITIVE_INFINITY;
  return withDeadline(answerOf(call), ms, { signal, late, error: tooLate }).catch((error: unknown) => {
    throw storeError(doing, error);
  });
}

/** The `SluiceError` for an error of a store: the first one among its causes, or else `store`, retryable. */
export function storeError(doing: string, error: unknown): SluiceError {
  return findSluiceError(error) ?? storeFailedError(doing, error);
}

/** An error that a store throws synchronously counts as a rejection. An answer that is not a promise is accepted, too. */
function answerOf<T>(call: () => Promise<T>): Promise<T> {
  try {
    return Promise.resolve(call());
  } catch (thrown) {
    return Promise.reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}
