import { expect, test } from 'vitest';
import { plainValue } from '../../../interop/aisdk/offered/own-data.ts';

test('data keeps each of its keys, whatever they are called', () => {
  const text = '{"__proto__":{"polluted":true},"list":[1,null]}';
  expect(JSON.stringify(plainValue(JSON.parse(text)))).toBe(text);
  expect(plainValue({ a: undefined, b: Number.NaN, c: () => 1 })).toEqual({ b: null });
});
