import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { ExecutionChunk, Progress, Stream } from 'sluice';
import { retry } from 'sluice/middleware';
import { answers, failureOf, settled, stop, texts } from '../core/harness.ts';
import { Feed, collect } from '../support/feed.ts';

const said = (text: string, call: number): ExecutionChunk => ({
  type: 'content',
  content: text,
  call,
  index: 0,
});
/** Voids the calls from a number on. There are at most five. */
const reset = (from: number, reason = 'network'): ExecutionChunk => ({
  ...{ type: 'reset', from, reason, call: 0, index: 0 },
  calls: [1, 2, 3, 4, 5].filter((call) => call >= from),
});

/** A stream with one read for each list. */
function reads(...batches: ExecutionChunk[][]): Stream<ExecutionChunk, string> {
  const feed = new Feed();
  feed.give(...batches, 'end');
  return feed.stream;
}

/** An execution whose first attempt breaks off after half of its text. */
function retried(first: string[], second: string[]) {
  const { middleware } = answers(
    [texts(...first), new SluiceError('network', 'The connection was lost.')],
    [texts(...second), stop()],
  );
  const stack = [retry({ afterContent: 'reset', backoff: () => 0 }), middleware];
  return new Pipeline(stack).executeStream('user', 'hi');
}

/** What a reader gets, and the code of the error that it ends with. */
async function read<C>(stream: AsyncIterable<C>): Promise<(C | string)[]> {
  const got: (C | string)[] = [];
  const all = (async () => {
    for await (const one of stream) got.push(one);
  })();
  await all.catch((error: unknown) =>
    got.push(`error ${error instanceof SluiceError ? error.code : 'other'}`),
  );
  return got;
}

describe('text that was delivered and is void', () => {
  test.each([
    [
      'textStream()',
      (stream: Stream<ExecutionChunk, unknown>) => stream.textStream(),
      ['half\n', 'error network'],
    ],
    ['lines()', (stream: Stream<ExecutionChunk, unknown>) => stream.lines(), ['half', 'error network']],
    [
      'a web stream of textStream()',
      (stream: Stream<ExecutionChunk, unknown>) => stream.textStream().toReadableStream(),
      ['half\n', 'error network'],
    ],
    [
      'a branch of textStream()',
      (stream: Stream<ExecutionChunk, unknown>) => stream.textStream().tee(1)[0],
      ['half\n', 'error network'],
    ],
    [
      'a map() of textStream()',
      (stream: Stream<ExecutionChunk, unknown>) => stream.textStream().map((text) => text),
      ['half\n', 'error network'],
    ],
  ])('R17 ends %s with the error of the attempt, and the execution, too', async (_, view, expected) => {
    const stream = retried(['half\n'], ['whole answer\n']);
    expect(await read(view(stream))).toEqual(expected);
    await expect(stream.result).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('onReset'),
    });
  });

  test('closes the source below', async () => {
    const feed = new Feed();
    feed.give([said('a', 1)], [reset(1)], [said('b', 2)]);
    expect(await read(feed.stream.textStream())).toEqual(['a', 'error network']);
    expect(feed.log).toEqual(['pull', 'pull', 'close aborted']);
  });

  test('is told to onReset of textStream(), with what still stands, before the text that follows', async () => {
    const log: string[] = [];
    const stream = reads([said('one ', 1)], [said('two ', 2)], [reset(2), said('three', 3)]);
    const text = stream.textStream({ onReset: ({ reason, kept }) => log.push(`reset ${reason}: ${kept}`) });
    for await (const piece of text) log.push(piece);
    expect(log).toEqual(['one ', 'two ', 'reset network: one ', 'three']);
  });

  test('is told to onReset of lines(), and a line of which only a part is void goes on', async () => {
    const log: string[] = [];
    const stream = reads([said('a\r\nb', 1)], [said('c\nd', 2)], [reset(2), said('e\nf', 3)]);
    const lines = stream.lines({ onReset: ({ kept }) => log.push(`reset: ${kept.join('|')}`) });
    for await (const line of lines) log.push(line);
    expect(log).toEqual(['a', 'bc', 'reset: a', 'be', 'f']);
  });

  test('ends the view with a middleware error if onReset throws, and closes the stream', async () => {
    const feed = new Feed();
    feed.give([said('a', 1)], [reset(1)]);
    const broken = (): never => {
      throw new RangeError('mine');
    };
    expect(await read(feed.stream.textStream({ onReset: broken }))).toEqual(['a', 'error middleware']);
    expect(feed.log.at(-1)).toBe('close aborted');
  });

  test('has the code truncated if the reason of the reset is not a code, and does not quote it', async () => {
    const view = reads([said('a', 1)], [reset(1, 'the words of a server')]).textStream();
    await view.next();
    const error = await failureOf(view.next());
    expect(error).toMatchObject({ code: 'truncated', retryable: true });
    expect(error.message).not.toContain('words');
  });
});

describe('text that is void before it was delivered', () => {
  test.each([
    ['of the same read', reads([said('old', 1), reset(1), said('new', 2)]).textStream(), ['new']],
    [
      'of a line that has not ended',
      reads([said('a\nold', 1)], [said('x', 2)], [reset(2), said('b', 3)]).lines(),
      ['a', 'oldb'],
    ],
    [
      'of a line that has not begun elsewhere',
      reads([said('old', 1)], [reset(1), said('new\n', 2)]).lines(),
      ['new'],
    ],
    ['of half a character', reads([said('\ud83d', 1)], [reset(1), said('new', 2)]).textStream(), ['new']],
    [
      'but for half a character of another call',
      reads([said('\ud83d', 1)], [reset(2), said('x', 2)]).textStream(),
      ['\ufffd', 'x'],
    ],
  ])('is left out: %s', async (_, view, expected) => {
    expect(await collect(view)).toEqual(expected);
  });

  test('is left out after ready(), which delivers nothing', async () => {
    const stream = retried(['half'], ['whole']);
    await stream.ready();
    await settled();
    const all = await collect(stream.lines());
    expect(all).toEqual(['whole']);
  });

  test.each([{ onReset: 'yes' }, null, 'x'])('wrong options are refused at once: %j', (options) => {
    const stream = reads();
    expect(() => Reflect.apply(stream.textStream, stream, [options])).toThrow(
      /^textStream\(options\): .*give \{ onReset \}/,
    );
    expect(() => Reflect.apply(stream.lines, stream, [options])).toThrow(/^lines\(options\): /);
  });
});

describe('throttle()', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('drops the text that it holds back if a reset voids it, and gives what it does not void before the reset', async () => {
    const kept = await collect(
      reads([said('a', 1)], [said('b', 1), reset(2), said('c', 2)], [reset(2), said('d', 3)]).throttle(50),
    );
    expect(kept.map((chunk) => (chunk.type === 'content' ? chunk.content : chunk.type))).toEqual([
      'ab',
      'reset',
      'reset',
      'd',
    ]);
    expect(kept.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  });
});

describe('tee() with drop-oldest', () => {
  test('never drops a reset: what it voids may have been read', async () => {
    const feed = new Feed();
    const [fast, slow] = feed.stream.tee(2, { bufferSize: 2, overflow: 'drop-oldest' });
    feed.give([said('a', 1)], [reset(1)], [said('b', 2)], [said('c', 2)], [said('d', 2)], 'end');
    expect(await fast.next()).toMatchObject({ value: { content: 'a' } });
    expect(await slow.next()).toMatchObject({ value: { content: 'a' } });
    await collect(fast);
    const left = await collect(slow);
    expect(left.map((chunk) => (chunk.type === 'content' ? chunk.content : chunk.type))).toEqual([
      'reset',
      'c',
      'd',
    ]);
  });
});

describe('handle()', () => {
  test('R17 without onReset ends with the error of the attempt if a handler was given what is void', async () => {
    const log: string[] = [];
    const stream = retried(['half'], ['whole']);
    const handled = stream.handle({
      onContent: (text) => void log.push(text),
      onProgress: ({ chunks, isComplete }) => void log.push(`${chunks} ${isComplete}`),
      onComplete: () => void log.push('complete'),
      onError: ({ code }) => void log.push(`error ${code}`),
    });
    await handled;
    expect(log).toEqual(['half', '1 false', 'error network']);
    expect(await failureOf(stream.result)).toMatchObject({ code: 'network' });
  });

  test('goes on without onReset if no handler was given what is void', async () => {
    const result = await retried(['half'], ['whole']).handle({ onProgress: () => undefined });
    expect(result?.response.content).toBe('whole');
  });

  test('tells onReset what still stands, and counts without what is void', async () => {
    const log: unknown[] = [];
    await reads([said('one ', 1)], [said('two ', 2)], [reset(2), said('three', 3)]).handle({
      onContent: (text) => void log.push(text),
      onReset: ({ reason, kept }) => void log.push(`reset ${reason}: ${kept.content}`),
      onProgress: ({ chunks, characters, isComplete }) => void log.push([chunks, characters, isComplete]),
    });
    expect(log).toEqual([
      ...['one ', [1, 4, false], 'two ', [2, 8, false], 'reset network: one '],
      ...['three', [2, 9, false], [2, 9, true]],
    ]);
  });

  test('tells the last progress once, with the right numbers, at every length', async () => {
    for (let length = 0; length <= 25; length++) {
      const told: Progress[] = [];
      const batch = Array.from({ length }, () => said('x', 1));
      await reads(batch).handle({ onProgress: (progress) => void told.push(progress) }, { every: 10 });
      const numbers = told.map(({ chunks, characters, isComplete }) => [chunks, characters, isComplete]);
      const full = [10, 20].filter((count) => count <= length).map((count) => [count, count, false]);
      expect(numbers).toEqual([...full, [length, length, true]]);
    }
  });

  test.each([
    ['completed', false, [1, true]],
    ['interrupted', true, [1, true]],
  ])(
    'tells the last progress of an execution that is %s, which does not count its last chunk',
    async (outcome, interrupts, last) => {
      const told: Progress[] = [];
      const { middleware } = answers([texts('a'), stop()]);
      const stream = new Pipeline([
        function interrupting(context, next) {
          return next().tap(() => (interrupts ? context.interrupt('enough') : undefined));
        },
        middleware,
      ]).executeStream('user', 'hi');
      const result = await stream.handle(
        { onProgress: (progress) => void told.push(progress) },
        { every: 10 },
      );
      expect(result?.outcome).toBe(outcome);
      expect(told.map(({ chunks, isComplete }) => [chunks, isComplete])).toEqual([last]);
    },
  );

  test('tells how far an answer came that failed, if that was not told yet', async () => {
    const log: string[] = [];
    const failing = (every: number): Promise<unknown> => {
      const feed = new Feed();
      feed.give([said('a', 1), said('b', 1)], new SluiceError('server', 'down'));
      return feed.stream.handle(
        {
          onProgress: ({ chunks, isComplete }) => void log.push(`${chunks} ${isComplete}`),
          onError: ({ code }) => void log.push(code),
        },
        { every },
      );
    };
    await failing(10);
    await failing(2);
    expect(log).toEqual(['2 false', 'server', '2 false', 'server']);
  });
});
