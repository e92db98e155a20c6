import { describe, expect, expectTypeOf, test } from 'vitest';
import * as z from 'zod';
import { OutputError, Pipeline } from 'sluice';
import type { DeepPartial, ExecutionResult } from 'sluice';
import { output } from 'sluice/middleware/output';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';

const cities = z.object({ cities: z.array(z.string()), count: z.number().optional() });

/** A pipeline with a model that says these. It keeps to schemas as OpenAI does. */
function stage(replies: (string | string[])[], options?: Parameters<typeof output>[0]) {
  const model = scripted(
    replies.map((text) => ({ text, batchSize: 1 })),
    { output: { dialect: 'openai', native: 'with-tools', tools: 'forced' } },
  );
  return { model, pipeline: new Pipeline([output(options), provider(model)]) };
}

describe('an output', () => {
  test('is asked for by its schema, checked and typed', async () => {
    const { model, pipeline } = stage(['{"cities":["Paris","Rome"],"count":null}']);
    const result = await pipeline.execute('user', 'Two cities', { output: cities });
    if (result.outcome === 'completed')
      expectTypeOf(result.output).toEqualTypeOf<{ cities: string[]; count?: number | undefined }>();
    else expectTypeOf(result.output).toEqualTypeOf<undefined>();
    expectTypeOf(result).toExtend<ExecutionResult>();
    expect(result.output).toEqual({ cities: ['Paris', 'Rome'] });
    expect(model.requests[0]?.responseFormat).toEqual({
      type: 'json_schema',
      name: 'answer',
      strict: true,
      schema: {
        type: 'object',
        properties: {
          cities: { type: 'array', items: { type: 'string' } },
          count: { type: ['number', 'null'] },
        },
        required: ['cities', 'count'],
        additionalProperties: false,
      },
    });
    expect(model.requests[0]?.output).toBeUndefined();
  });

  test('comes in parts, each of which has all that came before', async () => {
    const text = ['{"ci', 'ties":["Pa', 'ris","Ro', 'me"],"count":1', '0}'];
    const { pipeline } = stage([text]);
    const stream = pipeline.executeStream('user', 'Two cities', { output: cities }).partialOutput();
    const partials: DeepPartial<z.input<typeof cities>>[] = [];
    for await (const partial of stream) {
      expectTypeOf(partial).toEqualTypeOf<{ cities?: string[]; count?: number | undefined }>();
      partials.push(partial);
    }
    expect(partials).toEqual([
      {},
      { cities: ['Pa'] },
      { cities: ['Paris', 'Ro'] },
      { cities: ['Paris', 'Rome'] },
      { cities: ['Paris', 'Rome'], count: 10 },
    ]);
    expect((await stream.result).output).toEqual({ cities: ['Paris', 'Rome'], count: 10 });
  });

  test('gives the elements of an array as they close', async () => {
    const { pipeline } = stage([['{"cities":["Pa', 'ris","Ro', 'me"]}']]);
    const stream = pipeline.executeStream('user', 'Two cities', { output: cities }).elements('cities');
    const elements: string[] = [];
    for await (const element of stream) {
      expectTypeOf(element).toEqualTypeOf<string>();
      elements.push(element);
    }
    expect(elements).toEqual(['Paris', 'Rome']);
  });

  test('that does not match is an error with what is wrong', async () => {
    const { pipeline } = stage(['{"cities":["Paris",7],"count":null}']);
    const error = await pipeline
      .execute('user', 'Two cities', { output: cities })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OutputError);
    expect(error).toMatchObject({
      code: 'output',
      message:
        'The answer does not match the schema: cities.1: Invalid input: expected string, received number.',
      issues: [{ path: ['cities', 1] }],
      text: '{"cities":["Paris",7],"count":null}',
      value: { cities: ['Paris', 7], count: null },
      partial: { content: '{"cities":["Paris",7],"count":null}' },
    });
  });
});

describe('the modes', () => {
  const alone = { dialect: 'anthropic', native: 'none', tools: 'forced' } as const;

  test.each([
    ['object', z.object({ a: z.number() }), '{"a":1}', { a: 1 }],
    ['array', z.array(z.int()), '{"value":[1,2]}', [1, 2]],
    [
      'union',
      z.union([z.object({ a: z.number() }), z.object({ b: z.string() })]),
      '{"value":{"b":"x"}}',
      { b: 'x' },
    ],
    ['text', z.enum(['yes', 'no']), '{"value":"yes"}', 'yes'],
  ])(
    'a root of kind %s is asked for as the call of a tool, and comes as text',
    async (_kind, schema, text, value) => {
      const model = scripted([{ toolCalls: [{ name: 'answer', arguments: text }], batchSize: 1 }], {
        output: alone,
      });
      const pipeline = new Pipeline([output(), provider(model)]);
      const stream = pipeline.executeStream('user', 'Hi', { output: schema });
      const partials: unknown[] = [];
      for await (const partial of stream.partialOutput()) partials.push(partial);
      const result = await stream.result;
      expect(result.output).toEqual(value);
      expect(partials.at(-1)).toEqual(value);
      expect(result.response).toMatchObject({ content: text, finishReason: 'stop', toolCalls: [] });
      expect(model.requests[0]?.parameters.toolChoice).toEqual({ name: 'answer' });
    },
  );

  test('prose before the call of the tool does not belong to the answer', async () => {
    const model = scripted(
      [{ text: 'Let me {"see":1}. ', toolCalls: [{ name: 'answer', arguments: '{"a":1}' }], batchSize: 1 }],
      { output: alone },
    );
    const pipeline = new Pipeline([output(), provider(model)]);
    const stream = pipeline.executeStream('user', 'Hi', { output: z.object({ a: z.number() }) });
    const partials: unknown[] = [];
    for await (const partial of stream.partialOutput()) partials.push(partial);
    expect(partials).toEqual([{ a: 1 }]);
    expect((await stream.result).output).toEqual({ a: 1 });
  });

  test.each([
    ['nothing else', ['{"a":', '[1,', '2]}']],
    ['prose', ['I have it. {"a":', '[1,', '2]} Good?']],
  ])('an answer in text in place of the call of the tool comes in parts, with %s', async (_with, text) => {
    const model = scripted([{ text, batchSize: 1 }], { output: alone });
    const pipeline = new Pipeline([output(), provider(model)], { streamBufferSize: 0 });
    const stream = pipeline.executeStream('user', 'Hi', { output: z.object({ a: z.array(z.number()) }) });
    const partials: unknown[] = [];
    for await (const partial of stream.partialOutput()) partials.push(partial);
    expect(partials).toEqual([{}, { a: [1] }, { a: [1, 2] }]);
    expect((await stream.result).output).toEqual({ a: [1, 2] });
    expect(model.requests[0]?.tools).toHaveLength(1);
  });

  test('text that was not the answer after all gives way to the call of the tool', async () => {
    const said = ['Let me ', '{"a":[7', ',8]}.'];
    const calls = [{ name: 'answer', arguments: '{"a":[1,2]}' }];
    const stage = () => {
      const model = scripted([{ text: said, toolCalls: calls, batchSize: 1 }], { output: alone });
      return new Pipeline([output(), provider(model)], { streamBufferSize: 0 });
    };
    const schema = z.object({ a: z.array(z.number()) });
    const stream = stage().executeStream('user', 'Hi', { output: schema });
    const partials: unknown[] = [];
    for await (const partial of stream.partialOutput()) partials.push(partial);
    expect(partials).toEqual([{ a: [] }, { a: [7, 8] }, { a: [1] }, { a: [1, 2] }]);
    expect((await stream.result).output).toEqual({ a: [1, 2] });
    const voided: unknown[] = [];
    const view = stage().executeStream('user', 'Hi', { output: schema });
    const elements: number[] = [];
    for await (const one of view.elements('a', { onReset: (reset) => void voided.push(reset) }))
      elements.push(one);
    expect([elements, voided]).toEqual([[7, 8, 1, 2], [{ kept: [], reason: 'output' }]]);
  });

  test('an unknown model has the schema in its prompt, and its answer is found in prose', async () => {
    const text =
      'Here it is:\n```json\n{\n  // the cities\n  "cities": [\'Paris\', "Rome",],\n}\n```\nEnjoy!';
    const model = scripted([text]);
    const pipeline = new Pipeline([output(), provider(model)]);
    const result = await pipeline.execute('user', 'Hi', { output: cities });
    expect(result.output).toEqual({ cities: ['Paris', 'Rome'] });
    expect(model.requests[0]?.messages[0]).toMatchObject({ role: 'system' });
    expect(model.requests[0]?.responseFormat).toBeUndefined();
  });
});

describe('a repair', () => {
  test('asks once more with what is wrong, and takes the first answer back', async () => {
    const { model, pipeline } = stage(
      [
        ['{"cities":', '"Paris"}'],
        ['{"cities":', '["Paris"]}'],
      ],
      { repair: 1 },
    );
    const stream = pipeline.executeStream('user', 'Hi', { output: cities });
    const partials: unknown[] = [];
    for await (const partial of stream.partialOutput()) partials.push(partial);
    const result = await stream.result;
    expect(result.output).toEqual({ cities: ['Paris'] });
    expect(partials).toEqual([{}, { cities: 'Paris' }, {}, { cities: ['Paris'] }]);
    expect(result.response.content).toBe('{"cities":["Paris"]}');
    expect(model.requests[1]?.messages.slice(1)).toEqual([
      { role: 'assistant', content: '{"cities":"Paris"}' },
      {
        role: 'user',
        content:
          'That answer cannot be used. cities: Invalid input: expected array, received string. Give the whole answer again, in the form that was asked for.',
      },
    ]);
  });
});
