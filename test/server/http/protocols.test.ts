import { HttpAgent } from '@ag-ui/client';
import Anthropic from '@anthropic-ai/sdk';
import { AbstractChat, DefaultChatTransport, type UIMessage } from 'ai';
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { Pipeline, SluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { tool, tools } from 'sluice/middleware/tools';
import { createServer } from 'sluice/server';
import type { Listening, ServerOptions } from 'sluice/server';
import { manualGate, scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';
import { eventsOf } from '../support.ts';

let listening: Listening | undefined;
afterEach(async () => {
  await listening?.close();
  listening = undefined;
});

let runs = 0;
const weather = tool({
  name: 'weather',
  description: 'The weather of a city',
  input: z.object({ city: z.string() }),
  execute: () => {
    runs += 1;
    return { degrees: -3 };
  },
});

async function serve(
  answers: ScriptedAnswer | ScriptedAnswer[],
  options: Partial<ServerOptions> = {},
): Promise<{ url: string; model: ScriptedProvider }> {
  runs = 0;
  const model = scripted(answers);
  const pipeline = new Pipeline([tools([weather]), provider(model)]);
  const server = createServer({ agent: { pipeline, models: ['fast'] } }, { auth: false, ...options });
  listening = await server.listen({ port: 0 });
  return { url: `http://127.0.0.1:${listening.port}`, model };
}

const anthropicOf = (url: string): Anthropic => new Anthropic({ baseURL: url, apiKey: 'k', maxRetries: 0 });
const ask = { model: 'fast', max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hi' }] };

describe("Anthropic's client at the server", () => {
  test('streams, counts, lists models, and knows the id of its request', async () => {
    const { url } = await serve(['Hello world', 'Hello again']);
    const client = anthropicOf(url);
    const streamed = client.messages.stream(ask);
    const message = await streamed.finalMessage();
    expect(message).toMatchObject({
      content: [{ type: 'text', text: 'Hello world' }],
      model: 'fast',
      stop_reason: 'end_turn',
    });
    expect(streamed.request_id).toMatch(/^[\w-]{10,}$/);
    expect((await client.messages.create(ask))._request_id).toMatch(/^[\w-]{10,}$/);
    expect((await client.messages.countTokens(ask)).input_tokens).toBeGreaterThan(0);
    const names: string[] = [];
    for await (const { id } of client.models.list()) names.push(id);
    expect(names).toEqual(['agent', 'fast']);
  });

  test('gets an error with its status before the first word, and an address that is not there in its shape', async () => {
    const error = new SluiceError('rate_limited', 'A secret.', { retryAfterMs: 2_000 });
    const { url } = await serve({ error });
    const client = anthropicOf(url);
    const refused = await client.messages
      .stream(ask)
      .finalMessage()
      .catch((thrown: unknown) => thrown);
    expect(refused).toBeInstanceOf(Anthropic.RateLimitError);
    expect(refused).toMatchObject({ error: { error: { type: 'rate_limit_error' } } });
    await expect(client.models.retrieve('none')).rejects.toMatchObject({
      status: 404,
      error: { type: 'error', error: { type: 'not_found_error' } },
    });
    await expect(client.messages.create({ ...ask, model: 'unknown' })).rejects.toMatchObject({
      status: 404,
      error: { error: { type: 'not_found_error' } },
    });
  });
});

test("a conversation that is too long is said in the words of Anthropic's API, which coding agents look for", async () => {
  const error = new SluiceError('context_length', 'A secret.');
  const { url } = await serve([{ error }, { text: ['Hel', 'lo'], after: 1, error }]);
  await expect(anthropicOf(url).messages.create(ask)).rejects.toMatchObject({
    status: 400,
    error: {
      error: { type: 'invalid_request_error', message: expect.stringMatching(/^prompt is too long: /) },
    },
  });
  await expect(anthropicOf(url).messages.stream(ask).finalMessage()).rejects.toThrow('prompt is too long: ');
});

describe("Anthropic's client with its own retries", () => {
  const asks = {
    'an answer': (client: Anthropic) => client.messages.create(ask),
    'a stream': (client: Anthropic) => client.messages.stream(ask).finalMessage(),
  };
  test.each(Object.entries(asks))('sends a failing request once more, for %s', async (_name, send) => {
    const error = new SluiceError('overloaded', 'A secret.', { retryAfterMs: 1 });
    const { url, model } = await serve([{ error }, { error }, { error }]);
    await expect(send(new Anthropic({ baseURL: url, apiKey: 'k' }))).rejects.toMatchObject({ status: 529 });
    expect(model.calls.length).toBe(2);
  });
});

describe('the model that answered', () => {
  const chat = { model: 'fast', messages: ask.messages };
  const asks: [path: string, body: object][] = [
    ['/v1/chat/completions', chat],
    ['/v1/responses', { model: 'fast', input: 'Hi' }],
    ['/v1/messages', ask],
  ];
  test.each(asks.flatMap(([path, body]) => [true, false].map((stream) => ({ path, body, stream }))))(
    'is in a header of $path, stream: $stream',
    async ({ path, body, stream }) => {
      const { url } = await serve('Hello');
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...body, stream }),
      });
      expect(response.headers.get('x-sluice-model')).toBe('scripted');
      expect(await response.text()).toContain('"model":"fast"');
    },
  );

  test('is the one whose first chunk came, if another one had failed before', async () => {
    const one = provider(scripted([{ error: new SluiceError('overloaded', 'No.') }], { model: 'one' }));
    const fallback: Middleware = async function* fallback(context, next) {
      try {
        return yield* context.run(one);
      } catch {
        return yield* next();
      }
    };
    const pipeline = new Pipeline([fallback, provider(scripted('Hello', { model: 'two' }))]);
    listening = await createServer({ fast: pipeline }, { auth: false }).listen({ port: 0 });
    const response = await fetch(`${listening.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...chat, stream: true }),
    });
    expect(response.headers.get('x-sluice-model')).toBe('two');
    await response.text();
  });
});

class PageChat extends AbstractChat<UIMessage> {}

function chatOf(url: string, id: string, messages: UIMessage[] = []): PageChat {
  const state = {
    ...{ status: 'ready' as const, error: undefined, messages },
    pushMessage(message: UIMessage) {
      this.messages = [...this.messages, message];
    },
    popMessage() {
      this.messages = this.messages.slice(0, -1);
    },
    replaceMessage(at: number, message: UIMessage) {
      this.messages = this.messages.map((one, index) => (index === at ? structuredClone(message) : one));
    },
    snapshot: <T>(thing: T): T => structuredClone(thing),
  };
  return new PageChat({ id, state, transport: new DefaultChatTransport({ api: `${url}/api/chat` }) });
}

const textOf = (message: UIMessage | undefined): string =>
  message?.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('') ?? '';

describe('useChat at the server', () => {
  test('runs a tool, keeps the conversation, and comes back to a running reply', async () => {
    const pace = manualGate();
    const { url, model } = await serve(
      [
        { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] },
        'It is cold.',
        { text: 'One two three', gate: pace.gate },
      ],
      { resumable: true },
    );
    const chat = chatOf(url, 'chat-1');
    await chat.sendMessage({ text: 'Oslo?' });
    expect(textOf(chat.messages.at(-1))).toBe('It is cold.');
    expect(runs).toBe(1);
    pace.release(1);
    const sending = chat.sendMessage({ text: 'Count.' });
    await expect.poll(() => textOf(chat.messages.at(-1))).toBe('One ');
    const other = chatOf(url, 'chat-1', chat.messages.slice(0, 3));
    const resuming = other.resumeStream();
    await expect.poll(() => textOf(other.messages.at(-1))).toBe('One ');
    pace.open();
    await Promise.all([sending, resuming]);
    expect(textOf(other.messages.at(-1))).toBe('One two three');
    expect(other.messages.at(-1)?.id).toBe(chat.messages.at(-1)?.id);
    expect(model.calls).toHaveLength(3);
    expect((await fetch(`${url}/api/chat/chat-1/stream?version=4`)).status).toBe(400);
    expect((await fetch(`${url}/api/chat/chat-1/stream?version=7`)).status).toBe(204);
    const idle = chatOf(url, 'chat-1', chat.messages);
    await idle.resumeStream();
    expect(idle.messages).toEqual(chat.messages);
  });
});

describe('an AG-UI client at the server', () => {
  const agentOf = (url: string): HttpAgent =>
    new HttpAgent({ url: `${url}/api/ag-ui`, threadId: 'thread-1' });

  test('runs a tool, and its thread is a session', async () => {
    const { url, model } = await serve([
      { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] },
      'It is cold.',
      'Welcome.',
    ]);
    const agent = agentOf(url);
    agent.addMessage({ id: 'u1', role: 'user', content: 'Oslo?' });
    await agent.runAgent();
    expect(agent.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    agent.addMessage({ id: 'u2', role: 'user', content: 'Thanks.' });
    await agent.runAgent();
    expect(agent.messages.at(-1)?.content).toBe('Welcome.');
    expect(model.requests[2]?.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
      'user',
    ]);
  });

  test('has what the page knows in each turn, and sends no message twice to a session that has it from a run that failed', async () => {
    const { url, model } = await serve([{ error: new SluiceError('server', 'No.') }, 'Hello.']);
    const agent = agentOf(url);
    const context = [{ description: 'The city', value: 'Rome' }];
    agent.addMessage({ id: 'u1', role: 'user', content: 'Hi?' });
    // The client prints the error.
    const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await expect(agent.runAgent({ context })).rejects.toThrow('502');
    printed.mockRestore();
    agent.addMessage({ id: 'u2', role: 'user', content: 'Are you there?' });
    await agent.runAgent({ context });
    expect(agent.messages.at(-1)?.content).toBe('Hello.');
    expect(model.requests[1]?.messages).toEqual([
      { role: 'system', content: 'The city: Rome' },
      { role: 'user', content: 'Hi?' },
      { role: 'user', content: 'Are you there?' },
    ]);
  });

  test('joins the run of a thread, and has the same messages as the one that started it', async () => {
    const pace = manualGate();
    const { url, model } = await serve(
      { thinking: ['Hm.'], text: 'One two three', gate: pace.gate },
      { resumable: true },
    );
    pace.release(2);
    const first = agentOf(url);
    first.addMessage({ id: 'u1', role: 'user', content: 'Count.' });
    const running = first.runAgent();
    await expect.poll(() => first.messages.at(-1)?.content).toBe('One ');
    const second = new HttpAgent({ url: `${url}/api/ag-ui/join`, threadId: 'thread-1' });
    second.setMessages(structuredClone(first.messages));
    const events: string[] = [];
    const joining = second.runAgent({}, { onEvent: ({ event }) => void events.push(event.type) });
    await expect.poll(() => events.at(-1)).toBe('TEXT_MESSAGE_CONTENT');
    expect(events.slice(0, 2)).toEqual(['RUN_STARTED', 'MESSAGES_SNAPSHOT']);
    pace.open();
    await Promise.all([running, joining]);
    expect(second.messages).toEqual(first.messages);
    expect(second.messages.at(-1)?.content).toBe('One two three');
    expect(model.calls).toHaveLength(1);
    const none = await fetch(`${url}/api/ag-ui/join`, {
      method: 'POST',
      body: JSON.stringify({ threadId: 'thread-1', runId: 'r', messages: [] }),
      headers: { 'content-type': 'application/json' },
    });
    expect(none.status).toBe(404);
  });
});

test('a client needs its token on the routes of all protocols', async () => {
  const { url } = await serve('Hi', { auth: { tokens: { secret: 'ada' } } });
  const status = async (path: string, headers: Record<string, string>, body: unknown): Promise<number> => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
    if (response.ok) await eventsOf(response);
    return response.status;
  };
  const messages = [{ id: 'u1', role: 'user', content: 'Hi', parts: [{ type: 'text', text: 'Hi' }] }];
  const bodies: [string, unknown][] = [
    ['/v1/messages', { ...ask, stream: true }],
    ['/api/chat', { id: 'c1', messages }],
    ['/api/ag-ui', { threadId: 't1', runId: 'r1', messages }],
    ['/api/ag-ui/join', { threadId: 't1', runId: 'r1', messages }],
  ];
  for (const [path, body] of bodies) expect([path, await status(path, {}, body)]).toEqual([path, 401]);
  expect(await status('/v1/messages', { 'x-api-key': 'secret' }, { ...ask, stream: true })).toBe(200);
});
