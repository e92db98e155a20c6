import { findSluiceError } from '../../src/index.ts';
import type { ErrorCode, SluiceError } from '../../src/index.ts';
import type { RetrySettings } from './options.ts';

const STATUSES: ReadonlySet<number> = new Set([408, 409, 429, 500, 502, 503, 504, 529]);

/** Failures that pass by themselves. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'network',
  'timeout',
  'truncated',
  'rate_limited',
  'overloaded',
  'server',
]);

/** The failure that others have wrapped: the first error along the causes that is not merely a middleware's own. */
export function underlying(error: unknown): SluiceError | undefined {
  let found = findSluiceError(error);
  while (found?.code === 'middleware') {
    const deeper = findSluiceError(found.cause);
    if (deeper === undefined) break;
    found = deeper;
  }
  return found;
}

/** Whether an error is tried again. Decided by its fields, never by its text; what was ended on purpose never is. */
export function isRetried(error: SluiceError, retryOn: RetrySettings['retryOn']): boolean {
  if (error.code === 'aborted') return false;
  if (typeof retryOn === 'function') return retryOn(error);
  const { code, status, retryable, phase } = error;
  // It would usually pass, but whoever made the error knows better: a quota that is used up, say.
  if (TRANSIENT.has(code) && !retryable) return false;
  if (retryOn !== undefined)
    return retryOn.includes(code) || (status !== undefined && retryOn.includes(status));
  if (status !== undefined && status >= 400) return STATUSES.has(status);
  // Whoever waited in a queue for too long is not to stand at its end again.
  return TRANSIENT.has(code) && phase !== 'queue';
}
