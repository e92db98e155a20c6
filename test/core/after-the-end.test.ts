import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError, Stream } from 'sluice';
import type { Middleware } from 'sluice';
import { Feed, chunks } from '../support/feed.ts';
import { Model, failureOf, says, settled, stop, texts } from './harness.ts';

const guard = new SluiceError('guard', 'No.');

describe('a stream that has ended', () => {
  test('takes no tap, not even if it was never read', () => {
    const stream = Stream.from([1]);
    stream.abort(guard);
    expect(() => stream.tap(() => undefined)).toThrow('tap() came after the stream had started');
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
