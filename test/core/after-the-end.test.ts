import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError, Stream } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { isEnd } from '../../src/stream/source.ts';
import { Feed, chunks } from '../support/feed.ts';
import { Model, failureOf, says, settled, stop, texts } from './harness.ts';

const guard = new SluiceError('guard', 'No.');

describe('a stream that has ended', () => {
  test('takes no tap, not even if it was never read', () => {
    const stream = Stream.from([1]);
    stream.abort(guard);
    expect(() => stream.tap(() => undefined)).toThrow('tap() came after the stream had started');
  });

  test('keeps its first error', async () => {
    const stream = Stream.from([1]);
    stream.abort(guard);
    stream.abort(new SluiceError('timeout', 'Too slow.'));
    await expect(stream.next()).rejects.toBe(guard);
    await expect(stream.result).rejects.toBe(guard);
  });

  test('keeps its error when it is closed, and drops what nobody has read', async () => {
    const feed = new Feed();
    feed.give(chunks('a', 'b'), guard);
    await feed.stream.next();
    feed.stream.abort(guard);
    await settled();
    await feed.stream.close();
    await expect(feed.stream.next()).rejects.toBe(guard);
    await expect(feed.stream.return()).resolves.toEqual({ done: true, value: undefined });
  });

  test('tells no layer that it was aborted', async () => {
    const signals: AbortSignal[] = [];
    const watch: Middleware = function watch(context, next) {
      signals.push(context.signal);
      return next();
    };
    const reads: Middleware = async function* reads(_context, next) {
      const stream = next();
      const reply = yield* stream;
      stream.abort(guard);
      return reply;
    };
    await new Pipeline([reads, watch, says('a')]).execute('user', 'hi');
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  });
});

describe('a stream that a layer has started and returns too late', () => {
  test('is closed, with the end told to its taps', async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const late: Middleware = async function late() {
      const stream = Stream.fromSource<StreamChunk, Reply>({
        pull: () => texts('a'),
        close: (error) => void log.push(`close ${error.code}`),
      });
      stream.tap({ end: ({ outcome }) => log.push(`end ${outcome}`) });
      await stream.ready();
      await gate.promise;
      return stream;
    };
    const stream = new Pipeline([late]).executeStream('user', 'hi');
    const read = stream.next();
    await settled();
    const closed = stream.close();
    gate.resolve();
    await closed;
    expect(await read).toEqual({ done: true, value: undefined });
    expect(log).toEqual(['close aborted', 'end cancelled']);
  });
});

test('a consumer that ends its execution while it looks at a chunk closes the model once', async () => {
  const log: string[] = [];
  const model = new Model({ log }).give(texts('a', 'b'), stop());
  const stream = new Pipeline([model.middleware]).executeStream('user', 'hi');
  stream.tap((chunk) => {
    if (chunk.type === 'content' && chunk.content === 'a') stream.abort(guard);
  });
  expect(await stream.next()).toMatchObject({ value: { content: 'a' } });
  await expect(stream.next()).rejects.toMatchObject({ code: 'guard' });
  expect(log).toEqual(['model 1 called', 'model 1 closed: aborted']);
});

test('a stream that nobody collects has no partial', () => {
  expect(Stream.from([1]).partial).toBeUndefined();
});

test.each([undefined, null, 'text', 5, {}])('a stream cannot be made from %j', (given) => {
  expect(() => Reflect.apply(Stream.from, Stream, [given])).toThrow(
    expect.objectContaining({
      code: 'invalid_options',
      message: 'Stream.from() takes an array, an iterable, an async iterable or a ReadableStream.',
    }),
  );
});

test('an end that another copy of the library made is an end', () => {
  const end = { [Symbol.for('sluice.end')]: true, reply: 'over' };
  expect([end, [end], null, 'x', {}].map((pulled) => Reflect.apply(isEnd, undefined, [pulled]))).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});

test('a close without a reason says so in the error of the result', async () => {
  const stream = Stream.from([1]);
  await stream.close();
  await expect(stream.result).rejects.toThrow('The stream was closed before its end.');
});

test('a map over an execution that is closed while its good end is being cleaned up has lost chunks, and ends as aborted', async () => {
  const held = Promise.withResolvers<void>();
  const model = new Model().give(texts('a'), stop());
  const slow: Middleware = function slow(context, next) {
    context.onEnd(() => held.promise);
    return next();
  };
  const stream = new Pipeline([slow, model.middleware]).executeStream('user', 'hi');
  const map = stream.map((chunk) => chunk);
  await map.next();
  const last = failureOf(map.next());
  await settled();
  const closed = stream.close();
  held.resolve();
  await closed;
  expect(await last).toMatchObject({ code: 'aborted' });
  await expect(map.result).rejects.toMatchObject({ code: 'aborted' });
  expect((await stream.result).response.content).toBe('a');
});

test('a tap that throws at the end is a warning that names who added it, and what it threw', async () => {
  const careless: Middleware = function careless(_context, next) {
    return next().tap({
      end() {
        throw new RangeError('secret');
      },
    });
  };
  const { warnings } = await new Pipeline([careless, says('a')]).execute('user', 'hi');
  expect(warnings).toEqual(['A tap of "careless" threw RangeError at the end of its stream.']);
});

test('a tap that does not look at the end is not asked, and warns of nothing', async () => {
  const looks: Middleware = function looks(_context, next) {
    return next()
      .tap(() => undefined)
      .tap({ chunk: () => undefined });
  };
  const { warnings } = await new Pipeline([looks, says('a')]).execute('user', 'hi');
  expect(warnings).toEqual([]);
});
