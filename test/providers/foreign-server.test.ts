import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { provider } from '../../middleware/provider.ts';
import { anthropic } from '../../providers/anthropic/index.ts';
import { openai } from '../../providers/openai/index.ts';
import { isSluiceError, Pipeline } from '../../src/index.ts';
import type { ExecutionChunk, Provider } from '../../src/index.ts';

/** A server that others wrote, from the same documents. It shows that our reading of them is not only our own. */
const mock = new LLMock({ port: 0, chunkSize: 6 });

beforeAll(async () => {
  await mock.start();
});

afterAll(async () => {
  await mock.stop();
});

const TOOL = {
  name: 'get_weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

const wires: Record<string, () => Provider> = {
  'openai() over chat completions': () =>
    openai({ model: 'gpt-5-mini', apiKey: 'mock', baseURL: `${mock.url}/v1` }),
  'openai() over responses': () =>
    openai({ model: 'gpt-5-mini', apiKey: 'mock', baseURL: `${mock.url}/v1`, api: 'responses' }),
  'anthropic()': () => anthropic({ model: 'claude-haiku-4-5', apiKey: 'mock', baseURL: mock.url }),
};

describe.each(Object.entries(wires))('%s against aimock', (_name, make) => {
  let pipeline: Pipeline;

  beforeEach(() => {
    mock.reset();
    pipeline = new Pipeline([provider(make())], { own: true });
    return () => pipeline.shutdown();
  });

  it('streams a text', async () => {
    mock.onMessage('hello', {
      content: 'Hi there, nice to meet you!',
      usage: {
        prompt_tokens: 11,
        completion_tokens: 7,
        total_tokens: 18,
        input_tokens: 11,
        output_tokens: 7,
      },
    });
    const chunks: ExecutionChunk[] = [];
    const stream = pipeline.executeStream('user', 'hello');
    for await (const chunk of stream) chunks.push(chunk);
    const { response, usage, model } = await stream.result;
    expect(chunks.filter(({ type }) => type === 'content').length).toBeGreaterThan(2);
    expect(response.content).toBe('Hi there, nice to meet you!');
    expect(response.finishReason).toBe('stop');
    expect(usage).toMatchObject({ inputTokens: 11, outputTokens: 7, totalTokens: 18 });
    expect(model).toMatch(/gpt-5-mini|claude-haiku-4-5/);
  });

  it('calls a tool and answers with its result', async () => {
    mock.on(
      { userMessage: 'weather', hasToolResult: false },
      { toolCalls: [{ name: 'get_weather', arguments: '{"city":"Wien"}' }] },
    );
    mock.on({ hasToolResult: true, toolResultContains: 'sunny' }, { content: 'It is sunny in Wien.' });

    const asked = await pipeline.execute('user', 'weather?', { tools: [TOOL] });
    const [call] = asked.response.toolCalls;
    expect(asked.response.finishReason).toBe('tool_calls');
    expect(asked.response.toolCalls).toEqual([
      { id: expect.any(String), name: 'get_weather', arguments: { city: 'Wien' } },
    ]);

    const { id = '', name = '' } = call ?? {};
    const answered = await pipeline.execute(
      [...asked.messages, { role: 'tool', content: [{ type: 'tool_result', id, name, content: 'sunny' }] }],
      { tools: [TOOL] },
    );
    expect(answered.response.content).toBe('It is sunny in Wien.');
  });

  it('passes a system message on', async () => {
    mock.on({ userMessage: 'who', systemMessage: 'pirate' }, { content: 'Arr.' });
    const { response } = await pipeline.execute([
      { role: 'system', content: 'You are a pirate.' },
      { role: 'user', content: 'who are you?' },
    ]);
    expect(response.content).toBe('Arr.');
  });

  it('shows the message of an error', async () => {
    mock.nextRequestError(429, { message: 'Too fast.', type: 'rate_limit_error' });
    const error: unknown = await pipeline.execute('user', 'hello').catch((thrown: unknown) => thrown);
    expect(isSluiceError(error) && { code: error.code, status: error.status }).toEqual({
      code: 'rate_limited',
      status: 429,
    });
  });

  it('never accepts a stream that was cut as complete', async () => {
    mock.onMessage('hello', { content: 'Hi there, nice to meet you!' }, { truncateAfterChunks: 3 });
    const error: unknown = await pipeline.execute('user', 'hello').catch((thrown: unknown) => thrown);
    expect(isSluiceError(error) && ['network', 'truncated'].includes(error.code)).toBe(true);
  });
});
