import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SluiceError, Stream, end } from 'sluice';
import type { ExecutionChunk, StreamChunk } from 'sluice';

const content = (text: string, index = 0): ExecutionChunk => ({
  type: 'content',
  content: text,
  call: 1,
  index,
});
const chunks = (...texts: string[]): ExecutionChunk[] => texts.map((text, index) => content(text, index));

/** A source that is fed by hand. */
class Feed {
  readonly log: string[] = [];
  #items: (readonly ExecutionChunk[] | Error | 'end')[] = [];
  #wake = Promise.withResolvers<void>();
  readonly stream = Stream.fromSource<ExecutionChunk, string>(() => ({
    pull: async () => {
      this.log.push('pull');
      while (this.#items.length === 0) await this.#wake.promise;
      const item = this.#items.shift();
      if (item === 'end' || item === undefined) return end('over');
      if (item instanceof Error) throw item;
      return item;
    },
    close: (error) => void this.log.push(`close ${error.code}`),
  }));

  give(...items: (readonly ExecutionChunk[] | Error | 'end')[]): void {
    this.#items.push(...items);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

const collect = async <C>(stream: AsyncIterable<C>): Promise<C[]> => {
  const all: C[] = [];
  for await (const one of stream) all.push(one);
  return all;
};

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

  test('a tap after the first pull is refused with the mend', async () => {
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
        { type: 'reset', from: 1, reason: 'r', call: 0, index: 1 },
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

  test('lets go before an error', async () => {
    const feed = new Feed();
    feed.give(chunks('a'), new SluiceError('truncated', 'cut'));
    const slow = feed.stream.throttle(1_000);
    expect(await slow.next()).toMatchObject({ value: { content: 'a' } });
    await expect(slow.next()).rejects.toMatchObject({ code: 'truncated' });
  });

  test('refuses a time that is none', async () => {
    await expect(Stream.from(chunks('a')).throttle(Number.NaN).next()).rejects.toMatchObject({
      code: 'invalid_options',
    });
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

  test('an error reaches every branch, behind what came before it', async () => {
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

  test('refuses a number of branches that is none', () => {
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
        onProgress: ({ chunks: count, characters }) =>
          void log.push(`${count} chunks, ${characters} characters`),
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
      'complete reply',
    ]);
  });

  test('R32 an error goes to onError alone, or rejects where there is none', async () => {
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
