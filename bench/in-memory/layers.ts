import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { cpuOf } from '../client/scenario.ts';
import type { Size } from '../client/scenario.ts';
import { logger } from '../contestants/the-five.ts';
import { median } from '../harness/statistics.ts';
import { source } from './source.ts';

/** A middleware that lets everything pass, written in one of the ways that the contract allows. */
export type Kind = 'fused' | 'generator' | 'loop';

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

/** So many pass-through middleware of a kind. */
export function layers(kind: Kind, count: number): Middleware[] {
  return Array.from({ length: count }, makers[kind]);
}

/** Reads whole answers of a pipeline with `for await`; gives the processor time in nanoseconds a chunk. */
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
      if (read !== chunks) throw new Error(`${read} chunks came out of ${chunks}.`);
    }
  });
  return (cpu * 1_000) / (chunks * times);
}

/** Layers of a kind in one stack: many of the cheap ones, so that they are seen beside what all the rest costs. */
const LAYERS: Record<Kind, number> = { fused: 40, generator: 10, loop: 10 };
/** Chunks that one read brings: one, the shape of a paced stream, and sixteen, that of a burst. */
export const PER_READ = [1, 16] as const;

/** What one more layer costs, in nanoseconds a chunk, by kind and chunks a read. */
export type LayerCosts = Record<string, number>;

/** One run: a stack without, then with layers of each kind, each in turn twice. */
export async function layerCosts(size: Size): Promise<LayerCosts> {
  const kindsOfSize: Kind[] = size === 'quick' ? ['fused', 'generator'] : ['fused', 'generator', 'loop'];
  const costs: LayerCosts = {};
  for (const perRead of PER_READ) {
    const answer = { chunks: 5_000, perRead, times: size === 'quick' ? 2 : 8 };
    const kinds: Record<Kind, number[]> = { fused: [], generator: [], loop: [] };
    for (let turn = 0; turn < 2; turn++) {
      const without = await nsPerChunk([], answer);
      for (const kind of kindsOfSize) {
        const withLayers = await nsPerChunk(layers(kind, LAYERS[kind]), answer);
        kinds[kind].push((withLayers - without) / LAYERS[kind]);
      }
    }
    for (const kind of kindsOfSize) costs[`${kind}-${perRead}`] = median(kinds[kind]);
  }
  return costs;
}
