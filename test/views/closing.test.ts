import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { ExecutionChunk, Middleware, Stream } from 'sluice';
import { Feed, chunks, collect } from '../support/feed.ts';
import { Model, failureOf, says, settled, stop, texts } from '../core/harness.ts';

type Base = Stream<ExecutionChunk, unknown>;

/** What can be read and closed in place of a stream. */
interface View {
  next(): Promise<IteratorResult<unknown, unknown>>;
  close(): Promise<unknown>;
}

const streams: [string, (base: Base) => Stream<unknown, unknown>][] = [
  ['map()', (base) => base.map((chunk) => chunk)],
  ['filter()', (base) => base.filter(() => true)],
  ['textStream()', (base) => base.textStream()],
  ['lines()', (base) => base.lines()],
  ['throttle()', (base) => base.throttle(10)],
  ['the only branch of tee()', (base) => base.tee(1)[0]],
  ['a map() over a filter()', (base) => base.filter(() => true).map((chunk) => chunk)],
  ['textStream() of a branch', (base) => base.tee(1)[0].textStream()],
  ['a branch of throttle()', (base) => base.throttle(10).tee(1)[0]],
];

/** The web stream of each of them, too. */
const views: [string, (base: Base) => View][] = streams.flatMap(
  ([name, make]): [string, (base: Base) => View][] => [
    [name, make],
    [
      `toReadableStream() of ${name}`,
      (base) => {
        const reader = make(base).toReadableStream().getReader();
        return {
          next: async () => {
            const { done, value } = await reader.read();
            return { done, value };
          },
          close: () => reader.cancel('gone'),
        };
      },
    ],
  ],
);

describe.each(views)('%s', (_, make) => {
  test('R54 closed before its first read ends a stream that nobody has read', async () => {
    const feed = new Feed();
    await make(feed.stream).close();
    expect(feed.stream.ended).toBe(true);
    expect(await failureOf(feed.stream.result)).toMatchObject({ code: 'aborted' });
    expect(feed.log).toEqual([]);
  });

  test('R54 closed before its first read frees a stream that ready() has started', async () => {
    const feed = new Feed();
    feed.give(chunks('a'));
    await feed.stream.ready();
    await make(feed.stream).close();
    expect(feed.log).toEqual(['pull', 'close aborted']);
    expect(await failureOf(feed.stream.result)).toMatchObject({ code: 'aborted' });
  });

  test('R54 closed before its first read frees the request of an execution that ready() has started', async () => {
    const model = new Model().give(texts('a'));
    const stream = new Pipeline([model.middleware]).executeStream('user', 'hi');
    await stream.ready();
    await make(stream).close();
    expect(model.log).toEqual(['model 1 called', 'model 1 closed: aborted']);
    expect(await failureOf(stream.result)).toMatchObject({ code: 'aborted', partial: { content: 'a' } });
  });

  test('closed before its first read leaves a stream alone that another view reads', async () => {
    const feed = new Feed();
    const other = feed.stream.map((chunk) => chunk);
    const unread = make(feed.stream);
    const read = other.next();
    await unread.close();
    feed.give(chunks('a'), 'end');
    expect(await read).toMatchObject({ value: { content: 'a' } });
    expect(await other.next()).toEqual({ done: true, value: 'over' });
  });

  test('that may not read, because another view reads, fails without closing the stream', async () => {
    const feed = new Feed();
    const other = feed.stream.map((chunk) => chunk);
    const refused = make(feed.stream);
    const read = other.next();
    await expect(refused.next()).rejects.toThrow(/^This stream is read already/);
    await refused.close().catch(() => undefined);
    feed.give(chunks('a'), 'end');
    expect(await read).toMatchObject({ value: { content: 'a' } });
    expect(await other.next()).toEqual({ done: true, value: 'over' });
  });
});

describe.each(streams)('%s', (_, make) => {
  test('R54 closed after ready() and before its first read frees the request', async () => {
    const feed = new Feed();
    feed.give(chunks('a\n'));
    const view = make(feed.stream);
    await view.ready();
    await view.close();
    expect(feed.log.filter((line) => line.startsWith('close'))).toEqual(['close aborted']);
    expect(await failureOf(view.result)).toMatchObject({ code: 'aborted' });
  });

  test('settles its result as aborted when it is closed before its first read', async () => {
    const view = make(new Feed().stream);
    await view.close();
    expect(await failureOf(view.result)).toMatchObject({ code: 'aborted' });
    expect(await view.next()).toEqual({ done: true, value: undefined });
  });

  test.each(['completed', 'interrupted'])(
    'closed while the hooks of an execution run that is %s does not change its outcome',
    async (outcome) => {
      const log: string[] = [];
      const hook = Promise.withResolvers<void>();
      const watch: Middleware = function watch(context, next) {
        context.onEnd(async (end) => {
          log.push(`hook ${end.outcome}`);
          await hook.promise;
        });
        if (outcome === 'interrupted') context.interrupt('enough');
        return next().tap({ end: (end) => log.push(`end ${end.outcome}`) });
      };
      const model = new Model().give(texts('a'), stop());
      const stream = new Pipeline([watch, model.middleware]).executeStream('user', 'hi');
      const view = make(stream);
      const ended = collect(view);
      await settled();
      expect(log.at(-1)).toBe(`hook ${outcome}`);
      const closing = view.close();
      hook.resolve();
      await closing;
      await ended;
      expect(await stream.result).toMatchObject({ outcome });
      expect(await view.result).toBe(await stream.result);
      expect(log.filter((line) => line.startsWith('hook'))).toEqual([`hook ${outcome}`]);
    },
  );

  test('rejects as aborted when the stream below is closed while its hooks run, because chunks were dropped', async () => {
    const hook = Promise.withResolvers<void>();
    const watch: Middleware = function watch(context, next) {
      context.onEnd(() => hook.promise);
      return next();
    };
    const stream = new Pipeline([watch, says('a\n', 'b\n', 'c\n')]).executeStream('user', 'hi');
    await stream.ready();
    const view = make(stream);
    await view.ready();
    await settled();
    const closing = stream.close();
    hook.resolve();
    await closing;
    expect(await stream.result).toMatchObject({ outcome: 'completed' });
    expect(await failureOf(collect(view))).toMatchObject({ code: 'aborted' });
    expect(await failureOf(view.result)).toMatchObject({ code: 'aborted' });
  });
});

describe('a change that throws at the last chunk', () => {
  test('fails alone: the execution has completed', async () => {
    const stream = new Pipeline([says('a')]).executeStream('user', 'hi');
    const view = stream.map((chunk) => {
      if (chunk.type === 'done') throw new RangeError('mine');
      return chunk;
    });
    expect(await failureOf(collect(view))).toMatchObject({ code: 'middleware' });
    expect(await failureOf(view.result)).toMatchObject({ code: 'middleware' });
    expect(await stream.result).toMatchObject({ outcome: 'completed', response: { content: 'a' } });
  });
});

describe('the branches of tee()', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  test('R54 one that is closed before its first read does not hold up the others', async () => {
    const feed = new Feed();
    const [unread, read] = feed.stream.tee(2, { bufferSize: 1 });
    await unread.close();
    feed.give(chunks('a'), chunks('b'), chunks('c'), 'end');
    expect(await collect(read)).toHaveLength(3);
  });

  test('R54 the stream is closed with the last of them, read or not', async () => {
    const feed = new Feed();
    const [first, second, third] = feed.stream.tee(3);
    await first.close();
    feed.give(chunks('a'));
    await second.next();
    await second.close();
    expect(feed.log).toEqual(['pull']);
    await third.textStream().close();
    expect(feed.log).toEqual(['pull', 'close aborted']);
  });

  test('one that was read too slowly counts as closed', async () => {
    const feed = new Feed();
    const [fast, slow] = feed.stream.tee(2, { bufferSize: 1, overflow: 'error' });
    feed.give(chunks('a'), chunks('b'));
    await fast.next();
    await fast.next();
    await fast.close();
    expect(feed.log.at(-1)).toBe('close aborted');
    expect(await slow.next()).toMatchObject({ value: { content: 'a' } });
  });

  test('one that waited too long for another counts as closed', async () => {
    const feed = new Feed();
    const [fast, slow] = feed.stream.tee(2, { bufferSize: 1, idleTimeoutMs: 1_000 });
    feed.give(chunks('a'), chunks('b'), 'end');
    await fast.next();
    const late = failureOf(fast.next());
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await late).toMatchObject({ code: 'timeout' });
    expect(await collect(slow)).toHaveLength(2);
  });

  test('one that is closed while it waits for another reads nothing more, and leaves no timer', async () => {
    const feed = new Feed();
    const [fast, slow] = feed.stream.tee(2, { bufferSize: 1 });
    feed.give(chunks('a'), chunks('b'));
    await fast.next();
    void fast.next();
    await settled();
    await fast.close();
    await settled();
    expect(feed.log).toEqual(['pull']);
    expect(vi.getTimerCount()).toBe(0);
    await slow.close();
  });
});

test('a close through a view waits for the cleanup of a layer, however long its closeTimeoutMs is', async () => {
  const log: string[] = [];
  const slow: Middleware = async function* slow(_context, next) {
    try {
      yield* next();
    } finally {
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      log.push('cleaned up');
    }
    return { finishReason: 'stop' };
  };
  vi.useFakeTimers();
  try {
    for (const [, make] of streams) {
      const pipeline = new Pipeline([slow, new Model().give(texts('a\n')).middleware], {
        closeTimeoutMs: 5_000,
      });
      const view = make(pipeline.executeStream('user', 'hi'));
      const reading = view.ready();
      await vi.advanceTimersByTimeAsync(20);
      await reading;
      const closing = view.close().then(() => log.push('closed'));
      await vi.advanceTimersByTimeAsync(3_000);
      await closing;
    }
  } finally {
    vi.useRealTimers();
  }
  expect(log).toEqual(streams.flatMap(() => ['cleaned up', 'closed']));
});

test('an error of a stream that a view has not read is the error of its result', async () => {
  const feed = new Feed();
  feed.give(new SluiceError('server', 'down'));
  const view = feed.stream.textStream();
  await failureOf(feed.stream.next());
  expect(await failureOf(view.next())).toMatchObject({ code: 'server' });
  expect(await failureOf(view.result)).toMatchObject({ code: 'server' });
});
