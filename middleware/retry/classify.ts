import { SluiceError, findSluiceError } from '../../src/index.ts';
import { answerOf } from '../../src/kit/index.ts';
import type { RetrySettings } from './options.ts';

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

/**
 * Whether an error is retried: if it says so itself, in `retryable`. A list of statuses and codes replaces that, but not what an error says of itself
 * alone. What was ended on purpose is never retried. What has waited in a queue for too long would join its end again.
 */
export function isRetried(error: SluiceError, retryOn: RetrySettings['retryOn']): boolean {
  const { code, status, retryable, phase } = error;
  if (code === 'aborted') return false;
  if (typeof retryOn === 'function') return answerOf('retry(): retryOn', () => retryOn(error));
  if (phase === 'queue') return false;
  if (retryOn === undefined) return retryable;
  if (!retryable && isUsuallyRetryable(error)) return false;
  return retryOn.includes(code) || (status !== undefined && retryOn.includes(status));
}

/** Whether errors of its code and status are retryable, unless they say otherwise: a 429 does if a quota is used up. */
function isUsuallyRetryable({ code, status }: SluiceError): boolean {
  return new SluiceError(code, '', { status }).retryable;
}
