/**
 * Counts what an execution creates for each chunk that it delivers, in a process of its own: promises and timers by `async_hooks`, bytes by the growth of a young heap that
 * is never collected. Counts do not depend on the machine's speed, so they can be asserted.
 *
 * Run as `node --expose-gc --min-semi-space-size=256 --max-semi-space-size=256 test/performance/count.ts LAYERS`, where LAYERS is `none`, `five` or `generator`. Prints one line of JSON.
 */
import { createHook } from 'node:async_hooks';
import { Pipeline, Stream, end, noUsage } from 'sluice';
import type { Middleware, Provider, Reply, StreamChunk } from 'sluice';
import { logging, provider, retry, timeout } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { rateLimit } from 'sluice/middleware/rate-limit';

const PER_READ = 16;

/** So many chunks in memory, 16 a read, each read a promise as from a socket. */
function source(chunks: number): Provider {
  return {
    name: 'openai',
    model: 'gpt-4.1-nano',
    stream: () => {
      let at = 0;
      return Stream.fromSource<StreamChunk, Reply>({
        pull: async () => {
          if (at >= chunks) return end<Reply>({ finishReason: 'stop', usage: noUsage() });
          at += PER_READ;
          return Array.from({ length: PER_READ }, (): StreamChunk => ({
            type: 'content',
            content: 'word ',
            call: 0,
            index: 0,
          }));
        },
        close: () => undefined,
      });
    },
  };
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const stacks: Record<string, () => Middleware[]> = {
  none: () => [],
  five: () => [
    logging({ logger: quiet }),
    cost(),
    retry(),
    rateLimit({ requestsPerMinute: 1_000_000, tokensPerMinute: 1_000_000_000 }),
    timeout({ firstChunkMs: 60_000, idleMs: 60_000 }),
  ],
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

/** Reads one execution of so many chunks. */
async function read(stack: Middleware[], chunks: number): Promise<void> {
  const pipeline = new Pipeline([...stack, provider(source(chunks))], { executionTimeoutMs: 0 });
  let came = 0;
  for await (const chunk of pipeline.executeStream('user', 'Go on')) if (chunk.type === 'content') came++;
  if (came !== chunks) throw new Error(`${came} chunks came out of ${chunks}.`);
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
if (stack === undefined) throw new Error('LAYERS is none, five or generator.');
for (let round = 0; round < 20; round++) await read(stack(), 1_600); // what is made once, and compiled code
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
