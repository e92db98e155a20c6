import { expect, test } from 'vitest';
import { Pipeline, Stream, end } from 'sluice';
import type { ExecutionChunk, Middleware, Reply, StreamChunk } from 'sluice';
import { collect } from '../support/feed.ts';
import { says, text } from './harness.ts';

const REPLY: Reply = { finishReason: 'stop' };

/** Gives one batch of a chunk from each of two attempts, and then a chunk of its own. */
const joins: Middleware = async function joins(_context, next) {
  const batch: StreamChunk[] = [];
  for (const stream of [next(), next()]) {
    for await (const chunk of stream) batch.push(chunk);
  }
  batch.push(text('own'));
  return Stream.from(batch, REPLY);
};

const told = (chunks: readonly ExecutionChunk[]) =>
  chunks.map((chunk) => [chunk.type === 'content' ? chunk.content : chunk.type, chunk.call]);

test('a batch of chunks from below and of the layer itself goes on whole and in order, each with its number', async () => {
  const above: Middleware = function above(_context, next) {
    return next().tap(() => undefined);
  };
  const chunks = await collect(new Pipeline([above, joins, says('a')]).executeStream('user', 'hi'));
  expect(told(chunks.slice(0, 2))).toEqual([
    ['a', 1],
    ['a', 2],
  ]);
  expect(told(chunks.slice(2))[0]?.[0]).toBe('own');
});

test('what a layer makes of a chunk within a batch has the number of that chunk', async () => {
  const echoes: Middleware = async function* echoes(_context, next) {
    for await (const chunk of next()) {
      yield chunk;
      yield text('echo');
    }
    return REPLY;
  };
  const chunks = await collect(new Pipeline([echoes, joins, says('a')]).executeStream('user', 'hi'));
  expect(told(chunks.slice(0, 4))).toEqual([
    ['a', 1],
    ['echo', 1],
    ['a', 2],
    ['echo', 2],
  ]);
});

test('a source that answers again after its end is not heard', async () => {
  const stream = Stream.fromSource<string, string>({
    request({ pulled }) {
      pulled(['a']);
      pulled(end('over'));
      pulled(['late']);
    },
    close: () => undefined,
  });
  expect(await collect(stream)).toEqual(['a']);
  expect(await stream.next()).toEqual({ done: true, value: 'over' });
});
