import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError, Stream, end, terminal } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { collect } from '../support/feed.ts';
import { Model, failureOf, says, settled, text, texts } from './harness.ts';

describe('a stream that nobody reads', () => {
  test('tells its taps nothing when it is closed', async () => {
    const log: string[] = [];
    const stream = Stream.from([1]).tap({
      chunk: () => log.push('chunk'),
      end: () => log.push('end'),
      pull: () => log.push('pull'),
    });
    await stream.close('enough');
    expect(log).toEqual([]);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted', cause: 'enough' });
  });

  test('tells its taps nothing when it is aborted, and rejects its reader with that error', async () => {
    const log: string[] = [];
    const stream = Stream.from([1]).tap({ end: () => log.push('end') });
    stream.abort(new SluiceError('guard', 'No.'));
    await expect(stream.next()).rejects.toMatchObject({ code: 'guard' });
    await expect(stream.result).rejects.toMatchObject({ code: 'guard' });
    expect(log).toEqual([]);
  });

  test('runs no middleware and no hook when an execution is closed', async () => {
    const log: string[] = [];
    const watch: Middleware = function watch(context, next) {
      log.push('body');
      context.onEnd(() => void log.push('onEnd'));
      return next();
    };
    const stream = new Pipeline([watch, says('a')]).executeStream('user', 'hi');
    stream.tap({ end: () => log.push('end') });
    await stream.close();
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
    expect(log).toEqual([]);
  });
});

describe('a stream that one layer aborts', () => {
  const guard = new SluiceError('guard', 'No b.');
  const told = (log: string[], name: string): Middleware =>
    function told(context, next) {
      context.signal.addEventListener('abort', () => log.push(`${name} signal`));
      return next().tap({ end: ({ error }) => log.push(`${name} end ${error?.code}`) });
    };
  const strict: Middleware = function strict(_context, next) {
    const stream = next();
    return stream.tap((chunk) => {
      if (chunk.type === 'content' && chunk.content === 'b') stream.abort(guard);
    });
  };

  test('ends with that error at its tap and above, and as aborted below', async () => {
    const log: string[] = [];
    const model = new Model({ log }).give(texts('a', 'b', 'c'));
    const stack = [told(log, 'above'), strict, told(log, 'below'), model.middleware];
    expect(await failureOf(new Pipeline(stack).execute('user', 'hi'))).toMatchObject({ code: 'guard' });
    expect(log).toEqual([
      'model 1 called',
      'below signal',
      'model 1 closed: aborted',
      'below end aborted',
      'above end guard',
    ]);
  });

  test('does not abort the signal of the layer that aborted it, nor of those above', async () => {
    const signals: string[] = [];
    const asks = (name: string): Middleware =>
      function asks(context, next) {
        context.onEnd(() => void signals.push(`${name} ${context.signal.aborted}`));
        return next();
      };
    const strictToo: Middleware = function strictToo(context, next) {
      context.onEnd(() => void signals.push(`strict ${context.signal.aborted}`));
      return strict(context, next);
    };
    const model = new Model().give(texts('b'));
    const stack = [asks('above'), strictToo, asks('below'), model.middleware];
    await failureOf(new Pipeline(stack).execute('user', 'hi'));
    expect(signals).toEqual(['below true', 'strict false', 'above false']);
  });
});

describe('a chunk that is undefined', () => {
  const undefinedChunk = JSON.parse('{}').chunk;

  test('rejects its read with advice, and the stream goes on', async () => {
    const stream = Stream.from([1, undefinedChunk, 3]);
    expect(await stream.next()).toEqual({ done: false, value: 1 });
    await expect(stream.next()).rejects.toThrow(
      /chunk that is undefined: give chunks such as \{ type: 'content'/,
    );
    expect(await stream.next()).toEqual({ done: false, value: 3 });
  });

  test('does the same for a read that was waiting for it', async () => {
    async function* source() {
      yield 1;
      yield undefinedChunk;
    }
    const stream = Stream.from(source());
    const reads = [stream.next(), stream.next()];
    expect(await reads[0]).toEqual({ done: false, value: 1 });
    await expect(reads[1]).rejects.toThrow(/chunk that is undefined/);
  });
});

describe('a body that yields in its finally block', () => {
  test('is a warning that names it', async () => {
    const stubborn: Middleware = async function* stubborn(_context, next) {
      try {
        return yield* next();
      } finally {
        yield text('x');
      }
    };
    const twice: Middleware = async function twice(_context, next) {
      const first = next();
      await first.next();
      await first.close();
      return next();
    };
    const { warnings } = await new Pipeline([twice, stubborn, says('a')]).execute('user', 'hi');
    expect(warnings).toEqual(['"stubborn" threw Error while it was torn down.']);
  });
});

describe('the number of a call', () => {
  test('is on each chunk before any tap sees it', async () => {
    const seen: unknown[] = [];
    const watch: Middleware = function watch(_context, next) {
      return next().tap(({ call }) => seen.push(call));
    };
    await new Pipeline([watch, says('a', 'b')]).execute('user', 'hi');
    expect(seen).toEqual([1, 1]);
  });
});

describe('a tap that measures waiting', () => {
  const timed = (log: string[]): Middleware =>
    function timed(_context, next) {
      return next().tap({
        pull: () => log.push('pull'),
        chunk: (chunk) => log.push(chunk.type === 'content' ? chunk.content : chunk.type),
      });
    };

  test('is called before each read of the source, and not while chunks wait', async () => {
    const log: string[] = [];
    const model = new Model().give(texts('a', 'b'), texts('c'), { reply: { finishReason: 'stop' } });
    await new Pipeline([timed(log), model.middleware]).execute('user', 'hi');
    expect(log).toEqual(['pull', 'a', 'b', 'pull', 'c', 'pull']);
  });

  test('is called before each read of a generator, however many it has answered', async () => {
    let pulls = 0;
    const counting: Middleware = function counting(_context, next) {
      return next().tap({ pull: () => pulls++ });
    };
    const reader: Middleware = async function* reader(_context, next) {
      return yield* next();
    };
    const many: Middleware = async function* many() {
      for (let index = 0; index < 200; index++) yield text('x');
      return { finishReason: 'stop' };
    };
    await new Pipeline([reader, counting, reader, many]).execute('user', 'hi');
    expect(pulls).toBe(201);
  });
});

describe('reading ahead', () => {
  /** A model that counts how many reads were made of it. */
  const counted = (reads: { made: number }): Middleware =>
    terminal({ name: 'counted' }, () =>
      Stream.fromSource<StreamChunk, Reply>({
        pull: async () => (++reads.made > 20 ? end({ finishReason: 'stop' }) : texts('x')),
        close: () => undefined,
      }),
    );

  test.each([0, 3, 8])('goes %i chunks ahead, of an execution and of a map over it', async (size) => {
    const made: number[] = [];
    for (const derived of [false, true]) {
      const reads = { made: 0 };
      const stream = new Pipeline([counted(reads)], { streamBufferSize: size }).executeStream('user', 'hi');
      const view = derived ? stream.map((chunk) => chunk) : stream;
      await view.next();
      await settled();
      made.push(reads.made);
      await view.close();
    }
    expect(made).toEqual([1 + size, 1 + size]);
  });
});

test('a map, a filter and a tap over each other see the chunks in order, batch by batch', async () => {
  const log: string[] = [];
  const stream = Stream.from([1, 2, 3, 4])
    .tap((n) => log.push(`in ${n}`))
    .map((n) => n * 10)
    .filter((n) => n !== 20)
    .tap((n) => log.push(`out ${n}`));
  expect(await collect(stream)).toEqual([10, 30, 40]);
  expect(log.filter((line) => line.startsWith('in'))).toEqual(['in 1', 'in 2', 'in 3', 'in 4']);
  expect(log.filter((line) => line.startsWith('out'))).toEqual(['out 10', 'out 30', 'out 40']);
});
