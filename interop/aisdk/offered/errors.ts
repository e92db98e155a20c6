import { isSluiceError } from '../../../src/index.ts';
import type { SluiceError } from '../../../src/index.ts';

// The marks by which every copy of the AI SDK knows its errors.
const ANY_ERROR: unique symbol = Symbol.for('vercel.ai.error');
const CALL_ERROR: unique symbol = Symbol.for('vercel.ai.error.AI_APICallError');

/**
 * An error of an execution in the form that the AI SDK knows: its `APICallError.isInstance()` holds, and its `cause` is the `SluiceError`. It is
 * retryable only if nothing in the pipeline has retried it, so that one of both retries, not both.
 */
class PipelineCallError extends Error {
  readonly url = 'sluice:pipeline';
  readonly requestBodyValues = {};
  readonly statusCode: number | undefined;
  readonly responseHeaders: Record<string, string> | undefined;
  readonly isRetryable: boolean;
  readonly data: { code: string; requestId?: string | undefined };
  readonly [ANY_ERROR] = true;
  readonly [CALL_ERROR] = true;

  constructor(error: SluiceError) {
    super(error.message, { cause: error });
    this.name = 'AI_APICallError';
    const { status, retryAfterMs, retryable, attempts, code, requestId } = error;
    this.statusCode = status;
    this.responseHeaders =
      retryAfterMs === undefined ? undefined : { 'retry-after-ms': String(retryAfterMs) };
    this.isRetryable = retryable && attempts === undefined;
    this.data = { code, requestId };
  }
}

/** What an AI SDK caller gets of an error: the reason of its own signal, or the error in its form. */
export function offeredError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true && isSluiceError(error) && error.code === 'aborted') return signal.reason;
  return isSluiceError(error) ? new PipelineCallError(error) : error;
}
