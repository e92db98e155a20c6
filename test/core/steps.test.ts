import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError, Stream } from 'sluice';
import type { Middleware, Reply, StreamChunk, StreamEnd } from 'sluice';
import { Feed, chunks, collect } from '../support/feed.ts';
import { failureOf, text } from './harness.ts';

const guard = new SluiceError('guard', 'No.');
const REPLY: Reply = { finishReason: 'stop' };

describe('a layer that answers with a stream of its own', () => {
  test('maps its chunks before they get their number', async () => {
    const seen: unknown[] = [];
    const own: Middleware = function own() {
      const given: StreamChunk[] = [text('a'), text('b')];
      return Stream.from(given, REPLY).map((chunk) => {
        seen.push(Reflect.get(chunk, 'call'));
        return chunk;
      });
    };
    const given = await collect(new Pipeline([own]).executeStream('user', 'hi'));
    expect(seen).toEqual([undefined, undefined]);
    expect(given.slice(0, 2).map(({ call }) => call)).toEqual([1, 1]);
  });

  test('numbers the chunks that came before it was returned like those that come after', async () => {
    const own: Middleware = async function own() {
      const batches = [[text('a'), text('b')], [text('c')]];
      const stream = Stream.fromSource<StreamChunk, Reply>({
        pull: () => batches.shift() ?? Promise.reject(guard),
        close: () => undefined,
      });
      await stream.ready();
      return stream;
    };
    const stream = new Pipeline([own]).executeStream('user', 'hi');
    const calls: unknown[] = [];
    for (let count = 0; count < 3; count++) {
      const { value } = await stream.next();
      calls.push(Reflect.get(value, 'call'));
    }
    await stream.close();
    expect(calls).toEqual([1, 1, 1]);
  });
});

test('a tap that ends its stream and then throws ends it with the first of the two errors', async () => {
  const feed = new Feed();
  feed.stream.tap(() => {
    feed.stream.abort(guard);
    throw new RangeError('secret');
  });
  feed.give(chunks('a', 'b'));
  expect(await failureOf(feed.stream.next())).toBe(guard);
  expect(feed.log).toEqual(['pull', 'close aborted']);
});

describe('a stream that is collected', () => {
  const collected = (...items: (StreamChunk | Error)[]) =>
    Stream.fromSource<StreamChunk, Reply>({
      async pull() {
        const item = items.shift();
        if (item instanceof Error) throw item;
        return item === undefined ? Promise.reject(guard) : [item];
      },
      close: () => undefined,
    }).collect();

  test('can be collected again at any time', async () => {
    const stream = collected(text('a'), text('b'));
    await stream.next();
    expect(stream.collect()).toBe(stream);
    expect(stream.partial).toMatchObject({ content: 'a' });
    await stream.close();
  });

  test('has no reply if it fails', async () => {
    const ends: StreamEnd<Reply>[] = [];
    const stream = collected(text('a'), guard).tap({ end: (end) => void ends.push(end) });
    await stream.next();
    expect(await failureOf(stream.next())).toBe(guard);
    expect(ends).toEqual([{ outcome: 'failed', error: guard }]);
    expect(stream.reply).toBeUndefined();
  });
});
