import { describe, expect, test } from 'vitest';
import { SluiceError, Stream } from 'sluice';
import type { ExecutionChunk, StreamChunk } from 'sluice';
import { Feed, chunks, collect, content } from '../support/feed.ts';

describe('reading', () => {
  test('concurrent reads are answered in order, the end included', async () => {
    const feed = new Feed();
    const reads = [feed.stream.next(), feed.stream.next(), feed.stream.next()];
    feed.give(chunks('a', 'b'), 'end');
    expect(await Promise.all(reads)).toEqual([
      { done: false, value: content('a', 0) },
      { done: false, value: content('b', 1) },
      { done: true, value: 'over' },
    ]);
  });

  test('nothing is pulled before the first read, and ready() consumes nothing', async () => {
    const feed = new Feed();
    expect(feed.log).toEqual([]);
    feed.give(chunks('a'), 'end');
    await feed.stream.ready();
    await feed.stream.ready();
    expect(feed.log).toEqual(['pull']);
    expect(await collect(feed.stream)).toEqual(chunks('a'));
  });

  test('ready() rejects with the error of a stream that fails before its first chunk, and so does the read after it', async () => {
    const feed = new Feed();
    feed.give(new SluiceError('rate_limited', 'slow down', { status: 429 }));
    await expect(feed.stream.ready()).rejects.toMatchObject({ code: 'rate_limited', status: 429 });
    await expect(feed.stream.next()).rejects.toMatchObject({ code: 'rate_limited' });
  });

  test('close() settles a pending read as done, frees the source once, and result rejects as aborted', async () => {
    const feed = new Feed();
    const pending = feed.stream.next();
    const result = feed.stream.result;
    await Promise.all([feed.stream.close('enough'), feed.stream.close()]);
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(await feed.stream.next()).toEqual({ done: true, value: undefined });
    expect(feed.log).toEqual(['pull', 'close aborted']);
    await expect(result).rejects.toMatchObject({ code: 'aborted', cause: 'enough' });
  });

  test('leaving a loop early closes the source', async () => {
    const feed = new Feed();
    feed.give(chunks('a', 'b'));
    for await (const chunk of feed.stream) if (chunk.type === 'content') break;
    expect(feed.log).toEqual(['pull', 'close aborted']);
  });

  test('await using closes the stream with its scope', async () => {
    const feed = new Feed();
    {
      await using stream = feed.stream;
      feed.give(chunks('a'));
      await stream.next();
    }
    expect(feed.log).toEqual(['pull', 'close aborted']);
  });

  test('abort() delivers what had come, then rejects with its error', async () => {
    const feed = new Feed();
    feed.give(chunks('a', 'b'));
    await feed.stream.next();
    feed.stream.abort(new SluiceError('timeout', 'too slow', { phase: 'idle' }));
    expect(await feed.stream.next()).toMatchObject({ value: { content: 'b' } });
    await expect(feed.stream.next()).rejects.toMatchObject({ code: 'timeout', phase: 'idle' });
    expect(feed.log).toEqual(['pull', 'close aborted']);
  });

  test('a tap added after the first read is refused, with advice', async () => {
    const feed = new Feed();
    feed.give('end');
    await feed.stream.next();
    expect(() => feed.stream.tap(() => undefined)).toThrow(/before the first pull/);
  });

  test('from() reads arrays, iterables, async iterables and web streams', async () => {
    async function* async() {
      yield 1;
      yield 2;
      return 'said';
    }
    const web = new ReadableStream<number>({
      start: (controller) => {
        controller.enqueue(1);
        controller.enqueue(2);
        controller.close();
      },
    });
    expect(await collect(Stream.from([1, 2]))).toEqual([1, 2]);
    expect(await collect(Stream.from(new Set([1, 2])))).toEqual([1, 2]);
    expect(await collect(Stream.from(web))).toEqual([1, 2]);
    const generated = Stream.from(async());
    expect(await collect(generated)).toEqual([1, 2]);
    expect(generated.reply).toBe('said');
    expect(Stream.from([1], 'given').reply).toBeUndefined();
    expect(() => Stream.from(Object(7))).toThrow(/takes an array/);
  });

  test('closing a stream over a generator runs its finally', async () => {
    const log: string[] = [];
    async function* source() {
      try {
        yield 1;
        yield 2;
      } finally {
        log.push('finally');
      }
    }
    const stream = Stream.from(source());
    await stream.next();
    await stream.close();
    expect(log).toEqual(['finally']);
  });

  test('map and filter work on whole batches and keep the reply', async () => {
    const stream = Stream.from([1, 2, 3, 4], 'reply')
      .filter((n) => n % 2 === 0)
      .map((n) => n * 10);
    expect([await collect(stream), await stream.result]).toEqual([[20, 40], 'reply']);
  });

  test('collect() keeps what the stream let through and signs the reply with it', async () => {
    const inner: StreamChunk[] = [
      { type: 'content', content: 'lost', call: 1 },
      { type: 'reset', from: 1, reason: 'retry' },
      { type: 'content', content: 'kept', call: 2 },
    ];
    const stream = Stream.from(inner, { finishReason: 'stop' as const }).collect();
    await collect(stream);
    expect(stream.partial).toMatchObject({ content: 'kept' });
    expect(stream.reply?.message).toEqual({ role: 'assistant', content: 'kept' });
  });
});

describe('text', () => {
  const texts = (...pieces: string[]) => Stream.from(chunks(...pieces), 'reply');

  test('textStream() gives the pieces, text() the whole', async () => {
    expect(await collect(texts('a', '', 'b').textStream())).toEqual(['a', 'b']);
    expect(await texts('a', 'b').text()).toBe('ab');
  });

  test('text() leaves out what a reset voided', async () => {
    const stream = Stream.from<ExecutionChunk, string>(
      [
        content('old'),
        { type: 'reset', from: 1, calls: [1], reason: 'r', call: 1, index: 1 },
        { ...content('new'), call: 2 },
      ],
      'reply',
    );
    expect(await stream.text()).toBe('new');
  });

  test.each([
    ['a\nb\n', ['a', 'b']],
    ['a\r\n\r\nb', ['a', '', 'b']],
    ['\n\n', ['', '']],
    ['', []],
    ['a\rb', ['a\rb']],
  ])('lines() of %j are %j however the text is cut', async (text, lines) => {
    for (let at = 0; at <= text.length; at++) {
      expect(await collect(texts(text.slice(0, at), text.slice(at)).lines())).toEqual(lines);
    }
  });

  test('toReadableStream() gives the chunks, and its cancel closes the stream', async () => {
    expect(await collect(texts('a', 'b').toReadableStream())).toEqual(chunks('a', 'b'));
    const feed = new Feed();
    feed.give(chunks('a'));
    const reader = feed.stream.toReadableStream().getReader();
    await reader.read();
    await reader.cancel('gone');
    expect(feed.log).toEqual(['pull', 'close aborted']);
  });
});
