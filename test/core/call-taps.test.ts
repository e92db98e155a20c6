import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError, Stream, compose, end } from 'sluice';
import type { ExecutionChunk, ExecutionResult, Middleware, Reply, StreamChunk, Tap } from 'sluice';
import { Model, answers, failureOf, says, stop, text, texts } from './harness.ts';

type Layered = Stream<StreamChunk, Reply>;

/** Logs what it sees calls: `a>1` at the start, `a.1` at a chunk, `a<1 completed` at the end. */
const hears = <C, R>(log: string[], name: string): Tap<C, R> => ({
  call({ number }) {
    log.push(`${name}>${number}`);
    return {
      chunk: () => log.push(`${name}.${number}`),
      end: ({ outcome }) => log.push(`${name}<${number} ${outcome}`),
    };
  },
});

const tapping =
  (log: string[], name: string, view: (stream: Layered) => Layered = (stream) => stream): Middleware =>
  (_context, next) =>
    view(next()).tap(hears(log, name));

const retrying: Middleware = async function* retrying(_context, next) {
  try {
    return yield* next();
  } catch {
    return yield* next();
  }
};

const down = (): SluiceError => new SluiceError('server', 'down');
const failsOnce = (): Middleware => answers([down()], [texts('a'), stop()]).middleware;

describe('the order', () => {
  test('a call starts from the outermost layer inwards, and ends from the innermost outwards', async () => {
    const log: string[] = [];
    await new Pipeline([tapping(log, 'outer'), tapping(log, 'inner'), says('a')]).execute('user', 'hi');
    expect(log).toEqual([
      ...['outer>1', 'inner>1'],
      ...['inner.1', 'outer.1'],
      ...['inner<1 completed', 'outer<1 completed'],
    ]);
  });

  test('on one stream the tap that was added last is the outermost', async () => {
    const log: string[] = [];
    const both: Middleware = (_context, next) => next().tap(hears(log, 'first')).tap(hears(log, 'last'));
    await new Pipeline([both, says('a')]).execute('user', 'hi');
    expect(log).toEqual([
      ...['last>1', 'first>1', 'first.1', 'last.1'],
      ...['first<1 completed', 'last<1 completed'],
    ]);
  });

  test('an outer layer finds at the end what an inner one has set', async () => {
    let seen: unknown;
    const reads: Middleware = (_context, next) =>
      next().tap({ call: (call) => ({ end: () => void (seen = call.cost) }) });
    const sets: Middleware = (_context, next) =>
      next().tap({ call: (call) => ({ end: () => void (call.cost = { status: 'exact', totalUsd: 2 }) }) });
    await new Pipeline([reads, sets, says('a')]).execute('user', 'hi');
    expect(seen).toEqual({ status: 'exact', totalUsd: 2 });
  });
});

describe('what a tap hears', () => {
  test('outside a layer that retries: every attempt', async () => {
    const log: string[] = [];
    await new Pipeline([tapping(log, 'x'), retrying, failsOnce()]).execute('user', 'hi');
    expect(log).toEqual(['x>1', 'x<1 failed', 'x>2', 'x.2', 'x<2 completed']);
  });

  test('a tap on one of two runs of next() sees that run alone', async () => {
    const log: string[] = [];
    const twice: Middleware = async function* twice(_context, next) {
      yield* next();
      return yield* next().tap(hears(log, 'second'));
    };
    await new Pipeline([twice, says('a')]).execute('user', 'hi');
    expect(log).toEqual(['second>2', 'second.2', 'second<2 completed']);
  });

  test('a tap on context.run() sees the calls of the whole stack that it runs', async () => {
    const log: string[] = [];
    const routed: Middleware = (context) => context.run(compose(retrying, failsOnce())).tap(hears(log, 'x'));
    await new Pipeline([routed, says('never')]).execute('user', 'hi');
    expect(log).toEqual(['x>1', 'x<1 failed', 'x>2', 'x.2', 'x<2 completed']);
  });

  test('each branch of a hedge is heard by its own tap', async () => {
    const log: string[] = [];
    const hedge: Middleware = async function* hedge(context, next) {
      const slow = context.run(new Model().middleware).tap(hears(log, 'slow'));
      const fast = next().tap(hears(log, 'fast'));
      void slow.ready().catch(() => undefined);
      await fast.ready();
      return yield* fast;
    };
    await new Pipeline([hedge, says('a')]).execute('user', 'hi');
    expect(log).toEqual(['slow>1', 'fast>2', 'fast.2', 'fast<2 completed', 'slow<1 cancelled']);
  });

  test('the same middleware twice in a stack sees a call twice', async () => {
    const log: string[] = [];
    const twice = tapping(log, 'x');
    await new Pipeline([twice, twice, says('a')]).execute('user', 'hi');
    expect(log).toEqual(['x>1', 'x>1', 'x.1', 'x.1', 'x<1 completed', 'x<1 completed']);
  });

  test.each<[string, (stream: Layered) => Layered]>([
    ['map', (stream) => stream.map((chunk) => chunk)],
    ['filter of a map', (stream) => stream.map((chunk) => chunk).filter(() => true)],
    ['collect', (stream) => stream.collect()],
    ['a branch of tee', (stream) => stream.tee(2, { overflow: 'drop-oldest' })[0]],
  ])('a tap on %s is a tap on the stream that it comes from', async (_, view) => {
    const log: string[] = [];
    await new Pipeline([tapping(log, 'x', view), says('a')]).execute('user', 'hi');
    expect(log).toEqual(['x>1', 'x.1', 'x<1 completed']);
  });

  test.each<[string, (stream: Stream<ExecutionChunk, ExecutionResult>) => Stream<unknown, ExecutionResult>]>([
    ['the stream of the execution', (stream) => stream],
    ['textStream()', (stream) => stream.textStream()],
    ['lines()', (stream) => stream.lines()],
    ['throttle()', (stream) => stream.throttle(0)],
    ['a map of its textStream()', (stream) => stream.textStream().map((piece) => piece.length)],
    ['a branch of its tee()', (stream) => stream.tee(2, { overflow: 'drop-oldest' })[0]],
  ])('a tap of the consumer on %s sees all calls', async (_, view) => {
    const log: string[] = [];
    const stream = view(new Pipeline([retrying, failsOnce()]).executeStream('user', 'hi'));
    for await (const _chunk of stream.tap(hears(log, 'consumer'))) continue;
    expect(log).toEqual([
      ...['consumer>1', 'consumer<1 failed', 'consumer>2', 'consumer.2', 'consumer<2 completed'],
    ]);
  });
});

describe('a call that is refused', () => {
  test('layers further in never see it; those that heard hear its end; nothing is sent', async () => {
    const log: string[] = [];
    const model = new Model({ log });
    const refusing: Middleware = (_context, next) =>
      next().tap({
        call() {
          throw new SluiceError('budget', 'spent');
        },
      });
    const stack = [tapping(log, 'outer'), refusing, tapping(log, 'inner'), model.middleware];
    const error = await failureOf(new Pipeline(stack).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'budget', partial: { usage: { totalTokens: 0 } } });
    expect(log).toEqual(['outer>1', 'outer<1 failed']);
  });

  test.each<[string, Tap<StreamChunk, Reply>['call']]>([
    [
      'threw TypeError (see the cause).',
      () => {
        throw new TypeError('x');
      },
    ],
    [
      'returned a promise from tap({ call }): return { ready: promise } to let the call wait.',
      () => Reflect.apply(async () => undefined, undefined, []),
    ],
    [
      'observes a call with end that is a number: give a function.',
      () => Object.defineProperty({}, 'end', { value: 5, enumerable: true }),
    ],
  ])('a mistake names the layer that made it: %s', async (message, call) => {
    const odd: Middleware = function odd(_context, next) {
      return next().tap({ ...(call && { call }) });
    };
    const error = await failureOf(new Pipeline([odd, says('a')]).execute('user', 'hi'));
    expect([error.code, error.message]).toEqual(['middleware', `Middleware "odd" ${message}`]);
  });

  test('what an observer throws at a chunk ends the call, and names its layer', async () => {
    const log: string[] = [];
    const odd: Middleware = function odd(_context, next) {
      return next().tap({
        call: () => ({
          chunk() {
            throw new TypeError('x');
          },
        }),
      });
    };
    const error = await failureOf(
      new Pipeline([odd, tapping(log, 'inner'), says('a', 'b')]).execute('user', 'hi'),
    );
    expect(error).toMatchObject({ code: 'middleware', middleware: 'odd' });
    expect(log).toEqual(['inner>1', 'inner.1', 'inner<1 failed']);
  });
});

describe('a tap that could not hear', () => {
  const late = 'tap() came after the stream had started: add taps before the first pull.';
  const own =
    'tap({ call }) was called on a stream that a layer made itself, but no call is made below it. Tap the streams of next() and run().';

  test.each<[string, Middleware, string]>([
    [
      'after the first read',
      async function layer(_context, next) {
        const stream = next();
        await stream.ready();
        return stream.tap(hears([], 'x'));
      },
      late,
    ],
    [
      'on a stream derived from one that has started',
      async function layer(_context, next) {
        const stream = next();
        await stream.ready();
        return stream.map((chunk) => chunk).tap(hears([], 'x'));
      },
      late,
    ],
    [
      'on a stream of its own',
      function layer(_context, next) {
        const below = next();
        return Stream.fromSource<StreamChunk, Reply>({
          pull: async () => (await below.read()) ?? end({ finishReason: 'stop' }),
          close: () => undefined,
        }).tap(hears([], 'x'));
      },
      own,
    ],
  ])('%s is an error', async (_, layer, message) => {
    const error = await failureOf(new Pipeline([layer, says('a')]).execute('user', 'hi'));
    expect([error.code, error.message]).toEqual(['middleware', message]);
  });

  test('below a stream that was closed no call is made, and a new next() has taps of its own', async () => {
    const log: string[] = [];
    const again: Middleware = async function* again(_context, next) {
      const first = next().tap(hears(log, 'first'));
      await first.next();
      await first.close();
      return yield* next().tap(hears(log, 'second'));
    };
    // A layer that tries again on whatever error, below the stream that is closed.
    const stubborn: Middleware = async function* stubborn(_context, next) {
      try {
        return yield* next();
      } finally {
        await next()
          .next()
          .catch((error: unknown) => log.push(error instanceof SluiceError ? error.code : 'other'));
      }
    };
    const model = answers([texts('a', 'b'), stop()], [texts('c'), stop()], [texts('d'), stop()]).middleware;
    await new Pipeline([again, stubborn, model]).execute('user', 'hi').catch(() => undefined);
    expect(log.slice(0, 4)).toEqual(['first>1', 'first.1', 'first.1', 'first<1 cancelled']);
    expect(log.slice(4, 6)).toEqual(['aborted', 'second>2']);
  });
});

test('a function is a tap of chunks, although every function has a method named call', async () => {
  const seen: string[] = [];
  const looks: Middleware = (_context, next) => next().tap((chunk) => seen.push(chunk.type));
  await new Pipeline([looks, answers([[text('a')], stop()]).middleware]).execute('user', 'hi');
  expect(seen).toEqual(['content']);
});
