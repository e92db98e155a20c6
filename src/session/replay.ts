import type { StreamChunk } from '../chunks.ts';
import type { Layer } from '../execution/layer.ts';
import type { Message } from '../messages.ts';
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
    const said = messages.filter(({ role }) => role !== 'user').flatMap(chunksOf);
    yield* said.map((chunk): StreamChunk => ({ ...chunk, replayed: true }));
    const { finishReason = 'other', model, provider } = end;
    if (end.outcome === 'interrupted') context.interrupt(end.reason ?? '');
    return { finishReason, model, provider };
  };
  const layer: Layer = { name: 'replay', middleware: replay, terminal: undefined, below: undefined };
  return { layer, usage: end.usage, cost: end.cost };
}

/** The chunks that add up to a message. */
function chunksOf({ content }: Message): StreamChunk[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'content', content }];
  return content.flatMap((part): StreamChunk[] => {
    switch (part.type) {
      case 'text': {
        const { text, citations, refusal } = part;
        return [
          { type: 'content', content: text, ...(citations && { citations }), ...(refusal && { refusal }) },
        ];
      }
      case 'thinking':
        return [{ type: 'thinking', content: part.text, ...(part.block && { block: part.block }) }];
      case 'provider':
        return [{ type: 'content', content: '', block: part.block }];
      case 'tool_call':
        return [{ ...part }];
      case 'tool_result': {
        const { content } = part;
        const isError = part.isError ?? false;
        if (typeof content === 'string') return [{ ...part, content, isError }];
        const text = content.map((inner) => (inner.type === 'text' ? inner.text : '')).join('');
        return [{ ...part, content: text, parts: content, isError }];
      }
      case 'file': {
        const { mediaType = 'application/octet-stream', data, url, id, block } = part;
        return [{ type: 'file', mediaType, data, url, id, block }];
      }
      case 'image':
      case 'audio':
        return [];
    }
  });
}
