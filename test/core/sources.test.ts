import { describe, expect, test } from 'vitest';
import { SluiceError, Stream } from 'sluice';
import { ReadQueue } from '../../src/stream/read-queue.ts';
import { End, GeneratorSource, end, isEnd, pullFrom, sourceOf } from '../../src/stream/source.ts';
import type { BatchSource, Readable } from '../../src/stream/source.ts';
import { collect } from '../support/feed.ts';

const error = new SluiceError('aborted', 'Enough.');

/** What a source gives until its end, and its reply. */
async function drained(source: BatchSource<unknown, unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for (;;) {
    const pulled = await source.pull();
    if (isEnd(pulled)) return [...all, { reply: pulled.reply }];
    all.push(pulled);
  }
}

const source = (readable: Readable<unknown, unknown>, reply: unknown = 'given') => sourceOf(readable, reply);

describe('the source of', () => {
  test('an array gives a copy of it as one batch', async () => {
    const given = [1, 2];
    const batch = await source(given).pull();
    expect(batch).toEqual([1, 2]);
    expect(batch).not.toBe(given);
    expect(await drained(source(given))).toEqual([[1, 2], { reply: 'given' }]);
    expect(await drained(source([]))).toEqual([{ reply: 'given' }]);
  });

  test('an array gives nothing more after it was closed', async () => {
    const closed = source([1, 2]);
    await closed.close(error);
    expect(await drained(closed)).toEqual([{ reply: 'given' }]);
  });

  test.each([
    ['said', 'said'],
    [undefined, 'given'],
    [null, 'given'],
    [0, 0],
  ])('an iterator that returns %j has the reply %j', async (returned, reply) => {
    function* sync() {
      yield 1;
      return returned;
    }
    async function* async() {
      yield 1;
      return returned;
    }
    const iterators = [{ [Symbol.iterator]: sync }, { [Symbol.asyncIterator]: async }];
    for (const iterator of iterators)
      expect(await drained(Reflect.apply(sourceOf, undefined, [iterator, 'given']))).toEqual([
        [1],
        { reply },
      ]);
  });

  test('an iterator is left when it is closed, if it can be', async () => {
    const log: string[] = [];
    const next = () => ({ done: false, value: 1 });
    const leaves = {
      next,
      return() {
        log.push('return');
        return { done: true, value: undefined };
      },
    };
    for (const iterator of [leaves, { next }]) {
      const stream = Stream.from(
        Reflect.apply(Object.assign, Object, [{}, { [Symbol.iterator]: () => iterator }]),
      );
      await stream.next();
      await stream.close();
    }
    expect(log).toEqual(['return']);
  });

  test('a web stream gives its chunks, and is canceled with the error', async () => {
    const reasons: unknown[] = [];
    const web = new ReadableStream<number>({
      pull: (controller) => controller.enqueue(1),
      cancel: (reason) => void reasons.push(reason),
    });
    const reading = source(web);
    expect(await reading.pull()).toEqual([1]);
    await reading.close(error);
    expect(reasons).toEqual([error]);
    expect(await drained(reading)).toEqual([{ reply: 'given' }]);
  });

  test('a generator is left when it is closed, and must not yield then', async () => {
    async function* good() {
      yield 1;
    }
    async function* stubborn() {
      try {
        yield 1;
      } finally {
        yield 2;
      }
    }
    const left = new GeneratorSource(good());
    await left.body.next();
    await left.close();
    expect(await left.body.next()).toEqual({ done: true, value: undefined });
    const kept = new GeneratorSource(stubborn());
    await kept.body.next();
    await expect(kept.close()).rejects.toThrow('it yields in a finally block');
  });
});

test('an end is told from all other answers', () => {
  expect(isEnd(end('x'))).toBe(true);
  expect(end('x')).toBeInstanceOf(End);
  expect(isEnd(['x'])).toBe(false);
});

test('a push source is pulled as a promise', async () => {
  const answers = (fails: boolean) =>
    pullFrom<string, string>({
      request({ pulled, failed }) {
        if (fails) failed(error);
        else pulled(['a']);
      },
      close: () => undefined,
    });
  expect(await answers(false)).toEqual(['a']);
  await expect(answers(true)).rejects.toBe(error);
});

describe('the queue between a source and its readers', () => {
  const log: unknown[] = [];
  const chunk = (name: string) => ({
    chunk: (result: IteratorResult<string, string>) =>
      void log.push([name, result.done === true ? { end: result.value } : result.value]),
    reject: (thrown: unknown) => void log.push([name, thrown]),
  });
  const batch = (name: string, forStream = false) => ({
    batch: (pulled: readonly string[] | End<string>) =>
      void log.push([name, isEnd(pulled) ? { end: pulled.reply } : pulled]),
    reject: (thrown: unknown) => void log.push([name, thrown instanceof SluiceError ? thrown.code : thrown]),
    forStream,
  });
  const queue = () => {
    log.length = 0;
    return new ReadQueue<string, string>();
  };

  test('answers readers in the order in which they came, each with a chunk or with all that waits', () => {
    const it = queue();
    it.wait(chunk('one'));
    it.wait(batch('two'));
    it.wait(chunk('three'));
    it.add(['a', 'b', 'c']);
    expect(log).toEqual([
      ['one', 'a'],
      ['two', ['b', 'c']],
    ]);
    it.add(['d']);
    expect(log.slice(2)).toEqual([['three', 'd']]);
    expect([it.size, it.hasReader, it.wasRead]).toEqual([0, false, true]);
  });

  test('hands a whole batch to a reader of batches, and the next one to the reader after it', () => {
    const it = queue();
    it.wait(batch('one'));
    it.wait(batch('two'));
    const given = ['a', 'b'];
    it.add(given);
    it.add(['c']);
    expect(log).toEqual([
      ['one', ['a', 'b']],
      ['two', ['c']],
    ]);
  });

  test('gives one result directly only to a reader that waits', () => {
    const it = queue();
    const result = { done: false, value: 'a' } as const;
    expect(it.answer(result)).toBe(false);
    it.wait(chunk('one'));
    it.wait(batch('two'));
    expect([it.answer(result), it.answer({ done: false, value: 'b' }), it.answer(result)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(log).toEqual([
      ['one', 'a'],
      ['two', ['b']],
    ]);
    expect(it.wasRead).toBe(true);
  });

  test('takes chunks without waiting, but never before a reader', () => {
    const it = queue();
    expect([it.take(), it.wasRead, it.lastTaken]).toEqual([undefined, false, undefined]);
    it.add(['a', 'b', 'c']);
    expect([it.size, it.take(), it.size, it.lastTaken, it.wasRead]).toEqual([3, 'a', 2, 'a', true]);
    expect([it.take(), it.lastTaken]).toEqual(['b', 'b']);
    it.add(['d']);
    expect([it.take(), it.take(), it.take(), it.lastTaken]).toEqual(['c', 'd', undefined, 'd']);
    it.wait(chunk('one'));
    expect(it.take()).toBeUndefined();
  });

  test('keeps its order over many additions, takings and returns', () => {
    const it = queue();
    const taken: string[] = [];
    for (let number = 0; number < 200; number++) {
      it.add([`${number}a`, `${number}b`]);
      for (let count = number % 5; count > 0; count--) taken.push(it.take() ?? 'none');
      if (number % 50 === 0) it.putBack(['back']);
    }
    const rest = [...it.takeAll()];
    const all = [...taken, ...rest].filter((one) => one !== 'back' && one !== 'none');
    expect(all).toEqual(Array.from({ length: 200 }, (_, number) => [`${number}a`, `${number}b`]).flat());
    expect(it.size).toBe(0);
  });

  test('does not change a batch that a source gave', () => {
    const it = queue();
    const given = ['a'];
    it.add(given);
    it.add(['b']);
    expect([given, it.takeAll()]).toEqual([['a'], ['a', 'b']]);
  });

  test('takes back a batch as if nobody had read it', () => {
    const it = queue();
    it.add(['a', 'b']);
    it.take();
    it.putBack(['a']);
    expect([it.wasRead, it.takeAll()]).toEqual([false, ['a', 'b']]);
    it.wait(chunk('one'));
    it.putBack(['c']);
    expect(log).toEqual([['one', 'c']]);
  });

  test('tells the end after what waits, to each reader in its way', () => {
    const it = queue();
    it.add(['a']);
    it.end({ outcome: 'completed', reply: 'over' });
    it.wait(chunk('one'));
    it.wait(chunk('two'));
    it.wait(batch('three'));
    expect(log).toEqual([
      ['one', 'a'],
      ['two', { end: 'over' }],
      ['three', { end: 'over' }],
    ]);
    expect(it.reply).toBe('over');
  });

  test('tells an error to all readers', () => {
    const it = queue();
    it.wait(chunk('one'));
    it.wait(batch('two'));
    it.end({ outcome: 'failed', error });
    expect(log).toEqual([
      ['one', error],
      ['two', 'aborted'],
    ]);
  });

  test('answers a close with done, and another stream with an error as soon as the end is known', () => {
    const it = queue();
    it.add(['a']);
    it.close();
    it.wait(batch('stream', true));
    expect([log, it.size]).toEqual([[], 0]);
    it.end({ outcome: 'completed', reply: 'over' });
    it.wait(chunk('one'));
    it.wait(batch('two'));
    expect(log).toEqual([
      ['stream', 'aborted'],
      ['one', { end: 'over' }],
      ['two', { end: 'over' }],
    ]);
  });

  test('gives nothing directly once it is closed', () => {
    const it = queue();
    it.wait(batch('stream', true));
    it.close();
    expect(it.answer({ done: false, value: 'a' })).toBe(false);
    it.add(['b']);
    expect(log).toEqual([['stream', ['b']]]);
  });
});

test('a stream of an iterable with its own reply ends with that', async () => {
  const stream = Stream.from(new Set([1]), 'given');
  expect(await collect(stream)).toEqual([1]);
  expect(stream.reply).toBe('given');
});
