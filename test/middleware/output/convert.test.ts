import { Validator } from '@cfworker/json-schema';
import { toStandardJsonSchema } from '@valibot/to-json-schema';
import { type } from 'arktype';
import { Pipeline } from 'sluice';
import type { OutputSchema, SchemaDialect } from 'sluice';
import { provider } from 'sluice/middleware';
import { DIALECTS, convert, output } from 'sluice/middleware/output';
import { scripted } from 'sluice/testing';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';

const object = (properties: Record<string, unknown>, required = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
});
const lostIn = (schema: Record<string, unknown>, dialect: SchemaDialect) =>
  convert(schema, dialect).lost.map(({ path, keyword, how }) => `${path.join('.')} ${keyword} ${how}`);

const dialects = Object.keys(DIALECTS).filter((name): name is SchemaDialect => name in DIALECTS);

/** A schema for each keyword that limits an answer. */
const limited: Record<string, Record<string, unknown>> = {
  minLength: { type: 'string', minLength: 2 },
  maxLength: { type: 'string', maxLength: 2 },
  pattern: { type: 'string', pattern: '^a$' },
  format: { type: 'string', format: 'date' },
  minimum: { type: 'number', minimum: 1 },
  maximum: { type: 'number', maximum: 1 },
  exclusiveMinimum: { type: 'number', exclusiveMinimum: 1 },
  exclusiveMaximum: { type: 'number', exclusiveMaximum: 1 },
  multipleOf: { type: 'number', multipleOf: 2 },
  minItems: { type: 'array', items: { type: 'string' }, minItems: 1 },
  maxItems: { type: 'array', items: { type: 'string' }, maxItems: 1 },
  uniqueItems: { type: 'array', items: { type: 'string' }, uniqueItems: true },
  contains: { type: 'array', items: { type: 'string' }, contains: { const: 'a' } },
  minContains: { type: 'array', items: { type: 'string' }, minContains: 1 },
  maxContains: { type: 'array', items: { type: 'string' }, maxContains: 1 },
  minProperties: { ...object({ a: { type: 'string' } }), minProperties: 1 },
  maxProperties: { ...object({ a: { type: 'string' } }), maxProperties: 1 },
  propertyNames: { ...object({ a: { type: 'string' } }), propertyNames: { pattern: '^a' } },
  dependentRequired: { ...object({ a: { type: 'string' } }), dependentRequired: { a: ['b'] } },
  dependentSchemas: { ...object({ a: { type: 'string' } }), dependentSchemas: { a: {} } },
  unevaluatedProperties: { ...object({ a: { type: 'string' } }), unevaluatedProperties: false },
  unevaluatedItems: { type: 'array', items: { type: 'string' }, unevaluatedItems: false },
  not: { type: 'string', not: { const: 'a' } },
  if: { type: 'string', if: { const: 'a' } },
  then: { type: 'string', then: { const: 'a' } },
  else: { type: 'string', else: { const: 'a' } },
  contentEncoding: { type: 'string', contentEncoding: 'base64' },
  contentMediaType: { type: 'string', contentMediaType: 'text/html' },
  contentSchema: { type: 'string', contentSchema: { type: 'string' } },
};

describe.each(dialects)('for %s', (dialect) => {
  test.each(Object.entries(limited))('%s is sent, or is among what is lost', (keyword, schema) => {
    const { schema: sent, lost } = convert(object({ x: schema }), dialect);
    const property = (sent['properties'] as Record<string, Record<string, unknown>>)['x'];
    const takes = DIALECTS[dialect].keywords.has(keyword);
    expect(property?.[keyword]).toEqual(takes ? schema[keyword] : undefined);
    const found = lost.filter((one) => one.keyword === keyword);
    expect(found).toHaveLength(takes ? 0 : 1);
    if (takes) return;
    expect(found[0]).toMatchObject({ path: ['properties', 'x'], value: schema[keyword], checkedAfter: true });
    if (found[0]?.how === 'described') expect(property?.['description']).toContain(`${keyword}: `);
    else expect(found[0]?.how).toBe('dropped');
  });

  test('the order of the keys is kept at every depth', () => {
    const schema = object({
      z: { type: 'string' },
      a: object({ y: { type: 'string' }, b: { type: 'string' } }),
    });
    const { schema: sent } = convert(schema, dialect);
    expect(Object.keys(sent['properties'] as object)).toEqual(['z', 'a']);
    const { properties } = sent as { properties: { a: { properties: object; propertyOrdering?: string[] } } };
    expect(Object.keys(properties.a.properties)).toEqual(['y', 'b']);
    expect(properties.a.propertyOrdering).toEqual(dialect === 'gemini' ? ['y', 'b'] : undefined);
  });

  test('a root that is not an object is put into one, and taken out of it again', () => {
    const list = convert({ type: 'array', items: { type: 'string' } }, dialect);
    expect(list).toMatchObject({ wrapped: true, schema: { type: 'object', required: ['value'] } });
    expect(list.restore({ value: ['a'] })).toEqual(['a']);
    expect(list.restore(['a'])).toEqual(['a']);
    const union = convert(
      { anyOf: [object({ a: { type: 'string' } }), object({ b: { type: 'string' } })] },
      dialect,
    );
    expect(union).toMatchObject({ wrapped: true });
    expect(union.lost.at(-1)).toMatchObject({ path: [], how: 'wrapped' });
  });
});

describe('what is optional', () => {
  const schema = object(
    {
      a: { type: 'string' },
      b: { type: 'string', enum: ['x'] },
      c: { type: ['string', 'null'] },
      d: object({ e: { type: 'number' } }, []),
    },
    ['a'],
  );

  test('is written as null for OpenAI, and is missing again before the check', () => {
    const { schema: sent, restore } = convert(schema, 'openai');
    expect(sent).toMatchObject({
      required: ['a', 'b', 'c', 'd'],
      properties: {
        b: { type: ['string', 'null'], enum: ['x', null] },
        d: { type: ['object', 'null'], required: ['e'] },
      },
    });
    expect(restore({ a: 'a', b: null, c: null, d: { e: null } })).toEqual({ a: 'a', c: null, d: {} });
  });

  test('stays optional for Anthropic', () => {
    expect(convert(schema, 'anthropic').schema).toMatchObject({
      required: ['a'],
      additionalProperties: false,
    });
  });

  test('is found through references, lists and unions', () => {
    const deep = {
      ...object({ list: { type: 'array', items: { $ref: '#/$defs/node' } } }),
      $defs: {
        node: object(
          { next: { $ref: '#/$defs/node' }, kind: { anyOf: [object({ x: { type: 'string' } }, [])] } },
          ['kind'],
        ),
      },
    };
    const { restore, schema: sent } = convert(deep, 'openai');
    const written = { list: [{ kind: { x: null }, next: { kind: { x: 'y' }, next: null } }] };
    expect(restore(written)).toEqual({ list: [{ kind: {}, next: { kind: { x: 'y' } } }] });
    expect(sent).toMatchObject({
      $defs: { node: { properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } } } },
    });
  });
});

describe('what a server cannot be sent', () => {
  test.each([
    [
      'keys that are not known',
      z.record(z.string(), z.number()),
      ['openai', 'anthropic', 'cerebras', 'mistral'],
    ],
    [
      'a schema that refers to itself',
      z.object({
        get next() {
          return z.optional(
            z.lazy(() =>
              z.object({
                get n() {
                  return node;
                },
              }),
            ),
          );
        },
      }),
      ['anthropic', 'xai', 'cerebras'],
    ],
  ])('%s', (_what, schema, unfit) => {
    const json = schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' });
    expect(dialects.filter((dialect) => convert(json, dialect).unfit !== undefined)).toEqual(unfit);
  });

  test('a tuple is a list of any of its items where there are no tuples', () => {
    const tuple = object({
      t: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }], items: false },
    });
    expect(convert(tuple, 'openai').schema).toMatchObject({
      properties: {
        t: { items: { anyOf: [{ type: 'string' }, { type: 'number' }] }, minItems: 2, maxItems: 2 },
      },
    });
    expect(lostIn(tuple, 'openai')).toEqual(['properties.t prefixItems widened']);
  });

  test('llama.cpp gets no tuples, which it refuses', () => {
    const json = z.object({ t: z.tuple([z.string(), z.number()]) })['~standard'].jsonSchema.input({
      target: 'draft-2020-12',
    });
    for (const dialect of ['llama.cpp', 'ollama'] as const)
      expect(convert(json, dialect).schema).toMatchObject({
        properties: { t: { items: { anyOf: [{ type: 'string' }, { type: 'number' }] }, minItems: 2 } },
      });
  });

  test.each([
    ['^[a-z]{2,3}-(a|b)+\\.$', true],
    ['^a', false],
    ['a$', false],
    ['^a\\$', false],
    ['^\\d+$', false],
    ['^\\w$', false],
    ['^a\\/b$', false],
    ['^(?:a)$', false],
    ['^(?!a).$', false],
  ])('llama.cpp gets the pattern %s: %s', (pattern, isSent) => {
    const { schema, lost } = convert(object({ x: { type: 'string', format: 'date', pattern } }), 'llama.cpp');
    const property = (schema['properties'] as Record<string, Record<string, unknown>>)['x'];
    expect([property?.['pattern'], property?.['format']]).toEqual([isSent ? pattern : undefined, 'date']);
    expect(lost.map(({ how }) => how)).toEqual(isSent ? [] : ['described']);
  });

  test('llama.cpp gets the format of a date of zod without its pattern', () => {
    const json = z.object({ day: z.iso.date() })['~standard'].jsonSchema.input({ target: 'draft-2020-12' });
    expect(json).toMatchObject({ properties: { day: { pattern: expect.stringContaining('\\d') } } });
    const { schema } = convert(json, 'ollama');
    expect(schema).toMatchObject({ properties: { day: { format: 'date' } } });
    expect(schema['properties']).not.toHaveProperty('day.pattern');
  });

  test('several types are anyOf for Cerebras', () => {
    const types = object({
      a: { type: ['string', 'null'], description: 'A name', enum: ['x', null] },
      b: { type: ['integer', 'string'], enum: [1, 'y'] },
    });
    expect(convert(types, 'cerebras').schema['properties']).toEqual({
      a: { description: 'A name', anyOf: [{ type: 'string', enum: ['x'] }, { type: 'null' }] },
      b: {
        anyOf: [
          { type: 'integer', enum: [1] },
          { type: 'string', enum: ['y'] },
        ],
      },
    });
    expect(convert(types, 'openai').schema['properties']).toMatchObject({
      b: { type: ['integer', 'string'] },
    });
  });

  test.each([
    ['^(?:a|b)\\d{2}\\.$', true],
    ['a', false],
    ['^(?=a).$', false],
    ['^(a)\\1$', false],
    ['^\\bword$', false],
    ['^\\p{L}$', false],
    ['^(?<name>a)$', false],
  ])('xAI gets the pattern %s: %s', (pattern, isSent) => {
    expect(lostIn(object({ x: { type: 'string', pattern } }), 'xai')).toEqual(
      isSent ? [] : ['properties.x pattern described'],
    );
  });

  test.each([
    ['^(?!a).*$', false],
    ['(?<=a)b', false],
    ['(?<!a)b\n', false],
    ['^(?:a|b)\\d$', true],
    ['(?<name>a)', true],
  ])('OpenAI gets the pattern %s: %s', (pattern, isSent) => {
    expect(lostIn(object({ x: { type: 'string', pattern } }), 'openai')).toEqual(
      isSent ? [] : ['properties.x pattern described'],
    );
  });

  test('oneOf becomes anyOf, which is a loss only if two can match', () => {
    const kinds = [object({ kind: { const: 'a' } }), object({ kind: { const: 'b' } })];
    expect(lostIn(object({ x: { oneOf: kinds } }), 'openai')).toEqual([]);
    expect(
      lostIn(object({ x: { oneOf: [{ type: 'string' }, { type: 'string', pattern: 'a' }] } }), 'openai'),
    ).toEqual(['properties.x oneOf widened']);
  });

  test('allOf of objects is put together', () => {
    const both = { allOf: [object({ a: { type: 'string' } }), object({ b: { type: 'string' } })] };
    expect(convert(both, 'openai')).toMatchObject({
      wrapped: false,
      unfit: undefined,
      schema: { required: ['a', 'b'] },
    });
    const clash = { allOf: [object({ a: { type: 'string' } }), object({ a: { type: 'number' } })] };
    expect(convert(clash, 'openai').unfit).toContain('allOf');
  });

  test('const is an enum for OpenAI', () => {
    expect(convert(object({ a: { const: 1 } }), 'openai').schema).toMatchObject({
      properties: { a: { type: 'number', enum: [1] } },
    });
  });
});

const node: z.ZodType = z.object({
  get again() {
    return node;
  },
});

describe('a schema', () => {
  const ask = async (schema: OutputSchema, text: string) => {
    const model = scripted([text], { output: { dialect: 'openai', native: 'with-tools', tools: 'forced' } });
    const { output: made } = await new Pipeline([output(), provider(model)]).execute('user', 'Hi', {
      output: schema,
    });
    return { made, sent: model.requests[0]?.responseFormat };
  };

  test('of zod is converted on its input side, and checked with defaults, transforms and refine', async () => {
    const schema = z.object({
      day: z.iso.date().transform((text) => new Date(text)),
      tag: z.string().default('none'),
      size: z.number().refine((size) => size > 1, 'too small'),
    });
    const { made, sent } = await ask(schema, '{"day":"2026-01-02","tag":null,"size":2}');
    expect(made).toEqual({ day: new Date('2026-01-02'), tag: 'none', size: 2 });
    expect(sent).toMatchObject({
      schema: { properties: { day: { type: 'string', format: 'date' }, tag: { type: ['string', 'null'] } } },
    });
    await expect(ask(schema, '{"day":"2026-01-02","tag":"x","size":1}')).rejects.toMatchObject({
      code: 'output',
      issues: [{ path: ['size'], message: 'too small' }],
    });
  });

  test('of Valibot, of ArkType and plain JSON Schema are taken', async () => {
    const valibot = toStandardJsonSchema(v.object({ a: v.optional(v.string(), 'x') }));
    expect((await ask(valibot, '{"a":null}')).made).toEqual({ a: 'x' });
    expect((await ask(type({ a: 'string', 'b?': 'number' }), '{"a":"x","b":null}')).made).toEqual({ a: 'x' });
    const json = {
      jsonSchema: object({ a: { type: 'string' } }),
      validate: (value: unknown) => ({ got: value }),
    };
    expect((await ask(json, '{"a":"x"}')).made).toEqual({ got: { a: 'x' } });
    await expect(ask({ jsonSchema: object({ a: { type: 'string' } }) }, '{"a":1}')).rejects.toMatchObject({
      code: 'output',
      issues: [{ path: ['a'] }],
    });
  });

  test('that refers to itself is asked for and checked', async () => {
    interface Tree {
      name: string;
      children?: Tree[] | undefined;
    }
    const tree: z.ZodType<Tree, Tree> = z.object({
      name: z.string(),
      get children() {
        return z.array(tree).optional();
      },
    });
    const text = '{"name":"a","children":[{"name":"b","children":null}]}';
    const { made, sent } = await ask(tree, text);
    expect(made).toEqual({ name: 'a', children: [{ name: 'b' }] });
    if (sent?.type !== 'json_schema') throw new Error('no schema was sent');
    expect(new Validator(sent.schema, '2020-12').validate(JSON.parse(text)).valid).toBe(true);
  });

  test.each(['#node', '#/$defs/50%', '#/$defs/none'])(
    'with the reference %s fails, and says so',
    async ($ref) => {
      const jsonSchema = {
        type: 'object',
        properties: { a: { $ref } },
        $defs: { node: { $anchor: 'node', type: 'string' } },
      };
      await expect(ask({ jsonSchema }, '{"a":"b"}')).rejects.toMatchObject({
        code: 'invalid_options',
        message: expect.stringContaining(`properties.a.$ref of its JSON Schema refers to "${$ref}"`),
      });
    },
  );

  test('that cannot be sent fails with its path before anything is sent', async () => {
    await expect(ask(z.object({ a: z.object({ when: z.date() }) }), '')).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining('properties.a.properties.when'),
    });
  });
});
