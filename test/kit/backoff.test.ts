import { describe, expect, test } from 'vitest';
import { isSluiceError } from 'sluice';
import { constant, exponential } from 'sluice/kit';
import type { Backoff } from 'sluice/kit';

const waits = (backoff: Backoff, retries = 5): number[] =>
  Array.from({ length: retries }, (_, at) => backoff(at + 1));

describe('an exponential back-off', () => {
  test('doubles from a second to half a minute', () => {
    expect(waits(exponential({ jitter: 'none' }), 7)).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
    ]);
  });

  test('grows by its factor from its first wait to its longest', () => {
    const backoff = exponential({ initialMs: 100, factor: 10, maxMs: 2_500, jitter: 'none' });
    expect(waits(backoff)).toEqual([100, 1_000, 2_500, 2_500, 2_500]);
  });

  test('stays at its longest wait when the power is more than a number can hold', () => {
    const backoff = exponential({ factor: 100, jitter: 'none' });
    expect(backoff(1_000)).toBe(30_000);
  });

  test('of 0 ms stays at 0', () => {
    expect(waits(exponential({ initialMs: 0 }))).toEqual([0, 0, 0, 0, 0]);
  });

  test('with full jitter waits a random part, which is the default', () => {
    const parts = [0, 0.5, 0.999];
    const random = (): number => parts.shift() ?? 0;
    expect(waits(exponential({ random }), 3)).toEqual([0, 1_000, 3_996]);
    for (const ms of waits(exponential(), 20)) expect(ms).toBeLessThanOrEqual(30_000);
  });

  test('with equal jitter waits at least half', () => {
    const parts = [0, 0.5, 0.999];
    const random = (): number => parts.shift() ?? 0;
    expect(waits(exponential({ jitter: 'equal', random }), 3)).toEqual([500, 1_500, 3_998]);
  });
});

describe('a constant back-off', () => {
  test('waits the same before every retry', () => {
    expect(waits(constant(250))).toEqual([250, 250, 250, 250, 250]);
  });

  test('can have jitter', () => {
    expect(waits(constant(200, { jitter: 'full', random: () => 0.5 }), 1)).toEqual([100]);
    expect(waits(constant(200, { jitter: 'equal', random: () => 0.5 }), 1)).toEqual([150]);
  });
});

describe('options that are wrong are refused by name', () => {
  test.each<[make: () => unknown, message: string]>([
    [() => constant(Number.NaN), 'constant(): ms is NaN: give a finite number.'],
    [() => constant(-1), 'constant(): ms is a number: give a number of at least 0.'],
    [
      () => exponential({ initialMs: -1, maxMs: 2 ** 31 }),
      'exponential(): initialMs is a number: give a number of at least 0; maxMs is a number: give a number of at most 2147483647.',
    ],
    [() => exponential({ factor: 0.5 }), 'exponential(): factor is a number: give a number of at least 1.'],
    [
      () => Reflect.apply(exponential, undefined, [{ jitter: true, random: 1 }]),
      'exponential(): jitter is a boolean: give "none" or "full" or "equal"; random is a number: give a function.',
    ],
  ])('%s', (make, message) => {
    let thrown: unknown;
    try {
      make();
    } catch (error) {
      thrown = error;
    }
    expect(isSluiceError(thrown) && [thrown.code, thrown.message]).toEqual(['invalid_options', message]);
  });
});
