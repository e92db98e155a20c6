import { kindOf } from '../../src/kit/index.ts';
import { fieldError } from './request-error.ts';

/** Fields of JSON that came from a client. */
export type Fields = Readonly<Record<string, unknown>>;

/** Whether a value is an object with fields. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object at a path. */
export function objectAt(value: unknown, path: string): Fields {
  if (isRecord(value)) return value;
  throw wrong(path, value, 'give an object');
}

/** The list at a path. */
export function listAt(value: unknown, path: string): readonly unknown[] {
  if (isList(value)) return value;
  throw wrong(path, value, 'give an array');
}

/** The text at a path. */
export function textAt(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  throw wrong(path, value, 'give a string');
}

/** The text at a path, which is not empty. */
export function nameAt(value: unknown, path: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw wrong(path, value, 'give a string that is not empty');
}

/** A field that may be missing or null. */
export function optionalAt<T>(
  fields: Fields,
  key: string,
  path: string,
  read: (value: unknown, path: string) => T,
): T | undefined {
  const value = fields[key];
  return value === undefined || value === null
    ? undefined
    : read(value, path === '' ? key : `${path}.${key}`);
}

/** The number at a path. */
export function numberAt(value: unknown, path: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw wrong(path, value, 'give a number');
}

/** The whole number at a path, 1 or more. */
export function countAt(value: unknown, path: string): number {
  const count = numberAt(value, path);
  if (Number.isInteger(count) && count > 0) return count;
  throw fieldError(path, 'give a whole number of at least 1');
}

/** True or false at a path. */
export function flagAt(value: unknown, path: string): boolean {
  if (typeof value === 'boolean') return value;
  throw wrong(path, value, 'give true or false');
}

/** The texts at a path. */
export function textsAt(value: unknown, path: string): string[] {
  return listAt(value, path).map((one, at) => textAt(one, `${path}[${at}]`));
}

/** The error for a value of another kind. It does not quote the value. */
export function wrong(path: string, value: unknown, advice: string): Error {
  return fieldError(path, `found ${value === '' ? 'an empty string' : kindOf(value)}: ${advice}`);
}

/** Whether a value is a list. */
export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
