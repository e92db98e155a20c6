import type OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { Pipeline } from '../../../src/index.ts';
import { provider } from '../../../middleware/index.ts';
import { scripted } from '../../../testing/index.ts';
import type { ScriptedAnswer } from '../../../testing/index.ts';
import { openaiApp } from './app.ts';
import { officialClients } from './clients.ts';

const WEATHER = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

const asked = { model: 'gpt-x', messages: [{ role: 'user' as const, content: 'How is the weather?' }] };

async function served(answers: ScriptedAnswer[]) {
  const model = scripted(answers);
  const app = await openaiApp(new Pipeline([provider(model)]));
  return { app, model, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

describe.each(officialClients)('the official client, version %s', (_version, Client) => {
  it('gets an answer in one piece', async () => {
    await using stage = await served([{ thinking: 'Hm.', text: 'It rains.' }]);
    const client = new Client({ baseURL: stage.app.baseURL, apiKey: 'key' });
    const { data, response, request_id } = await client.chat.completions.create(asked).withResponse();
    expect(data).toMatchObject({
      object: 'chat.completion',
      model: 'gpt-x',
      choices: [
        {
          index: 0,
          finish_reason: 'stop',
          message: { role: 'assistant', content: 'It rains.', refusal: null, reasoning_content: 'Hm.' },
        },
      ],
      usage: {
        prompt_tokens: 12,
        completion_tokens: 8,
        total_tokens: 20,
        prompt_tokens_details: { cached_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 0 },
      },
    });
    expect(request_id).toMatch(/^[\da-f-]{36}$/);
    expect(response.headers.get('x-sluice-model')).toBe('scripted');
  });

  it('joins a stream with thinking, two calls and usage', async () => {
    const calls = [
      { name: 'weather', arguments: { city: 'Rome' } },
      { name: 'weather', arguments: { city: 'Oslo' } },
    ];
    await using stage = await served([
      { thinking: 'Hm.', text: 'Let me look.', toolCalls: calls, batchSize: 1 },
    ]);
    const client = new Client({ baseURL: stage.app.baseURL, apiKey: 'key' });
    const stream = client.chat.completions.stream({
      ...asked,
      tools: [WEATHER],
      stream_options: { include_usage: true },
    });
    const deltas: string[] = [];
    stream.on('content', (delta) => deltas.push(delta));
    const completion = await stream.finalChatCompletion();
    const [choice] = completion.choices;
    expect(deltas.join('')).toBe('Let me look.');
    expect(deltas.length).toBeGreaterThan(1);
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(choice?.message.content).toBe('Let me look.');
    expect(
      choice?.message.tool_calls?.map((call) => [call.id, call.type === 'function' && call.function]),
    ).toMatchObject([
      ['call_0', { name: 'weather', arguments: '{"city":"Rome"}' }],
      ['call_1', { name: 'weather', arguments: '{"city":"Oslo"}' }],
    ]);
    expect(completion.usage).toMatchObject({ total_tokens: 20 });
  });

  it('runs its own tools with runTools()', async () => {
    await using stage = await served([
      { toolCalls: [{ name: 'weather', arguments: { city: 'Rome' } }] },
      'It is 21 degrees in Rome.',
    ]);
    const client = new Client({ baseURL: stage.app.baseURL, apiKey: 'key' });
    const cities: unknown[] = [];
    const runner = client.chat.completions.runTools({
      ...asked,
      stream: true,
      tools: [
        {
          type: 'function',
          function: {
            ...WEATHER.function,
            function: (args: { city: string }) => {
              cities.push(args);
              return '21 degrees';
            },
            parse: JSON.parse,
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('It is 21 degrees in Rome.');
    expect(cities).toEqual([{ city: 'Rome' }]);
    const [, second] = stage.model.requests;
    expect(second?.messages.slice(1)).toEqual([
      {
        role: 'assistant',
        content: [{ type: 'tool_call', id: 'call_0', name: 'weather', arguments: { city: 'Rome' } }],
      },
      {
        role: 'tool',
        content: [{ type: 'tool_result', id: 'call_0', name: 'weather', content: '21 degrees' }],
      },
    ]);
  });

  it('joins a response with reasoning and a call, and sends it back', async () => {
    await using stage = await served([
      {
        chunks: [
          { type: 'thinking', content: 'Let me ' },
          {
            type: 'thinking',
            content: 'think.',
            block: {
              provider: 'anthropic',
              model: 'm',
              data: { type: 'thinking', thinking: 'x', signature: 's' },
            },
          },
          { type: 'content', content: 'One ' },
          { type: 'content', content: 'moment.' },
          { type: 'tool_call_delta', id: 'c1', name: 'weather', argumentsDelta: '{"city":' },
          { type: 'tool_call_delta', id: 'c1', argumentsDelta: '"Rome"}' },
          { type: 'tool_call', id: 'c1', name: 'weather', arguments: { city: 'Rome' } },
        ],
        finishReason: 'tool_calls',
        batchSize: 1,
      },
      'It rains.',
    ]);
    const client = new Client({ baseURL: stage.app.baseURL, apiKey: 'key' });
    const params = {
      model: 'gpt-x',
      input: [{ role: 'user' as const, content: 'How is the weather?' }],
      include: ['reasoning.encrypted_content' as const],
      tools: [{ type: 'function' as const, name: 'weather', parameters: {}, strict: false }],
    };
    const types: string[] = [];
    const stream = client.responses.stream(params);
    stream.on('event', ({ type }) => types.push(type));
    const final = await stream.finalResponse();
    expect(final.status).toBe('completed');
    expect(final.output[1]).toMatchObject({ content: [{ type: 'output_text', text: 'One moment.' }] });
    expect(final.output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'function_call']);
    expect(final.output[2]).toMatchObject({
      call_id: 'c1',
      arguments: '{"city":"Rome"}',
      status: 'completed',
    });
    expect(final.usage).toMatchObject({ input_tokens: 12, output_tokens: 8, total_tokens: 20 });
    expect(types).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
    const again = await client.responses.create({
      ...params,
      input: [
        ...params.input,
        ...final.output,
        { type: 'function_call_output', call_id: 'c1', output: 'rain' },
      ] as OpenAI.Responses.ResponseInput,
    });
    expect(again.output_text).toBe('It rains.');
    expect(stage.model.requests[1]?.messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'How is the weather?' }] },
      {
        role: 'assistant',
        content: [
          {
            type: 'thinking',
            text: 'Let me think.',
            block: {
              provider: 'anthropic',
              model: 'm',
              data: { type: 'thinking', thinking: 'x', signature: 's' },
            },
          },
          { type: 'text', text: 'One moment.' },
          { type: 'tool_call', id: 'c1', name: 'weather', arguments: { city: 'Rome' } },
        ],
      },
      { role: 'tool', content: [{ type: 'tool_result', id: 'c1', name: 'weather', content: 'rain' }] },
    ]);
  });
});
