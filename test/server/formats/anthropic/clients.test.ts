import { ChatAnthropic } from '@langchain/anthropic';
import { createAnthropic } from '@ai-sdk/anthropic';
import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { generateText, streamText, tool as aiTool, stepCountIs } from 'ai';
import Anthropic0 from 'anthropic-sdk-0';
import { afterEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { Pipeline, SluiceError } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';
import { anthropicAnswer, anthropicFormat } from '../../../../server/formats/anthropic.ts';
import { anthropicCount } from '../../../../server/formats/anthropic-count.ts';
import { anthropicModel, anthropicModels } from '../../../../server/formats/anthropic-models.ts';
import {
  parseAnthropicCount,
  parseAnthropicMessages,
} from '../../../../server/requests/anthropic-messages.ts';
import { answerWith, formatServer, jsonOf, type FormatServer } from '../format-server.ts';

const MODELS = [
  { id: 'fast', createdAt: 1_790_000_000_000 },
  { id: 'slow', createdAt: 1_780_000_000_000, displayName: 'The slow one' },
];

let running: FormatServer | undefined;
afterEach(async () => {
  await running?.[Symbol.asyncDispose]();
  running = undefined;
});

async function serving(...answers: ScriptedAnswer[]): Promise<{ url: string; model: ScriptedProvider }> {
  const model = scripted(answers);
  const pipeline = new Pipeline([provider(model)]);
  running = await formatServer((app) => {
    const protocol = { format: anthropicFormat, parse: parseAnthropicMessages, answer: anthropicAnswer };
    app.post('/v1/messages', (c) => answerWith(pipeline, protocol, c.req.raw));
    app.post('/v1/messages/count_tokens', async (c) =>
      jsonOf(anthropicCount(parseAnthropicCount(await c.req.json(), c.req.raw.headers).encoder, 'req_0')),
    );
    app.get('/v1/models', (c) => jsonOf(anthropicModels(MODELS, new URL(c.req.url).searchParams, 'req_0')));
    app.get('/v1/models/:id', (c) => jsonOf(anthropicModel(MODELS, c.req.param('id'), 'req_0')));
  });
  return { url: running.url, model };
}

const usage = {
  inputTokens: 100,
  outputTokens: 40,
  totalTokens: 140,
  cachedInputTokens: 60,
  cacheWriteTokens: 10,
  reasoningTokens: 25,
};

const signed = { type: 'thinking', thinking: 'Let me see.', signature: 'c2ln' };
const thoughtful: ScriptedAnswer = {
  chunks: [
    { type: 'thinking', content: 'Let me ' },
    { type: 'thinking', content: 'see.' },
    { type: 'thinking', content: '', block: { provider: 'anthropic', data: signed } },
    { type: 'content', content: 'It is ' },
    { type: 'content', content: 'cold.' },
    { type: 'tool_call_delta', id: 'c1', name: 'weather', argumentsDelta: '{"city":' },
    { type: 'tool_call_delta', id: 'c1', argumentsDelta: '"Oslo"}' },
    { type: 'tool_call', id: 'c1', name: 'weather', arguments: { city: 'Oslo' } },
  ],
  usage,
  finishReason: 'tool_calls',
};

const weather = {
  name: 'weather',
  description: 'The weather of a city',
  input_schema: { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] },
};

const CONTENT = [
  { type: 'thinking', thinking: 'Let me see.', signature: 'c2ln' },
  { type: 'text', text: 'It is cold.' },
  { type: 'tool_use', id: 'c1', name: 'weather', input: { city: 'Oslo' } },
];

const USAGE = {
  input_tokens: 30,
  output_tokens: 40,
  cache_read_input_tokens: 60,
  cache_creation_input_tokens: 10,
  output_tokens_details: { thinking_tokens: 25 },
};

describe.each([
  ['of today', Anthropic],
  ['before it', Anthropic0],
])('the official client %s', (_name, Client) => {
  const ask = { model: 'any-name', max_tokens: 500, messages: [{ role: 'user' as const, content: 'Oslo?' }] };
  const clientOf = (url: string): Anthropic => new Client({ baseURL: url, apiKey: 'k' }) as Anthropic;

  test('adds up a stream with thinking, text and a call, and the answer in one piece is the same', async () => {
    const { url, model } = await serving(thoughtful, thoughtful);
    const client = clientOf(url);
    const streamed = client.messages.stream({ ...ask, tools: [weather] });
    const texts: string[] = [];
    streamed.on('text', (text) => texts.push(text));
    const message = await streamed.finalMessage();
    expect(texts).toEqual(['It is ', 'cold.']);
    expect(message).toMatchObject({ role: 'assistant', model: 'any-name', stop_reason: 'tool_use' });
    expect(JSON.parse(JSON.stringify(message.content))).toEqual(CONTENT);
    expect(message.usage).toEqual(USAGE);
    const whole = await client.messages.create({ ...ask, tools: [weather] });
    expect(whole.content).toEqual(CONTENT);
    expect(whole.usage).toEqual(USAGE);
    expect(whole.stop_reason).toBe('tool_use');
    expect(whole._request_id).toMatch(/^req_/);
    expect(model.requests[0]?.tools).toEqual([
      { name: 'weather', description: 'The weather of a city', parameters: weather.input_schema },
    ]);
    expect(model.requests[0]?.parameters.maxTokens).toBe(500);
  });

  test('gives thinking back with its signature, and results with the name of their call', async () => {
    const { url, model } = await serving('Put on a coat.');
    await clientOf(url).messages.create({
      ...ask,
      system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
      messages: [
        { role: 'user', content: 'Oslo?' },
        { role: 'assistant', content: CONTENT as Anthropic.ContentBlockParam[] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'c1', content: '-3', is_error: true },
            { type: 'text', text: 'Well?', cache_control: { type: 'ephemeral', ttl: '1h' } },
          ],
        },
      ],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      tools: [weather],
      stop_sequences: ['END'],
    });
    const [request] = model.requests;
    expect(request?.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Oslo?' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', text: 'Let me see.', block: { provider: 'anthropic', data: signed } },
          { type: 'text', text: 'It is cold.' },
          { type: 'tool_call', id: 'c1', name: 'weather', arguments: { city: 'Oslo' } },
        ],
      },
      {
        role: 'tool',
        content: [{ type: 'tool_result', id: 'c1', name: 'weather', content: '-3', isError: true }],
      },
      { role: 'user', content: 'Well?' },
    ]);
    expect(request?.parameters).toEqual({
      maxTokens: 500,
      stopSequences: ['END'],
      toolChoice: 'required',
      parallelToolCalls: false,
      promptCache: ['system', { at: -1, ttl: '1h' }],
    });
  });

  test('runs its tools with the tool runner, over several rounds', async () => {
    const { url, model } = await serving(
      { toolCalls: [{ id: 'c1', name: 'weather', arguments: { city: 'Oslo' } }] },
      'It is -3.',
    );
    const cities: string[] = [];
    const run = betaZodTool({
      name: 'weather',
      description: 'The weather',
      inputSchema: z.object({ city: z.string() }),
      run: ({ city }) => {
        cities.push(city);
        return '-3';
      },
    });
    const last = await clientOf(url).beta.messages.toolRunner({ ...ask, tools: [run] });
    expect(cities).toEqual(['Oslo']);
    expect(last.content).toEqual([{ type: 'text', text: 'It is -3.' }]);
    expect(last.stop_reason).toBe('end_turn');
    expect(model.requests[1]?.messages[0]).toEqual({ role: 'user', content: 'Oslo?' });
    expect(model.requests[1]?.messages.at(-1)).toEqual({
      role: 'tool',
      content: [{ type: 'tool_result', id: 'c1', name: 'weather', content: '-3' }],
    });
  });

  test('counts tokens, and lists the models', async () => {
    const { url } = await serving();
    const client = clientOf(url);
    const { input_tokens } = await client.messages.countTokens({ model: 'm', messages: ask.messages });
    expect(input_tokens).toBe(6);
    const listed: string[] = [];
    for await (const { id, display_name } of client.models.list({ limit: 1 }))
      listed.push(`${id}: ${display_name}`);
    expect(listed).toEqual(['fast: fast', 'slow: The slow one']);
    expect(await client.models.retrieve('slow')).toMatchObject({ id: 'slow', type: 'model' });
    await expect(client.models.retrieve('none')).rejects.toMatchObject({ status: 404 });
  });

  test('gets an error with its status and type, and one in a stream after its first words', async () => {
    const error = new SluiceError('overloaded', 'A secret.', { status: 529 });
    const { url } = await serving({ error }, { text: 'One two', after: 1, error });
    const client = new Client({ baseURL: url, apiKey: 'k', maxRetries: 0 }) as Anthropic;
    await expect(client.messages.create(ask)).rejects.toMatchObject({
      status: 529,
      error: {
        type: 'error',
        error: { type: 'overloaded_error', message: 'The provider is overloaded.' },
        request_id: expect.stringMatching(/^req_/),
      },
    });
    const stream = client.messages.stream(ask);
    const seen: string[] = [];
    stream.on('text', (text) => seen.push(text));
    await expect(stream.finalMessage()).rejects.toMatchObject({
      error: { error: { type: 'overloaded_error' } },
    });
    expect(seen).toEqual(['One ']);
  });

  test('is told which field is wrong', async () => {
    const { url } = await serving();
    const client = new Client({ baseURL: url, apiKey: 'k', maxRetries: 0 }) as Anthropic;
    await expect(
      client.messages.create({ ...ask, tools: [{ type: 'web_search_20250305', name: 'web_search' }] }),
    ).rejects.toMatchObject({
      status: 400,
      error: {
        error: {
          type: 'invalid_request_error',
          message: expect.stringContaining('tools[0].type: "web_search_20250305" is a tool of Anthropic'),
        },
      },
    });
  });
});

test('LangChain streams text, thinking, calls and usage, and counts each token once', async () => {
  const { url } = await serving(thoughtful, thoughtful);
  const chat = new ChatAnthropic({ model: 'm', apiKey: 'k', anthropicApiUrl: url, maxRetries: 0 });
  const bound = chat.bindTools([{ name: 'weather', description: 'w', input_schema: weather.input_schema }]);
  let sum: Awaited<ReturnType<typeof bound.invoke>> | undefined;
  for await (const piece of await bound.stream('Oslo?')) sum = sum === undefined ? piece : sum.concat(piece);
  expect(sum?.text).toBe('It is cold.');
  expect(sum?.tool_calls).toMatchObject([{ id: 'c1', name: 'weather', args: { city: 'Oslo' } }]);
  expect(sum?.usage_metadata).toMatchObject({ output_tokens: 40 });
  const whole = await bound.invoke('Oslo?');
  expect(whole.tool_calls).toMatchObject([{ id: 'c1', name: 'weather', args: { city: 'Oslo' } }]);
  expect(whole.usage_metadata).toMatchObject({ input_tokens: 100, output_tokens: 40, total_tokens: 140 });
});

test('the provider of the AI SDK runs a loop of tools over it, and streams', async () => {
  const { url, model } = await serving(thoughtful, 'It is -3.', thoughtful);
  const anthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey: 'k' });
  const tools = {
    weather: aiTool({
      description: 'w',
      inputSchema: z.object({ city: z.string() }),
      execute: () => '-3',
    }),
  };
  const { text, steps } = await generateText({
    model: anthropic('claude-sonnet-4-5'),
    prompt: 'Oslo?',
    tools,
    stopWhen: stepCountIs(3),
  });
  expect(text).toBe('It is -3.');
  expect(steps[0]?.reasoningText).toBe('Let me see.');
  expect(steps[0]?.usage.inputTokens).toBe(100);
  expect(model.requests[1]?.messages[1]?.content).toMatchObject([
    { type: 'thinking', block: { provider: 'anthropic', data: signed } },
    { type: 'text', text: 'It is cold.' },
    { type: 'tool_call', id: 'c1' },
  ]);
  const streamed = streamText({
    model: anthropic('claude-sonnet-4-5'),
    prompt: 'Oslo?',
    tools: {
      weather: aiTool({ description: 'w', inputSchema: z.object({ city: z.string() }) }),
    },
  });
  const types: string[] = [];
  for await (const part of streamed.stream) if (types.at(-1) !== part.type) types.push(part.type);
  expect(types).toContain('tool-call');
  expect(types).not.toContain('error');
  expect(await streamed.finishReason).toBe('tool-calls');
});
