import { expect, describe, test, vi } from 'vitest';
import { SluiceError } from 'sluice';
import { createServer } from 'sluice/server';
import { manualGate, scripted } from 'sluice/testing';
import { cost } from 'sluice/middleware/cost';
import { provider } from 'sluice/middleware/provider';
import { Pipeline } from 'sluice';
import { inOneMinute } from '../callers/one-minute.ts';
import { eventsOf } from '../support.ts';
import { ADA, BOB, codeOf, stage } from './stage.ts';

const RUN = '/api/v1/agent/run';
const GET_STREAM = '/api/v1/agent/stream?prompt=Hi';
const hi = { input: 'Hi' };

describe('who may call', () => {
  test('nobody without a token, and nobody with a wrong one', async () => {
    const { ask, model } = stage('Hi');
    for (const as of ['', 'wrong', `${ADA}x`])
      expect(await codeOf(await ask(RUN, { body: hi, as }))).toEqual([401, 'authentication']);
    expect(await codeOf(await ask('/metrics', { as: '' }))).toEqual([401, 'authentication']);
    expect(model.calls).toHaveLength(0);
  });

  test('a client of Anthropic, which sends x-api-key', async () => {
    const { ask } = stage('Hi');
    expect((await ask(RUN, { body: hi, as: '', headers: { 'x-api-key': ADA } })).status).toBe(200);
  });

  test('whoever a function of the application says', async () => {
    const { ask } = stage(['Hi', 'Hi'], {
      auth: ({ request }) => (request.headers.get('x-user') === 'ada' ? { id: 'ada' } : undefined),
    });
    expect((await ask(RUN, { body: hi, as: '', headers: { 'x-user': 'ada' } })).status).toBe(200);
    expect((await ask(RUN, { body: hi, as: '', headers: { 'x-user': 'eve' } })).status).toBe(401);
  });

  test('a token in the address is refused, even a right one', async () => {
    const { ask } = stage('Hi');
    for (const name of ['token', 'access_token', 'api_key', 'apikey', 'key'])
      expect((await ask(`${RUN}?${name}=${ADA}`, { body: hi })).status).toBe(400);
  });

  test('health and readiness need no token', async () => {
    const { ask } = stage('Hi');
    expect(await (await ask('/health', { as: '' })).json()).toMatchObject({ status: 'ok', agent: 'agent' });
    expect((await ask('/ready', { as: '' })).status).toBe(200);
  });

  test('anybody if auth is false, under names of this machine alone', async () => {
    const pipeline = new Pipeline([provider(scripted('Hi', { repeat: true }))]);
    const server = createServer(pipeline, { auth: false });
    const ask = async (url: string): Promise<number> =>
      (await server.fetch(new Request(`${url}/api/v1/agent/metadata`))).status;
    expect(await ask('http://localhost:3000')).toBe(200);
    expect(await ask('http://[::1]:3000')).toBe(200);
    expect(await ask('http://evil.example')).toBe(421);
  });

  test('the option auth must be given', () => {
    const pipeline = new Pipeline([provider(scripted('Hi'))]);
    const options: { auth: false } = JSON.parse('{}') as { auth: false };
    expect(() => createServer(pipeline, options)).toThrow(
      'createServer(): auth is undefined: give { tokens: { token: "caller" } }, a function, or false.',
    );
  });
});

describe('tickets', () => {
  const ticketOf = async (ask: ReturnType<typeof stage>['ask']): Promise<string> => {
    const response = await ask('/api/v1/tickets', { method: 'POST' });
    expect(response.status).toBe(201);
    return String(Reflect.get(Object(await response.json()), 'ticket'));
  };

  test('let a browser open a stream once', async () => {
    const { ask, model } = stage(['Hi', 'Hi'], { getStream: true });
    const ticket = await ticketOf(ask);
    const response = await ask(`${GET_STREAM}&ticket=${ticket}`, { as: '' });
    expect((await eventsOf(response)).at(-1)?.event).toBe('done');
    expect((await ask(`${GET_STREAM}&ticket=${ticket}`, { as: '' })).status).toBe(401);
    expect(model.calls).toHaveLength(1);
  });

  test('are a 503 that names their store if it does not answer', async () => {
    const fail = (): Promise<never> => Promise.reject(new Error('The socket is closed.'));
    const { ask } = stage('Hi', { getStream: true, tickets: { put: fail, take: fail } });
    const issue = await ask('/api/v1/tickets', { method: 'POST' });
    const use = await ask(`${GET_STREAM}&ticket=x`, { as: '' });
    expect([issue.status, use.status]).toEqual([503, 503]);
    expect(await issue.text()).toContain('The store of tickets failed.');
    expect(await use.text()).toContain('The store of tickets failed.');
  });

  test('are over after 30 seconds', async () => {
    vi.useFakeTimers();
    try {
      const { ask } = stage('Hi', { getStream: true });
      const ticket = await ticketOf(ask);
      vi.advanceTimersByTime(30_000);
      expect((await ask(`${GET_STREAM}&ticket=${ticket}`, { as: '' })).status).toBe(401);
    } finally {
      vi.useRealTimers();
    }
  });

  test('are for streams and sockets, not for anything that changes something', async () => {
    const { ask } = stage('Hi');
    const ticket = await ticketOf(ask);
    expect((await ask(`${RUN}?ticket=${ticket}`, { body: hi, as: '' })).status).toBe(401);
  });
});

describe('pages', () => {
  const page = 'https://chat.example.com';

  test('S7 get no permission unless their origin is listed, and never one with cookies', async () => {
    const closed = await stage('Hi').ask(RUN, { body: hi, headers: { origin: page } });
    expect(closed.headers.get('access-control-allow-origin')).toBeNull();
    const { ask } = stage('Hi', { origins: [page] });
    const open = await ask(RUN, { body: hi, headers: { origin: page } });
    expect(open.headers.get('access-control-allow-origin')).toBe(page);
    expect(open.headers.get('access-control-expose-headers')).toContain('x-sluice-stream');
    expect(open.headers.get('access-control-allow-credentials')).toBeNull();
    expect(open.headers.get('vary')).toBe('origin');
    const other = await ask(RUN, { body: hi, headers: { origin: 'https://evil.example' } });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('ask first, and are told what they may do', async () => {
    const { ask } = stage('Hi', { origins: [page] });
    const asking = {
      method: 'OPTIONS',
      as: '',
      headers: { origin: page, 'access-control-request-headers': 'authorization, content-type' },
    };
    const allowed = await ask(RUN, asking);
    expect(allowed.status).toBe(204);
    expect(Object.fromEntries(allowed.headers)).toMatchObject({
      'access-control-allow-origin': page,
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': 'authorization, content-type',
    });
    const refused = await ask(RUN, {
      ...asking,
      headers: { ...asking.headers, origin: 'https://evil.example' },
    });
    expect(refused.headers.get('access-control-allow-methods')).toBeNull();
  });

  test('S7 a body that is not JSON is refused, which a page could send without asking', async () => {
    const { ask, model } = stage('Hi');
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'text/json',
    ])
      expect((await ask(RUN, { body: hi, headers: { 'content-type': type } })).status).toBe(415);
    expect(model.calls).toHaveLength(0);
  });

  test('of other origins get no stream by GET', async () => {
    const { ask, model } = stage(['Hi', 'Hi', 'Hi'], { getStream: true, origins: [page] });
    const status = async (headers: Record<string, string>): Promise<number> => {
      const response = await ask(GET_STREAM, { headers });
      await response.text();
      return response.status;
    };
    expect(await status({ origin: 'https://evil.example' })).toBe(403);
    expect(await status({ origin: 'null' })).toBe(403);
    expect(await status({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await status({ 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(model.calls).toHaveLength(0);
    expect(await status({ origin: page })).toBe(200);
    expect(await status({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await status({})).toBe(200);
  });

  test('S4 Host decides about nothing but whether it is one of ours', async () => {
    const { server } = stage('Hi', { hosts: ['api.example.com'] });
    const ask = async (url: string, origin: string): Promise<Response> =>
      server.fetch(new Request(url, { headers: { origin } }));
    expect((await ask('http://api.example.com', 'http://api.example.com')).status).toBe(200);
    // An origin that is the same as the host is not known by that.
    const same = await ask('http://api.example.com', 'http://api.example.com');
    expect(same.headers.get('access-control-allow-origin')).toBeNull();
    expect((await ask('http://evil.example', 'http://evil.example')).status).toBe(421);
  });
});

describe('a stream by GET', () => {
  test('is there only where it is switched on', async () => {
    expect((await stage('Hi').ask(GET_STREAM)).status).toBe(405);
  });

  test('calls no model for a client that comes back', async () => {
    const { ask, model } = stage('Hi', { getStream: true });
    const response = await ask(GET_STREAM, { headers: { 'last-event-id': '3.0' } });
    expect(response.status).toBe(204);
    expect(model.calls).toHaveLength(0);
  });
});

describe('S10 what is too much', () => {
  test('a body that says it is too large, before it is read', async () => {
    const { ask } = stage('Hi', { maxBodyBytes: 100 });
    const asking = { body: hi, headers: { 'content-length': '101' } };
    expect(await codeOf(await ask(RUN, asking))).toEqual([413, 'invalid_request']);
  });

  test('a body that is too large and does not say so, while it is read', async () => {
    const { server } = stage('Hi', { maxBodyBytes: 1_000 });
    let pulled = 0;
    const body = new ReadableStream({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(100).fill(32));
      },
    });
    const response = await server.fetch(
      new Request(`http://localhost${RUN}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${ADA}` },
        body,
        duplex: 'half',
      }),
    );
    expect(response.status).toBe(413);
    expect(pulled).toBeLessThan(15);
  });

  test('JSON that is too deep, and brackets in a text are no depth', async () => {
    const { ask } = stage('Hi');
    const deep = (levels: number): string =>
      `{"input":"Hi","context":{"a":${'['.repeat(levels)}${']'.repeat(levels)}}}`;
    expect((await ask(RUN, { body: deep(63) })).status).toBe(400);
    expect((await stage('Hi').ask(RUN, { body: deep(62) })).status).toBe(200);
    const text = JSON.stringify({ input: `${'['.repeat(1_000)}"\\` });
    expect((await stage('Hi').ask(RUN, { body: text })).status).toBe(200);
  });

  test('a body that takes too long', async () => {
    vi.useFakeTimers();
    try {
      const { server } = stage('Hi', { bodyTimeoutMs: 5_000, auth: false });
      const asking = server.fetch(
        new Request(`http://localhost${RUN}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${ADA}` },
          body: new ReadableStream({ pull: () => new Promise(() => undefined) }),
          duplex: 'half',
        }),
      );
      await vi.advanceTimersByTimeAsync(5_000);
      expect((await asking).status).toBe(408);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a body that is not JSON is 400', async () => {
    expect((await stage('Hi').ask(RUN, { body: '{"input":' })).status).toBe(400);
  });
});

describe('S16 limits of a caller', () => {
  test('count its requests, tell what is left, and say when to come back', async () => {
    vi.useFakeTimers({ now: 60_000 * 1_000 + 15_000 });
    try {
      const { ask } = stage(['1', '2', '3', '4'], { limits: { requestsPerMinute: 2 } });
      const first = await ask(RUN, { body: hi });
      expect(Object.fromEntries(first.headers)).toMatchObject({
        'x-ratelimit-limit-requests': '2',
        'x-ratelimit-remaining-requests': '1',
        'x-ratelimit-reset-requests': '45s',
      });
      await ask(RUN, { body: hi });
      const refused = await ask(RUN, { body: hi });
      expect(refused.headers.get('retry-after')).toBe('45');
      expect(await codeOf(refused)).toEqual([429, 'rate_limited']);
      // Another caller has limits of its own, whatever address it has.
      expect((await ask(RUN, { body: hi, as: BOB, headers: { 'x-forwarded-for': '1.1.1.1' } })).status).toBe(
        200,
      );
      vi.advanceTimersByTime(45_000);
      expect((await ask(RUN, { body: hi })).status).toBe(200);
    } finally {
      vi.useRealTimers();
    }
  });

  test('count its open streams until they end or are left', async () => {
    const { ask } = stage([{ text: 'One', hang: true }, 'Hi'], { limits: { concurrentStreams: 1 } });
    const open = await ask('/api/v1/agent/stream', { body: hi });
    expect(await codeOf(await ask(RUN, { body: hi }))).toEqual([429, 'rate_limited']);
    await open.body?.cancel();
    expect((await ask(RUN, { body: hi })).status).toBe(200);
  });

  test('hold a place for a reader that comes back, too', async () => {
    const { ask } = stage({ text: 'One', hang: true }, { limits: { concurrentStreams: 2 }, resumable: true });
    const open = [
      await ask('/api/v1/agent/stream', { body: { ...hi, turn_id: 't1' } }),
      await ask('/api/v1/streams/t1'),
    ];
    expect(await codeOf(await ask('/api/v1/streams/t1'))).toEqual([429, 'rate_limited']);
    await open[1]?.body?.cancel();
    const again = await ask('/api/v1/streams/t1');
    expect(again.status).toBe(200);
    await ask('/api/v1/streams/t1/stop', { method: 'POST' });
    await Promise.all([open[0]?.text(), again.text()]);
  });

  test('check and count open streams in one step, whatever comes at the same time', async () => {
    const pace = manualGate();
    const { ask, model } = stage(
      Array.from({ length: 3 }, () => ({ text: 'One', gate: pace.gate })),
      { limits: { concurrentStreams: 3 } },
    );
    const asking = Array.from({ length: 20 }, () => ask(RUN, { body: hi }));
    const refused = new Set<Response>();
    for (const one of asking)
      void one.then((answer) => {
        refused.add(answer);
        if (refused.size === 17) pace.open();
      });
    const statuses = (await Promise.all(asking)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(3);
    expect(statuses.filter((status) => status === 429)).toHaveLength(17);
    expect(model.calls).toHaveLength(3);
  });

  test('give the place back if a request fails before its turn', async () => {
    const { ask } = stage('Hi', { limits: { concurrentStreams: 1 } });
    for (const body of ['{', {}, { input: 'Hi', org_id: 'other' }, { input: 'Hi', pipeline: 'none' }])
      expect((await ask(RUN, { body })).status).toBeLessThan(429);
    expect((await ask(RUN, { body: hi })).status).toBe(200);
  });

  test('refuse a caller of whose costs one is not known, unless it may count as nothing', async () => {
    const limits = { usdPerDay: 1 };
    const lines: unknown[] = [];
    const write = (...line: unknown[]): void => void lines.push(line);
    const logger = { debug: write, info: write, warn: write, error: write };
    const { ask } = stage(['1', '2'], { limits, logger });
    expect((await ask(RUN, { body: hi })).status).toBe(200);
    expect(await codeOf(await ask(RUN, { body: hi }))).toEqual([429, 'budget']);
    expect(JSON.stringify(lines)).toContain('the cost of a turn is not known');
    const lenient = stage(['1', '2'], { limits: { ...limits, unknownCost: 'allow' } });
    for (let time = 0; time < 2; time++) expect((await lenient.ask(RUN, { body: hi })).status).toBe(200);
  });

  test('count its dollars, and no call that was not made', async () => {
    const prices = { 'scripted/*': { input: 0, output: 1_000_000 } };
    const usage = { inputTokens: 0, outputTokens: 1 };
    const error = new SluiceError('network', 'No answer came.');
    const { ask } = stage(
      [{ error }, { text: '1', usage }, { text: '2', usage }],
      { limits: { usdPerDay: 2 } },
      [cost({ prices })],
    );
    for (const status of [502, 200, 200, 429]) expect((await ask(RUN, { body: hi })).status).toBe(status);
  });

  test('are a 503 if the counter does not answer', async () => {
    const fail = (): Promise<never> => Promise.reject(new SluiceError('store', 'away'));
    const { ask, model } = stage('Hi', { counter: { begin: fail, hold: fail, leave: fail, spend: fail } });
    const refused = await ask(RUN, { body: hi });
    expect([refused.status, await refused.json()]).toMatchObject([
      503,
      { error: { code: 'store', message: 'The counter of callers failed.', retryable: true } },
    ]);
    expect(model.calls).toHaveLength(0);
    expect((await ask('/api/v1/agent/metadata')).status).toBe(200);
  });

  test(
    'count its tokens',
    inOneMinute(async () => {
      const { ask } = stage(['1', '2'], { limits: { tokensPerMinute: 20 } });
      for (const status of [200, 429]) expect((await ask(RUN, { body: hi })).status).toBe(status);
    }),
  );
});

test('S1 a key in an error reaches neither the client nor the log', async () => {
  const canary = 'sk-canary-0123456789abcdef';
  const lines: unknown[] = [];
  const write = (...line: unknown[]): void => void lines.push(line);
  const { ask } = stage([{ error: new SluiceError('server', `Failed with ${canary}`, { cause: canary }) }], {
    logger: { debug: write, info: write, warn: write, error: write },
  });
  const response = await ask(RUN, { body: hi });
  expect(await response.text()).not.toContain('canary');
  expect(lines).toHaveLength(1);
  expect(JSON.stringify(lines)).not.toContain('canary-0123');
  expect(JSON.stringify(lines)).toContain(response.headers.get('x-request-id'));
});
