import { describe, expect, test } from 'vitest';
import { cost } from 'sluice/middleware/cost';
import { ADA, codeOf, stage } from './stage.ts';

const CHAT = '/v1/chat/completions';
const messages = [{ role: 'user', content: 'Hi' }];
const chat = { model: 'agent', messages };
const ofAnthropic = { model: 'agent', max_tokens: 9, messages };
const long = 'x'.repeat(600);
/** What a page of `useChat`, and one of AG-UI, says. */
const ui = (id: string): object => ({
  id: 'chat',
  messages: [{ id, role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
});
const agUi = (id: string): object => ({
  ...{ threadId: 'thread', runId: 'run', state: {}, tools: [], context: [], forwardedProps: {} },
  messages: [{ id, role: 'user', content: 'Hi' }],
});

describe('a refusal', () => {
  test('of a caller that has reached its limit of requests says so in the headers of the protocol', async () => {
    const { ask } = stage('Hi', { limits: { requestsPerMinute: 1 } });
    expect((await ask(CHAT, { body: chat })).status).toBe(200);
    const { status, headers } = await ask(CHAT, { body: chat });
    const of = (name: string): string => headers.get(`x-ratelimit-${name}-requests`) ?? '';
    expect([status, of('limit'), of('remaining')]).toEqual([429, '1', '0']);
    expect(of('reset')).toBe(`${headers.get('retry-after')}s`);
    const other = await ask('/v1/messages', { body: ofAnthropic });
    expect(other.headers.get('anthropic-ratelimit-requests-remaining')).toBe('0');
    expect(Date.parse(other.headers.get('anthropic-ratelimit-requests-reset') ?? '')).toBeGreaterThan(0);
  });

  test.each([
    [CHAT, chat, 429],
    ['/v1/messages', ofAnthropic, 402],
    ['/api/v1/agent/run', { input: 'Hi' }, 429],
  ])('of a caller whose budget is used up says when there is a new one: %s', async (path, body, status) => {
    const limits = { usdPerDay: 1, unknownCost: 'refuse' as const };
    const { ask } = stage(['Hi', 'Hi'], { limits }, [cost()]);
    // Nobody knows what the scripted model costs.
    expect((await ask(CHAT, { body: chat })).status).toBe(200);
    const refused = await ask(path, { body });
    expect([refused.status, refused.headers.get('x-should-retry')]).toEqual([status, 'false']);
    const seconds = Number(refused.headers.get('retry-after') ?? Number.NaN);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(86_400);
  });

  test('of a caller without a token says how to give one', async () => {
    const { ask } = stage('Hi');
    for (const path of ['/v1/models', '/v1/messages', '/metrics', '/api/v1/agent/metadata']) {
      const { status, headers } = await ask(path, { as: '' });
      expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    }
    expect((await ask(CHAT, { body: {} })).headers.get('www-authenticate')).toBeNull();
  });

  test.each(['Token', 'ACCESS_TOKEN', 'api-key', 'x-api-key', 'Authorization'])(
    'is what a token in the address gets, also under the name %s',
    async (name) => {
      const { ask } = stage('Hi');
      expect((await ask(`/v1/models?${name}=${ADA}`)).status).toBe(400);
      expect((await ask('/v1/models?monkey=1&after_id=token')).status).toBe(200);
    },
  );

  test('is a 404 for a HEAD of an address that is not there, and a 405 with the methods for another', async () => {
    const { ask } = stage('Hi');
    for (const path of ['/v1/nothing', '/api/v1/nothing', '/nothing']) {
      const { status, headers } = await ask(path, { method: 'HEAD' });
      expect([status, headers.get('allow')]).toEqual([404, null]);
    }
    const { status, headers } = await ask(CHAT, { method: 'HEAD' });
    expect([status, headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('an id that no store takes is refused under its own name', () => {
  test.each([
    [CHAT, chat, { 'x-sluice-session': '' }, 'x-sluice-session'],
    [CHAT, chat, { 'x-sluice-session': long }, 'x-sluice-session'],
    [CHAT, chat, { 'idempotency-key': long }, 'idempotency-key'],
    ['/v1/responses', { model: 'agent', input: 'Hi' }, { 'idempotency-key': long }, 'idempotency-key'],
    ['/v1/messages', ofAnthropic, { 'x-sluice-session': long }, 'x-sluice-session'],
    ['/api/v1/agent/run', { input: 'Hi' }, { 'idempotency-key': long }, 'idempotency-key'],
    ['/api/v1/agent/run', { input: 'Hi', turn_id: long }, {}, 'turn_id'],
    ['/api/chat', { ...ui('1'), id: long }, {}, 'id'],
    ['/api/chat', ui(long), {}, 'messages'],
    ['/api/ag-ui', { ...agUi('1'), threadId: long }, {}, 'threadId'],
    ['/api/ag-ui', agUi(long), {}, 'messages'],
  ])('%s %#', async (path, body, headers, field) => {
    const { ask, model } = stage('Hi');
    const response = await ask(path, { body, headers });
    const text = await response.text();
    expect([response.status, text]).toEqual([400, expect.stringContaining(`${field}: `)]);
    expect(model.calls).toHaveLength(0);
  });
});

test.each(['limit=0', 'limit=1001', 'limit=many', 'limit=1.5', 'after_id=nothing', 'before_id=nothing'])(
  "a page of Anthropic's list of models that does not exist is refused: %s",
  async (query) => {
    const { ask } = stage('Hi');
    const headers = { 'anthropic-version': '2023-06-01' };
    const response = await ask(`/v1/models?${query}`, { headers });
    const [field] = query.split('=');
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { type: 'error', error: { message: expect.stringContaining(`${field}: `) as string } },
    ]);
    expect((await ask('/v1/models?limit=1000&before_id=agent', { headers })).status).toBe(200);
  },
);

test('pages of known origins may read what the clients of both protocols look for', async () => {
  const { ask } = stage('Hi', { origins: ['https://chat.example.com'] });
  const headers = { origin: 'https://chat.example.com' };
  const answer = await ask('/v1/messages', { body: ofAnthropic, headers });
  const shared = new Set(answer.headers.get('access-control-expose-headers')?.split(', '));
  const sent = [...answer.headers.keys()].filter((name) => /request-id|ratelimit/.test(name));
  expect(sent).toContain('request-id');
  expect(sent.filter((name) => !shared.has(name))).toEqual([]);
  expect(await codeOf(await ask(CHAT, { body: { model: 'x' }, headers }))).toEqual([404, 'model_not_found']);
});
