import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Nulls } from 'sluice';
import { JsonText } from '../../../middleware/output/json-text.ts';

const form = { wrapped: false, nulls: undefined };

/** What is written of a text that comes in pieces of a size. */
function written(text: string, size: number, given: ConstructorParameters<typeof JsonText>[0] = form) {
  const json = new JsonText(given);
  let all = '';
  for (let at = 0; at < text.length; at += size) all += json.add(text.slice(at, at + size));
  expect(json.text).toBe(all);
  return { text: all, isWhole: json.isWhole };
}

const object = fc.dictionary(
  fc.string({ unit: 'binary' }),
  fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }),
);
const sizes = fc.integer({ min: 1, max: 9 });
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('any object is written as compact JSON, however it is cut and laid out', () => {
  const spaces = fc.constantFrom(undefined, 2, '\t');
  fc.assert(
    fc.property(object, sizes, spaces, (value, size, space) => {
      const { text, isWhole } = written(JSON.stringify(value, undefined, space), size);
      expect(isWhole).toBe(true);
      expect(text).toBe(JSON.stringify(plain(value)));
    }),
  );
});

test('what is around it is left out', () => {
  fc.assert(
    fc.property(object, sizes, (value, size) => {
      const json = JSON.stringify({ a: value });
      const { text } = written(`Use {braces} or {"x"} so:\n\`\`\`json\n${json}\n\`\`\` {"b":1}`, size);
      expect(text).toBe(JSON.stringify(plain({ a: value })));
    }),
  );
});

test('the object around an answer of another kind is taken off', () => {
  fc.assert(
    fc.property(fc.jsonValue(), object, sizes, (value, beside, size) => {
      const { value: _value, ...others } = beside;
      const wrapped = JSON.stringify({ ...others, value });
      const { text, isWhole } = written(wrapped, size, { wrapped: true, nulls: undefined });
      expect([text, isWhole]).toEqual([JSON.stringify(plain(value)), true]);
    }),
  );
});

test('a null that stands for nothing is left out, wherever it is', () => {
  const nulls: Nulls = { drops: (key) => key.startsWith('o'), under: () => nulls };
  const value = {
    o1: null,
    a: null,
    o2: 1,
    in: [{ o: null, b: [null] }, { o: null }],
    'o\n': null,
    o: 'null',
  };
  const json = JSON.stringify(value, undefined, 1);
  for (let size = 1; size <= json.length; size++)
    expect(written(json, size, { wrapped: false, nulls }).text).toBe(
      '{"a":null,"o2":1,"in":[{"b":[null]},{}],"o":"null"}',
    );
});

test('a line feed in a string is written as JSON has it', () => {
  expect(written('{"a":"1\n2"}', 3).text).toBe(String.raw`{"a":"1\n2"}`);
});

test.each([
  ['{"a":1,}', '{"a":1'],
  ['{"a":01}', '{"a":'],
  [String.raw`{"a":"\x"}`, '{"a":"'],
  [String.raw`{"a":"\u00g0"}`, '{"a":"'],
  ['{"a":[1}', '{"a":[1'],
  ['{"a":nil}', '{"a":'],
  ["{'a':1}", ''],
  ['no JSON', ''],
])('after a mistake nothing more is written: %s', (said, text) => {
  for (let size = 1; size <= said.length; size++)
    expect(written(said, size)).toEqual({ text, isWhole: false });
});
