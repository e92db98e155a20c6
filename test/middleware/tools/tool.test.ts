import { toStandardJsonSchema } from '@valibot/to-json-schema';
import { type } from 'arktype';
import { tool, tools } from 'sluice/middleware/tools';
import type { InputSchema, Tool, ToolRun } from 'sluice/middleware/tools';
import * as v from 'valibot';
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as z from 'zod';
import { calling, play, resultsIn } from './stage.ts';

const said = (input: unknown) => JSON.stringify(input);

const schemas: [string, InputSchema][] = [
  ['zod', z.object({ city: z.string(), days: z.number().optional() })],
  ['Valibot', toStandardJsonSchema(v.object({ city: v.string(), days: v.optional(v.number()) }))],
  ['ArkType', type({ city: 'string', 'days?': 'number' })],
  [
    'JSON Schema',
    {
      jsonSchema: {
        type: 'object',
        properties: { city: { type: 'string' }, days: { type: 'number' } },
        required: ['city'],
      },
    },
  ],
];

describe.each(schemas)('a schema of %s', (_name, input) => {
  const made = tool({ name: 'weather', description: 'Weather', input, execute: said });

  test('is sent as JSON Schema', () => {
    expect(made.parameters).toMatchObject({
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'number' } },
      required: ['city'],
    });
    expect(made.parameters).not.toHaveProperty('$schema');
  });

  test('checks the arguments', async () => {
    const { sent } = await play(tools([made]), [
      calling(['weather', { city: 'Rome', days: 2 }], ['weather', { days: 2 }]),
      'Ok.',
    ]);
    const [right, wrong] = resultsIn(sent[1]);
    expect(right).toBe('ok 0_0 {"city":"Rome","days":2}');
    expect(wrong).toMatch(/^error 0_1 The arguments are wrong: .*city/);
  });
});

test('validate of a raw schema gives what execute gets, and its error is the complaint', async () => {
  const validate = (value: unknown): Date => {
    const date = new Date(String(Object(value).at));
    if (Number.isNaN(date.getTime())) throw new Error('at is not a date');
    return date;
  };
  const made = tool({
    name: 'when',
    description: 'When',
    input: { jsonSchema: { type: 'object', properties: { at: { type: 'string' } } }, validate },
    execute: (at) => at.getUTCFullYear(),
  });
  const { sent } = await play(tools([made]), [
    calling(['when', { at: '2026-01-01' }], ['when', { at: 'soon' }]),
    'Ok.',
  ]);
  expect(resultsIn(sent[1])).toEqual(['ok 0_0 2026', 'error 0_1 The arguments are wrong: at is not a date']);
});

describe('bad input fails when it is given', () => {
  const make = (options: object) => () =>
    Reflect.apply(tool, undefined, [
      { name: 'x', description: 'X', input: z.object({}), execute: () => '', ...options },
    ]);

  test.each<[string, object, string]>([
    [
      'a name with a space',
      { name: 'get weather' },
      'the name of a tool is 1 to 64 letters, digits, _ and -',
    ],
    [
      'a name that is too long',
      { name: 'x'.repeat(65) },
      'the name of a tool is 1 to 64 letters, digits, _ and -',
    ],
    [
      'no schema',
      { input: undefined },
      'The tool x: input: give a schema of zod, Valibot or ArkType, or { jsonSchema }',
    ],
    [
      'a date of zod',
      { input: z.object({ a: z.object({ when: z.date() }) }) },
      'The tool x: input: properties.a.properties.when cannot be sent: Date cannot be represented in JSON Schema',
    ],
    [
      'a root that is not an object',
      { input: z.string() },
      'The tool x: input: the root of its JSON Schema is not of type object',
    ],
    [
      'a union as root',
      { input: z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]) },
      'the root of its JSON Schema is not of type object',
    ],
    [
      'a schema of Valibot alone',
      { input: v.object({}) },
      'The tool x: input: wrap it in toStandardJsonSchema() of @valibot/to-json-schema',
    ],
    [
      'a bigint in a JSON Schema',
      { input: { jsonSchema: { type: 'object', properties: { n: { maximum: 1n } } } } },
      'properties.n.maximum of its JSON Schema is a bigint',
    ],
    [
      'a reference to another document',
      { input: { jsonSchema: { type: 'object', properties: { n: { $ref: 'https://example.org/n' } } } } },
      'properties.n.$ref of its JSON Schema refers to another document',
    ],
    [
      'a reference to an anchor',
      {
        input: {
          jsonSchema: {
            type: 'object',
            properties: { n: { $ref: '#node' } },
            $defs: { node: { $anchor: 'node', type: 'string' } },
          },
        },
      },
      'properties.n.$ref of its JSON Schema refers to "#node": write the path of what is meant, such as "#/$defs/name".',
    ],
    [
      'a reference that cannot be decoded',
      { input: { jsonSchema: { type: 'object', properties: { n: { $ref: '#/$defs/50%' } } } } },
      'properties.n.$ref of its JSON Schema refers to "#/$defs/50%": write the path',
    ],
    [
      'a reference to what is not there',
      { input: { jsonSchema: { type: 'object', properties: { n: { $ref: '#/$defs/n' } } } } },
      'properties.n.$ref of its JSON Schema refers to "#/$defs/n": write the path',
    ],
    ['an option that does not exist', { retries: 3 }, 'retries is not an option'],
  ])('%s', (_name, options, message) => {
    expect(make(options)).toThrow(message);
    expect(make(options)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  });

  test('a JSON Schema that contains itself', () => {
    const loop: Record<string, unknown> = { type: 'object' };
    loop['properties'] = { again: loop };
    expect(make({ input: { jsonSchema: loop } })).toThrow(
      'properties.again of its JSON Schema contains itself',
    );
  });

  test('two tools of one name, and what is not a tool', () => {
    const one = tool({ name: 'one', description: 'One', input: z.object({}), execute: () => '' });
    expect(() => tools([one, one])).toThrow('two tools have the name one');
    expect(() => Reflect.apply(tools, undefined, [[{}]])).toThrow('number 0 is not a tool');
    expect(() => Reflect.apply(tools, undefined, [one])).toThrow('tools() takes an array');
  });

  test('a tool of the request with a name of the list', async () => {
    const one = tool({ name: 'one', description: 'One', input: z.object({}), execute: () => '' });
    const { error } = await play(tools([one]), [], {
      tools: [{ name: 'one', parameters: { type: 'object' } }],
    });
    expect(error).toMatchObject({
      code: 'invalid_options',
      message: 'tools(): the request has a tool one, too: rename one of the two.',
    });
  });
});

describe('output', () => {
  test('is checked, and what does not match is an error for the model', async () => {
    const output = z.object({ degrees: z.number() });
    const make = (degrees: unknown) =>
      tool({
        name: 'heat',
        description: 'Heat',
        input: z.object({}),
        output,
        execute: () => ({ degrees: degrees as number }),
      });
    const good = await play(tools([make(20)]), [calling(['heat', {}]), 'Ok.']);
    const bad = await play(tools([make('warm')]), [calling(['heat', {}]), 'Ok.']);
    expect(resultsIn(good.sent[1])).toEqual(['ok 0_0 {"degrees":20}']);
    expect(resultsIn(bad.sent[1])[0]).toMatch(
      /^error 0_0 The tool failed: The result does not match the output schema: degrees: /,
    );
  });
});

test('types of input and output are inferred', () => {
  const byZod = tool({
    name: 'a',
    description: 'A',
    input: z.object({ city: z.string(), days: z.number().default(1) }),
    execute: (input, run) => {
      expectTypeOf(input).toEqualTypeOf<{ city: string; days: number }>();
      expectTypeOf(run).toEqualTypeOf<ToolRun>();
      return Promise.resolve({ degrees: input.days });
    },
  });
  expectTypeOf(byZod).toEqualTypeOf<Tool<{ city: string; days: number }, { degrees: number }>>();
  const byValibot = tool({
    name: 'b',
    description: 'B',
    input: toStandardJsonSchema(v.object({ city: v.string() })),
    execute: ({ city }) => city.length,
  });
  expectTypeOf(byValibot).toEqualTypeOf<Tool<{ city: string }, number>>();
  const byArkType = tool({
    name: 'c',
    description: 'C',
    input: type({ city: 'string' }),
    execute: ({ city }) => city,
  });
  expectTypeOf(byArkType).toEqualTypeOf<Tool<{ city: string }, string>>();
  const raw = tool({
    name: 'd',
    description: 'D',
    input: { jsonSchema: { type: 'object' } },
    execute: (input) => input['city'],
  });
  expectTypeOf(raw).toEqualTypeOf<Tool<Record<string, unknown>>>();
  const checked = tool({
    name: 'e',
    description: 'E',
    input: z.object({}),
    output: z.object({ n: z.string().transform(Number) }),
    execute: () => ({ n: '1' }),
  });
  expectTypeOf(checked).toEqualTypeOf<Tool<Record<string, never>, { n: number }>>();
  // @ts-expect-error -- the result has to match the output schema
  tool({
    name: 'f',
    description: 'F',
    input: z.object({}),
    output: z.object({ n: z.number() }),
    execute: () => ({ n: 'x' }),
  });
  expect([byZod, byValibot, byArkType, raw, checked].map(({ name }) => name).join('')).toBe('abcde');
});
