import { describe, expect, test } from 'vitest';
import { Pipeline, Stream, end, terminal } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { readAll, shapeNames, shapes, text } from './harness.ts';

/** A model of `count` numbered chunks, `size` to a read. */
function numbered(count: number, size: number): Middleware {
  return terminal({ name: 'numbered' }, () => {
    let next = 0;
    return Stream.fromSource<StreamChunk, Reply>({
      pull: async () => {
        await Promise.resolve();
        if (next >= count) return end({ finishReason: 'stop' });
        return Array.from({ length: Math.min(size, count - next) }, () => text(`${next++} `));
      },
      close: () => undefined,
    });
  });
}

const all = Array.from({ length: 200 }, (_, index) => index);

/** Reads its stream with several reads under way at once, and lets the answers through in the order of asking. */
const impatient = (reads: number): Middleware =>
  async function* impatient(_context, next) {
    const stream = next();
    const pending: Promise<IteratorResult<StreamChunk, Reply>>[] = [];
    for (;;) {
      while (pending.length < reads) pending.push(stream.next());
      const result = await pending.shift();
      if (result === undefined || result.done === true) return result?.value;
      yield result.value;
    }
  };

/** Reads one by one for a while, then in bursts of `reads` at once. */
const bursts = (reads: number): Middleware =>
  async function* bursts(_context, next) {
    const stream = next();
    for (let read = 0; ; read++) {
      const burst = Array.from({ length: read < 70 ? 1 : reads }, () => stream.next());
      for (const result of await Promise.all(burst)) {
        if (result.done === true) return result.value;
        yield result.value;
      }
    }
  };

describe.each([1, 2, 3, 7])('%i reads under way at once', (reads) => {
  test.each(shapeNames)(
    'over %s, with and without a tap between: every chunk once, in order',
    async (shape) => {
      const between: Middleware = function between(_context, next) {
        return next().tap(() => undefined);
      };
      for (const size of [1, 3, 50]) {
        for (const middle of [[], [between]]) {
          for (const reader of [impatient(reads), bursts(reads)]) {
            const stack = [reader, ...middle, shapes[shape]([]), shapes['generator that loops']([])];
            const pipeline = new Pipeline([...stack, numbered(200, size)]);
            const { content } = await readAll(pipeline.executeStream('user', 'hi'));
            const seen = content.trim().split(' ').map(Number);
            expect([reader.name, size, middle.length, seen]).toEqual([reader.name, size, middle.length, all]);
          }
        }
      }
    },
  );
});

test('the consumer may make many reads before the first answer', async () => {
  const stream = new Pipeline([shapes['generator that loops']([]), numbered(20, 4)]).executeStream(
    'user',
    'hi',
  );
  const results = await Promise.all(Array.from({ length: 23 }, () => stream.next()));
  const indices = results.map(({ value }) => ('index' in value ? value.index : undefined));
  expect(indices.slice(0, 21)).toEqual(all.slice(0, 21));
  expect(results.slice(20).map(({ done, value }) => [done, value !== undefined])).toEqual([
    [false, true],
    [true, true],
    [true, true],
  ]);
});
