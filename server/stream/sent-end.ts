import { findSluiceError } from '../../src/index.ts';
import type { ExecutionResult } from '../../src/index.ts';
import { sentError } from '../formats/errors.ts';
import type { SentEnd } from './parts.ts';

/** The end of a turn that came to a result. */
export function endOfResult(result: ExecutionResult): SentEnd {
  const { response, reason, pending, model, provider, timeToFirstChunkMs, replayed, warnings } = result;
  return {
    outcome: result.outcome,
    ...(reason !== undefined && { reason }),
    finishReason: response.finishReason,
    usage: result.usage,
    cost: result.cost,
    ...(model !== undefined && { model }),
    ...(provider !== undefined && { provider }),
    ...(pending !== undefined && { pending }),
    latencyMs: result.latencyMs,
    ...(timeToFirstChunkMs !== undefined && { timeToFirstChunkMs }),
    ...(replayed === true && { replayed }),
    ...(warnings.length > 0 && { warnings }),
  };
}

/** The end of a turn that failed or was cancelled. The reason is the one that the close or the abort was given, if it was a short text. */
export function endOfError(thrown: unknown): SentEnd {
  const error = findSluiceError(thrown);
  const isCancelled = error?.code === 'aborted';
  const partial = error?.partial;
  return {
    outcome: isCancelled ? 'cancelled' : 'failed',
    ...(isCancelled && error?.reason !== undefined && { reason: error.reason }),
    ...(error?.code === 'shutting_down' && { reason: 'shutdown' }),
    ...(partial?.usage !== undefined && { usage: partial.usage }),
    ...(partial?.cost !== undefined && { cost: partial.cost }),
    ...(error?.provider !== undefined && { provider: error.provider }),
    error: sentError(thrown),
  };
}
