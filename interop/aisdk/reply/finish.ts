import type { FinishReason } from '../../../src/index.ts';
import { SluiceError } from '../../../src/index.ts';
import { finishReasonOf, isRecord, quoted, text } from '../../../providers/wire/index.ts';
import type { ErrorScope } from './errors.ts';

/** Why the model stopped, in both words. */
export interface Finish {
  finishReason: FinishReason;
  rawFinishReason: string | undefined;
}

const UNIFIED: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  'content-filter': 'content_filter',
  'tool-calls': 'tool_calls',
};

/**
 * The finish reason of a model. `other` without the provider's own word is how the packages end a stream that broke off, and `interrupted` says so:
 * both are `truncated`. `error` is an error.
 */
export function finishOf(given: unknown, hasCalls: boolean, scope: ErrorScope): Finish {
  const reason = isRecord(given) ? given : {};
  const unified = text(reason['unified']) ?? 'other';
  const raw = text(reason['raw']);
  const { provider, requestId, secrets } = scope;
  if (unified === 'error') {
    const word = raw === undefined ? '' : ` (${quoted(raw, secrets)})`;
    throw new SluiceError('server', `${provider}: the model ended with an error${word}.`, {
      provider,
      requestId,
    });
  }
  if (unified === 'interrupted' || (unified === 'other' && raw === undefined)) {
    throw new SluiceError('truncated', `${provider}: the reply ended without a finish reason.`, {
      provider,
      requestId,
    });
  }
  // The unified words have none for these two.
  const own = raw === undefined ? 'other' : finishReasonOf(raw);
  const isMoreExact = own === 'pause' || own === 'refusal';
  const common = isMoreExact ? own : (UNIFIED[unified] ?? own);
  const finishReason = hasCalls && (common === 'stop' || common === 'other') ? 'tool_calls' : common;
  return { finishReason, rawFinishReason: raw };
}
