import { convert } from 'sluice/middleware/output';
import { describe, expect, test } from 'vitest';
import { sendable } from '../../../middleware/tools/sendable.ts';

/** Names that are keywords of JSON Schema elsewhere, or that objects have by themselves. */
const NAMES = [
  ...['$ref', '$id', '$defs', 'definitions', 'type', 'items', 'anyOf', 'properties', 'required'],
  ...['default', 'enum', 'const', 'format', 'pattern', 'constructor', 'toString'],
];

describe.each(NAMES)('%s', (name) => {
  const nested = { type: 'object', properties: { [name]: { type: 'string' } }, required: [name] };

  test('is a property like any other', () => {
    const schema = { type: 'object', properties: { [name]: nested, list: { type: 'array', items: nested } } };
    expect(sendable('It', schema)).toEqual(schema);
    const { schema: sent, lost, unfit, restore } = convert(schema, 'openai');
    expect(sent).toMatchObject({ properties: { [name]: {}, list: { items: nested } } });
    expect([lost, unfit]).toEqual([[], undefined]);
    expect(restore({ [name]: { [name]: 'a' }, list: null })).toEqual({ [name]: { [name]: 'a' } });
  });

  test('is a definition like any other', () => {
    const schema = {
      ...{ type: 'object', $defs: { [name]: nested }, definitions: { [name]: nested } },
      properties: { a: { $ref: `#/$defs/${name}` }, b: { $ref: `#/definitions/${name}` } },
    };
    expect(sendable('It', schema)).toEqual(schema);
    expect(convert(schema, 'vllm').schema).toMatchObject(schema);
  });

  test.each(['const', 'enum', 'default', 'examples', 'x-own'])('is data inside of %s', (keyword) => {
    const data = { [name]: 'https://example.com/a', deep: [{ [name]: '#/nowhere' }] };
    const value = keyword === 'enum' || keyword === 'examples' ? [data] : data;
    const schema = { type: 'object', properties: { a: { [keyword]: value } } };
    expect(sendable('It', schema)).toEqual(schema);
    // It is put under the key of a wrapper, and its references with it.
    const { schema: sent, wrapped } = convert({ [keyword]: value, not: { $ref: '#' } }, 'other');
    expect(wrapped).toBe(true);
    const kept = keyword === 'x-own' ? {} : { [keyword]: value };
    expect(sent['properties']).toEqual({ value: { ...kept, not: { $ref: '#/properties/value' } } });
  });
});

test.each([
  ['items', { type: 'array', items: { $ref: '#/none' } }],
  ['items.1', { type: 'array', items: [{}, { $ref: '#/none' }] }],
  ['anyOf.1', { anyOf: [{}, { $ref: '#/none' }] }],
  ['dependentSchemas.default', { dependentSchemas: { default: { $ref: '#/none' } } }],
  ['dependencies.default', { dependencies: { default: { $ref: '#/none' } } }],
  ['additionalItems', { additionalItems: { $ref: '#/none' } }],
  ['properties.$ref', { properties: { $ref: { $ref: '#/none' } } }],
])('a reference that leads nowhere is found in %s', (place, property) => {
  expect(() => sendable('It', { type: 'object', properties: { a: property } })).toThrow(
    `It: properties.a.${place}.$ref of its JSON Schema refers to "#/none": `,
  );
});
