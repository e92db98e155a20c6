import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SluiceError, Stream } from 'sluice';
import type { ExecutionChunk } from 'sluice';
import { Feed, chunks, collect, content } from '../support/feed.ts';

describe('throttle', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('joins what comes within the time and lets it go by the timer', async () => {
    const feed = new Feed();
    const slow = feed.stream.throttle(100);
    const first = slow.next();
    feed.give(chunks('a'));
    await vi.advanceTimersByTimeAsync(50);
    feed.give(chunks('b'));
    await vi.advanceTimersByTimeAsync(49);
    let settled = false;
    void first.then(() => (settled = true));
    await vi.advanceTimersByTimeAsync(0);
    expect(settled).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await first).toMatchObject({ value: { content: 'ab', index: 0 } });
    feed.give(chunks('c'), 'end');
    expect(await slow.next()).toMatchObject({ value: { content: 'c', index: 1 } });
    expect(await slow.next()).toEqual({ done: true, value: 'over' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('lets go before a chunk of another kind, and keeps the order', async () => {
    const call: ExecutionChunk = { type: 'tool_call', id: 't', name: 'n', arguments: {}, call: 1, index: 0 };
    const slow = Stream.from([content('a'), content('b'), call, content('c')], 'reply').throttle(10_000);
    expect((await collect(slow)).map((chunk) => [chunk.index, chunk.type])).toEqual([
      [0, 'content'],
      [1, 'tool_call'],
      [2, 'content'],
    ]);
  });

  test('does not join the text of two calls, nor text and thinking', async () => {
    const of = (call: number, type: 'content' | 'thinking', text: string): ExecutionChunk => ({
      type,
      content: text,
      call,
      index: 0,
    });
    const pieces = [
      of(1, 'content', 'half '),
      of(1, 'content', 'an answer'),
      of(2, 'content', 'the '),
      of(2, 'content', 'whole'),
      of(2, 'thinking', 'hm'),
      of(3, 'thinking', 'so'),
    ];
    const slow = Stream.from(pieces, 'reply').throttle(10_000);
    expect(
      (await collect(slow)).map((chunk) => [
        chunk.index,
        chunk.call,
        chunk.type,
        Reflect.get(chunk, 'content'),
      ]),
    ).toEqual([
      [0, 1, 'content', 'half an answer'],
      [1, 2, 'content', 'the whole'],
      [2, 2, 'thinking', 'hm'],
      [3, 3, 'thinking', 'so'],
    ]);
  });

  test('lets go before an error', async () => {
    const feed = new Feed();
    feed.give(chunks('a'), new SluiceError('truncated', 'cut'));
    const slow = feed.stream.throttle(1_000);
    expect(await slow.next()).toMatchObject({ value: { content: 'a' } });
    await expect(slow.next()).rejects.toMatchObject({ code: 'truncated' });
  });

  test('refuses a value that is not a time, at once', () => {
    expect(() => Stream.from(chunks('a')).throttle(Number.NaN)).toThrow('ms is NaN: give a number');
  });
});

describe('tee', () => {
  test('gives every branch its own copies', async () => {
    const [a, b] = Stream.from(chunks('x', 'y'), 'reply').tee(2);
    const [left, right] = await Promise.all([collect(a), collect(b)]);
    expect(left).toEqual(right);
    expect(left[0]).not.toBe(right[0]);
    expect(await a.result).toBe('reply');
  });

  test('R14 with block, a fast branch waits until the slow one is read', async () => {
    const feed = new Feed();
    const [fast, slow] = feed.stream.tee(2, { bufferSize: 2 });
    feed.give(chunks('a', 'b'), chunks('c'), 'end');
    await fast.next();
    await fast.next();
    let third: unknown;
    const read = fast.next().then((result) => (third = result));
    await Promise.resolve();
    expect([third, feed.log]).toEqual([undefined, ['pull']]);
    await slow.next();
    await read;
    expect(third).toMatchObject({ value: { content: 'c' } });
  });

  test('R14 with drop-oldest, a slow branch loses its oldest chunks', async () => {
    const feed = new Feed();
    const [fast, slow] = feed.stream.tee(2, { bufferSize: 2, overflow: 'drop-oldest' });
    feed.give(...['a', 'b', 'c', 'd'].map((text) => chunks(text)), 'end');
    expect(await collect(fast)).toHaveLength(4);
    expect((await collect(slow)).map((chunk) => chunk.type === 'content' && chunk.content)).toEqual([
      'c',
      'd',
    ]);
  });

  test('R14 with error, a slow branch fails and the fast one goes on', async () => {
    const feed = new Feed();
    const [fast, slow] = feed.stream.tee(2, { bufferSize: 1, overflow: 'error' });
    feed.give(chunks('a'), chunks('b'), 'end');
    expect(await collect(fast)).toHaveLength(2);
    await slow.next();
    await slow.next();
    await expect(slow.next()).rejects.toMatchObject({ code: 'queue_full' });
  });

  test('the last branch to close closes the stream', async () => {
    const feed = new Feed();
    const [a, b, c] = feed.stream.tee(3);
    feed.give(chunks('a'));
    await Promise.all([a.next(), b.next(), c.next()]);
    await a.close();
    await b.close();
    expect(feed.log).toEqual(['pull']);
    await c.close();
    expect(feed.log).toEqual(['pull', 'close aborted']);
  });

  test('an error reaches every branch, after the chunks that came before it', async () => {
    const feed = new Feed();
    const [a, b] = feed.stream.tee(2);
    feed.give(chunks('a'), new SluiceError('server', 'broken'));
    for (const branch of [a, b]) {
      expect(await branch.next()).toMatchObject({ value: { content: 'a' } });
      await expect(branch.next()).rejects.toMatchObject({ code: 'server' });
    }
  });

  test('an unread branch is named when the time is over', async () => {
    vi.useFakeTimers();
    try {
      const feed = new Feed();
      const [fast] = feed.stream.tee(2, { bufferSize: 1, idleTimeoutMs: 5_000 });
      feed.give(chunks('a'), chunks('b'));
      await fast.next();
      const late = expect(fast.next()).rejects.toMatchObject({
        code: 'timeout',
        phase: 'idle',
        message: expect.stringContaining('branch 1 of 2'),
      });
      await vi.advanceTimersByTimeAsync(5_000);
      await late;
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test('refuses a value that is not a number of branches', () => {
    expect(() => Stream.from([1]).tee(0)).toThrow(/1 or more/);
  });
});

describe('handle', () => {
  test('R32 calls the handlers in order and exactly one end', async () => {
    const log: string[] = [];
    const stream = Stream.from<ExecutionChunk, string>(
      [
        { type: 'thinking', content: 'hm', call: 1, index: 0 },
        content('a'),
        { type: 'tool_call', id: 't', name: 'add', arguments: {}, call: 1, index: 2 },
        content('b'),
      ],
      'reply',
    );
    const reply = await stream.handle(
      {
        onThinking: (text) => void log.push(`thinking ${text}`),
        onContent: (text) => void log.push(`content ${text}`),
        onToolCall: (call) => void log.push(`call ${call.name}`),
        onProgress: ({ chunks: count, characters, isComplete }) =>
          void log.push(`${count} chunks, ${characters} characters${isComplete ? ', complete' : ''}`),
        onComplete: (value) => void log.push(`complete ${value}`),
        onError: () => void log.push('error'),
      },
      { every: 2 },
    );
    expect(reply).toBe('reply');
    expect(log).toEqual([
      'thinking hm',
      'content a',
      '2 chunks, 1 characters',
      'call add',
      'content b',
      '4 chunks, 2 characters',
      '4 chunks, 2 characters, complete',
      'complete reply',
    ]);
  });

  test('an error goes to onError alone, or rejects if there is no onError (R32)', async () => {
    const failing = (): Stream<ExecutionChunk, string> => {
      const feed = new Feed();
      feed.give(chunks('a'), new SluiceError('server', 'broken'));
      return feed.stream;
    };
    const log: string[] = [];
    await failing().handle({
      onError: (error) => void log.push(error.code),
      onComplete: () => void log.push('complete'),
    });
    expect(log).toEqual(['server']);
    await expect(failing().handle({})).rejects.toMatchObject({ code: 'server' });
  });

  test('a handler that throws ends the stream', async () => {
    const feed = new Feed();
    feed.give(chunks('a', 'b'));
    const broken = (): void => {
      throw new TypeError('mine');
    };
    await expect(feed.stream.handle({ onContent: broken })).rejects.toThrow('mine');
    expect(feed.log).toEqual(['pull', 'close aborted']);
  });
});
