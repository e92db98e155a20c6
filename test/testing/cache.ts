import { Stream, isVoided } from '../../src/index.ts';
import type { Middleware, ModelRequest, Outcome, Reply, StreamChunk } from '../../src/index.ts';

interface CacheOptions {
  /** Which requests have the same answer. Default: those that are equal. */
  keyOf?: (request: ModelRequest) => string;
  /** What is kept of the chunks. Default: what the resets among them leave. */
  keeps?: (chunks: readonly StreamChunk[]) => readonly StreamChunk[];
  /** Which attempts are kept. Default: those that completed. */
  when?: (outcome: Outcome) => boolean;
  /** What is replayed as the reply. Default: all of it. */
  replies?: (reply: Reply) => Reply;
}

/** A cache that is correct by default, and has one fault for each option. */
export function cache(options: CacheOptions): Middleware {
  const {
    keyOf = JSON.stringify,
    keeps = afterResets,
    when = (outcome) => outcome === 'completed',
    replies = (reply) => reply,
  } = options;
  const known = new Map<string, { chunks: readonly StreamChunk[]; reply: Reply }>();
  return function cache(context, next) {
    const key = keyOf(context.request);
    const kept = known.get(key);
    if (kept !== undefined) return Stream.from(kept.chunks.map(withoutNumbers), kept.reply);
    const chunks: StreamChunk[] = [];
    return next().tap({
      chunk: (chunk) => void chunks.push({ ...chunk }),
      end({ outcome, reply }) {
        if (!when(outcome)) return;
        known.set(key, { chunks: keeps(chunks), reply: replies(reply ?? { finishReason: 'stop' }) });
      },
    });
  };
}

/** Only the text: no thinking, no tool calls. */
export function onlyText(chunks: readonly StreamChunk[]): StreamChunk[] {
  return chunks.filter(({ type }) => type === 'content');
}

function afterResets(chunks: readonly StreamChunk[]): readonly StreamChunk[] {
  let kept: StreamChunk[] = [];
  for (const chunk of chunks) {
    if (chunk.type === 'reset') kept = kept.filter(({ call }) => !isVoided(chunk, call));
    else kept.push(chunk);
  }
  return kept;
}

function withoutNumbers(chunk: StreamChunk): StreamChunk {
  const copy = { ...chunk };
  delete copy.call;
  delete copy.index;
  return copy;
}
