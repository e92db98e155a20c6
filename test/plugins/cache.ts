import { Stream, isVoided } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';

/** An answer as it came. */
export interface Kept {
  chunks: readonly StreamChunk[];
  reply: Reply;
}

/** Answers from memory if it can. Only complete answers are kept, with all that belongs to them. */
export const cache = (known = new Map<string, Kept>()): Middleware =>
  function cache(context, next) {
    const key = JSON.stringify(context.request);
    const kept = known.get(key);
    if (kept !== undefined) return Stream.from(kept.chunks, kept.reply);
    let chunks: StreamChunk[] = [];
    return next().tap({
      chunk(chunk) {
        if (chunk.type === 'reset') chunks = chunks.filter(({ call }) => !isVoided(chunk, call));
        else chunks.push(chunk);
      },
      end({ outcome, reply }) {
        if (outcome === 'completed' && reply !== undefined) known.set(key, { chunks, reply });
      },
    });
  };
