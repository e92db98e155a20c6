import * as z from 'zod';
import { isErrorCode } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

/**
 * Schemas of the options that most plugins have, with the error wording of the library. Each call makes a new schema, to which `.optional()`
 * or `.default(...)` can be added. Use them with `parseOptions()`.
 *
 * - `milliseconds()`: a number of milliseconds, 0 or more.
 * - `timerMs()`: the same, but no more than a timer of the platform can wait for (2^31 - 1, about 24.8 days).
 * - `count(least)`: a whole number, at least `least`.
 * - `functionOf<F>()`: a function. Its parameters and result cannot be checked.
 * - `methods<T>(...names)`: an object that has these methods, such as a client or a store.
 * - `errorCode()`: one of {@link errorCodes}.
 *
 * @example
 * const schema = z.strictObject({ size: option.count(1).default(10), onDrop: option.functionOf<() => void>().optional() });
 */
export const option = {
  milliseconds: (): z.ZodNumber => z.number().min(0).max(Number.MAX_SAFE_INTEGER),
  timerMs: (): z.ZodNumber => z.number().min(0).max(2_147_483_647),
  count: (least: number): z.ZodInt => z.int().min(least),
  functionOf: <F>(): z.ZodType<F> => z.custom<F>((value) => typeof value === 'function', 'give a function'),
  methods: <T>(...names: string[]): z.ZodType<T> =>
    z.custom<T>((value) => hasMethods(value, names), `give an object with the methods ${names.join(', ')}`),
  errorCode: (): z.ZodType<ErrorCode> => z.custom<ErrorCode>(isErrorCode, 'give an error code'),
};

function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof Reflect.get(value, name) === 'function');
}
