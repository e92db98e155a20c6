import { describe, expect, test } from 'vitest';
import { SluiceError } from 'sluice';
import { callListener, guarded, kindOfThrown } from 'sluice/kit';
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
      get: (key) => values.get(key),
      set: (key, value) => values.set(key, value),
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
