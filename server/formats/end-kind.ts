import type { SentEnd } from '../stream/parts.ts';

/** How a stream ended, for the protocols of models. `error`: it was cut, stopped or failed. */
export type EndKind = 'stop' | 'tool_calls' | 'length' | 'content_filter' | 'refusal' | 'error';

/**
 * What a protocol of models says of an end. `calls`: how many calls of the client's own tools the reply has; the pipeline's own never count. What was interrupted is never a
 * normal end: by a guard, whose reason begins with `guard` or `content_filter`, it is a filter's, and else it is cut off.
 */
export function endKind(end: SentEnd, calls: number): EndKind {
  if (end.outcome === 'failed' || end.outcome === 'cancelled') return 'error';
  if (end.outcome === 'interrupted') {
    if (end.reason !== undefined && /^(?:guard|content_filter)\b/.test(end.reason)) return 'content_filter';
    return calls > 0 && end.pending !== undefined ? 'tool_calls' : 'length';
  }
  switch (end.finishReason) {
    case 'length':
    case 'content_filter':
      return end.finishReason;
    case 'refusal':
      return calls > 0 ? 'tool_calls' : 'refusal';
    case 'pause':
      // The provider wants the turn to go on, which the client does not know. It sees a reply that is not whole.
      return calls > 0 ? 'tool_calls' : 'length';
    case 'stop':
    case 'tool_calls':
    case 'other':
    case undefined:
      return calls > 0 ? 'tool_calls' : 'stop';
  }
}
