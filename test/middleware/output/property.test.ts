import * as fc from 'fast-check';
import { OutputError, Pipeline } from 'sluice';
import type { OutputSupport } from 'sluice';
import { provider } from 'sluice/middleware';
import { output } from 'sluice/middleware/output';
import { scripted } from 'sluice/testing';
import type { ScriptedReply } from 'sluice/testing';
import { describe, expect, test } from 'vitest';

type Json = Record<string, unknown>;
interface Case {
  schema: Json;
  value: unknown;
}

const name = fc.constantFrom('a', 'b', 'name', 'items', 'value', 'x y', 'ü');
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('"', '\\', '{', '[1]', '```', "it's"),
);

const leaf: fc.Arbitrary<Case> = fc.oneof(
  text.map((value) => ({ schema: { type: 'string' }, value })),
  fc.integer().map((value) => ({ schema: { type: 'integer' }, value })),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((value) => ({ schema: { type: 'number' }, value: value === 0 ? 0 : value })),
  fc.boolean().map((value) => ({ schema: { type: 'boolean' }, value })),
  fc
    .constantFrom('red', 'green')
    .map((value) => ({ schema: { type: 'string', enum: ['red', 'green'] }, value })),
  fc.constant({ schema: { type: 'null' }, value: null }),
);

/** Random schemas, each with a value that matches it. */
const { cases } = fc.letrec<{ cases: Case; object: Case; array: Case }>((tie) => ({
  cases: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('object'), tie('array')),
  array: fc.array(tie('cases'), { maxLength: 3 }).map((list) => {
    const schemas = list.map(({ schema }) => schema);
    const items = schemas.length === 0 ? { type: 'string' } : { anyOf: schemas };
    return { schema: { type: 'array', items }, value: list.map(({ value }) => value) };
  }),
  object: fc
    .uniqueArray(fc.tuple(name, tie('cases'), fc.constantFrom('required', 'optional', 'absent')), {
      selector: ([key]) => key,
      maxLength: 4,
    })
    .map((fields) => ({
      schema: {
        type: 'object',
        properties: Object.fromEntries(fields.map(([key, { schema }]) => [key, schema])),
        required: fields.filter(([, , need]) => need === 'required').map(([key]) => key),
        additionalProperties: false,
      },
      value: Object.fromEntries(
        fields.flatMap(([key, { value }, need]) => (need === 'absent' ? [] : [[key, value] as const])),
      ),
    })),
}));

const supports: OutputSupport[] = [
  { dialect: 'openai', native: 'with-tools', tools: 'forced' },
  { dialect: 'anthropic', native: 'none', tools: 'forced' },
  { dialect: 'other', native: 'none', tools: 'none' },
];

const support = fc.constantFrom(...supports);

/** Text in pieces. */
const pieces = (whole: string, size: number): string[] =>
  whole.match(new RegExp(`[^]{1,${size}}`, 'gu')) ?? [];

const isWrapped = ({ schema }: Case): boolean => schema['type'] !== 'object';

/** The call of the tool that stands for the answer, with arguments that need not be JSON. */
function called(said: string, size: number): ScriptedReply {
  const id = 'c';
  const deltas = pieces(said, size).map((argumentsDelta) => ({
    ...{ type: 'tool_call_delta' as const, id, name: 'answer', argumentsDelta },
  }));
  const call = { type: 'tool_call' as const, id, name: 'answer', ...argumentsIn(said) };
  return { chunks: [...deltas, call], batchSize: 2, finishReason: 'tool_calls' };
}

function argumentsIn(raw: string) {
  try {
    const given: unknown = JSON.parse(raw);
    return { arguments: given };
  } catch {
    return { arguments: {}, invalid: { raw, reason: 'they are not JSON' } };
  }
}

async function ask(one: Case, said: string, how: OutputSupport, size = 7) {
  const isTool = how.native === 'none' && how.tools === 'forced';
  const model = scripted([isTool ? called(said, size) : { text: pieces(said, size), batchSize: 2 }], {
    output: how,
  });
  const pipeline = new Pipeline([output(), provider(model)]);
  const stream = pipeline.executeStream('user', 'Hi', { output: { jsonSchema: one.schema } });
  const partials: unknown[] = [];
  const outcome = await (async () => {
    for await (const partial of stream.partialOutput()) partials.push(partial);
    return (await stream.result).output;
  })().then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  return { partials, outcome };
}

/** Whether the second value has all of the first, and more at most. */
function grows(before: unknown, after: unknown): boolean {
  if (typeof before === 'string') return typeof after === 'string' && after.startsWith(before);
  if (Array.isArray(before))
    return Array.isArray(after) && before.every((item, at) => grows(item, after[at]));
  if (typeof before !== 'object' || before === null) return Object.is(before, after);
  return (
    typeof after === 'object' &&
    after !== null &&
    Object.entries(before).every(
      ([key, value]) => Object.hasOwn(after, key) && grows(value, Reflect.get(after, key)),
    )
  );
}

const written = (one: Case): unknown => (isWrapped(one) ? { value: one.value } : one.value);

describe('random schemas and answers', () => {
  test('what matches is delivered as it was meant, and its parts only grow', async () => {
    await fc.assert(
      fc.asyncProperty(cases, support, fc.integer({ min: 1, max: 9 }), async (one, how, size) => {
        const { partials, outcome } = await ask(one, JSON.stringify(written(one)), how, size);
        expect(outcome).toEqual({ value: one.value });
        for (const [at, partial] of partials.slice(1).entries())
          expect(grows(partials[at], partial)).toBe(true);
        if (partials.length > 0) expect(grows(partials.at(-1), one.value)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('what is cut short is an error, wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(cases, support, fc.nat(), async (one, how, at) => {
        const whole = JSON.stringify(written(one));
        const { outcome } = await ask(one, whole.slice(0, at % whole.length), how);
        expect(outcome).toMatchObject({ error: { code: 'output' } });
        expect('error' in outcome && outcome.error).toBeInstanceOf(OutputError);
      }),
      { numRuns: 300 },
    );
  });

  const damages: [string, (json: string) => string][] = [
    ['a fence', (json) => `\`\`\`json\n${json}\n\`\`\``],
    ['prose', (json) => `Sure, here it is:\n\n${json}\n\nAnything else?`],
    ['a comma too many', (json) => json.replace(/\}$/, json === '{}' ? '}' : ',}')],
    ['a comment', (json) => json.replace(/^\{/, '{ /* the answer */ ')],
    ['space', (json) => JSON.stringify(JSON.parse(json), undefined, 2)],
  ];

  test.each(damages)('%s does not change what was meant', async (_what, damage) => {
    await fc.assert(
      fc.asyncProperty(cases, async (one) => {
        const how: OutputSupport = { dialect: 'other', native: 'none', tools: 'none' };
        const { outcome } = await ask(one, damage(JSON.stringify(written(one))), how);
        expect(outcome).toEqual({ value: one.value });
      }),
      { numRuns: 100 },
    );
  });

  test('a changed character gives a value that matches, or an output error, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(
        cases,
        support,
        fc.nat(),
        fc.constantFrom('{', '"', ',', ']', '7', ' '),
        async (one, how, at, char) => {
          const whole = JSON.stringify(written(one));
          const place = at % whole.length;
          const { partials, outcome } = await ask(
            one,
            whole.slice(0, place) + char + whole.slice(place + 1),
            how,
          );
          if ('error' in outcome) expect(outcome.error).toMatchObject({ code: 'output' });
          for (const [before, partial] of partials.slice(1).entries())
            expect(grows(partials[before], partial)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
