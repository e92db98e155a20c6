import { abortedError } from '../../src/index.ts';
import type { SluiceError } from '../../src/index.ts';
import type { RetrySettings } from './options.ts';

/** Waits before retry number `retry` (from 1), in milliseconds. Undefined: the provider asks for more than is allowed. */
export function delayMs(error: SluiceError, retry: number, settings: RetrySettings): number | undefined {
  const { retryAfterMs } = error;
  if (retryAfterMs !== undefined && retryAfterMs > 0) {
    return retryAfterMs > settings.maxRetryAfterMs ? undefined : retryAfterMs;
  }
  const { initialDelayMs, factor, maxDelayMs, jitter, random } = settings;
  const backOffMs = Math.min(initialDelayMs * factor ** (retry - 1), maxDelayMs);
  return Math.round(jitter ? backOffMs * random() : backOffMs);
}

/** Waits; rejects with the signal's reason as soon as it aborts. Leaves neither a timer nor a listener. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(abortedError(signal.reason));
  if (ms === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    function stop(): void {
      clearTimeout(timer);
      reject(abortedError(signal.reason));
    }
    signal.addEventListener('abort', stop, { once: true });
  });
}
