import { describe, expect, test } from 'vitest';
import { SluiceError } from 'sluice';
import { answerOf, callListener, guarded, kindOfThrown } from 'sluice/kit';
import { Values } from '../../src/keys.ts';
import { unhandledRejectionsOf } from '../../testing/leaks.ts';
import { settled } from '../core/harness.ts';

describe('what was thrown is named', () => {
  test('by the name of an error, without its message', () => {
    expect(kindOfThrown(new TypeError('key sk-123'))).toBe('TypeError');
    expect(kindOfThrown(new SluiceError('store', 'key sk-123'))).toBe('SluiceError');
  });

  test('by its kind if it is not an error', () => {
    expect(kindOfThrown('key sk-123')).toBe('a string, not an Error');
    expect(kindOfThrown(null)).toBe('null, not an Error');
  });

  test('S1 as an Error if its name is not a name', () => {
    expect(kindOfThrown(Object.assign(new Error(), { name: 'key sk-123' }))).toBe('Error');
  });
});

/** Ways in which a function fails that another one calls. */
const failures: readonly [string, () => unknown][] = [
  [
    'throws',
    () => {
      throw new RangeError('key sk-123');
    },
  ],
  ['rejects', () => Promise.reject(new RangeError('key sk-123'))],
  [
    'returns a thenable that throws',
    () => ({
      then() {
        throw new RangeError('key sk-123');
      },
    }),
  ],
  [
    'returns an object whose `then` cannot be read',
    () => ({
      get then() {
        throw new RangeError('key sk-123');
      },
    }),
  ],
];

describe('a guarded function', () => {
  test.each(failures)('R53 that %s is told, once', async (_how, call) => {
    const told: unknown[] = [];
    const lost = await unhandledRejectionsOf(async () => {
      guarded(call, (thrown) => told.push(thrown));
      await settled();
    });
    expect([told.map(kindOfThrown), lost]).toEqual([['RangeError'], []]);
  });

  test.each([
    ['nothing', undefined],
    ['a value', 7],
    ['an object', {}],
    ['a promise that never settles', new Promise(() => undefined)],
  ])('that returns %s is not told and not waited for', async (_what, answer) => {
    const told: unknown[] = [];
    guarded(
      () => answer,
      (thrown) => told.push(thrown),
    );
    await settled();
    expect(told).toEqual([]);
  });
});

describe('a listener', () => {
  /** What a context warns of while it calls a listener three times. */
  async function warningsOf(call: () => unknown): Promise<string[]> {
    const warnings: string[] = [];
    const values = new Values(undefined);
    const context: Parameters<typeof callListener>[0] = {
      warn: (message) => warnings.push(message),
      once: (key, make) => values.once(key, make),
    };
    for (let time = 0; time < 3; time++) callListener(context, 'recorder: onFile', call);
    await settled();
    return warnings;
  }

  test('that returns is called each time, without a warning', async () => {
    let calls = 0;
    expect(await warningsOf(() => calls++)).toEqual([]);
    expect(calls).toBe(3);
  });

  test.each(failures)('R53 that %s each time is one warning, without its message', async (_how, call) => {
    expect(await warningsOf(call)).toEqual(['recorder: onFile threw RangeError.']);
  });
});

describe('a function whose answer matters', () => {
  async function failureOf(call: () => unknown, kind?: 'string' | 'number'): Promise<unknown> {
    let failure: unknown;
    const lost = await unhandledRejectionsOf(async () => {
      try {
        answerOf('recorder(): key', call, kind);
      } catch (thrown) {
        failure = thrown;
      }
      await settled();
    });
    expect(lost).toEqual([]);
    return failure;
  }

  test('gives its answer', () => {
    expect([
      answerOf('x', () => 'a', 'string'),
      answerOf('x', () => 0, 'number'),
      answerOf('x', () => null),
    ]).toEqual(['a', 0, null]);
  });

  test('that throws is an error of code middleware, with its error as the cause', async () => {
    const cause = new RangeError('key sk-123');
    const error = await failureOf(() => {
      throw cause;
    });
    expect(error).toMatchObject({
      code: 'middleware',
      message: 'recorder(): key threw RangeError (see the cause).',
      cause,
    });
  });

  test('that throws an error of ours fails with it', async () => {
    const mine = new SluiceError('guard', 'Not today.');
    expect(
      await failureOf(() => {
        throw mine;
      }),
    ).toBe(mine);
  });

  test.each([
    ['resolves', Promise.resolve('a')],
    ['rejects', undefined],
  ])('R53 that returns a promise that %s is an option that is wrong', async (_how, promise) => {
    const error = await failureOf(() => promise ?? Promise.reject(new Error('x')));
    expect(error).toMatchObject({
      code: 'invalid_options',
      message: 'recorder(): key returned a promise: give a function that is not async.',
    });
  });

  test('that returns something else than it should is an option that is wrong', async () => {
    expect(await failureOf(() => undefined, 'string')).toMatchObject({
      code: 'invalid_options',
      message: 'recorder(): key returned undefined: return a string.',
    });
  });
});
