import type { SentEnd } from '../stream/parts.ts';
import { endingOf } from './ending.ts';

/** How a stream ended, for the protocols of models. `error`: it was cut, stopped or failed. */
export type EndKind = 'stop' | 'tool_calls' | 'length' | 'content_filter' | 'refusal' | 'error';

/**
 * What a protocol of models says of an end. `calls`: how many calls of the client's own tools the reply has; the pipeline's own never count. What was interrupted is never a
 * normal end: by a guard it is a filter's, and else it is cut off.
 */
export function endKind(end: SentEnd, calls: number): EndKind {
  switch (endingOf(end)) {
    case 'failed':
    case 'cancelled':
      return 'error';
    case 'guard':
      return 'content_filter';
    case 'approval':
    case 'calls':
      // The client answers its own calls, whatever else the turn waits for.
      return calls > 0 ? 'tool_calls' : 'length';
    case 'interrupted':
      return 'length';
    case 'completed':
      return completedKind(end, calls);
  }
}

function completedKind({ finishReason }: SentEnd, calls: number): EndKind {
  if (finishReason === 'length' || finishReason === 'content_filter') return finishReason;
  if (calls > 0) return 'tool_calls';
  // The provider wants a turn that it paused to go on, which the client does not know. It sees a reply that is not whole.
  if (finishReason === 'pause') return 'length';
  return finishReason === 'refusal' ? 'refusal' : 'stop';
}
