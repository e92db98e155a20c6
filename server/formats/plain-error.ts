import type { SentError } from '../stream/parts.ts';
import { retryHeaders, wireError } from './errors.ts';
import type { ErrorBody } from './format.ts';

/** The error of the server's own routes: its status, and `{ error: { code, message, retryable, requestId, ... } }`. */
export function plainErrorBody(error: SentError, requestId: string, retries?: number): ErrorBody {
  return {
    status: wireError(error, 'agent').status,
    headers: retryHeaders(error, retries),
    body: { error: { ...error, requestId } },
  };
}
