import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError, Stream } from 'sluice';
import type { ExecutionChunk, Middleware, StreamChunk } from 'sluice';
import { Feed, chunks, collect } from '../support/feed.ts';
import { Model, failureOf, says, settled, texts } from './harness.ts';

type Base = Stream<ExecutionChunk, unknown>;

const textOf = (item: unknown): unknown =>
  typeof item === 'object' && item !== null && 'content' in item ? item.content : item;

/** All that makes one stream from another. */
const derived: [string, (base: Base) => Stream<unknown, unknown>][] = [
  ['map()', (base) => base.map((chunk) => chunk)],
  ['filter()', (base) => base.filter(() => true)],
  ['followedBy()', (base) => base.followedBy(() => undefined)],
  ['textStream()', (base) => base.textStream()],
  ['lines()', (base) => base.lines()],
  ['throttle()', (base) => base.throttle(10)],
  ['tee()', (base) => base.tee(1)[0]],
  ['a map() over a filter()', (base) => base.filter(() => true).map((chunk) => chunk)],
];

describe.each(derived)('%s', (_, make) => {
  test('rejects as aborted when the stream below is closed, because what it gave is not whole', async () => {
    const feed = new Feed();
    const view = make(feed.stream);
    const read = failureOf(view.next());
    await settled();
    await feed.stream.close('enough');
    expect(await read).toMatchObject({ code: 'aborted' });
    expect(await failureOf(view.result)).toMatchObject({ code: 'aborted' });
    expect(await failureOf(view.next())).toMatchObject({ code: 'aborted' });
    expect(feed.log).toEqual(['pull', 'close aborted']);
  });

  test('does the same over an execution', async () => {
    const stream = new Pipeline([new Model().middleware]).executeStream('user', 'hi');
    const view = make(stream);
    const read = failureOf(view.next());
    await settled();
    await stream.close();
    expect(await read).toMatchObject({ code: 'aborted' });
    expect(await failureOf(view.result)).toMatchObject({ code: 'aborted' });
  });

  test('rejects with the error that the stream below is aborted with', async () => {
    const feed = new Feed();
    const view = make(feed.stream);
    const read = failureOf(view.next());
    await settled();
    feed.stream.abort(new SluiceError('guard', 'No.'));
    expect(await read).toMatchObject({ code: 'guard' });
  });

  test('answers its own pending read with done when it is closed itself, and closes the stream below', async () => {
    const feed = new Feed();
    const view = make(feed.stream);
    const read = view.next();
    await settled();
    await view.close();
    expect(await read).toEqual({ done: true, value: undefined });
    expect(feed.log).toEqual(['pull', 'close aborted']);
    expect(await failureOf(feed.stream.result)).toMatchObject({ code: 'aborted' });
  });

  test('is the only reader of the stream below', async () => {
    const feed = new Feed();
    feed.give(chunks('a\n', 'b\n', 'c\n'));
    const view = make(feed.stream);
    const other = feed.stream.map((chunk) => chunk);
    await view.next();
    const message = /^This stream is read already: by one made from it.*tee\(\) first\.$/;
    await expect(feed.stream.next()).rejects.toThrow(message);
    await expect(feed.stream.read()).rejects.toThrow(message);
    await expect(feed.stream.ready()).rejects.toThrow(message);
    await expect(other.next()).rejects.toThrow(message);
    feed.give('end');
    await collect(view);
    expect(await feed.stream.next()).toEqual({ done: true, value: 'over' });
    expect(await feed.stream.read()).toBeUndefined();
  });

  test('refuses to read a stream that another one reads', async () => {
    const feed = new Feed();
    feed.give(chunks('a\n', 'b\n'), 'end');
    const first = feed.stream.filter(() => true);
    const second = make(feed.stream);
    await first.next();
    await expect(second.next()).rejects.toThrow(/^This stream is read already/);
    expect(await collect(first)).toHaveLength(1);
  });

  test('goes on with what is left of a stream that was read before', async () => {
    const feed = new Feed();
    feed.give(chunks('a\n', 'b\n', 'c\n'), 'end');
    await feed.stream.next();
    const left = await collect(make(feed.stream));
    expect(left.map(textOf).join('').replaceAll('\n', '')).toBe('bc');
  });

  test('over a stream that was read to its end has only its end', async () => {
    const feed = new Feed();
    feed.give(chunks('a'), 'end');
    await collect(feed.stream);
    const view = make(feed.stream);
    expect(await collect(view)).toEqual([]);
    expect(await view.result).toBe('over');
  });
});

describe('a change that throws', () => {
  const changes: [string, (stream: Stream<number, undefined>) => Stream<number, undefined>][] = [
    ['map()', (stream) => stream.map((n) => (n === 3 ? boom() : n))],
    ['filter()', (stream) => stream.filter((n) => (n === 3 ? boom() : true))],
  ];
  const boom = (): never => {
    throw new RangeError('boom');
  };

  test.each(changes)('%s loses no chunk of its read before, and closes the source', async (_, change) => {
    const log: string[] = [];
    const batches = [[1, 2, 3, 4]];
    const stream = Stream.fromSource<number, undefined>({
      pull: () => batches.shift() ?? [],
      close: ({ code }) => void log.push(`close ${code}`),
    });
    const seen: number[] = [];
    const failure = await failureOf(
      (async () => {
        for await (const n of change(stream)) seen.push(n);
      })(),
    );
    expect([seen, failure.code, log]).toEqual([[1, 2], 'middleware', ['close aborted']]);
  });

  test('in a layer keeps what came before it in the partial reply', async () => {
    const strict: Middleware = function strict(_context, next) {
      return next().map((chunk) => (chunk.type === 'content' && chunk.content === 'b' ? boom() : chunk));
    };
    const error = await failureOf(new Pipeline([strict, says('a', 'b')]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'strict', partial: { content: 'a' } });
  });
});

describe('changes in a chain', () => {
  const loud: Middleware = function loud(_context, next) {
    return next().map((chunk): StreamChunk =>
      chunk.type === 'content' ? { ...chunk, content: chunk.content.toUpperCase() } : chunk,
    );
  };
  const strict: Middleware = function strict(_context, next) {
    return next().filter((chunk) => chunk.type !== 'content' || chunk.content !== 'b');
  };

  test('are seen by the taps above them, and not by those below', async () => {
    const log: string[] = [];
    const watch = (name: string): Middleware =>
      function watch(_context, next) {
        return next().tap((chunk) => log.push(`${name} ${chunk.type === 'content' ? chunk.content : ''}`));
      };
    const stack = [watch('top'), loud, watch('middle'), strict, watch('below'), says('a', 'b')];
    const { response } = await new Pipeline(stack).execute('user', 'hi');
    expect(response.content).toBe('A');
    expect(log).toEqual(['below a', 'middle a', 'top A', 'below b']);
  });

  test('are applied once to chunks that were read ahead', async () => {
    const starting: Middleware = async function starting(_context, next) {
      const stream = next();
      await stream.ready();
      return stream;
    };
    const doubling: Middleware = function doubling(_context, next) {
      return next().map((chunk) =>
        chunk.type === 'content' ? { ...chunk, content: chunk.content.repeat(2) } : chunk,
      );
    };
    const model = new Model().give(texts('a', 'b'), texts('c'), { reply: { finishReason: 'stop' } });
    const stack = [doubling, starting, doubling, model.middleware];
    const { response } = await new Pipeline(stack).execute('user', 'hi');
    expect(response.content).toBe('aaaabbbbcccc');
  });

  test('of a stream that a body returns too late end with it, and so do the taps below them', async () => {
    const log: string[] = [];
    const permit = Promise.withResolvers<void>();
    const gate: Middleware = async function gate(_context, next) {
      await permit.promise;
      return next()
        .tap({ end: ({ outcome }) => log.push(`below ${outcome}`) })
        .map((chunk) => chunk)
        .tap({ end: ({ outcome }) => log.push(`above ${outcome}`) });
    };
    const stream = new Pipeline([gate, new Model({ log }).middleware]).executeStream('user', 'hi');
    const read = stream.next();
    await settled();
    const closing = stream.close();
    permit.resolve();
    await closing;
    await read;
    expect(log).toEqual(['below cancelled', 'above cancelled']);
  });

  test('end the batch at the chunk at which a tap interrupts the execution', async () => {
    const stopping: Middleware = function stopping(context, next) {
      return next().tap((chunk) => {
        if (chunk.type === 'content' && chunk.content === 'B') context.interrupt('enough');
      });
    };
    const model = new Model().give(texts('a', 'b', 'c'));
    const result = await new Pipeline([stopping, loud, model.middleware]).execute('user', 'hi');
    expect([result.outcome, result.response.content]).toEqual(['interrupted', 'AB']);
  });
});

test('a layer that reads a stream after returning it gets an error', async () => {
  const kept: { read?: Promise<unknown> } = {};
  const greedy: Middleware = function greedy(_context, next) {
    const stream = next();
    return stream.tap(() => void (kept.read ??= failureOf(stream.next())));
  };
  const { response } = await new Pipeline([greedy, says('a', 'b')]).execute('user', 'hi');
  expect(response.content).toBe('ab');
  expect(await kept.read).toMatchObject({ code: 'middleware', message: /^This stream is read already/ });
});
