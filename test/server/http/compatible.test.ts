import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { Pipeline, SluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { tool, tools } from 'sluice/middleware/tools';
import { createServer } from 'sluice/server';
import type { Listening } from 'sluice/server';
import { scripted } from 'sluice/testing';
import type { ScriptedProvider } from 'sluice/testing';
import { ADA, codeOf, stage } from './stage.ts';

let listening: Listening;
let model: ScriptedProvider;
let pipeline: Pipeline;
let openai: OpenAI;
let anthropic: Anthropic;

const clock: Middleware = tools([
  tool({ name: 'clock', description: 'The time', input: z.object({}), execute: () => 'noon' }),
]);

beforeEach(async () => {
  model = scripted([]);
  pipeline = new Pipeline([clock, provider(model)]);
  const server = createServer(
    { helper: { pipeline, models: ['gpt-x'] } },
    { auth: { tokens: { [ADA]: 'ada' } } },
  );
  listening = await server.listen({ port: 0 });
  openai = new OpenAI({ baseURL: `${listening.url}/v1`, apiKey: ADA, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: listening.url, apiKey: ADA, maxRetries: 0 });
});
afterEach(() => listening.close());

const user = { role: 'user', content: 'Hi' } as const;

describe('a client of OpenAI with a changed address', () => {
  test('gets an answer, the model as it was asked for, and the limits of its caller', async () => {
    model.enqueue('Hello');
    const { data, response } = await openai.chat.completions
      .create({ model: 'gpt-x', messages: [user] })
      .withResponse();
    expect(data).toMatchObject({
      model: 'gpt-x',
      choices: [{ message: { content: 'Hello' }, finish_reason: 'stop' }],
      usage: { total_tokens: 20 },
    });
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('599');
    expect(model.requests[0]?.model).toBe('gpt-x');
  });

  test('gets a stream', async () => {
    model.enqueue('Hello world');
    let text = '';
    const stream = await openai.chat.completions.create({ model: 'helper', messages: [user], stream: true });
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe('Hello world');
  });

  test('gets Responses, and the list of models', async () => {
    model.enqueue('Hello');
    const response = await openai.responses.create({ model: 'helper', input: 'Hi' });
    expect(response.output_text).toBe('Hello');
    expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(['helper', 'gpt-x']);
  });

  test('gets errors in its own form, also for a wrong token and an unknown model', async () => {
    await expect(openai.chat.completions.create({ model: 'other', messages: [user] })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
    const stranger = new OpenAI({ baseURL: `${listening.url}/v1`, apiKey: 'wrong', maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
  });

  test('has its own tools called by itself, and ours stay out of that round', async () => {
    model.enqueue({ toolCalls: [{ name: 'weather', arguments: { city: 'Rome' } }] });
    const parameters = { type: 'object', properties: { city: { type: 'string' } } };
    const weather = { type: 'function', function: { name: 'weather', parameters } } as const;
    const { choices } = await openai.chat.completions.create({
      model: 'helper',
      messages: [user],
      tools: [weather],
    });
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ function: { name: 'weather', arguments: '{"city":"Rome"}' } }] },
    });
    expect(model.requests[0]?.tools?.map(({ name }) => name)).toEqual(['weather']);
    const clash = { type: 'function', function: { name: 'clock', parameters: {} } } as const;
    await expect(
      openai.chat.completions.create({ model: 'helper', messages: [user], tools: [clash] }),
    ).rejects.toMatchObject({ status: 400 });
  });

  test('has our tools run inside and is told nothing of them', async () => {
    model.enqueue({ toolCalls: [{ name: 'clock', arguments: {} }] }, 'It is noon');
    const { choices } = await openai.chat.completions.create({ model: 'helper', messages: [user] });
    expect(choices).toMatchObject([{ finish_reason: 'stop', message: { content: 'It is noon' } }]);
    expect(choices[0]?.message.tool_calls).toBeUndefined();
  });

  test('has a conversation if it names one, and only what is new is stored', async () => {
    model.enqueue('Hello', 'Again');
    const headers = { 'x-sluice-session': 'c1' };
    await openai.chat.completions.create({ model: 'helper', messages: [user] }, { headers });
    await openai.chat.completions.create(
      {
        model: 'helper',
        messages: [
          user,
          { role: 'assistant', content: 'Changed by the client' },
          { role: 'user', content: 'And?' },
        ],
      },
      { headers },
    );
    const session = await pipeline.store.load({ owner: 'ada', id: 'c1' });
    expect(session?.messages).toMatchObject([
      { content: 'Hi' },
      { content: 'Hello' },
      { content: 'And?' },
      { content: 'Again' },
    ]);
  });
});

describe('a session after turns that failed', () => {
  const headers = { 'x-sluice-session': 'c3' };
  type Messages = OpenAI.Chat.Completions.ChatCompletionMessageParam[];
  const asked = (messages: Messages, more: Record<string, string> = {}) =>
    openai.chat.completions.create({ model: 'helper', messages }, { headers: { ...headers, ...more } });
  const said = (content: string) => ({ role: 'user', content }) as const;
  const down = { error: new SluiceError('server', 'No.') };
  const cut = { text: ['Hel', 'lo'], after: 1, ...down };

  async function stored(): Promise<unknown[] | undefined> {
    const session = await pipeline.store.load({ owner: 'ada', id: 'c3' });
    return session?.messages.map(({ role, content }) => [role, content]);
  }

  test('has a message once that is sent again, and the model is sent it once', async () => {
    model.enqueue(down, down, 'Hello');
    await expect(asked([user])).rejects.toMatchObject({ status: 502 });
    await expect(asked([user])).rejects.toMatchObject({ status: 502 });
    await asked([user]);
    expect(model.requests.map(({ messages }) => messages.length)).toEqual([1, 1, 1]);
    expect(await stored()).toEqual([
      ['user', 'Hi'],
      ['assistant', 'Hello'],
    ]);
  });

  test('has it once over the other protocols, too', async () => {
    const options = { headers };
    const asks = [
      () => anthropic.messages.create({ model: 'helper', max_tokens: 9, messages: [user] }, options),
      () => openai.responses.create({ model: 'helper', input: 'Hi' }, options),
    ];
    for (const ask of asks) {
      model.enqueue(down, 'Hello');
      await expect(ask()).rejects.toMatchObject({ status: 502 });
      await ask();
      expect(await stored()).toEqual([
        ['user', 'Hi'],
        ['assistant', 'Hello'],
      ]);
      await pipeline.store.delete({ owner: 'ada', id: 'c3' });
    }
  });

  test('has each of two messages once if the second follows a failure', async () => {
    model.enqueue(down, down, 'Hello', 'Bye');
    await expect(asked([user])).rejects.toMatchObject({ status: 502 });
    await expect(asked([user, said('Hi')])).rejects.toMatchObject({ status: 502 });
    await asked([user, said('Hi')]);
    await asked([user, said('Hi'), { role: 'assistant', content: 'Hello' }, said('Hi')]);
    expect(await stored()).toEqual([
      ['user', 'Hi'],
      ['user', 'Hi'],
      ['assistant', 'Hello'],
      ['user', 'Hi'],
      ['assistant', 'Bye'],
    ]);
  });

  test('answers a message anew whose reply was cut short, unless the client has that reply', async () => {
    model.enqueue(cut, 'Hello', cut, 'On');
    await expect(asked([user])).rejects.toMatchObject({ status: 502 });
    await asked([user]);
    expect(await stored()).toEqual([
      ['user', 'Hi'],
      ['assistant', 'Hello'],
    ]);
    const more: Messages = [user, { role: 'assistant', content: 'Hello' }, said('More')];
    await expect(asked(more)).rejects.toMatchObject({ status: 502 });
    await asked([...more, { role: 'assistant', content: 'Hel' }, said('More')]);
    expect(await stored()).toMatchObject([
      ['user', 'Hi'],
      ['assistant', 'Hello'],
      ['user', 'More'],
      ['assistant', expect.anything()],
      ['user', 'More'],
      ['assistant', 'On'],
    ]);
  });

  test('has the same turn again by its key', async () => {
    model.enqueue(down, 'Hello', 'Again');
    await expect(asked([user])).rejects.toMatchObject({ status: 502 });
    const ask = () => asked([user, said('There?')], { 'idempotency-key': 'k1' });
    expect((await ask()).choices[0]?.message.content).toBe('Hello');
    expect((await ask()).choices[0]?.message.content).toBe('Hello');
    expect(await stored()).toEqual([
      ['user', 'Hi'],
      ['user', 'There?'],
      ['assistant', 'Hello'],
    ]);
  });

  test('has a message once that is sent again under another key, and each key is a turn', async () => {
    model.enqueue(down, 'Hello', 'Never');
    const key = (name: string) => ({ 'idempotency-key': name });
    await expect(asked([user], key('k2'))).rejects.toMatchObject({ status: 502 });
    for (let time = 0; time < 2; time++)
      expect((await asked([user], key('k3'))).choices[0]?.message.content).toBe('Hello');
    expect(await stored()).toEqual([
      ['user', 'Hi'],
      ['assistant', 'Hello'],
    ]);
    await expect(asked([said('Other')], key('k3'))).rejects.toMatchObject({ status: 409 });
  });

  test("has the results of a client's tools once that are sent again", async () => {
    const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object' } } } as const;
    const ask = (messages: Messages) =>
      openai.chat.completions.create({ model: 'helper', messages, tools: [tool] }, { headers });
    const look = { name: 'look', arguments: {} };
    model.enqueue({ toolCalls: [look, look] }, down, 'Seen');
    const call = (await ask([user])).choices[0]?.message;
    const ids = call?.tool_calls?.map(({ id }) => id) ?? [];
    const results = ids.map((id) => ({ role: 'tool', tool_call_id: id, content: 'Rain' }) as const);
    const again: Messages = [user, { ...call, role: 'assistant' }, ...results];
    await expect(ask(again)).rejects.toMatchObject({ status: 502 });
    expect((await ask(again)).choices[0]?.message.content).toBe('Seen');
    const roles = (await stored())?.map((one) => (Array.isArray(one) ? one[0] : one));
    expect([results.length, roles]).toEqual([2, ['user', 'assistant', 'tool', 'assistant']]);
    expect(model.requests[2]?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
  });
});

describe('instructions in a session', () => {
  const headers = { 'x-sluice-session': 'c2' };
  const later = [user, { role: 'assistant', content: 'Hello' } as const, user];

  /** What the model was sent in each turn, and what is stored. */
  async function seen() {
    const session = await pipeline.store.load({ owner: 'ada', id: 'c2' });
    return {
      sent: model.requests.map(({ messages }) => messages.map(({ role, content }) => [role, content])),
      stored: session?.messages.map(({ role }) => role),
    };
  }

  /** Two turns whose instructions are these, as the model gets them. */
  const twoTurns = (first: unknown, second: unknown, said: unknown = 'Hi') => ({
    sent: [
      [
        ['system', first],
        ['user', said],
      ],
      [
        ['system', second],
        ['user', said],
        ['assistant', expect.anything()],
        ['user', said],
      ],
    ],
    stored: ['user', 'assistant', 'user', 'assistant'],
  });

  test('hold on every turn of Chat Completions, also changed ones, and are not stored', async () => {
    model.enqueue('Hello', 'Again');
    const ask = (messages: OpenAI.ChatCompletionMessageParam[]) =>
      openai.chat.completions.create({ model: 'helper', messages }, { headers });
    await ask([{ role: 'system', content: 'Be short.' }, user]);
    await ask([
      { role: 'system', content: 'Be long.' },
      { role: 'developer', content: 'Be kind.' },
      ...later,
    ]);
    const both = [
      { type: 'text', text: 'Be long.' },
      { type: 'text', text: 'Be kind.' },
    ];
    expect(await seen()).toEqual(twoTurns('Be short.', both));
  });

  test('hold on every turn of Responses', async () => {
    model.enqueue('Hello', 'Again');
    for (let turn = 0; turn < 2; turn++)
      await openai.responses.create(
        { model: 'helper', instructions: 'Be short.', input: 'Hi', previous_response_id: 'r1' },
        { headers },
      );
    expect(await seen()).toEqual(twoTurns('Be short.', 'Be short.'));
  });

  test('hold on every turn of Messages, wherever they are, in streams too', async () => {
    model.enqueue('Hello', 'Again');
    const ask = (messages: Anthropic.MessageParam[]) =>
      anthropic.messages
        .stream({ model: 'helper', max_tokens: 100, system: 'Be short.', messages }, { headers })
        .finalText();
    const place = { role: 'system', content: 'You are in Rome.' } as unknown as Anthropic.MessageParam;
    expect(await ask([user, place])).toBe('Hello');
    expect(await ask([user, place, ...later.slice(1)])).toBe('Again');
    const both = [
      { type: 'text', text: 'Be short.' },
      { type: 'text', text: 'You are in Rome.' },
    ];
    expect(await seen()).toEqual(twoTurns(both, both));
  });
});

describe('a client of Anthropic with a changed address', () => {
  const request = { model: 'helper', max_tokens: 100, messages: [user] };

  test('gets an answer and a stream', async () => {
    model.enqueue('Hello', 'Hello world');
    expect((await anthropic.messages.create(request)).content).toMatchObject([
      { type: 'text', text: 'Hello' },
    ]);
    expect(await anthropic.messages.stream(request).finalText()).toBe('Hello world');
  });

  test('counts tokens and lists models', async () => {
    expect(
      (await anthropic.messages.countTokens({ model: 'helper', messages: [user] })).input_tokens,
    ).toBeGreaterThan(0);
    expect((await anthropic.models.list()).data.map(({ id }) => id)).toEqual(['helper', 'gpt-x']);
  });

  test('gets errors in its own form', async () => {
    await expect(anthropic.messages.create({ ...request, model: 'other' })).rejects.toMatchObject({
      status: 404,
      error: { type: 'error', error: { type: 'not_found_error' } },
    });
  });
});

test('S10 a body that is too large is refused in the form of the route', async () => {
  const { ask } = stage('Hi', { maxCompatibleBodyBytes: 100 });
  const body = { model: 'agent', messages: [{ role: 'user', content: 'x'.repeat(200) }] };
  const refused = await ask('/v1/messages', { body });
  expect([refused.status, await refused.json()]).toMatchObject([
    413,
    { error: { type: 'request_too_large' } },
  ]);
  expect(await codeOf(await ask('/v1/chat/completions', { body }))).toEqual([413, 'invalid_request']);
});

test('useChat has a conversation on the server, and comes back to a running answer', async () => {
  const { ask, pipeline: own } = stage(['Hello'], { resumable: true });
  const message = { id: 'm1', role: 'user', parts: [{ type: 'text', text: 'Hi' }] };
  const response = await ask('/api/chat', {
    body: { id: 'chat1', messages: [message], trigger: 'submit-message' },
  });
  expect(response.headers.get('x-vercel-ai-ui-message-stream')).toBe('v1');
  expect(await response.text()).toContain('"delta":"Hello"');
  expect((await own.store.load({ owner: 'ada', id: 'chat1' }))?.messages).toHaveLength(2);
  expect((await ask('/api/chat/chat1/stream')).status).toBe(204);
});

test('AG-UI has its events, from start to end', async () => {
  const { ask } = stage(['Hello']);
  const body = {
    threadId: 'thread1',
    runId: 'run1',
    messages: [{ id: 'm1', role: 'user', content: 'Hi' }],
    tools: [],
    context: [],
    state: {},
    forwardedProps: {},
  };
  const text = await (await ask('/api/ag-ui', { body })).text();
  const types = [...text.matchAll(/^data: \{"type":"(\w+)"/gm)].map(([, type]) => type);
  expect([types[0], types.at(-1)]).toEqual(['RUN_STARTED', 'RUN_FINISHED']);
});

test('the page is there without a token, under a strict policy', async () => {
  const { ask } = stage('Hi');
  const response = await ask('/', { as: '' });
  expect(response.headers.get('content-type')).toContain('text/html');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect((await stage('Hi', { page: false }).ask('/', { as: '' })).status).toBe(404);
});
