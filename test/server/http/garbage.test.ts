import { afterEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { createServer } from 'sluice/server';
import type { SluiceServer } from 'sluice/server';
import { scripted } from 'sluice/testing';
import { ADA, BOB } from './stage.ts';

const lines: unknown[][] = [];
const write = (...line: unknown[]): void => void lines.push(line);
afterEach(() => {
  lines.length = 0;
});

function serve(): SluiceServer {
  const model = scripted('Hi', { repeat: true });
  return createServer(
    { agent: { pipeline: new Pipeline([provider(model)]), models: ['fast'] } },
    {
      auth: { tokens: { [ADA]: { id: 'ada', organizations: ['acme'] }, [BOB]: 'bob' } },
      limits: { requestsPerMinute: 1_000_000, concurrentStreams: 3 },
      logger: { debug: write, info: write, warn: write, error: write },
      ...{ getStream: true, resumable: true, maxBodyBytes: 300_000, maxCompatibleBodyBytes: 300_000 },
    },
  );
}
const server = serve();

/** Whatever the app has, without what only stands in front of routes. */
const routes = [
  ...new Set(
    server.app.routes.flatMap(({ method, path }) => (method === 'ALL' ? [] : [`${method} ${path}`])),
  ),
].map((name): [name: string, method: string, path: string] => {
  const [method = '', path = ''] = name.split(' ');
  return [name, method, path];
});
const posts = routes.filter(([, method]) => method === 'POST');

/** A body that each route takes. */
const user = { role: 'user', content: 'Hi' };
const BODIES: Record<string, Record<string, unknown>> = {
  '/api/v1/agent/run': {
    ...{ input: 'Hi', pipeline: 'agent', model: 'fast', org_id: 'acme', context: {}, max_iterations: 1 },
  },
  '/api/v1/agent/stream': { input: [user], pipeline: 'agent', conversation_id: 'c1' },
  '/api/v1/conversations/:id/fork': { at: 1 },
  '/api/v1/conversations/:id/branch': { leaf: 'x' },
  '/api/v1/conversations/:id/regenerate': { turn_id: 't1' },
  '/api/v1/conversations/:id/edit': { message_id: 'm1', message: 'Hi' },
  '/api/v1/conversations/:id/decisions': { decisions: { call: { approve: true } }, message: 'Hi' },
  '/api/v1/conversations/:id/stop': { reason: 'enough', stream: 's', org_id: 'acme' },
  '/api/v1/streams/:id/stop': { reason: 'enough', org_id: 'acme' },
  '/api/v1/tickets': {},
  '/v1/chat/completions': {
    ...{ model: 'fast', messages: [user], stream: true, stream_options: {}, tools: [], tool_choice: 'auto' },
    ...{ response_format: { type: 'text' }, temperature: 1, stop: 'x', seed: 1, max_tokens: 5, metadata: {} },
  },
  '/v1/responses': {
    ...{ model: 'fast', input: 'Hi', instructions: 'x', stream: true, tools: [], text: {}, reasoning: {} },
    ...{ include: [], metadata: {}, max_output_tokens: 16, tool_choice: 'auto' },
  },
  '/v1/messages': {
    ...{
      model: 'fast',
      max_tokens: 10,
      messages: [user],
      system: 'x',
      stream: true,
      tools: [],
      metadata: {},
    },
    ...{ stop_sequences: [], temperature: 1, thinking: { type: 'disabled' } },
  },
  '/v1/messages/count_tokens': { model: 'fast', messages: [user], system: 'x', tools: [] },
  '/api/chat': {
    ...{ id: 'c1', trigger: 'submit-message', pipeline: 'agent', org_id: 'acme' },
    messages: [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
  },
  '/api/ag-ui': {
    ...{ threadId: 't1', runId: 'r1', state: {}, tools: [], context: [], forwardedProps: {}, resume: [] },
    messages: [{ id: 'm1', ...user }],
  },
};
BODIES['/api/ag-ui/join'] = BODIES['/api/ag-ui'] ?? {};

/** Fields that some routes know, beside those of the bodies. */
const MORE: readonly string[] = [
  ...[
    'turn_id',
    'decisions',
    'conversation_id',
    'messageId',
    'message_id',
    'n',
    'thread',
    'previous_response_id',
  ],
];

const HALF = '\ud800';
const WRONG: readonly unknown[] = [
  ...[
    null,
    true,
    -1,
    1e308,
    0.5,
    '',
    HALF,
    'x'.repeat(100_000),
    '__proto__',
    '\u0000',
    '日'.repeat(200),
    [],
    [[]],
    [null],
    {},
  ],
  ...[
    { type: 'x' },
    [{ type: 'x' }],
    [{ role: 'user', content: [{ type: 'x' }] }],
    [{ role: 'x', content: 7 }],
  ],
  ...[
    { '': null },
    { constructor: { prototype: 1 } },
    [{ role: 'user', content: HALF }],
    [{ content: null }],
  ],
];

/** Bodies that no route takes. */
const NO_BODIES: readonly [what: string, body: string][] = [
  ...['null', '[]', '7', '"text"', 'true', '{', '{"a"', '\u0000', '\ufeff', '{}{}', "{'a':1}", '[1'].map(
    (body): [string, string] => [JSON.stringify(body), body],
  ),
  ['nothing', ''],
  ['arrays too deep', '['.repeat(50_000)],
  ['arrays too deep and whole', `{"input":${'['.repeat(500)}${']'.repeat(500)}}`],
  ['objects too deep', '{"a":'.repeat(50_000)],
  ['a body too large', JSON.stringify({ input: 'x'.repeat(400_000) })],
];

const IDS: readonly string[] = [
  ...['none', '%00', '%ff', '%E0%A4%A', '%ED%A0%80', '..%2f..', '__proto__', '%F0%9F%98%80', 'a%2Fb', '*'],
  ...["';drop table sessions;--", '%0d%0aset-cookie:a=b', 'x'.repeat(5_000), '%7B%7D', '%20'],
].map((id) => id.replaceAll(' ', '%20'));

const HEADERS: readonly Record<string, string>[] = [
  ...['x', '-1', '1e9', '9'.repeat(400), '1.1.1', '0.0@%', '0.0@none', ''].map((id) => ({
    'last-event-id': id,
  })),
  { 'idempotency-key': 'x'.repeat(5_000) },
  { 'x-sluice-session': 'x'.repeat(5_000) },
  { 'anthropic-version': 'x', 'anthropic-beta': ',,;' },
  { 'x-stainless-retry-count': 'NaN' },
  { 'access-control-request-headers': 'a b' },
  { accept: '*/*;q=x' },
  { 'content-length': 'x' },
  { upgrade: 'websocket', 'sec-websocket-protocol': 'sluice.token.%%%,,sluice.ticket.' },
];

const QUERIES: readonly string[] = [
  ...[
    'format=none',
    'format=__proto__',
    'include=%00',
    'org_id=other',
    'org_id=',
    'pipeline=none',
    'limit=x',
  ],
  ...[
    'limit=0',
    'cursor=%00',
    'cursor=x',
    'last_event_id=x',
    'prompt=',
    'prompt=Hi&format=none',
    'prompt=%ff',
    'ticket=x',
    'version=9',
  ],
  ...[
    'after_id=x&before_id=y',
    'limit=9999',
    'model=none',
    'turn_id=',
    `turn_id=${'x'.repeat(300)}`,
    '%',
    '&&=',
  ],
];

interface Asked {
  path: string;
  method: string;
  body?: string | undefined;
  headers?: Record<string, string>;
  as?: string;
}

const ownShape = z.strictObject({
  error: z.looseObject({
    code: z.string(),
    message: z.string(),
    retryable: z.boolean(),
    requestId: z.string(),
  }),
});
const openaiShape = z.strictObject({
  error: z.strictObject({
    ...{ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() },
  }),
});
const anthropicShape = z.strictObject({
  ...{ type: z.literal('error'), request_id: z.string() },
  error: z.looseObject({ type: z.string(), message: z.string() }),
});

function shapeOf({ path, headers = {} }: Asked): z.ZodType {
  if (!path.startsWith('/v1/')) return ownShape;
  const isAnthropic = path.startsWith('/v1/messages') || 'anthropic-version' in headers;
  return isAnthropic ? anthropicShape : openaiShape;
}

/** Sends a request, reads the whole answer, and checks what every answer has to keep to. */
async function statusOf(asked: Asked): Promise<number> {
  const { path, method, body, headers = {}, as = ADA } = asked;
  const response = await server.fetch(
    new Request(`http://localhost${path}`, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        authorization: `Bearer ${as}`,
        ...headers,
      },
      ...(body !== undefined && { body }),
    }),
  );
  const text = await response.text();
  const { status } = response;
  const what = JSON.stringify({ ...asked, body: body?.slice(0, 200) }).slice(0, 600);
  expect(text, what).not.toMatch(/\.ts:\d|node_modules|\n\s+at /);
  expect(
    lines.map((line) => JSON.stringify(line)),
    what,
  ).toEqual([]);
  if (status < 400) return status;
  expect(status, what).toBeLessThan(500);
  expect(shapeOf(asked).safeParse(JSON.parse(text)).error, `${what} ${text.slice(0, 300)}`).toBeUndefined();
  expect(text.length, what).toBeLessThan(2_000);
  return status;
}

/** A path with an id in the place of its parameter. */
const withId = (path: string, id: string): string => path.replace(/:id(\{.*\})?/, id);

test('the routes are all known here', () => {
  expect(routes.length).toBeGreaterThan(25);
  expect(posts.map(([, , path]) => path).sort()).toEqual(Object.keys(BODIES).sort());
});

describe.each(posts)('%s', (_name, method, path) => {
  const takes = BODIES[path] ?? {};
  const url = withId(path, 'none');
  // These take a request without a body.
  const needsNone = /\/(tickets|stop)$/.test(path);

  test.each(NO_BODIES)('refuses %s', async (_what, body) => {
    const status = await statusOf({ path: url, method, body });
    if (!path.endsWith('/tickets')) expect(status).toBeGreaterThanOrEqual(400);
  });

  test('refuses what is not called JSON', async () => {
    const body = JSON.stringify(takes);
    for (const type of [
      '',
      'text/plain',
      'multipart/form-data',
      'text/json',
      'application/jsonp',
      'x/y;json',
    ])
      expect(await statusOf({ path: url, method, body, headers: { 'content-type': type } })).toBe(
        path.endsWith('/tickets') ? 201 : 415,
      );
    const none = await statusOf({ path: url, method });
    expect(none).toBe(needsNone ? (path.endsWith('/tickets') ? 201 : 404) : 415);
  });

  test('takes what is right', async () => {
    const status = await statusOf({ path: url, method, body: JSON.stringify(takes) });
    if (path.includes(':id') || path.endsWith('/join')) expect(status).toBe(404);
    else expect(status).toBe(path.endsWith('/tickets') ? 201 : 200);
  });

  test('takes no field of another kind for its own, and never fails', async () => {
    const more = Object.fromEntries(MORE.map((field) => [field, undefined]));
    for (const [field, good] of Object.entries({ ...more, ...takes }))
      for (const wrong of WRONG) {
        await statusOf({ path: url, method, body: JSON.stringify({ ...takes, [field]: wrong }) });
        if (Array.isArray(good) && good.length > 0)
          for (const inner of Object.keys(Object(good[0]))) {
            const item = { ...Object(good[0]), [inner]: wrong };
            await statusOf({ path: url, method, body: JSON.stringify({ ...takes, [field]: [item] }) });
          }
      }
  });
});

describe.each(routes)('%s', (_name, method, path) => {
  const body = method === 'POST' ? JSON.stringify(BODIES[path] ?? {}) : undefined;

  test('takes any id', async () => {
    for (const id of IDS) await statusOf({ path: withId(path, id), method, body });
  });

  test('takes any header and any query', async () => {
    for (const headers of HEADERS) await statusOf({ path: withId(path, 'none'), method, body, headers });
    for (const query of QUERIES) await statusOf({ path: `${withId(path, 'none')}?${query}`, method, body });
  });

  test('S2 does not know the conversation and the stream of a stranger', async () => {
    if (!path.includes(':id') || path.startsWith('/v1/')) return;
    const id = crypto.randomUUID();
    const made = { input: 'Hi', conversation_id: id, turn_id: id };
    await statusOf({ path: '/api/v1/agent/run', method: 'POST', body: JSON.stringify(made) });
    const status = await statusOf({ path: withId(path, id), method, body, as: BOB });
    // A page that asks for the stream of a chat gets nothing if nothing runs in it.
    expect([204, 400, 403, 404]).toContain(status);
    const own = await statusOf({ path: withId('/api/v1/conversations/:id', id), method: 'GET' });
    expect(own).toBe(200);
  });
});

test('what failed has left nothing open', async () => {
  const metrics = await server.fetch(
    new Request('http://localhost/metrics', { headers: { authorization: `Bearer ${ADA}` } }),
  );
  expect(await metrics.text()).toMatch(/^sluice_open_streams 0$/m);
  for (let time = 0; time < 4; time++)
    expect(await statusOf({ path: '/api/v1/agent/run', method: 'POST', body: '{"input":"Hi"}' })).toBe(200);
});
