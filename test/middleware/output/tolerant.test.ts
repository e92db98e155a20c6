import { describe, expect, test } from 'vitest';
import { readTolerantly } from '../../../middleware/output/tolerant.ts';

describe('a text that has JSON in it', () => {
  test.each([
    ['{"a":1}', { a: 1 }],
    ['```json\n{"a":1}\n```', { a: 1 }],
    ['Here {x}: {"a":{"b":[1]}} [see 1]', { a: { b: [1] } }],
    ['{"a":1, /* one } */ // {\n}', { a: 1 }],
    ["{'a':'it\\'s', b: True, c: None,}", { a: "it's", b: true, c: null }],
    ['{"a":[1,2,],}', { a: [1, 2] }],
    ['[1] is cited: {"a":"}"}', { a: '}' }],
    ['{"a":"two\nlines"}', { a: 'two\nlines' }],
    ['[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
  ])('is read: %s', (text, value) => {
    expect(readTolerantly(text)).toEqual({ value });
  });

  test.each([
    ['', 'it is empty'],
    ['Sorry, I cannot.', 'it has no JSON in it'],
    ['{"a":[1,2', 'it stops before its end'],
    ['{"a":"open', 'it stops before its end'],
    ['For example {"a":1}. Now: {"a":2,', 'it stops before its end'],
    ['{"value":[{"a":1},{"a":2}]', 'it stops before its end'],
    ['{"a":[1,2}', 'its brackets do not match'],
    ['{"a":[1,2,...]}', 'a part of it is left out'],
    ['{"a":[1,2,…]}', 'a part of it is left out'],
  ])('is not read, because nothing is closed or made up: %s', (text, problem) => {
    expect(readTolerantly(text)).toEqual({ problem });
  });
});
