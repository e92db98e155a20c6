import { SluiceError, isSluiceError, reasonIn } from '../errors.ts';

/** Errors that belong to an execution: its partial reply is on them. */
const claimed = new WeakSet<SluiceError>();

/**
 * The error for one execution alone. Two executions may meet the same object, and what one of them received must not show in the error
 * of the other. A frozen error is copied, too, since the partial reply is put on it.
 */
export function errorOfThisExecution(error: SluiceError): SluiceError {
  const mine = claimed.has(error) || !Object.isExtensible(error) ? copyOf(error) : error;
  claimed.add(mine);
  return mine;
}

/** The error of an execution whose caller aborted its signal. */
export function abortedBySignal(reason: unknown): SluiceError {
  if (isSluiceError(reason) && reason.code !== 'aborted') return copyOf(reason);
  return new SluiceError('aborted', 'The execution was aborted by its signal.', {
    cause: reason,
    reason: reasonIn(reason),
  });
}

/** The error of an execution that took too long. */
export function timeoutError(phase: 'queue' | 'total'): SluiceError {
  const what = phase === 'queue' ? 'still waited for its turn' : 'was not done';
  return new SluiceError('timeout', `The execution ${what} when its time was over.`, { phase });
}

/** The error of an execution whose model calls were silent for too long. */
export function silenceError(ms: number): SluiceError {
  const message = `The model gave neither a chunk nor another sign of life for ${ms} ms (see idleTimeoutMs).`;
  return new SluiceError('timeout', message, { phase: 'idle' });
}

function copyOf(error: SluiceError): SluiceError {
  const { status, provider, requestId, retryAfterMs, attempts, phase, middleware, reason, retryable } = error;
  const details = {
    status,
    provider,
    requestId,
    retryAfterMs,
    attempts,
    phase,
    middleware,
    reason,
    retryable,
  };
  return new SluiceError(error.code, error.message, { ...details, cause: error });
}
