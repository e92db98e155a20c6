import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError, Stream, compose } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { Model, failureOf, says, shapeNames, shapes, texts } from './harness.ts';

describe('names in errors', () => {
  const throws = (): Middleware[] => [
    (_context, next) => next(),
    async function* named() {
      throw new TypeError('secret');
    },
  ];

  test('a named function is called by its name, the message stays in the cause', async () => {
    const error = await failureOf(new Pipeline(throws()).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'named' });
    expect(error.message).toBe('Middleware "named" threw TypeError (see the cause).');
    expect(error.cause).toMatchObject({ message: 'secret' });
  });

  test('an unnamed one is called by its place, counted from 1 through composed ones', async () => {
    const unnamed = (): Middleware => () => {
      throw new TypeError('x');
    };
    const through = (): Middleware => (_context, next) => next();
    const pipeline = new Pipeline([through(), compose(through(), compose(unnamed())), says('a')]);
    const error = await failureOf(pipeline.execute('user', 'hi'));
    expect(error.middleware).toBe('#3');
  });

  test.each([
    ['a tap', (_c, next) => next().tap(fails), 'outer'],
    ['a map', (_c, next) => next().map(fails), 'outer'],
    ['a filter', (_c, next) => next().filter(fails), 'outer'],
  ] satisfies [string, Middleware, string][])("%s that throws is its layer's fault", async (_, run, name) => {
    const outer: Middleware = function outer(context, next) {
      return run(context, next);
    };
    const inner: Middleware = function inner(_context, next) {
      return next().tap(() => undefined);
    };
    const error = await failureOf(new Pipeline([outer, inner, says('a')]).execute('user', 'hi'));
    expect(error.middleware).toBe(name);
  });

  test('a thrown value that is not an Error is named by its kind', async () => {
    const odd: Middleware = function odd() {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- plugins do such things
      throw 'text';
    };
    const error = await failureOf(new Pipeline([odd, says('a')]).execute('user', 'hi'));
    expect(error.message).toBe('Middleware "odd" threw a string, not an Error.');
  });

  test('an error of the library passes every shape as the same object', async () => {
    for (const shape of shapeNames) {
      const down = new SluiceError('overloaded', 'busy', { status: 529 });
      const model = new Model().give(texts('a'), down);
      const error = await failureOf(
        new Pipeline([shapes[shape]([]), model.middleware]).execute('user', 'hi'),
      );
      expect(error).toBe(down);
      expect(error.partial?.content).toBe('a');
    }
  });
});

describe('misuse', () => {
  const misused: [string, Middleware, string][] = [
    [
      'returning nothing',
      // @ts-expect-error it returns no stream
      function forgets(_context, next) {
        next();
      },
      'Middleware "forgets" returned undefined, not a stream: return the stream of next(), or yield* it from an async generator.',
    ],
    [
      'returning a promise of nothing',
      // @ts-expect-error it returns no stream
      async function forgets() {
        await Promise.resolve();
      },
      'Middleware "forgets" returned undefined, not a stream: return the stream of next(), or yield* it from an async generator.',
    ],
  ];
  test.each(misused)('%s is an error that says what to do', async (_, middleware, message) => {
    const error = await failureOf(new Pipeline([middleware, says('a')]).execute('user', 'hi'));
    expect([error.code, error.message]).toEqual(['middleware', message]);
  });

  test('one stream returned by two runs is an error, not two answers', async () => {
    const kept: { stream?: Stream<StreamChunk, Reply> } = {};
    const twice: Middleware = async function* twice(context) {
      const one: Middleware = function one(_inner, below) {
        kept.stream ??= below();
        return kept.stream;
      };
      const first = context.run(one);
      const second = context.run(one);
      await first.ready();
      yield* second;
      return yield* first;
    };
    const error = await failureOf(new Pipeline([twice, says('a')]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'one' });
    expect(error.message).toMatch(/handed on already/);
  });

  test('next() with nothing below it says where the provider belongs', async () => {
    const last: Middleware = function last(_context, next) {
      return next();
    };
    const error = await failureOf(new Pipeline([last]).execute('user', 'hi'));
    expect(error.message).toBe(
      'Middleware "last" called next(), but nothing is below it. Put a provider at the end of the stack.',
    );
  });

  test('next() after the end names the middleware', async () => {
    const late: { error?: unknown } = {};
    const keeps: Middleware = function keeps(context, next) {
      context.onEnd(() => {
        try {
          next();
        } catch (error) {
          late.error = error;
        }
      });
      return next();
    };
    await new Pipeline([keeps, says('a')]).execute('user', 'hi');
    expect(late.error).toMatchObject({ code: 'middleware', middleware: 'keeps' });
    expect(String(late.error)).toContain('called next() after its stream had ended');
  });

  test('a tap added after the first read is refused, with advice', async () => {
    const tardy: Middleware = async function* tardy(_context, next) {
      const stream = next();
      await stream.ready();
      stream.tap(() => undefined);
      return yield* stream;
    };
    const error = await failureOf(new Pipeline([tardy, says('a')]).execute('user', 'hi'));
    expect(error.message).toBe('tap() came after the stream had started: add taps before the first pull.');
  });
});

function fails(): never {
  throw new RangeError('no');
}

test('a stream that a middleware has read to its end and returns is an error that names it', async () => {
  const greedy: Middleware = async function greedy(_context, next) {
    const stream = next();
    while ((await stream.next()).done !== true);
    return stream;
  };
  const model: Middleware = () =>
    Stream.from([{ type: 'content', content: 'lost' }], { finishReason: 'stop' });
  await expect(new Pipeline([greedy, model]).execute('user', 'hi')).rejects.toMatchObject({
    code: 'middleware',
    middleware: 'greedy',
  });
});

test('the messages of a request cannot be changed in place', async () => {
  const meddler: Middleware = function meddler(context, next) {
    Reflect.apply(Array.prototype.push, context.request.messages, [{ role: 'user', content: 'more' }]);
    return next();
  };
  const model: Middleware = () => Stream.from([{ type: 'content', content: 'a' }], { finishReason: 'stop' });
  await expect(new Pipeline([meddler, model]).execute('user', 'hi')).rejects.toMatchObject({
    code: 'middleware',
  });
});
