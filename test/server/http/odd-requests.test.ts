import { gzipSync } from 'node:zlib';
import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { ADA, codeOf, stage } from './stage.ts';

const RUN = '/api/v1/agent/run';
const GET_STREAM = '/api/v1/agent/stream?prompt=Hi';
const STOP = '/api/v1/conversations/chat-1/stop';

describe('a method that an address does not take', () => {
  test.each([
    ['GET', RUN, 'POST'],
    ['PUT', '/api/v1/conversations/chat-1', 'GET, DELETE'],
    ['GET', '/v1/chat/completions', 'POST'],
    ['POST', '/health', 'GET'],
  ])('%s %s is 405, and the answer names %s', async (method, path, allowed) => {
    const response = await stage('Hi').ask(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allowed);
  });

  test('an address that is not there is 404 with each method', async () => {
    for (const method of ['GET', 'POST', 'PUT'])
      expect((await stage('Hi').ask('/api/v1/nothing', { method })).status).toBe(404);
  });

  test('S4 HEAD begins no turn, whoever sends it, and is answered where there is something to look at', async () => {
    const { ask, model } = stage('Hi', { getStream: true });
    const response = await ask(GET_STREAM, { method: 'HEAD' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, POST');
    expect(model.calls).toHaveLength(0);
    for (const path of ['/', '/health', '/ready'])
      expect((await ask(path, { method: 'HEAD' })).status).toBe(200);
  });
});

describe('a page elsewhere', () => {
  test('S4 cannot stop a turn with the POST without a body that a browser sends without asking', async () => {
    const { ask } = stage('Hi', { auth: false, origins: ['https://chat.example.com'] });
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await ask(STOP, { method: 'POST', headers })).status;
    const evil = { origin: 'https://evil.example' };
    expect(await status({ ...evil, 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await status({ ...evil, 'sec-fetch-site': 'same-site' })).toBe(403);
    // The server's own page, under a name that the server does not know of.
    expect(await status({ origin: 'https://mine.example', 'sec-fetch-site': 'same-origin' })).toBe(404);
    expect(await status({ origin: 'https://chat.example.com', 'sec-fetch-site': 'cross-site' })).toBe(404);
    expect(await status({})).toBe(404);
  });
});

describe('a probe', () => {
  test('is answered under any name: a balancer asks by address', async () => {
    const { server } = stage('Hi', { hosts: ['chat.example.com'] });
    const ask = async (path: string): Promise<number> =>
      (
        await server.fetch(
          new Request(`http://10.0.0.7:3000${path}`, { headers: { authorization: `Bearer ${ADA}` } }),
        )
      ).status;
    expect(await ask('/health')).toBe(200);
    expect(await ask('/ready')).toBe(200);
    for (const path of ['/', '/metrics', '/v1/models', '/health/x']) expect(await ask(path)).toBe(421);
    const outer = new Hono().route('/ai', server.app);
    expect((await outer.fetch(new Request('http://10.0.0.7/ai/health'))).status).toBe(200);
    expect((await outer.fetch(new Request('http://10.0.0.7/ai/v1/models'))).status).toBe(421);
  });

  test('can be read by a page of an origin that may call', async () => {
    const { ask } = stage('Hi', { origins: ['https://status.example'] });
    const shared = async (origin: string): Promise<string | null> =>
      (await ask('/health', { headers: { origin } })).headers.get('access-control-allow-origin');
    expect(await shared('https://status.example')).toBe('https://status.example');
    expect(await shared('https://evil.example')).toBeNull();
  });
});

describe('a body', () => {
  test('that is compressed is refused, and the answer says why', async () => {
    const { server } = stage('Hi');
    const response = await server.fetch(
      new Request(`http://localhost${RUN}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-encoding': 'gzip',
          authorization: `Bearer ${ADA}`,
        },
        body: gzipSync('{"input":"Hi"}'),
      }),
    );
    expect(response.status).toBe(415);
    expect(await response.text()).toContain('compressed');
  });

  test('that is larger than it says, and than it may be, is refused', async () => {
    const { ask, model } = stage('Hi', { maxBodyBytes: 100 });
    const body = { input: 'x'.repeat(100) };
    const response = await ask(RUN, { body, headers: { 'content-length': '10' } });
    expect(await codeOf(response)).toEqual([413, 'invalid_request']);
    expect(model.calls).toHaveLength(0);
  });

  test('may be left out of a stop, without saying so', async () => {
    const { server } = stage('Hi');
    const ask = (body: ReadableStream | string | null): Response | Promise<Response> =>
      server.fetch(
        new Request(`http://localhost${STOP}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${ADA}` },
          body,
          duplex: 'half',
        }),
      );
    // As curl sends it: Node gives a body that turns out to be empty.
    const empty = new ReadableStream({ start: (controller) => controller.close() });
    expect(await codeOf(await ask(empty))).toEqual([404, 'not_found']);
    expect(await codeOf(await ask(null))).toEqual([404, 'not_found']);
    expect(await codeOf(await ask('{"reason":"enough"}'))).toEqual([415, 'invalid_request']);
  });
});
