import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { provider } from '../../../middleware/index.ts';
import { tool, tools } from '../../../middleware/tools.ts';
import type { ServerOptions } from '../../../server/index.ts';
import { Pipeline } from '../../../src/index.ts';
import { scripted } from '../../../testing/index.ts';
import type { ScriptedAnswer, ScriptedProvider } from '../../../testing/index.ts';
import { openaiApp } from './app.ts';

interface Stage extends AsyncDisposable {
  readonly client: OpenAI;
  readonly model: ScriptedProvider;
  /** The cities that the pipeline's own tool was asked for. */
  readonly cities: readonly string[];
}

async function served(answers: ScriptedAnswer[], options: Partial<ServerOptions> = {}): Promise<Stage> {
  const cities: string[] = [];
  const input = z.object({ city: z.string() });
  const weather = tool({
    name: 'weather',
    description: 'The weather',
    input,
    execute: ({ city }) => {
      cities.push(city);
      return 'rain';
    },
  });
  const risky = tool({
    name: 'risky',
    description: 'Risky',
    input,
    needsApproval: true,
    execute: () => 'ran',
  });
  const model = scripted(answers);
  const app = await openaiApp(new Pipeline([tools([weather, risky]), provider(model)]), options);
  const client = new OpenAI({ baseURL: app.baseURL, apiKey: 'key', maxRetries: 0 });
  return { client, model, cities, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

const ours = { name: 'weather', arguments: { city: 'Rome' } };
const theirs = { name: 'note', arguments: { text: 'x' } };
const note = {
  type: 'function' as const,
  function: { name: 'note', parameters: { type: 'object', properties: { text: { type: 'string' } } } },
};
const question = { role: 'user' as const, content: 'Hi' };
const asked = { model: 'gpt-x', messages: [question] };

const offered = ({ model }: Stage): (string[] | undefined)[] =>
  model.requests.map((request) => request.tools?.map(({ name }) => name));

async function streamed(stage: Stage, body: object, headers: Record<string, string> = {}) {
  const stream = stage.client.chat.completions.stream({ ...asked, ...body }, { headers });
  const chunks: string[] = [];
  stream.on('chunk', (chunk) => chunks.push(JSON.stringify(chunk)));
  const { choices } = await stream.finalChatCompletion();
  return { choice: choices[0], text: chunks.join('\n') };
}

describe('a tool of the pipeline', () => {
  it('runs inside: no stream and no answer speaks of it', async () => {
    const round = { text: 'I look. ', toolCalls: [ours], batchSize: 1 };
    await using stage = await served([round, 'It rains.', round, 'It rains.', round, 'It rains.']);
    const { choice, text } = await streamed(stage, {});
    expect([choice?.finish_reason, choice?.message.content]).toEqual(['stop', 'I look. It rains.']);
    expect(text).not.toMatch(/weather|tool_calls|Rome|rain"/);
    const whole = await stage.client.chat.completions.create(asked);
    expect(whole.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: 'I look. It rains.' },
    });
    const response = await stage.client.responses.create({ model: 'gpt-x', input: 'Hi' });
    expect(response.output.map(({ type }) => type)).toEqual(['message', 'message']);
    expect(stage.cities).toEqual(['Rome', 'Rome', 'Rome']);
  });

  it('is not offered beside those of a client that has no session', async () => {
    await using stage = await served([{ toolCalls: [theirs] }, 'Done.']);
    const { choice } = await streamed(stage, { tools: [note] });
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(offered(stage)).toEqual([['note']]);
  });

  it('runs beside a call of the client, if the server offers both', async () => {
    await using stage = await served([{ toolCalls: [ours, theirs] }], { ownTools: true });
    const { choice, text } = await streamed(stage, { tools: [note] });
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(choice?.message.tool_calls?.map((call) => call.type === 'function' && call.function.name)).toEqual(
      ['note'],
    );
    expect(text).not.toContain('weather');
    expect(offered(stage)).toEqual([['note', 'weather', 'risky']]);
    expect(stage.cities).toEqual(['Rome']);
  });

  it('is stored in a session, which goes on from the store with the answer of the client', async () => {
    await using stage = await served([{ text: 'One moment.', toolCalls: [ours, theirs] }, 'Done.']);
    const headers = { 'x-sluice-session': 'chat-1' };
    const { choice } = await streamed(stage, { tools: [note] }, headers);
    const [call] = choice?.message.tool_calls ?? [];
    expect(offered(stage)).toEqual([['note', 'weather', 'risky']]);
    const answer = { role: 'tool' as const, tool_call_id: call?.id ?? '', content: 'noted' };
    const next = await streamed(
      stage,
      { tools: [note], messages: [question, choice?.message, answer] },
      headers,
    );
    expect(next.choice).toMatchObject({ finish_reason: 'stop', message: { content: 'Done.' } });
    expect(stage.cities).toEqual(['Rome']);
    const [, second] = stage.model.requests;
    const sent = second?.messages ?? [];
    expect(sent.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'tool']);
    expect(sent[1]).toMatchObject({
      content: [{ text: 'One moment.' }, { name: 'weather' }, { name: 'note' }],
    });
    expect(sent.slice(2).flatMap<unknown>(({ content }) => content)).toMatchObject([
      { name: 'weather', content: 'rain' },
      { name: 'note', content: 'noted' },
    ]);
  });

  it('has a name that no tool of a client may have', async () => {
    await using stage = await served([]);
    const tools = [{ ...note, function: { ...note.function, name: 'weather' } }];
    await expect(stage.client.chat.completions.create({ ...asked, tools })).rejects.toMatchObject({
      status: 400,
      param: 'tools[0].function.name',
    });
    expect(stage.model.calls).toEqual([]);
  });

  it('is denied if it needs an approval, which this client cannot give', async () => {
    await using stage = await served([{ toolCalls: [{ ...ours, name: 'risky' }] }, 'Then not.']);
    const { choice } = await streamed(stage, {});
    expect(choice).toMatchObject({ finish_reason: 'stop', message: { content: 'Then not.' } });
    expect(stage.model.requests[1]?.messages.at(-1)).toMatchObject({
      content: [{ content: 'The call was denied, and the tool was not run. Nobody can approve it here.' }],
    });
  });
});

describe('a client of OpenAI', () => {
  it('lists models, and learns that one is not there', async () => {
    await using stage = await served([]);
    const models = await stage.client.models.list();
    expect(models.data).toMatchObject([{ id: 'gpt-x', object: 'model' }]);
    await expect(stage.client.models.retrieve('gpt-y')).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
    await expect(stage.client.chat.completions.create({ ...asked, model: 'gpt-y' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
    });
    await expect(stage.client.responses.retrieve('resp_1')).rejects.toMatchObject({ status: 404 });
    await expect(stage.client.embeddings.create({ model: 'x', input: 'x' })).rejects.toMatchObject({
      status: 404,
    });
  });

  it('is refused in the words of OpenAI, whatever is wrong', async () => {
    await using stage = await served([], {
      maxCompatibleBodyBytes: 1_000,
      auth: { tokens: { right: 'ada' } },
    });
    const wrong = stage.client.chat.completions.create(asked);
    await expect(wrong).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
    const client = new OpenAI({ baseURL: stage.client.baseURL, apiKey: 'right', maxRetries: 0 });
    const large = { ...asked, messages: [{ role: 'user' as const, content: 'x'.repeat(2_000) }] };
    await expect(client.chat.completions.create(large)).rejects.toMatchObject({
      status: 413,
      type: 'invalid_request_error',
    });
    await expect(client.responses.create({ model: 'gpt-x', input: 'x'.repeat(2_000) })).rejects.toMatchObject(
      {
        status: 413,
        type: 'invalid_request_error',
      },
    );
    const broken = await fetch(`${client.baseURL}/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer right', 'content-type': 'application/json' },
      body: '{',
    });
    expect([broken.status, await broken.json()]).toMatchObject([
      400,
      { error: { type: 'invalid_request_error' } },
    ]);
  });

  it('gets back the name that it asked for, and may choose a model that the pipeline offers', async () => {
    const model = scripted(['One', 'Two']);
    const pipeline = new Pipeline([provider(model)]);
    await using app = await openaiApp(pipeline, {}, { models: ['big'] });
    const client = new OpenAI({ baseURL: app.baseURL, apiKey: 'key' });
    const { data, response } = await client.chat.completions
      .create({ ...asked, model: 'big' })
      .withResponse();
    expect([data.model, response.headers.get('x-sluice-model')]).toEqual(['big', 'scripted']);
    const plain = await client.responses.create({ model: 'gpt-x', input: 'Hi' });
    expect(plain.model).toBe('gpt-x');
    expect(model.requests.map((request) => request.model)).toEqual(['big', undefined]);
  });

  it('reaches the provider with the fields and the tools that the server allows', async () => {
    const model = scripted(['One', 'Two']);
    const entry = { provider: 'groq', passFields: ['top_k'], hostedTools: ['web_search'] };
    await using app = await openaiApp(new Pipeline([provider(model)]), {}, entry);
    const client = new OpenAI({ baseURL: app.baseURL, apiKey: 'key' });
    const fields: object = { top_k: 5, user: 'u' };
    await client.chat.completions.create({ ...asked, ...fields });
    const web = { type: 'web_search' as const };
    await client.responses.create({ model: 'gpt-x', input: 'Hi', tools: [web] });
    expect(model.requests.map(({ parameters }) => parameters.providerOptions)).toEqual([
      { groq: { top_k: 5, user: 'u' } },
      { groq: { tools: [web] } },
    ]);
  });
});
