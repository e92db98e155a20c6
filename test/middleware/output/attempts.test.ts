import { toStandardJsonSchema } from '@valibot/to-json-schema';
import { Pipeline, SluiceError } from 'sluice';
import type { OutputSupport } from 'sluice';
import { constant } from 'sluice/kit';
import { provider, retry } from 'sluice/middleware';
import { output } from 'sluice/middleware/output';
import { tool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import * as v from 'valibot';
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as z from 'zod';

const gpt: OutputSupport = { dialect: 'openai', native: 'with-tools', tools: 'forced' };
const list = z.object({ items: z.array(z.object({ id: z.int().transform(String) })) });
const broken = new SluiceError('server', 'It broke.');
const good = ['{"items":[{"id":1},', '{"id":2}', ']}'];

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of stream) values.push(value);
  return values;
}

describe('the elements of an array', () => {
  test('are what the schema makes of them', async () => {
    const pipeline = new Pipeline([output(), provider(scripted([{ text: good }], { output: gpt }))]);
    const elements = await all(pipeline.executeStream('user', 'Hi', { output: list }).elements('items'));
    expectTypeOf(elements).toEqualTypeOf<{ id: string }[]>();
    expect(elements).toEqual([{ id: '1' }, { id: '2' }]);
  });

  test('of an answer that is an array itself, with Valibot', async () => {
    const schema = toStandardJsonSchema(v.array(v.pipe(v.number(), v.minValue(2))));
    const model = scripted([{ text: ['{"value":[1,', '2,3]}'] }], { output: gpt });
    const stream = new Pipeline([output(), provider(model)]).executeStream('user', 'Hi', { output: schema });
    const elements: number[] = [];
    // The first one does not match: it is left out, and then the whole does not match.
    await expect(async () => {
      for await (const element of stream.elements()) elements.push(element);
    }).rejects.toMatchObject({ code: 'output', issues: [{ path: [0] }] });
    expect(elements).toEqual([2, 3]);
  });

  test('of a key that holds no array are refused', async () => {
    const model = scripted([{ text: good }], { output: gpt });
    const json = { jsonSchema: { type: 'object', properties: { a: { type: 'string' } } } };
    const stream = new Pipeline([output(), provider(model)]).executeStream('user', 'Hi', { output: json });
    const untyped: { elements(key: string): AsyncIterable<unknown> } = stream;
    await expect(all(untyped.elements('items'))).rejects.toMatchObject({ code: 'invalid_options' });
  });

  test('of an attempt that failed end the view, unless it can take them back', async () => {
    const stage = () => {
      const model = scripted([{ text: good, batchSize: 1, after: 2, error: broken }, { text: good }], {
        output: gpt,
      });
      const retries = retry({ afterContent: 'reset', backoff: constant(0) });
      return new Pipeline([output(), retries, provider(model)], { streamBufferSize: 0 });
    };
    await expect(
      all(stage().executeStream('user', 'Hi', { output: list }).elements('items')),
    ).rejects.toMatchObject({
      code: 'server',
    });
    const resets: unknown[] = [];
    const read = stage()
      .executeStream('user', 'Hi', { output: list })
      .elements('items', { onReset: (reset) => resets.push(reset) });
    const elements = await all(read);
    expect(resets).toEqual([{ reason: 'server', kept: [] }]);
    expect(elements.slice(-2)).toEqual([{ id: '1' }, { id: '2' }]);
  });
});

test('an answer that is continued after a break is one answer, and its parts only grow', async () => {
  const model = scripted(
    [
      { text: good, batchSize: 1, after: 2, error: broken },
      { text: [']', '}'], batchSize: 1 },
    ],
    { output: gpt },
  );
  const retries = retry({ afterContent: 'continue', backoff: constant(0) });
  const stream = new Pipeline([output(), retries, provider(model)]).executeStream('user', 'Hi', {
    output: list,
  });
  const partials = await all(stream.partialOutput());
  expect(partials).toEqual([{ items: [{ id: 1 }] }, { items: [{ id: 1 }, { id: 2 }] }]);
  expect((await stream.result).output).toEqual({ items: [{ id: '1' }, { id: '2' }] });
  expect(model.requests[1]?.responseFormat).toBeUndefined();
});

describe('with tools', () => {
  const clock = tool({ name: 'clock', description: 'The time', input: z.object({}), execute: () => 'noon' });
  const schema = z.object({ time: z.string() });
  const called = { toolCalls: [{ name: 'clock', arguments: {} }] };
  const answered = { toolCalls: [{ name: 'answer', arguments: { time: 'noon' } }] };
  const alone: OutputSupport = { dialect: 'ollama', native: 'alone', tools: 'forced' };

  test('a model that takes no schema beside them answers by a tool, and the last round forces it', async () => {
    const model = scripted([called, answered], { output: alone });
    const pipeline = new Pipeline([tools([clock], { maxRounds: 1 }), output(), provider(model)]);
    const result = await pipeline.execute('user', 'Hi', { output: schema });
    expect(result.output).toEqual({ time: 'noon' });
    expect(
      model.requests.map(({ tools: offered, parameters }) => [
        offered?.map(({ name }) => name),
        parameters.toolChoice,
      ]),
    ).toEqual([
      [['clock', 'answer'], 'required'],
      [['clock', 'answer'], { name: 'answer' }],
    ]);
    expect(result.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  });

  test('an answer beside other calls does not count', async () => {
    const both = { toolCalls: [...called.toolCalls, { name: 'answer', arguments: { time: 'guessed' } }] };
    const model = scripted([both, answered], { output: alone });
    const pipeline = new Pipeline([tools([clock]), output(), provider(model)]);
    expect((await pipeline.execute('user', 'Hi', { output: schema })).output).toEqual({ time: 'noon' });
  });

  test('output() above tools() is refused, and says where it belongs', async () => {
    const model = scripted([called, '{"time":"noon"}'], { output: gpt });
    const pipeline = new Pipeline([output(), tools([clock]), provider(model)]);
    await expect(pipeline.execute('user', 'Hi', { output: schema })).rejects.toThrow('put it below');
  });

  test('calls that nobody runs are left to the caller: the execution is interrupted', async () => {
    const model = scripted([called], { output: gpt });
    const offered = [{ name: 'clock', parameters: { type: 'object', properties: {} } }];
    const result = await new Pipeline([output(), provider(model)]).execute('user', 'Hi', {
      output: schema,
      tools: offered,
    });
    expect(result).toMatchObject({ outcome: 'interrupted', reason: 'tool_calls' });
    expect(result.output).toBeUndefined();
  });

  test('a repair asks again in the same round, and no tool runs twice', async () => {
    let runs = 0;
    const counted = tool({
      name: 'clock',
      description: 'The time',
      input: z.object({}),
      execute: () => ++runs,
    });
    const model = scripted([called, '{"time":1}', '{"time":"noon"}'], { output: gpt });
    const pipeline = new Pipeline([tools([counted]), output({ repair: 1 }), provider(model)]);
    const result = await pipeline.execute('user', 'Hi', { output: schema });
    expect([result.output, runs, model.calls.length]).toEqual([{ time: 'noon' }, 1, 3]);
    expect(result.response.content).toBe('{"time":"noon"}');
  });
});

test('the types of all ways to call are those of the schema', () => {
  const pipeline = new Pipeline([output(), provider(scripted([]))]);
  const _made = () => ({
    session: pipeline.executeWithContext('s', 'user', 'Hi', { output: list }),
    stream: pipeline.executeStreamWithContext('s', 'user', 'Hi', { output: list }).partialOutput(),
    again: pipeline.regenerate('s', { output: list }).elements('items'),
    plain: pipeline.execute('user', 'Hi'),
  });
  type Made = ReturnType<typeof _made>;
  expectTypeOf<NonNullable<Awaited<Made['session']>['output']>>().toEqualTypeOf<{
    items: { id: string }[];
  }>();
  expectTypeOf<Made['stream']>().toExtend<AsyncIterable<{ items?: { id?: number }[] }>>();
  expectTypeOf<Made['again']>().toExtend<AsyncIterable<{ id: string }>>();
  expectTypeOf<Awaited<Made['plain']>['output']>().toEqualTypeOf<unknown>();
  expect(pipeline.middleware).toHaveLength(2);
});
