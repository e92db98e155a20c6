import { describe, expect, test, vi } from 'vitest';
import { ADA, codeOf, stage } from './stage.ts';

const RUN = '/api/v1/agent/run';
const GET_STREAM = '/api/v1/agent/stream?prompt=Hi';

describe('a ticket', () => {
  test('that is wrong is refused, also beside a token that is right', async () => {
    const { ask, model } = stage('Hi', { getStream: true });
    expect(await codeOf(await ask(`${GET_STREAM}&ticket=wrong`))).toEqual([401, 'authentication']);
    expect(model.calls).toHaveLength(0);
  });

  test('is not looked at where anybody may call', async () => {
    const { ask } = stage('Hi', { auth: false, getStream: true });
    expect((await ask(`${GET_STREAM}&ticket=of-a-server-before`, { as: '' })).status).toBe(200);
  });
});

describe('a token as a subprotocol', () => {
  // With both characters that base64url has in place of those of base64.
  const token = '>>>???';
  const subprotocol = `sluice.token.${Buffer.from(token).toString('base64url')}`;

  test.each([
    ['first', `${subprotocol},sluice`],
    ['behind a space', `sluice, ${subprotocol}`],
  ])('is read, also %s', async (_where, protocols) => {
    expect(subprotocol).toBe('sluice.token.Pj4-Pz8_');
    const { ask } = stage('Hi', { auth: { tokens: { [token]: 'ada' } } });
    const headers = { upgrade: 'websocket', 'sec-websocket-protocol': protocols };
    // It may call: only a socket is not to be had in the process.
    expect((await ask('/ws', { as: '', headers })).status).toBe(404);
    expect((await ask('/ws', { as: '', headers: { upgrade: 'websocket' } })).status).toBe(401);
  });

  test('is for sockets alone', async () => {
    const { ask } = stage('Hi');
    const headers = { 'sec-websocket-protocol': `sluice.token.${btoa(ADA)}` };
    expect((await ask('/v1/models', { as: '', headers })).status).toBe(401);
  });
});

test('a token that is longer than any real one is not looked at', async () => {
  const seen: (number | undefined)[] = [];
  const { ask } = stage('Hi', { auth: ({ token }) => (seen.push(token?.length), undefined) });
  for (const characters of [4_096, 4_097]) await ask(RUN, { as: 'x'.repeat(characters), body: {} });
  expect(seen).toEqual([4_096, undefined]);
});

describe('the hosts of a server', () => {
  const status = async (hosts: string[], url: string): Promise<number> => {
    const { server } = stage('Hi', { auth: false, hosts });
    return (await server.fetch(new Request(`${url}/v1/models`))).status;
  };

  test('are named in any case, and without a port they have any', async () => {
    expect(await status(['API.Example.com'], 'http://api.example.com')).toBe(200);
    expect(await status(['api.example.com'], 'http://API.example.com:8443')).toBe(200);
  });

  test('have only the port that they are named with', async () => {
    expect(await status(['api.example.com:8443'], 'http://api.example.com:8443')).toBe(200);
    expect(await status(['api.example.com:8443'], 'http://api.example.com:8444')).toBe(421);
    expect(await status(['api.example.com:8443'], 'http://api.example.com')).toBe(421);
  });
});

test('an address that a person has typed is not one that a page asks for', async () => {
  const { ask } = stage('Hi', { getStream: true });
  expect((await ask(GET_STREAM, { headers: { 'sec-fetch-site': 'none' } })).status).toBe(200);
});

test('an organization that the token does not allow is 403, whatever is asked for', async () => {
  const { ask } = stage('Hi');
  for (const [path, body] of [
    [RUN, { input: 'Hi', org_id: 'other' }],
    ['/api/v1/streams/t1?org_id=other', undefined],
    ['/api/v1/streams/t1/stop', { org_id: 'other' }],
    ['/api/v1/conversations?org_id=other', undefined],
    ['/api/chat/c1/stream?org_id=other', undefined],
  ] as const)
    expect(await codeOf(await ask(path, { body }))).toEqual([403, 'permission']);
});

test('a page may read the headers that say what to do next', async () => {
  const origin = 'https://chat.example.com';
  const { ask } = stage('Hi', { origins: [origin] });
  const response = await ask(RUN, { body: { input: 'Hi' }, headers: { origin } });
  const exposed = response.headers.get('access-control-expose-headers')?.split(', ');
  expect(exposed).toEqual(
    expect.arrayContaining([
      ...['x-sluice-stream', 'x-request-id', 'x-sluice-model', 'retry-after', 'retry-after-ms'],
      ...['x-should-retry', 'x-ratelimit-remaining-requests', 'x-vercel-ai-ui-message-stream'],
    ]),
  );
});

test("what is left of a caller's limit is said in Anthropic's words on Anthropic's route", async () => {
  vi.useFakeTimers({ now: 60_000 * 1_000 + 15_000 });
  try {
    const { ask } = stage('Hi', { limits: { requestsPerMinute: 2 } });
    const body = { model: 'agent', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] };
    const { headers } = await ask('/v1/messages', { body });
    expect(Object.fromEntries(headers)).toMatchObject({
      'anthropic-ratelimit-requests-limit': '2',
      'anthropic-ratelimit-requests-remaining': '1',
      'anthropic-ratelimit-requests-reset': new Date(60_000 * 1_001).toISOString(),
    });
  } finally {
    vi.useRealTimers();
  }
});

test('an id under which no store would keep anything is refused, or is not there', async () => {
  const { ask, model } = stage('Hi');
  for (const id of ['\ud800', '\u6f22'.repeat(167), 'x'.repeat(201), ''])
    for (const field of ['turn_id', 'conversation_id'])
      expect(await codeOf(await ask(RUN, { body: { input: 'Hi', [field]: id } }))).toEqual([
        400,
        'invalid_request',
      ]);
  // 166 characters of three bytes each are fewer than 500 bytes.
  expect((await ask(RUN, { body: { input: 'Hi', turn_id: '\u6f22'.repeat(166) } })).status).toBe(200);
  expect((await ask(`/api/v1/conversations/${'x'.repeat(513)}`)).status).toBe(404);
  expect(model.calls).toHaveLength(1);
});

test('a server that was closed takes no turn, whether its stream is kept or not', async () => {
  const { ask, server, model } = stage('Hi');
  await server.close();
  expect((await ask('/ready')).status).toBe(503);
  for (const body of [{ input: 'Hi' }, { input: 'Hi', turn_id: 't1' }])
    expect(await codeOf(await ask(RUN, { body }))).toEqual([503, 'shutting_down']);
  expect(model.calls).toHaveLength(0);
});
