/**
 * Counts what an execution creates for each chunk it delivers, in a process of its own. `async_hooks` counts promises and timers; bytes are the
 * growth of a young heap that is never collected. The counts do not depend on the speed of the machine, so that tests can check them.
 *
 * Run as `node --expose-gc --no-concurrent-recompilation --min-semi-space-size=256 --max-semi-space-size=256 test/performance/count.ts LAYERS PER_READ`, where LAYERS is `none`, `five` or `generator`. Prints one line of JSON.
 */
import { createHook } from 'node:async_hooks';
import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { source, theFive } from './five.ts';

const perRead = Number(process.argv[3]);

const stacks: Record<string, () => Middleware[]> = {
  none: () => [],
  five: theFive,
  generator: () => [
    async function* generator(_context, next) {
      return yield* next();
    },
  ],
};

interface Counts {
  promises: number;
  timers: number;
  bytes: number;
}

/** Runs one execution and reads all of its chunks. */
async function read(stack: Middleware[], chunks: number): Promise<void> {
  const pipeline = new Pipeline([...stack, provider(source(chunks, perRead))], { executionTimeoutMs: 0 });
  let came = 0;
  for await (const chunk of pipeline.executeStream('user', 'Go on')) if (chunk.type === 'content') came++;
  if (came !== chunks) throw new Error(`Got ${came} of ${chunks} chunks.`);
}

async function count(stack: Middleware[], chunks: number): Promise<Counts> {
  const counts: Counts = { promises: 0, timers: 0, bytes: 0 };
  const hook = createHook({
    init(_id, type) {
      if (type === 'PROMISE') counts.promises++;
      if (type === 'Timeout') counts.timers++;
    },
  });
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  await read(stack, chunks);
  counts.bytes = process.memoryUsage().heapUsed - before;
  hook.enable();
  await read(stack, chunks);
  hook.disable();
  return counts;
}

const stack = stacks[process.argv[2] ?? 'none'];
if (stack === undefined) throw new Error('LAYERS must be none, five or generator.');
for (let round = 0; round < 20; round++) await read(stack(), 1_600); // creates what is created once, and compiles the code
const few = await count(stack(), 16_000);
const many = await count(stack(), 48_000);
const perChunk = (key: keyof Counts): number => (many[key] - few[key]) / 32_000;
console.log(
  JSON.stringify({
    promises: perChunk('promises'),
    timers: many.timers - few.timers,
    bytes: Math.round(perChunk('bytes')),
  }),
);
