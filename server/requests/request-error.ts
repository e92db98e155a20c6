import { SluiceError } from '../../src/index.ts';
import type { ErrorCode, ErrorJson } from '../../src/index.ts';

/** What a client is told besides the message. */
export interface RequestErrorDetails {
  /** The field of the request that is wrong, such as `messages[2].content`. */
  field?: string | undefined;
  /** The status of the answer, if it is not the usual one of the code: 405, 413, 415. */
  status?: number | undefined;
  retryable?: boolean | undefined;
  /** How long to wait before the next attempt, in milliseconds. */
  retryAfterMs?: number | undefined;
}

/**
 * A request that the server itself refuses. Its message is written for the client, so `toJSON()` has it. It never quotes a provider, a key or a text of the request; names of
 * fields, models and tools are those that the client sent.
 */
export class RequestError extends SluiceError {
  /** The field of the request that is wrong. */
  readonly field: string | undefined;

  constructor(code: ErrorCode, message: string, { field, ...details }: RequestErrorDetails = {}) {
    super(code, message, { retryable: false, ...details });
    this.field = field;
  }

  override toJSON(): ErrorJson {
    return { ...super.toJSON(), message: this.message };
  }
}

/** The error for a field of the request that is wrong, or that the server does not support. */
export function fieldError(field: string, problem: string): RequestError {
  return new RequestError('invalid_request', `${field}: ${problem}`, { field });
}
