import { findSluiceError } from '../errors.ts';
import type { SluiceError } from '../errors.ts';
import { LONGEST_TIMER_MS } from '../execution/timer.ts';
import { reasonOf } from './delay.ts';
import { storeFailedError, storeTimeoutError } from './store-errors.ts';

/** How long a call of a store may take unless somebody says otherwise, in milliseconds. */
export const STORE_TIMEOUT_MS = 5_000;

/** What ends the wait for a store, and what becomes of an answer that nobody waits for any more. */
export interface StoreCallOptions<T> {
  /** The longest wait in milliseconds; 0: no limit. Default: 5,000. */
  timeoutMs?: number | undefined;
  /** Ends the wait with its reason. */
  signal?: AbortSignal | undefined;
  /** Takes an answer that comes after the wait has ended. It must not throw. Default: the answer is ignored. */
  late?: ((answer: T) => void) | undefined;
}

/**
 * Calls a store and waits for its answer, but not for ever. `doing` names the call, such as `load`.
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

/** As {@link storeCall}, with an error of its own for an answer that does not come in time. */
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
  if (signal?.aborted === true) return Promise.reject(reasonOf(signal));
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  let isOver = false;
  let unbound: (() => void) | undefined;
  const end = (): void => {
    isOver = true;
    unbound?.();
  };
  const fail = (error: SluiceError): void => {
    end();
    reject(error);
  };
  answerOf(call).then(
    (answer) => {
      if (isOver) return late?.(answer);
      end();
      resolve(answer);
    },
    (error: unknown) => {
      if (!isOver) fail(storeError(doing, error));
    },
  );
  // Most answers of a store in memory are there by then, and cost no timer.
  queueMicrotask(() => {
    if (!isOver) unbound = bind(timeoutMs, signal, fail, tooLate);
  });
  return promise;
}

/** An error of a store as one of ours: the first of ours along its causes, or else `store`, retryable. */
export function storeError(doing: string, error: unknown): SluiceError {
  return findSluiceError(error) ?? storeFailedError(doing, error);
}

/** Fails a call at its deadline and at the abort of its signal. What it returns takes both away. */
function bind(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  fail: (error: SluiceError) => void,
  tooLate: () => SluiceError,
): (() => void) | undefined {
  const onAbort = (): void => {
    if (signal !== undefined) fail(reasonOf(signal));
  };
  if (signal?.aborted === true) {
    onAbort();
    return undefined;
  }
  const timer =
    timeoutMs > 0 ? setTimeout(() => fail(tooLate()), Math.min(timeoutMs, LONGEST_TIMER_MS)) : undefined;
  signal?.addEventListener('abort', onAbort, { once: true });
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
}

function answerOf<T>(call: () => Promise<T>): Promise<T> {
  try {
    return Promise.resolve(call());
  } catch (thrown) {
    return Promise.reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}
