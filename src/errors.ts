import { CodedError, isCodedError } from './coded-error.ts';
import type { ErrorCode, ErrorDetails, ErrorJson } from './coded-error.ts';
import { asReason, asRequestId } from './kit/served-names.ts';
import { runtimeProblem } from './runtime.ts';

export { isErrorCode, kindOf } from './coded-error.ts';
export type { ErrorCode, ErrorDetails, ErrorJson } from './coded-error.ts';

/** What a client may read, for each code. */
const SENTENCES: Readonly<Record<ErrorCode, string>> = {
  aborted: 'The request was cancelled.',
  timeout: 'The answer took too long.',
  truncated: 'The answer stopped before its end.',
  protocol: 'The provider sent something that is not an answer.',
  network: 'The connection to the provider failed.',
  rate_limited: 'There are too many requests at the moment.',
  overloaded: 'The provider is overloaded.',
  server: 'The provider failed.',
  authentication: 'The provider did not accept the credentials.',
  permission: 'The provider did not permit the request.',
  not_found: 'What was asked for does not exist.',
  invalid_request: 'The provider did not accept the request.',
  context_length: 'The conversation is too long for the model.',
  content_filter: 'A content filter stopped the request.',
  invalid_options: 'An option or an argument is wrong.',
  middleware: 'The request could not be processed.',
  shutting_down: 'The service is shutting down.',
  queue_full: 'Too many requests wait already.',
  budget: 'The budget does not allow the request.',
  guard: 'A check refused the request or the answer.',
  tool: 'A tool failed.',
  output: 'The answer does not have the form that was asked for.',
  session_busy: 'The session is in use.',
  conflict: 'The session was changed in the meantime.',
  lease_lost: 'The session was taken over.',
  store: 'A store of the service failed.',
};

/**
 * The one error of the library. Decide on its fields (`code`, `retryable`, `status`), never on its message.
 *
 * @example
 * try { await pipeline.execute('user', 'Hi'); }
 * catch (error) { if (isSluiceError(error) && error.code === 'rate_limited') wait(error.retryAfterMs); }
 */
export class SluiceError extends CodedError {
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(code, message, {
      ...details,
      requestId: asRequestId(details.requestId),
      reason: asReason(details.reason),
    });
  }

  /**
   * The part of the error that a client may see: the code, a sentence about it, the status, the request id and the reason. The message is not in it,
   * because it may quote the server.
   */
  override toJSON(): ErrorJson {
    return { ...super.toJSON(), message: SENTENCES[this.code] };
  }
}

/** Whether a value is a {@link SluiceError}, even one created by another copy of the package. */
export function isSluiceError(value: unknown): value is SluiceError {
  return isCodedError(value);
}

/**
 * The first `SluiceError` in an error's chain of causes, or undefined. Use it to classify an error that other code has wrapped.
 */
export function findSluiceError(error: unknown): SluiceError | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 16; at = at.cause, depth++) {
    if (isSluiceError(at)) return at;
  }
  return undefined;
}

/**
 * The error of an execution, attempt or wait that was ended on purpose; `reason` becomes its cause. If it is a short text, it is the `reason` of the error, too.
 */
export function abortedError(reason?: unknown, message = 'The execution was aborted.'): SluiceError {
  if (isSluiceError(reason) && reason.code === 'aborted') return reason;
  return new SluiceError('aborted', message, { cause: reason, reason: reasonIn(reason) });
}

/** The short reason in what somebody ended something with: a text, or the `reason` of an error. */
export function reasonIn(given: unknown): string | undefined {
  if (typeof given === 'string') return given;
  return isSluiceError(given) ? given.reason : undefined;
}

// Every entry point loads this file.
const problem = runtimeProblem();
if (problem !== undefined) throw new SluiceError('invalid_options', problem);
