import { expect, test } from 'vitest';
import { Pipeline, SluiceError, contextKey } from 'sluice';
import type { ExecutionContext, Middleware } from 'sluice';
import { answers, failureOf, says, stop, texts } from './harness.ts';

const Made = contextKey<number>('made');
const down = (): SluiceError => new SluiceError('server', 'down');

const retrying: Middleware = async function* retrying(_context, next) {
  for (;;) {
    try {
      return yield* next();
    } catch (error) {
      if (error instanceof SluiceError && error.code !== 'server') throw error;
    }
  }
};

/** Runs a layer three times within one execution. */
async function runThrice(body: (context: ExecutionContext) => void): Promise<SluiceError | undefined> {
  const layer: Middleware = function layer(context, next) {
    body(context);
    return next();
  };
  const { middleware } = answers([down()], [down()], [texts('a'), stop()]);
  const running = new Pipeline([retrying, layer, middleware]).execute('user', 'hi');
  return running.then(
    () => undefined,
    async () => failureOf(running),
  );
}

test('is made by the first run of a layer, and the same for all later ones; onEnd in it runs once', async () => {
  const log: unknown[] = [];
  await runThrice((context) => {
    const made = context.once(Made, () => {
      context.onEnd(() => void log.push('end'));
      log.push('made');
      return 5;
    });
    log.push(made, context.get(Made));
  });
  expect(log).toEqual(['made', 5, 5, 5, 5, 5, 5, 'end']);
});

test('is made anew in another execution', async () => {
  let made = 0;
  const counts: Middleware = function counts(context, next) {
    context.once(Made, () => ++made);
    return next();
  };
  const pipeline = new Pipeline([counts, says('a')]);
  await pipeline.execute('user', 'hi');
  await pipeline.execute('user', 'hi');
  expect(made).toBe(2);
});

test('undefined is a value: it is not made again', async () => {
  const Nothing = contextKey<undefined>('nothing');
  let made = 0;
  await runThrice((context) => {
    context.once(Nothing, () => {
      made++;
      return undefined;
    });
  });
  expect(made).toBe(1);
});

test('if it cannot be made, nothing is kept and the next run tries again', async () => {
  const tries: number[] = [];
  await runThrice((context) => {
    context.once(Made, () => {
      tries.push(tries.length);
      if (tries.length < 2) throw down();
      return 7;
    });
  });
  expect(tries).toEqual([0, 1]);
});

test('gives what set() or the option values has put there, and does not make it', async () => {
  const seen: unknown[] = [];
  const layer: Middleware = function layer(context, next) {
    seen.push(context.once(Made, () => 1));
    context.set(Made, 3);
    seen.push(context.once(Made, () => 1));
    return next();
  };
  await new Pipeline([layer, says('a')]).execute('user', 'hi', { values: [Made.with(2)] });
  expect(seen).toEqual([2, 3]);
});

test('asking for the value while it is being made is an error', async () => {
  const error = await runThrice((context) => void context.once(Made, () => context.once(Made, () => 1)));
  expect([error?.code, error?.message]).toEqual([
    'middleware',
    'once(): the value of "made" is being made: make() must not ask for the value that it makes.',
  ]);
});
