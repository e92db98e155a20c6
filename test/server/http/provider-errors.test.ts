import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { openai } from 'sluice/providers/openai';
import { createServer } from 'sluice/server';
import type { SluiceServer } from 'sluice/server';

/** What a provider answers if something is wrong with the server's account, and nothing with the request. */
const REFUSALS: readonly [what: string, status: number, code: string, upstream: string][] = [
  ['a wrong key', 401, 'invalid_api_key', 'authentication'],
  ['a key that may not do this', 403, 'permission_denied', 'permission'],
  ['an account without money', 402, 'billing_error', 'permission'],
  ['a used up quota', 429, 'insufficient_quota', 'rate_limited'],
  ['a model that it does not have', 404, 'model_not_found', 'not_found'],
];

const messages = [{ role: 'user', content: 'Hi' }];
const uiMessages = [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'Hi' }] }];
const agUi = {
  ...{ threadId: 't1', runId: 'r1', state: {}, tools: [], context: [], forwardedProps: {} },
  messages: [{ id: 'm1', role: 'user', content: 'Hi' }],
};

/** A request to each route that runs a turn. */
const ROUTES: readonly [path: string, body: object][] = [
  ['/api/v1/agent/run', { input: 'Hi' }],
  ['/api/v1/agent/stream', { input: 'Hi' }],
  ...['sluice', 'openai', 'openai-responses', 'anthropic', 'ui-message', 'ag-ui'].map(
    (format): [string, object] => [`/api/v1/agent/stream?format=${format}`, { input: 'Hi' }],
  ),
  ['/v1/chat/completions', { model: 'agent', messages }],
  ['/v1/chat/completions', { model: 'agent', messages, stream: true }],
  ['/v1/responses', { model: 'agent', input: 'Hi' }],
  ['/v1/responses', { model: 'agent', input: 'Hi', stream: true }],
  ['/v1/messages', { model: 'agent', max_tokens: 10, messages }],
  ['/v1/messages', { model: 'agent', max_tokens: 10, messages, stream: true }],
  ['/api/chat', { id: 'c1', messages: uiMessages }],
  ['/api/ag-ui', agUi],
];

let answer = { status: 200, code: '' };
const upstream = createHttpServer((request, response) => {
  request.resume();
  const { status, code } = answer;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { message: 'canary: key sk-123 of account 7', type: code, code } }));
});
const lines: unknown[] = [];
let pipeline: Pipeline;
let server: SluiceServer;

beforeEach(async () => {
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  const baseURL = `http://127.0.0.1:${port}/v1`;
  pipeline = new Pipeline([provider(openai({ baseURL, apiKey: 'sk-server', model: 'm', api: 'chat' }))], {
    own: true,
  });
  const write = (...line: unknown[]): void => void lines.push(line);
  server = createServer(pipeline, {
    auth: { tokens: { secret: 'ada' } },
    logger: { debug: write, info: write, warn: write, error: write },
  });
});
afterEach(async () => {
  lines.length = 0;
  await pipeline[Symbol.asyncDispose]();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

async function ask(path: string, body: object): Promise<Response> {
  return server.fetch(
    new Request(`http://localhost${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer secret' },
      body: JSON.stringify(body),
    }),
  );
}

describe.each(REFUSALS)('a provider that refuses the server because of %s', (_what, status, code, said) => {
  test.each(ROUTES)('is 502 to a client of %s, which is not told to try again', async (path, body) => {
    answer = { status, code };
    const response = await ask(path, body);
    const text = await response.text();
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([502, 'false']);
    expect(text).not.toMatch(/canary|invalid_api_key|authentication_error|insufficient_quota|sk-/);
    // Whoever looks after the server reads the reason.
    expect(JSON.stringify(lines)).toContain(`"code":"${said}"`);
  });
});

test('a limit of the provider that is over soon stays a limit, and the agent routes say whose it is', async () => {
  answer = { status: 429, code: 'rate_limit_exceeded' };
  const response = await ask('/api/v1/agent/run', { input: 'Hi' });
  expect(response.status).toBe(429);
  expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('599');
  expect(await response.json()).toMatchObject({ error: { code: 'rate_limited', upstream: 'rate_limited' } });
});

test('a wrong token of the client stays a 401', async () => {
  const response = await server.fetch(
    new Request('http://localhost/v1/models', { headers: { authorization: 'Bearer wrong' } }),
  );
  expect(response.status).toBe(401);
});
