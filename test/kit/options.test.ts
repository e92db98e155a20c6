import * as z from 'zod';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { isSluiceError } from 'sluice';
import type { ErrorCode } from 'sluice';
import { errorCodes, isErrorCode, kindOf, option, parseOptions } from 'sluice/kit';

const schema = z.strictObject({
  waitMs: option.milliseconds().default(50),
  timerMs: option.timerMs().optional(),
  size: option.count(1).default(10),
  onDrop: option.functionOf<(name: string) => void>().optional(),
  client: option.methods<{ get(): string; put(): void }>('get', 'put').optional(),
  retryOn: option.errorCode().optional(),
});

function failureOf(options: unknown): unknown {
  try {
    parseOptions('recorder()', schema, options);
  } catch (error) {
    return isSluiceError(error) ? [error.code, error.message] : error;
  }
  return undefined;
}

describe('parsing of options', () => {
  test('gives them with their defaults and types', () => {
    const options = parseOptions('recorder()', schema, { size: 3 });
    expect(options).toEqual({ waitMs: 50, size: 3 });
    expectTypeOf(options.onDrop).toEqualTypeOf<((name: string) => void) | undefined>();
    expectTypeOf(options.retryOn).toEqualTypeOf<ErrorCode | undefined>();
  });

  test('takes what each field allows', () => {
    const client = { get: () => 'a', put: () => undefined };
    const options = {
      waitMs: 1e12,
      timerMs: 2 ** 31 - 1,
      onDrop: () => undefined,
      client,
      retryOn: 'server',
    };
    expect(failureOf(options)).toBeUndefined();
  });

  test.each<[options: unknown, message: string]>([
    [{ waitMs: -1 }, 'recorder(): waitMs is a number: give a number of at least 0.'],
    [{ waitMs: Number.NaN }, 'recorder(): waitMs is NaN: give a finite number.'],
    [{ waitMs: Infinity }, 'recorder(): waitMs is Infinity: give a finite number.'],
    [{ timerMs: 2 ** 31 }, 'recorder(): timerMs is a number: give a number of at most 2147483647.'],
    [{ size: 0 }, 'recorder(): size is a number: give a number of at least 1.'],
    [{ size: 1.5 }, 'recorder(): size is a number: give a whole number.'],
    [{ onDrop: 'log' }, 'recorder(): onDrop is a string: give a function.'],
    [
      { client: { get: () => 'a' } },
      'recorder(): client is an object: give an object with the methods get, put.',
    ],
    [{ client: null }, 'recorder(): client is null: give an object with the methods get, put.'],
    [{ retryOn: 'flood' }, 'recorder(): retryOn is a string: give an error code.'],
    [
      { size: '3', onDrop: 1 },
      'recorder(): size is a string: give a number; onDrop is a number: give a function.',
    ],
    ['all', 'recorder(): what was given is a string: give an object.'],
  ])('refuses %o by name', (options, message) => {
    expect(failureOf(options)).toEqual(['invalid_options', message]);
  });
});

test('error codes are known by a list and a function', () => {
  expect(errorCodes).toContain('rate_limited');
  expect(errorCodes.every(isErrorCode)).toBe(true);
  expect([isErrorCode('flood'), isErrorCode(undefined), isErrorCode('toString')]).toEqual([
    false,
    false,
    false,
  ]);
  expectTypeOf<(typeof errorCodes)[number]>().toEqualTypeOf<ErrorCode>();
});

test('the kind of a value is named without the value', () => {
  const values = [null, undefined, ['a'], {}, 'secret', 1, Number.NaN, true, () => 1, Symbol('s'), 1n];
  expect(values.map(kindOf)).toEqual([
    'null',
    'undefined',
    'an array',
    'an object',
    'a string',
    'a number',
    'a number',
    'a boolean',
    'a function',
    'a symbol',
    'a bigint',
  ]);
});
