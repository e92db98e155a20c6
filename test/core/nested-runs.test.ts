import { describe, expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { failureOf, says } from './harness.ts';

const advice = 'Call next() to go on to the layer below, or run another middleware.';

describe('a middleware that runs itself without an end', () => {
  test.each<[string, () => Middleware]>([
    [
      'as a function',
      () => {
        const loop: Middleware = (context) => context.run(loop);
        return loop;
      },
    ],
    [
      'as an async function',
      () => {
        const loop: Middleware = async (context) => context.run(loop);
        return loop;
      },
    ],
    [
      'as a generator',
      () => {
        const loop: Middleware = async function* loop(context) {
          return yield* context.run(loop);
        };
        return loop;
      },
    ],
    [
      'beside its next()',
      () => {
        const loop: Middleware = async function* loop(context, next) {
          yield* context.run(loop);
          return yield* next();
        };
        return loop;
      },
    ],
  ])('is an error that names it: %s', async (_, loop) => {
    const error = await failureOf(new Pipeline([loop(), says('a')]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'loop', retryable: false });
    expect(error.message).toBe(`Middleware "loop" called run() with itself inside 100 other runs. ${advice}`);
  });

  test('is an error if two run each other', async () => {
    const ping: Middleware = (context) => context.run(pong);
    const pong: Middleware = (context) => context.run(ping);
    const error = await failureOf(new Pipeline([ping, says('a')]).execute('user', 'hi'));
    expect(error.message).toBe(`Middleware "ping" called run() with "pong" inside 100 other runs. ${advice}`);
  });

  test('is an error if it makes itself anew each time, between other layers', async () => {
    const through: Middleware = (_context, next) => next();
    const again = (): Middleware =>
      async function* again_(context) {
        return yield* context.run(again(), { parameters: { seed: 1 } });
      };
    const error = await failureOf(new Pipeline([through, again(), says('a')]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'again_' });
  });
});

test('a middleware may run itself as often as 100 times inside one another', async () => {
  let left = 100;
  const loop: Middleware = (context, next) => (left-- > 0 ? context.run(loop) : next());
  expect((await new Pipeline([loop, says('a')]).execute('user', 'hi')).response.content).toBe('a');
});
