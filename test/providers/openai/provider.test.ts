import { getEventListeners } from 'node:events';

import OpenAI, { AzureOpenAI } from 'openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { openai } from '../../../providers/openai/index.ts';
import { faultServer } from '../../../testing/upstream/fault-server.ts';
import type { FaultServer } from '../../../testing/upstream/fault-server.ts';
import { ask, callsOf, chat, finish, joined, providerCall, run } from './support.ts';

/** It does not look like a provider's key, which would be found by its form. */
const CANARY = 'CANARY0123456789abcdef';

let server: FaultServer;

beforeEach(async () => {
  vi.stubEnv('OPENAI_API_KEY', undefined);
  server = await faultServer();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

function lines(...events: object[]): { lines: string[] } {
  return { lines: events.map((event) => JSON.stringify(event)) };
}

const hello = {
  stream: lines(chat({ role: 'assistant', content: '' }), chat({ content: 'Hello' }), finish('stop')),
};

describe('the OpenAI provider', () => {
  it('sends a chat request with key, organization, project and headers, once', async () => {
    server.enqueue(hello);
    await run({
      baseURL: server.openaiBaseURL,
      apiKey: CANARY,
      organization: 'org-1',
      project: 'proj-1',
      headers: { 'x-team': 'blue' },
    });
    const [request] = server.requests;
    expect(server.requests).toHaveLength(1);
    expect([request?.method, request?.path]).toEqual(['POST', '/v1/chat/completions']);
    expect(request?.headers).toMatchObject({
      authorization: `Bearer ${CANARY}`,
      'openai-organization': 'org-1',
      'openai-project': 'proj-1',
      'x-team': 'blue',
    });
    expect(request?.body).toEqual({
      model: 'gpt-6-luna',
      messages: [{ role: 'user', content: 'Hi' }],
      stream_options: { include_usage: true },
      stream: true,
    });
  });

  it('sends a Responses request to its own path', async () => {
    const response = {
      id: 'r',
      status: 'completed',
      output: [{ type: 'message', content: [{ type: 'output_text', text: 'Hi' }] }],
    };
    server.enqueue({ stream: lines({ type: 'response.completed', response }) });
    const told = await run({ baseURL: server.openaiBaseURL, api: 'responses' });
    expect(server.requests[0]?.path).toBe('/v1/responses');
    expect(server.requests[0]?.body).toMatchObject({
      input: [{ role: 'user', content: 'Hi' }],
      store: false,
    });
    expect(joined(told.chunks, 'content')).toBe('Hi');
  });

  it('S12 takes only the key from the environment', async () => {
    vi.stubEnv('OPENAI_BASE_URL', 'http://127.0.0.1:9/elsewhere');
    vi.stubEnv('OPENAI_ORG_ID', 'org-env');
    vi.stubEnv('OPENAI_PROJECT_ID', 'proj-env');
    vi.stubEnv('OPENAI_ADMIN_KEY', 'admin-env');
    vi.stubEnv('OPENAI_CUSTOM_HEADERS', 'x-env: 1\nX-Team: env\nauthorization: Bearer env');
    server.enqueue(hello);
    await run({ baseURL: server.openaiBaseURL, apiKey: CANARY, headers: { 'x-team': 'blue' } });
    const headers = server.requests[0]?.headers;
    expect(headers).toMatchObject({ authorization: `Bearer ${CANARY}`, 'x-team': 'blue' });
    expect(Object.keys(headers ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(?:x-env|openai-organization|openai-project)$/)]),
    );
    expect(JSON.stringify(headers)).not.toContain('env');
  });

  it('sends no Authorization to a server that needs no key', async () => {
    server.enqueue(hello);
    await run({ baseURL: server.openaiBaseURL, apiKey: undefined });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('sends nothing before the first read', async () => {
    const provider = openai({ apiKey: 'test', baseURL: server.openaiBaseURL });
    const stream = provider.stream(ask(), providerCall(ask()));
    await new Promise((resolve) => setImmediate(resolve));
    expect(server.requests).toHaveLength(0);
    await stream.close();
    await provider.close?.();
    expect(server.requests).toHaveLength(0);
  });

  it('sends nothing if strict refuses the request', async () => {
    const request = ask({ parameters: { strict: true, reasoning: { budgetTokens: 5 } } });
    const { error } = await run({ baseURL: server.openaiBaseURL }, request);
    expect([error?.code, server.requests.length]).toEqual(['invalid_request', 0]);
  });

  it('keeps the request and the events with includeRaw, but no header', async () => {
    server.enqueue(hello);
    const { reply } = await run(
      { baseURL: server.openaiBaseURL, apiKey: CANARY },
      ask({ parameters: { includeRaw: true } }),
    );
    expect(reply?.raw?.request).toEqual(server.requests[0]?.body);
    expect(reply?.raw?.reply).toEqual(hello.stream.lines.map((line): unknown => JSON.parse(line)));
    expect(JSON.stringify(reply?.raw)).not.toContain(CANARY);
  });

  it('reads the complete reply of an endpoint that cannot stream', async () => {
    const message = {
      role: 'assistant',
      content: 'Hello',
      tool_calls: [{ id: 'a', function: { name: 'add', arguments: '{}' } }],
    };
    server.enqueue({
      body: {
        id: 'c',
        model: 'm',
        choices: [{ index: 0, message, finish_reason: 'tool_calls' }],
        usage: { prompt_tokens: 1, completion_tokens: 2 },
      },
    });
    const { chunks, reply } = await run({ baseURL: server.openaiBaseURL, stream: false });
    expect(server.requests[0]?.body).toMatchObject({ stream: false });
    expect([joined(chunks, 'content'), callsOf(chunks), reply?.usage?.totalTokens]).toEqual([
      'Hello',
      [{ id: 'a', name: 'add', arguments: {} }],
      3,
    ]);
  });

  it('reads the complete reply of Responses, too', async () => {
    const output = [
      { type: 'reasoning', id: 'rs', summary: [{ type: 'summary_text', text: 'Hm' }] },
      { type: 'message', content: [{ type: 'output_text', text: 'Hello' }] },
    ];
    server.enqueue({ body: { id: 'r', status: 'completed', output, error: null } });
    const { chunks, reply } = await run({ baseURL: server.openaiBaseURL, api: 'responses', stream: false });
    expect([joined(chunks, 'thinking'), joined(chunks, 'content'), reply?.finishReason]).toEqual([
      'Hm',
      'Hello',
      'stop',
    ]);
  });
});

describe('failures of the OpenAI provider', () => {
  it('R19 are not retried', async () => {
    server.always({
      status: 429,
      headers: { 'retry-after': '7' },
      body: { error: { type: 'rate_limit_error', message: 'Slow' } },
    });
    const { error, call } = await run({ baseURL: server.openaiBaseURL });
    expect([call.provider, call.model]).toEqual(['openai', 'gpt-6-luna']);
    expect(error).toMatchObject({
      code: 'rate_limited',
      status: 429,
      retryAfterMs: 7_000,
      requestId: 'req_0',
      provider: 'openai',
      retryable: true,
    });
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    [401, 'authentication'],
    [403, 'permission'],
    [404, 'not_found'],
    [400, 'invalid_request'],
    [500, 'server'],
  ])('R20 with status %i are a %s error', async (status, code) => {
    server.enqueue({ status, body: { error: { message: 'no' } } });
    const { error } = await run({ baseURL: server.openaiBaseURL });
    expect([error?.code, error?.status]).toEqual([code, status]);
  });

  it('R20 of a context that is too long have their own code', async () => {
    server.enqueue({
      status: 400,
      body: { error: { type: 'invalid_request_error', code: 'context_length_exceeded', message: 'long' } },
    });
    expect((await run({ baseURL: server.openaiBaseURL })).error?.code).toBe('context_length');
  });

  it.each(['eof', 'fin'] as const)(
    'R1 of a stream that ends by %s without a finish reason keep what came',
    async (kind) => {
      server.enqueue({ stream: hello.stream, fault: { kind, at: { event: 2 } } });
      const { error, chunks } = await run({ baseURL: server.openaiBaseURL });
      expect(joined(chunks, 'content')).toBe('Hello');
      expect(['truncated', 'network']).toContain(error?.code);
      expect(error?.retryable).toBe(true);
    },
  );

  it('R2 do not include a stream without [DONE] that had a finish reason', async () => {
    server.enqueue({ stream: { ...hello.stream, sentinel: false } });
    expect((await run({ baseURL: server.openaiBaseURL })).reply?.finishReason).toBe('stop');
  });

  it('R3 by an overload after status 200 are typed and have the request id', async () => {
    const overload = JSON.stringify({ error: { type: 'overloaded_error', message: 'Overloaded' } });
    server.enqueue({ stream: hello.stream, fault: { kind: 'error', lines: [overload], at: { event: 1 } } });
    expect((await run({ baseURL: server.openaiBaseURL })).error).toMatchObject({
      code: 'overloaded',
      retryable: true,
      requestId: 'req_0',
    });
  });

  it('R6 do not include comments that keep a connection alive, which are no chunks', async () => {
    server.enqueue({ stream: { ...hello.stream, comments: { count: 3 } } });
    const { chunks } = await run({ baseURL: server.openaiBaseURL });
    expect(chunks).toEqual([{ type: 'content', content: 'Hello' }]);
  });

  it.each([
    ['nothing but the sentinel', { stream: { lines: [] } }],
    ['an empty body', { stream: { lines: [], sentinel: false } }],
    ['a finish without output', { stream: lines(chat({ role: 'assistant', content: '' }), finish('stop')) }],
    ['a page', { body: '<html></html>', headers: { 'content-type': 'text/html' } }],
    ['JSON', { body: { ok: true } }],
  ])('R7 include an end without output (%s)', async (_name, response) => {
    server.enqueue(response);
    const { error, reply } = await run({ baseURL: server.openaiBaseURL });
    expect([reply, error?.provider]).toEqual([undefined, 'openai']);
    expect(['truncated', 'protocol']).toContain(error?.code);
  });

  it('S12 include a redirect, which is not followed', async () => {
    await using other = await faultServer({ always: hello });
    server.enqueue({ status: 307, headers: { location: `${other.openaiBaseURL}/chat/completions` } });
    const { error, chunks } = await run({ baseURL: server.openaiBaseURL, apiKey: CANARY });
    expect([chunks, error?.provider, other.requests.length]).toEqual([[], 'openai', 0]);
  });

  it('S10 include an event over the limit', async () => {
    server.enqueue({ stream: lines(chat({ content: 'x'.repeat(5_000) }), finish('stop')) });
    const { error } = await run({ baseURL: server.openaiBaseURL, limits: { maxEventCharacters: 1_000 } });
    expect(error?.code).toBe('protocol');
  });

  it('S10 include output over the limit', async () => {
    const many = Array.from({ length: 20 }, () => chat({ content: 'x'.repeat(100) }));
    server.enqueue({ stream: lines(...many, finish('stop')) });
    const { error } = await run({ baseURL: server.openaiBaseURL, limits: { maxOutputCharacters: 1_000 } });
    expect(error?.code).toBe('protocol');
  });

  it('S1 do not show the key, however it comes back', async () => {
    const told = `Incorrect API key provided: ${CANARY}`;
    server.enqueue(
      { status: 401, body: { error: { message: told } } },
      { status: 500, body: told },
      { stream: lines({ error: { message: told } }) },
      { stream: lines(chat({ content: 'x' }), { object: 'error', message: told }) },
      {
        stream: lines(chat({ content: 'x' })),
        fault: { kind: 'garbage', data: `data: {"x":"${CANARY}\n\n`, at: { event: 1 } },
      },
    );
    for (let count = 0; count < 5; count++) {
      const { error } = await run({ baseURL: server.openaiBaseURL, apiKey: CANARY });
      expect(error).toBeDefined();
      expect(everythingIn(error)).not.toContain(CANARY);
    }
    const refused = await run({ baseURL: 'http://127.0.0.1:1/v1', apiKey: CANARY });
    expect(refused.error?.code).toBe('network');
    expect(everythingIn(refused.error)).not.toContain(CANARY);
    server.assertDrained();
  });
});

/** All text of an error and its causes, including their own fields and stacks. */
function everythingIn(error: unknown): string {
  let told = '';
  const seen = new Set<unknown>();
  const visit = (value: unknown): void => {
    if (typeof value === 'string') told += `${value}\n`;
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (value instanceof Headers) value.forEach((each) => visit(each));
    for (const key of Reflect.ownKeys(value)) visit(Reflect.get(value, key));
  };
  visit(error);
  return told;
}

describe('early ends of the OpenAI provider', () => {
  it('R41 by close() release the socket', async () => {
    server.enqueue({ stream: hello.stream, fault: { kind: 'stall', at: { event: 2 } } });
    const provider = openai({ apiKey: 'test', baseURL: server.openaiBaseURL });
    const stream = provider.stream(ask(), providerCall(ask()));
    expect((await stream.next()).value).toMatchObject({ type: 'content', content: 'Hello' });
    await stream.close();
    await server.idle();
    expect(server.log).toContain('client-left 0');
    await provider.close?.();
    await server.socketsClosed();
  });

  it('by an aborted signal are an error, never a normal end', async () => {
    server.enqueue({ stream: hello.stream, fault: { kind: 'stall', at: { event: 2 } } });
    const provider = openai({ apiKey: 'test', baseURL: server.openaiBaseURL });
    const controller = new AbortController();
    const stream = provider.stream(ask(), providerCall(ask(), controller.signal));
    await stream.next();
    const pending = stream.next();
    controller.abort();
    await expect(pending).rejects.toMatchObject({ code: 'aborted' });
    await server.idle();
    await provider.close?.();
  });

  it('R12 leave no listener on a long-lived signal', async () => {
    server.always(hello);
    const { signal } = new AbortController();
    const provider = openai({ apiKey: 'test', baseURL: server.openaiBaseURL });
    for (let count = 0; count < 1_000; count++) {
      const stream = provider.stream(ask(), providerCall(ask(), signal));
      while (!(await stream.next()).done);
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await provider.close?.();
  });
});

describe('a client that was passed in', () => {
  it('of the SDK is used unchanged, and asked not to retry', async () => {
    server.enqueue({ status: 500, body: {} }, hello);
    const client = new OpenAI({ apiKey: 'ready', baseURL: server.openaiBaseURL, logLevel: 'off' });
    const failed = await run({ client, apiKey: undefined });
    expect([failed.error?.code, server.requests.length]).toEqual(['server', 1]);
    const told = await run({ client, apiKey: undefined });
    expect([joined(told.chunks, 'content'), server.requests[1]?.headers.authorization]).toEqual([
      'Hello',
      'Bearer ready',
    ]);
  });

  it('S12 follows no redirect either', async () => {
    await using other = await faultServer({ always: hello });
    server.enqueue({ status: 307, headers: { location: `${other.openaiBaseURL}/chat/completions` } });
    const client = new OpenAI({ apiKey: CANARY, baseURL: server.openaiBaseURL, logLevel: 'off' });
    const { error, reply } = await run({ client, apiKey: undefined });
    expect([reply, error?.provider, other.requests.length]).toEqual([undefined, 'openai', 0]);
  });

  it('for Azure calls its deployment', async () => {
    server.enqueue(hello);
    const client = new AzureOpenAI({
      apiKey: 'azure',
      endpoint: server.url,
      apiVersion: '2025-01-01',
      logLevel: 'off',
    });
    const told = await run({ client, apiKey: undefined, model: 'mine' });
    expect(server.requests[0]?.path).toBe('/openai/deployments/mine/chat/completions?api-version=2025-01-01');
    expect(server.requests[0]?.headers['api-key']).toBe('azure');
    expect(joined(told.chunks, 'content')).toBe('Hello');
  });

  it('S1 has its key in no error either', async () => {
    server.enqueue({ status: 401, body: { error: { message: `bad ${CANARY}` } } });
    const client = new OpenAI({ apiKey: CANARY, baseURL: server.openaiBaseURL, logLevel: 'off' });
    const { error } = await run({ client, apiKey: undefined });
    expect(error?.code).toBe('authentication');
    expect(everythingIn(error)).not.toContain(CANARY);
  });
});
