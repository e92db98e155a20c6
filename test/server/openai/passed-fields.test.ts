import { describe, expect, it } from 'vitest';
import { Pipeline } from 'sluice';
import type { Provider } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { createServer } from 'sluice/server';
import { chatStream, faultServer, messagesStream, responsesStream } from 'sluice/testing';
import type { FaultServer } from 'sluice/testing';

type Made = (upstream: FaultServer) => { model: Provider; answer: object };

const chatModel: Made = ({ openaiBaseURL: baseURL }) => ({
  model: openai({ model: 'm', apiKey: 'key', baseURL, api: 'chat' }),
  answer: { stream: chatStream({ text: 'Hi' }) },
});
const responsesModel: Made = ({ openaiBaseURL: baseURL }) => ({
  model: openai({ model: 'm', apiKey: 'key', baseURL, api: 'responses' }),
  answer: { stream: responsesStream({ text: 'Hi' }) },
});
const claude: Made = ({ anthropicBaseURL: baseURL }) => ({
  model: anthropic({ model: 'm', apiKey: 'key', baseURL }),
  answer: { stream: messagesStream({ text: 'Hi' }) },
});

/** What a provider is sent for a request to the gateway. `entry`: the `provider` of the pipeline's entry. */
async function sent(made: Made, path: string, body: object, entry = 'openai'): Promise<unknown> {
  await using upstream = await faultServer();
  const { model, answer } = made(upstream);
  upstream.enqueue(answer);
  const pipeline = new Pipeline([provider(model)]);
  const server = createServer({ m: { pipeline, provider: entry } }, { auth: false });
  const request = new Request(`http://localhost/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', ...body }),
  });
  const response = await server.fetch(request);
  expect(response.status).toBe(200);
  return (await upstream.nextRequest()).body;
}

const both = { user: 'u', service_tier: 'flex', safety_identifier: 's', prompt_cache_key: 'k' };
const chat = {
  ...{ messages: [{ role: 'user', content: 'Hi' }], ...both, verbosity: 'low', logit_bias: { 5: 1 } },
  ...{ prediction: { type: 'content', content: 'x' }, web_search_options: {} },
};
const responses = {
  ...{ input: 'Hi', ...both, truncation: 'auto', max_tool_calls: 2, text: { verbosity: 'low' } },
  reasoning: { effort: 'low', mode: 'pro', context: 'all_turns' },
};

describe('fields that are passed on', () => {
  it('of Chat Completions reach that API as they came', async () => {
    const { messages: _messages, ...passed } = chat;
    expect(await sent(chatModel, 'chat/completions', chat)).toMatchObject(passed);
  });

  it('of Chat Completions reach Responses in its words, without those that it refuses', async () => {
    expect(await sent(responsesModel, 'chat/completions', chat)).toEqual({
      ...{ model: 'm', input: [{ role: 'user', content: 'Hi' }], store: false, stream: true },
      ...{ ...both, text: { verbosity: 'low' } },
    });
  });

  it('of Responses reach that API as they came', async () => {
    const { input: _input, ...passed } = responses;
    expect(await sent(responsesModel, 'responses', responses)).toMatchObject(passed);
  });

  it('of Responses reach Chat Completions in its words, without those that it refuses', async () => {
    expect(await sent(chatModel, 'responses', responses)).toEqual({
      ...{ model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream: true },
      ...{ ...both, verbosity: 'low', reasoning_effort: 'low', stream_options: { include_usage: true } },
    });
  });

  it.each([
    ['chat/completions', chat],
    ['responses', { ...responses, reasoning: undefined }],
  ])('of %s do not reach the API of Anthropic, which refuses them', async (path, body) => {
    expect(await sent(claude, path, body, 'anthropic')).toEqual({
      ...{ model: 'm', max_tokens: expect.any(Number) as number, stream: true },
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    });
  });
});
