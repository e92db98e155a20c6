import { chunksOf } from '../kit/messages.ts';
import type { Layer } from '../execution/layer.ts';
import type { Middleware } from '../context.ts';
import type { StoredTurn, TurnEnd } from './store/store.ts';
import type { Cost, Usage } from '../usage.ts';

/** The stored reply of a turn, which is streamed again instead of running the stack, without a model call. */
export interface Replay {
  readonly layer: Layer;
  /** What the turn used and cost when it ran. */
  readonly usage: Usage;
  readonly cost: Cost;
}

/** A turn that has finished. If it is sent again, it has the same result. */
export interface FinishedTurn extends StoredTurn {
  end: TurnEnd;
}

/** Whether a stored reply is final. A turn that failed or was cancelled is run again. */
export function isFinished(turn: StoredTurn): turn is FinishedTurn {
  return turn.end?.outcome === 'completed' || turn.end?.outcome === 'interrupted';
}

/** The reply of a finished turn as a stack of its own. */
export function replayOf({ messages, end }: FinishedTurn): Replay {
  const replay: Middleware = async function* replay(context) {
    // Among them may be what the user said together with decisions.
    for (const message of messages) if (message.role !== 'user') yield* chunksOf(message);
    const { finishReason = 'other', model, provider } = end;
    if (end.outcome === 'interrupted') context.interrupt(end.reason ?? '');
    return { finishReason, model, provider };
  };
  const layer: Layer = { name: 'replay', middleware: replay, terminal: undefined, below: undefined };
  return { layer, usage: end.usage, cost: end.cost };
}
