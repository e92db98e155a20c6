import type { StampedChunk, StreamChunk } from '../chunks.ts';

/**
 * A copy of a chunk under the number of a call. Literals, because it runs for every chunk of a call: a spread costs several times as much. They have room
 * for the place in the execution, which would need an array of its own if it were added later.
 */
export function numbered(chunk: StreamChunk, call: number): StreamChunk {
  if (chunk.replayed === true) return elsewhere(chunk, call);
  if (chunk.type === 'content') {
    const { content, citations, refusal, block } = chunk;
    if (citations === undefined && refusal === undefined && block === undefined)
      return { type: 'content', content, call, index: undefined };
  } else if (chunk.type === 'thinking') {
    if (chunk.block === undefined)
      return { type: 'thinking', content: chunk.content, call, index: undefined };
  } else if (chunk.type === 'tool_call_delta') {
    const { id, name, argumentsDelta } = chunk;
    if (name === undefined) return { type: 'tool_call_delta', id, argumentsDelta, call, index: undefined };
  }
  return elsewhere(chunk, call);
}

/** The place and the turn that it had in another execution are not those that it has here. */
function elsewhere(chunk: StreamChunk, call: number): StreamChunk {
  const { index: _index, turnId: _turnId, ...rest } = chunk;
  return { ...rest, call };
}

/** A copy of a chunk as it is delivered, with its place in the execution. */
export function placed(chunk: StreamChunk, index: number): StampedChunk {
  const { call = 0 } = chunk;
  if (chunk.type === 'reset') return { ...chunk, calls: chunk.calls ?? [], call, index };
  if (chunk.type !== 'content') return { ...chunk, call, index };
  const { content, citations, refusal, block, replayed } = chunk;
  const isPlain = citations === undefined && refusal === undefined && block === undefined;
  return isPlain && replayed === undefined
    ? { type: 'content', content, call, index }
    : { ...chunk, call, index };
}
