import { Pipeline, SluiceError } from 'sluice';
import { constant } from 'sluice/kit';
import { provider } from 'sluice/middleware';
import { retry } from 'sluice/middleware/retry';
import { tool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { calling, play, playOn, resultsIn, withoutDeltas } from './stage.ts';

const weather = tool({
  name: 'weather',
  description: 'The weather of a city',
  input: z.object({ city: z.string() }),
  execute: ({ city }) => `sunny in ${city}`,
});

const failing = (message: string) =>
  tool({
    name: 'breaks',
    description: 'Breaks',
    input: z.object({}),
    execute: () => {
      throw new Error(message);
    },
  });

describe('the loop', () => {
  test('runs the calls of a reply, and asks again with their results', async () => {
    const { seen, result, sent, model } = await play(tools([weather]), [
      { text: 'Let me look. ', toolCalls: [{ name: 'weather', arguments: { city: 'Rome' } }] },
      'It is sunny.',
    ]);
    expect(withoutDeltas(seen)).toEqual([
      'Let ',
      'me ',
      'look. ',
      'call 0_0 weather',
      'result 0_0 sunny in Rome',
      'It ',
      'is ',
      'sunny.',
      'done',
    ]);
    expect(seen).toContain('delta 0_0');
    expect(sent[1]?.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
    expect(resultsIn(sent[1])).toEqual(['ok 0_0 sunny in Rome']);
    expect(model.requests.map((request) => request.tools?.map(({ name }) => name))).toEqual([
      ['weather'],
      ['weather'],
    ]);
    expect(result?.outcome).toBe('completed');
    expect(result?.usage.totalTokens).toBe(40);
    expect(result?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  });

  test('has ids of its own, which differ though the model repeats its ids', async () => {
    const both = [
      { id: 'call_0', name: 'weather', arguments: { city: 'Rome' } },
      { id: 'call_0', name: 'weather', arguments: { city: 'Oslo' } },
    ];
    const { chunks, sent, result } = await play(tools([weather]), [
      { toolCalls: both },
      { toolCalls: both },
      'Fine.',
    ]);
    const ids = chunks.flatMap((chunk) => (chunk.type === 'tool_call' ? [chunk.id] : []));
    expect(new Set(ids).size).toBe(4);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(result?.response.toolCalls.map(({ id }) => id)).toEqual(ids);
    expect(resultsIn(sent[2])).toEqual([
      'ok 0_0 sunny in Rome',
      'ok 0_1 sunny in Oslo',
      'ok 1_0 sunny in Rome',
      'ok 1_1 sunny in Oslo',
    ]);
  });

  test('a reply without a call passes as it is', async () => {
    const { seen, result } = await play(tools([weather]), 'Hello there');
    expect(seen).toEqual(['Hello ', 'there', 'done']);
    expect(result?.response.finishReason).toBe('stop');
  });

  test('an error of a tool becomes an error result in its words', async () => {
    const { seen, sent, result } = await play(tools([failing('the line is dead')]), [
      calling(['breaks', {}]),
      'Sorry.',
    ]);
    expect(withoutDeltas(seen)).toContain('error 0_0 The tool failed: the line is dead');
    expect(resultsIn(sent[1])).toEqual(['error 0_0 The tool failed: the line is dead']);
    expect(result?.outcome).toBe('completed');
  });

  test('keys are taken out of what the model is told', async () => {
    const { sent } = await play(tools([failing('401 for sk-proj-abcdefghijkl')]), [
      calling(['breaks', {}]),
      'Ok.',
    ]);
    expect(resultsIn(sent[1])).toEqual(['error 0_0 The tool failed: 401 for ***']);
  });

  test('a tool that changes its input does not change what the model is sent', async () => {
    const spoil = tool({
      name: 'spoil',
      description: 'Changes its input',
      input: { jsonSchema: { type: 'object' } },
      execute: (input) => {
        input['city'] = 'changed';
        return 'ok';
      },
    });
    const { sent } = await play(tools([spoil]), [calling(['spoil', { city: 'Rome' }]), 'Ok.']);
    expect(sent[1]?.[1]?.content).toMatchObject([{ arguments: { city: 'Rome' } }]);
  });

  test('onError: throw ends the execution with a tool error that is not retried', async () => {
    const { error, model } = await play(
      [retry({ backoff: constant(0) }), tools([failing('dead')], { onError: 'throw' })],
      [calling(['breaks', {}])],
    );
    expect(error).toMatchObject({ code: 'tool', retryable: false });
    expect(model.requests).toHaveLength(1);
  });

  test('a function as onError says what the model is told', async () => {
    const onError = (error: unknown) => `sorry: ${error instanceof Error ? error.message : ''}`;
    const { sent } = await play(tools([failing('dead')], { onError }), [calling(['breaks', {}]), 'Ok.']);
    expect(resultsIn(sent[1])).toEqual(['error 0_0 sorry: dead']);
  });

  test('wrong arguments and unknown tools go back to the model with what is wrong', async () => {
    const { sent } = await play(tools([weather]), [calling(['weather', { city: 5 }], ['wether', {}]), 'Ok.']);
    expect(resultsIn(sent[1])).toEqual([
      'error 0_0 The arguments are wrong: city: Invalid input: expected string, received number',
      'error 0_1 There is no tool "wether". These can be called: weather.',
    ]);
  });

  test('repair corrects a call', async () => {
    const asked: string[] = [];
    const repair = ({ name }: { name: string }, problem: string) => {
      asked.push(problem);
      return name === 'wether' ? { name: 'weather', arguments: { city: 'Rome' } } : undefined;
    };
    const { sent } = await play(tools([weather], { repair }), [
      calling(['weather', {}], ['wether', {}]),
      'Ok.',
    ]);
    expect(asked).toHaveLength(2);
    expect(resultsIn(sent[1])).toEqual([
      expect.stringMatching(/^error 0_0 The arguments are wrong/),
      'ok 0_1 sunny in Rome',
    ]);
  });

  test.each(['length', 'content_filter', 'refusal'] as const)(
    'R23 a call is not run if the reply ended with %s',
    async (finishReason) => {
      let runs = 0;
      const counted = tool({
        name: 'count',
        description: 'Counts',
        input: z.object({}),
        execute: () => ++runs,
      });
      const { seen, result, model } = await play(tools([counted]), [
        { toolCalls: [{ name: 'count' }], finishReason },
      ]);
      expect(runs).toBe(0);
      expect(withoutDeltas(seen)[1]).toMatch(/^error 0_0 The tool was not run, because/);
      expect(result?.response.finishReason).toBe(finishReason);
      expect(model.requests).toHaveLength(1);
    },
  );

  test('the caller runs the tools of its request itself', async () => {
    const { seen, result, model } = await play(
      tools([weather]),
      [calling(['weather', { city: 'Rome' }], ['theirs', { a: 1 }])],
      { tools: [{ name: 'theirs', parameters: { type: 'object' } }] },
    );
    expect(withoutDeltas(seen)).toEqual([
      'call 0_0 weather',
      'call 0_1 theirs',
      'result 0_0 sunny in Rome',
      'done',
    ]);
    expect(result?.response.finishReason).toBe('tool_calls');
    expect(model.requests).toHaveLength(1);
  });

  test('a tool without execute ends the execution with its call pending, after the others have run', async () => {
    const ask = tool({
      name: 'ask_user',
      description: 'Asks',
      input: z.object({ question: z.string().default('Why?') }),
    });
    const { seen, result } = await play(tools([ask, weather]), [
      calling(['ask_user', {}], ['weather', { city: 'Rome' }]),
    ]);
    expect(withoutDeltas(seen)).toContain('result 0_1 sunny in Rome');
    expect(result).toMatchObject({ outcome: 'interrupted', reason: 'tool_calls' });
    expect(result?.pending).toEqual([
      {
        callId: expect.stringMatching(/_0_0$/),
        name: 'ask_user',
        arguments: { question: 'Why?' },
        waitsFor: 'client',
        fingerprint: expect.any(String),
      },
    ]);
  });
});

describe('retries', () => {
  test('a retry below repeats a model call, and no tool', async () => {
    let runs = 0;
    const counted = tool({
      name: 'count',
      description: 'Counts',
      input: z.object({}),
      execute: () => ++runs,
    });
    const { result, model } = await play(
      [tools([counted]), retry({ backoff: constant(0) })],
      [calling(['count', {}]), { error: new SluiceError('overloaded', 'Busy.') }, 'Done.'],
    );
    expect([runs, model.requests.length, result?.response.content]).toEqual([1, 3, 'Done.']);
  });

  test('a retry above runs the loop again, which says the rounds again and runs no tool twice', async () => {
    let runs = 0;
    const counted = tool({
      name: 'count',
      description: 'Counts',
      input: z.object({}),
      execute: () => ++runs,
    });
    const above = retry({ backoff: constant(0), afterContent: 'reset' });
    const { seen, result, model } = await play(
      [above, tools([counted])],
      [
        { text: 'Wait. ', toolCalls: [{ name: 'count' }] },
        { error: new SluiceError('overloaded', 'Busy.') },
        'Done.',
      ],
    );
    expect(withoutDeltas(seen)).toEqual([
      'Wait. ',
      'call 0_0 count',
      'result 0_0 1',
      'reset',
      'Wait. ',
      'call 0_0 count',
      'result 0_0 1',
      'Done.',
      'done',
    ]);
    expect([runs, model.requests.length]).toEqual([1, 3]);
    expect(result?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  });

  test('each round that is said again has a number of its own, by which a reset can void it', async () => {
    const counted = tool({ name: 'count', description: 'Counts', input: z.object({}), execute: () => 'one' });
    const above = retry({ backoff: constant(0), afterContent: 'reset' });
    const { chunks } = await play(
      [above, tools([counted])],
      [
        calling(['count', {}]),
        calling(['count', {}]),
        { error: new SluiceError('overloaded', 'Busy.') },
        'Done.',
      ],
    );
    const numbers = chunks.flatMap((chunk) => (chunk.type === 'tool_result' ? [chunk.call] : []));
    expect(numbers).toHaveLength(4);
    expect(new Set(numbers).size).toBe(4);
  });

  test('a layer above that asks something else gets a record of its own', async () => {
    let runs = 0;
    const counted = tool({
      name: 'count',
      description: 'Counts',
      input: z.object({}),
      execute: () => ++runs,
    });
    const model = scripted([calling(['count', {}]), 'One.', calling(['count', {}]), 'Two.']);
    const twice = new Pipeline([
      async function* twice(context, next) {
        yield* next();
        return yield* next({ messages: [...context.request.messages, { role: 'user', content: 'Again.' }] });
      },
      tools([counted]),
      provider(model),
    ]);
    const { chunks } = await playOn(twice, model);
    const ids = chunks.flatMap((chunk) => (chunk.type === 'tool_call' ? [chunk.id] : []));
    expect([runs, new Set(ids).size]).toEqual([2, 2]);
    expect(model.requests[2]?.messages.map(({ role }) => role)).toEqual(['user', 'user']);
  });
});

describe('misuse', () => {
  test('two tools() in one pipeline are an error as soon as both would have to run calls of one reply', async () => {
    const other = tool({ name: 'other', description: 'Other', input: z.object({}), execute: () => 'ok' });
    const { error } = await play(
      [tools([weather]), tools([other])],
      [calling(['other', {}]), calling(['weather', { city: 'Rome' }])],
    );
    expect(error).toMatchObject({ code: 'middleware' });
    expect(error?.message).toContain('there is another tools() below this one');
  });

  test('two runs of the loop at the same time in one execution are an error', async () => {
    const hang = tool({
      name: 'hang',
      description: 'Hangs',
      input: z.object({}),
      execute: () => new Promise(() => undefined),
    });
    const model = scripted([calling(['hang', {}]), calling(['hang', {}])]);
    const both = new Pipeline(
      [
        async function* both(_context, next) {
          const [one, two] = [next(), next()];
          const first = read(one);
          const failed = await Promise.race([first, read(two)]);
          yield { type: 'content', content: failed };
          return { finishReason: 'stop' };
        },
        tools([hang]),
        provider(model),
      ],
      { closeTimeoutMs: 1 },
    );
    const { seen } = await playOn(both, model);
    expect(seen[0]).toContain('two runs of the loop wrote to one record at the same time');
  });

  async function read(stream: AsyncIterable<unknown>): Promise<string> {
    try {
      for await (const _chunk of stream);
      return 'it ended';
    } catch (error) {
      return String(error);
    }
  }
});
