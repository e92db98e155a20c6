import { Pipeline, Stream } from 'sluice';
import type { ExecutionContext, OutputSupport } from 'sluice';
import { provider } from 'sluice/middleware';
import { output } from 'sluice/middleware/output';
import type { OutputOptions } from 'sluice/middleware/output';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';

const claude: OutputSupport = { dialect: 'anthropic', native: 'with-tools', tools: 'unless-thinking' };
const gpt: OutputSupport = { dialect: 'openai', native: 'with-tools', tools: 'forced' };

async function ask(
  schema: z.ZodType,
  answer: ScriptedAnswer,
  { support, strict, ...options }: OutputOptions & { support: OutputSupport; strict?: boolean },
) {
  const model = scripted([answer], { output: support });
  const pipeline = new Pipeline([output(options), provider(model)]);
  const parameters = strict === undefined ? {} : { strict };
  const result = await pipeline.execute('user', 'Hi', { output: schema, parameters });
  return { result, request: model.requests[0] };
}

const called = (value: unknown) => ({ toolCalls: [{ name: 'answer', arguments: value }] });
const many = (count: number) =>
  z.object(Object.fromEntries(Array.from({ length: count }, (_, at) => [`p${at}`, z.string().optional()])));

describe('above the limits of a provider', () => {
  test.each([
    ['optional properties', many(25), claude, '25 properties that may be missing, of which 24 are taken'],
    [
      'unions',
      z.object(
        Object.fromEntries(
          Array.from({ length: 17 }, (_, at) => [`u${at}`, z.union([z.string(), z.number()])]),
        ),
      ),
      claude,
      '17 unions, of which 16 are taken',
    ],
    [
      'values of enum',
      z.object({ e: z.enum(Array.from({ length: 1_001 }, (_, at) => `v${at}`)).optional() }),
      gpt,
      'values of enum, of which 1000 are taken',
    ],
    [
      'levels',
      Array.from({ length: 11 }).reduce<z.ZodType>((inside) => z.object({ a: inside }), z.object({})),
      gpt,
      'levels of objects and arrays, of which 10 are taken',
    ],
  ])(
    '%s: auto takes the next mode with a warning, and native is refused',
    async (_what, schema, support, why) => {
      const { request, result } = await ask(schema, called({}), { support }).catch((error: unknown) => {
        // The answer of the script matches only some of the schemas.
        return { request: undefined, result: { warnings: [String(error)] } };
      });
      if (request !== undefined) {
        expect(request.tools?.[0]?.name).toBe('answer');
        expect(result.warnings.join()).toContain(why);
      }
      await expect(ask(schema, called({}), { support, mode: 'native' })).rejects.toMatchObject({
        code: 'invalid_request',
        message: expect.stringContaining(why),
      });
    },
  );

  test('tools and output are counted together', async () => {
    const model = scripted([called({ p0: 'x' })], { output: claude });
    const tool = {
      name: 't',
      parameters: many(20)['~standard'].jsonSchema.input({ target: 'draft-2020-12' }),
      strict: true,
    };
    const result = await new Pipeline([output(), provider(model)]).execute('user', 'Hi', {
      output: many(5),
      tools: [tool],
    });
    expect(result.warnings.join()).toContain('25 properties that may be missing');
    expect(model.requests[0]?.tools?.map(({ name, strict }) => [name, strict])).toEqual([
      ['t', true],
      ['answer', undefined],
    ]);
  });
});

describe('what is lost', () => {
  const schema = z.object({ a: z.string().min(2) });

  test('is one warning for a schema and a provider', async () => {
    const { result } = await ask(schema, '{"a":"xx"}', { support: gpt });
    expect(result.warnings).toEqual([
      'output(): the schema is not sent as it is (openai): minLength of properties.a is described. The answer is checked against all of it.',
    ]);
  });

  test('is an error with strict', async () => {
    await expect(ask(schema, '{"a":"xx"}', { support: gpt, strict: true })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});

describe('a reply that was cut', () => {
  test.each(['length', 'refusal', 'content_filter'] as const)(
    'with %s is an error with that reason, although its text matches, and nobody asks again',
    async (finishReason) => {
      const text = '{"a":"x"}';
      const model = scripted([{ text, finishReason }, text], { output: gpt });
      const pipeline = new Pipeline([output({ repair: 1 }), provider(model)]);
      const error: unknown = await pipeline
        .execute('user', 'Hi', { output: z.object({ a: z.string() }) })
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'output', reason: finishReason, text });
      expect(String(error)).not.toContain('"x"');
      expect(model.calls).toHaveLength(1);
    },
  );
});

describe('without a layer that sees to it', () => {
  test('an output is refused, and says what to do', async () => {
    const model = scripted(['{}']);
    await expect(
      new Pipeline([provider(model)]).execute('user', 'Hi', { output: z.object({}) }),
    ).rejects.toMatchObject({ code: 'invalid_options', message: expect.stringContaining('put output()') });
    expect(model.calls).toHaveLength(0);
  });

  test('the views of outputs need the option', () => {
    const stream = new Pipeline([output(), provider(scripted(['{}']))]).executeStream('user', 'Hi');
    expect(() => stream.partialOutput()).toThrow('give the option output');
  });
});

test('a call without an output passes through as if output() were not there', () => {
  const model = scripted(['Hello']);
  const pipeline = new Pipeline([output(), provider(model)]);
  const stream = Stream.from([{ type: 'content' as const, content: 'x' }], { finishReason: 'stop' as const });
  const [layer] = pipeline.middleware;
  const seen = layer?.(
    { request: { messages: [], parameters: {} } } as unknown as ExecutionContext,
    () => stream,
  );
  expect(seen).toBe(stream);
});
