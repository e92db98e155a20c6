import type { PendingCall } from '../../src/index.ts';
import type { SentEnd, SentError } from '../stream/parts.ts';

/**
 * How a stream ended, as the protocols tell it apart: `calls` waits for results of tools that the client runs, `approval` for a decision, `guard` was stopped by a check of
 * the text, and `interrupted` by anything else.
 */
export type Ending = 'completed' | 'calls' | 'approval' | 'guard' | 'interrupted' | 'cancelled' | 'failed';

/** How a stream ended. */
export function endingOf(end: SentEnd): Ending {
  if (end.outcome !== 'interrupted') return end.outcome;
  if (pendingFor(end, 'approval').length > 0 || pendingFor(end, 'unknown').length > 0) return 'approval';
  if (pendingFor(end, 'client').length > 0 || end.reason === 'tool_calls') return 'calls';
  return isGuarded(end) ? 'guard' : 'interrupted';
}

/** The calls that wait for somebody. */
export function pendingFor({ pending = [] }: SentEnd, who: PendingCall['waitsFor']): PendingCall[] {
  return pending.filter(({ waitsFor }) => waitsFor === who);
}

/** Whether a check of the text has stopped it: `guard`, or `guard: why`. */
function isGuarded({ reason, finishReason }: SentEnd): boolean {
  if (finishReason === 'content_filter' || finishReason === 'refusal') return true;
  return reason === 'guard' || reason?.startsWith('guard:') === true;
}

/** The error of a stream that did not end as an answer. */
export function endError(end: SentEnd | undefined): SentError {
  if (end?.error !== undefined) return end.error;
  if (end?.outcome === 'cancelled')
    return { code: 'aborted', message: 'The request was cancelled.', retryable: false };
  return { code: 'truncated', message: 'The answer stopped before its end.', retryable: true };
}
