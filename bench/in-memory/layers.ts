import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { cpuOf } from '../client/scenario.ts';
import { logger } from '../contestants/the-five.ts';
import { LAYERS } from './kinds.ts';
import type { ByRead, Kind } from './kinds.ts';
import { source } from './source.ts';

const makers: Record<Kind, () => Middleware> = {
  fused() {
    let characters = 0;
    return function fused(_context, next) {
      return next().tap((chunk) => {
        if (chunk.type === 'content') characters += chunk.content.length;
      });
    };
  },
  generator: () =>
    async function* generator(_context, next) {
      return yield* next();
    },
  loop: () =>
    async function* loop(_context, next) {
      for await (const chunk of next()) yield chunk;
    },
};

/** Makes pass-through middleware of one kind. */
export function layers(kind: Kind, count: number): Middleware[] {
  return Array.from({ length: count }, makers[kind]);
}

/** Reads whole answers of a pipeline with `for await`. Returns the processor time in nanoseconds per chunk. */
export async function nsPerChunk(
  middleware: readonly Middleware[],
  answer: { chunks: number; perRead: number; times: number },
): Promise<number> {
  const { chunks, perRead, times } = answer;
  const pipeline = new Pipeline([...middleware, provider(source(chunks, perRead))], {
    executionTimeoutMs: 0,
    logger,
  });
  const cpu = await cpuOf(async () => {
    for (let time = 0; time < times; time++) {
      let read = 0;
      for await (const chunk of pipeline.executeStream('user', 'Go on.'))
        if (chunk.type === 'content') read++;
      if (read !== chunks) throw new Error(`Got ${read} of ${chunks} chunks.`);
    }
  });
  return (cpu * 1_000) / (chunks * times);
}

/** Does one run with a stack of layers of one kind, or with none. */
export async function stackCosts(kind: Kind | 'none'): Promise<ByRead> {
  const stack = kind === 'none' ? [] : layers(kind, LAYERS[kind]);
  const answer = { chunks: 20_000, times: 6 };
  return {
    1: await nsPerChunk(stack, { ...answer, perRead: 1 }),
    16: await nsPerChunk(stack, { ...answer, perRead: 16 }),
  };
}
