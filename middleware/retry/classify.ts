import { findSluiceError } from '../../src/index.ts';
import type { ErrorCode, SluiceError } from '../../src/index.ts';
import type { RetrySettings } from './options.ts';

const STATUSES: ReadonlySet<number> = new Set([408, 409, 429, 500, 502, 503, 504, 529]);

/** Failures that are usually temporary. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'network',
  'timeout',
  'truncated',
  'rate_limited',
  'overloaded',
  'server',
]);

/** The error inside other errors: the first one along the causes that is not of code `middleware`, or the last of that code. */
export function underlying(error: unknown): SluiceError | undefined {
  let found = findSluiceError(error);
  while (found?.code === 'middleware') {
    const deeper = findSluiceError(found.cause);
    if (deeper === undefined) break;
    found = deeper;
  }
  return found;
}

/** Whether an error is retried. Its fields decide, never its message. What was ended on purpose is never retried. */
export function isRetried(error: SluiceError, retryOn: RetrySettings['retryOn']): boolean {
  if (error.code === 'aborted') return false;
  if (typeof retryOn === 'function') return retryOn(error);
  const { code, status, retryable, phase } = error;
  // Usually temporary, but the error says that this one is not: a used-up quota, for example.
  if (TRANSIENT.has(code) && !retryable) return false;
  if (retryOn !== undefined)
    return retryOn.includes(code) || (status !== undefined && retryOn.includes(status));
  if (status !== undefined && status >= 400) return STATUSES.has(status);
  // A request that waited in a queue for too long would join its end again.
  return TRANSIENT.has(code) && phase !== 'queue';
}
