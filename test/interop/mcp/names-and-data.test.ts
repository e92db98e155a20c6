import { describe, expect, test } from 'vitest';
import { inputSchema, outputCheck } from '../../../interop/mcp/schema.ts';

/** Names that are keywords of JSON Schema elsewhere, or that objects have by themselves. */
const NAMES = [
  ...['$ref', '$id', '$defs', 'definitions', 'type', 'items', 'anyOf', 'properties', 'required', 'default'],
  ...['enum', 'const', 'format', 'pattern', 'patternProperties', 'unevaluatedProperties', 'constructor'],
];

describe.each(NAMES)('%s', (name) => {
  test('is a property like any other', () => {
    const schema = {
      type: 'object',
      properties: {
        [name]: { type: 'object', properties: { [name]: { type: 'string' } }, required: [name] },
      },
      dependentRequired: { [name]: ['other'] },
      dependentSchemas: { [name]: { required: ['more'] } },
    };
    expect(inputSchema(schema)).toEqual({ sent: schema, checked: schema });
    const check = outputCheck(schema);
    expect(check?.({ [name]: { [name]: 'a' }, other: 1, more: 1 })).toBeUndefined();
    expect(check?.({ [name]: { [name]: 1 }, other: 1, more: 1 })).toContain('string');
    expect(check?.({ [name]: { [name]: 'a' }, more: 1 })).toContain('other');
  });

  test('is a definition like any other', () => {
    const inside = { type: 'string' };
    const schema = {
      type: 'object',
      $defs: { [name]: inside },
      properties: { a: { $ref: `#/$defs/${name}` } },
    };
    expect(inputSchema(schema).sent).toEqual({ type: 'object', properties: { a: inside } });
  });

  test.each(['const', 'enum', 'default', 'examples', 'x-own'])('is data inside of %s', (keyword) => {
    const data = { [name]: 'https://example.com/a', deep: [{ [name]: '#/nowhere' }] };
    const value = keyword === 'enum' || keyword === 'examples' ? [data] : data;
    const schema = { type: 'object', properties: { a: { [keyword]: value } } };
    expect(inputSchema(schema)).toEqual({ sent: schema, checked: schema });
    const check = outputCheck(schema);
    expect(check?.({ a: data })).toBeUndefined();
    expect(check?.({ a: {} }) === undefined).toBe(keyword !== 'const' && keyword !== 'enum');
  });
});
