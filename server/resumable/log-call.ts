import { SluiceError, isSluiceError } from '../../src/index.ts';
import { delay, withDeadline } from '../../src/kit/index.ts';

/** The longest time of one call of a log, in milliseconds. One that hangs is made again. */
const CALL_MS = 5_000;
/** The wait before a second call, in milliseconds. It doubles, up to the most. */
const WAIT_MS = 25;
const MOST_WAIT_MS = 250;

/** What a call of a log gave, how often it was made, and how long that took in milliseconds. */
export interface LogAnswer<T> {
  value: T;
  tries: number;
  tookMs: number;
}

/**
 * Calls a log, again and again if it fails with `store`, for at most `waitMs`. Whatever else it rejects with is its answer. Each call must have the same effect if it is made
 * twice.
 */
export async function logCall<T>(
  verb: string,
  call: () => Promise<T>,
  waitMs: number,
  signal?: AbortSignal,
): Promise<LogAnswer<T>> {
  const begunAt = performance.now();
  const until = begunAt + waitMs;
  let nextMs = WAIT_MS;
  for (let tries = 1; ; tries++) {
    try {
      const limitMs = Math.max(1, Math.min(CALL_MS, until - performance.now()));
      const value = await withDeadline(call(), limitMs, { signal, error: () => hangs(verb, limitMs) });
      return { value, tries, tookMs: performance.now() - begunAt };
    } catch (error) {
      const known = isSluiceError(error) ? error : failed(verb, error);
      const leftMs = until - performance.now();
      if (known.code !== 'store' || !known.retryable || leftMs <= 0) throw known;
      await delay(Math.min(nextMs, leftMs), signal);
    }
    nextMs = Math.min(2 * nextMs, MOST_WAIT_MS);
  }
}

function hangs(verb: string, ms: number): SluiceError {
  return new SluiceError('store', `The log did not answer ${verb}() within ${Math.round(ms)} ms.`);
}

function failed(verb: string, cause: unknown): SluiceError {
  return new SluiceError('store', `The log failed in ${verb}() (see the cause).`, { cause });
}
