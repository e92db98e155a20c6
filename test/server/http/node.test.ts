import { connect, Server } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { EventSource } from 'eventsource';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Pipeline } from 'sluice';
import type { Logger } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { createServer } from 'sluice/server';
import { memoryLog } from 'sluice/server/chunk-log';
import type { Listening, ListenOptions, ServerOptions } from 'sluice/server';
import { manualGate, scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';
import { CallerCounts } from '../../../server/callers/caller-limits.ts';
import { eventsOf } from '../support.ts';
import { talk } from './talk.ts';

const STREAM = '/api/v1/agent/stream';

let listening: Listening | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  await listening?.close();
  listening = undefined;
});

async function serve(
  answers: ScriptedAnswer | ScriptedAnswer[],
  options: Partial<ServerOptions> & { listen?: ListenOptions } = {},
): Promise<{
  url: string;
  model: ScriptedProvider;
  post: (path: string, body: unknown) => Promise<Response>;
}> {
  const { listen, ...rest } = options;
  const model = scripted(answers);
  const server = createServer(new Pipeline([provider(model)]), { auth: false, ...rest });
  const { url } = (listening = await server.listen({ port: 0, ...listen }));
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  return { url, model, post };
}

describe('over a socket', () => {
  test('the events of a turn come as they do in the process', async () => {
    const { post } = await serve('Hello world');
    const response = await post(STREAM, { input: 'Hi', turn_id: 't1' });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-sluice-stream': 't1',
      'x-accel-buffering': 'no',
      'content-type': 'text/event-stream; charset=utf-8',
      'x-ratelimit-limit-requests': '600',
    });
    const events = await eventsOf(response);
    expect(events.map(({ event }) => event)).toEqual(['connected', 'content', 'content', 'complete', 'done']);
  });

  test('an idle connection is kept longer than a balancer keeps it', async () => {
    const { url } = await serve('Hi');
    expect((await fetch(`${url}/health`)).headers.get('keep-alive')).toBe('timeout=65');
  });

  test('thousands of connections may wait while the process is busy', async () => {
    const listen = vi.spyOn(Server.prototype, 'listen');
    await serve('Hello');
    expect(listen.mock.calls[0]?.[0]).toMatchObject({ backlog: 4_096 });
    listen.mockRestore();
  });

  test("hono's fast router takes the routes", async () => {
    const { app, fetch } = createServer(new Pipeline([provider(scripted('Hello'))]), { auth: false });
    await fetch(new Request('http://127.0.0.1/health'));
    // It takes no two routes of which one request could mean either, and hono then goes on with a slow one.
    expect(app.router.name).toBe('SmartRouter + RegExpRouter');
  });

  test('a stream is written once, also if the adapter has replaced the global Response', async () => {
    const { Request: request, Response: response } = globalThis;
    const complaints: unknown[] = [];
    const spy = vi.spyOn(console, 'error').mockImplementation((...line) => void complaints.push(...line));
    try {
      createAdaptorServer({ fetch: () => new Response(), overrideGlobalObjects: true });
      const { post } = await serve('Hello');
      const events = await eventsOf(await post(STREAM, { input: 'Hi' }));
      expect(events.map(({ event }) => event)).toEqual(['connected', 'content', 'complete', 'done']);
      await listening?.close();
      expect(complaints).toEqual([]);
    } finally {
      spy.mockRestore();
      Object.defineProperty(globalThis, 'Request', { value: request });
      Object.defineProperty(globalThis, 'Response', { value: response });
    }
  });

  test('an EventSource that is left open after the end starts no second turn', async () => {
    const { url, model } = await serve(['Hello', 'Again'], { getStream: true });
    const statuses: number[] = [];
    const source = new EventSource(`${url}${STREAM}?prompt=Hi`, {
      fetch: async (target, init) => {
        const response = await fetch(target, init);
        statuses.push(response.status);
        if (response.status !== 200) return response;
        // It comes back at once, not after three seconds.
        return new Response(`retry: 1\n\n${await response.text()}`, { headers: response.headers });
      },
    });
    const closed = Promise.withResolvers<void>();
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) closed.resolve();
    });
    await closed.promise;
    expect(statuses).toEqual([200, 204]);
    expect(model.calls).toHaveLength(1);
  });

  test('a client that hangs up cancels the turn', async () => {
    const { url, model } = await serve({ text: 'One', hang: true });
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    const body = '{"input":"Hi"}';
    socket.write(
      `POST ${STREAM} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    const [call] = model.calls;
    await new Promise<void>((resolve) => {
      if (call?.signal.aborted === true) resolve();
      else call?.signal.addEventListener('abort', () => resolve());
    });
    expect(model.openCalls).toBe(0);
  });

  test('S10 a head that is too large is refused', async () => {
    const { url } = await serve('Hi', { listen: { maxHeaderBytes: 2_048 } });
    expect((await fetch(`${url}/health`, { headers: { 'x-long': 'x'.repeat(3_000) } })).status).toBe(431);
  });

  test('a server without authentication listens on this machine alone', async () => {
    await expect(serve('Hi', { listen: { host: '0.0.0.0' } })).rejects.toMatchObject({
      code: 'invalid_options',
    });
  });
});

describe('WebSockets', () => {
  test('carry several turns on one connection', async () => {
    const { url, model } = await serve(['One', 'Two']);
    const { say, heard, socket } = await talk(url);
    say({ action: 'send_message', message: 'Hi', conversation_id: 'c1' });
    expect(await heard('content')).toMatchObject({ content: 'One', stream: expect.any(String), id: '1.0' });
    await heard('done');
    say({ action: 'send_message', message: 'And?', conversation_id: 'c1' });
    expect(await heard('content')).toMatchObject({ content: 'Two' });
    await heard('done');
    expect(model.requests[1]?.messages).toHaveLength(3);
    socket.close();
  });

  test('tell the client of the package that they are alive, which sees no pings', async () => {
    const { url } = await serve({ text: ['Hi'], hang: true }, { heartbeatMs: 1 });
    const { say, heard, socket } = await talk(url, [], {}, '?format=sluice');
    say({ action: 'send_message', message: 'Hi' });
    for (let beats = 0; beats < 2; beats++) expect(await heard('alive')).toEqual({ type: 'alive' });
    socket.close();
  });

  test('stop a turn, and its reader is told that it was stopped', async () => {
    const { url, model } = await serve([{ text: 'One', hang: true }, 'Two']);
    const { say, heard, socket } = await talk(url);
    say({ action: 'send_message', message: 'Hi' });
    await heard('content');
    say({ action: 'stop' });
    expect(await heard('error')).toMatchObject({ metadata: { code: 'aborted', reason: 'stopped' } });
    await heard('done');
    expect(model.openCalls).toBe(0);
    say({ action: 'send_message', message: 'Hi' });
    expect(await heard('content')).toMatchObject({ content: 'Two' });
    socket.close();
  });

  test('are told what is wrong with a message, and go on', async () => {
    const { url } = await serve('Hi');
    const { say, heard, socket } = await talk(url);
    for (const wrong of ['{', '[]', '{"action":"dance"}', '{"action":"send_message"}', '['.repeat(100)]) {
      say(wrong);
      expect(await heard('error')).toMatchObject({ metadata: { code: 'invalid_request' } });
      await heard('done');
    }
    say({ action: 'send_message' });
    expect(await heard('error')).toMatchObject({ error: 'message: give a text or messages' });
    say({ action: 'send_message', message: 'Hi' });
    await heard('complete');
    socket.close();
  });

  test('S10 are closed if a message is too large', async () => {
    const { url } = await serve('Hi', { maxBodyBytes: 1_000 });
    const { say, socket } = await talk(url);
    const code = new Promise((resolve) => socket.once('close', resolve));
    say('x'.repeat(1_001));
    expect(await code).toBe(1009);
  });

  test('S6 are refused to pages of other origins, and open to the own page', async () => {
    const { url } = await serve('Hi');
    await expect(talk(url, [], { origin: 'https://evil.example' })).rejects.toThrow('403');
    await expect(talk(url, [], { origin: 'null' })).rejects.toThrow('403');
    const own = await talk(url, [], { origin: url });
    own.socket.close();
  });

  test.each(['0.0.0.0', '127.0.0.2'])('are open to the page of a server that listens on %s', async (host) => {
    const auth = { tokens: { 'token-of-ada': 'ada' } };
    const { url } = await serve('Hi', { auth, listen: { host } });
    const authorization = 'Bearer token-of-ada';
    const own = await talk(url, [], { authorization, origin: url });
    own.socket.close();
    await expect(talk(url, [], { authorization, origin: 'https://evil.example' })).rejects.toThrow('403');
  });

  test('need a token, a ticket or a token as a subprotocol, which is not told back', async () => {
    const token = 'a-secret-token';
    const { url } = await serve('Hi', { auth: { tokens: { [token]: 'ada' } } });
    await expect(talk(url)).rejects.toThrow('401');
    const encoded = Buffer.from(token).toString('base64url');
    const { socket, say, heard } = await talk(url, ['sluice', `sluice.token.${encoded}`]);
    expect(socket.protocol).toBe('sluice');
    say({ action: 'send_message', message: 'Hi' });
    await heard('done');
    socket.close();
    await expect(talk(url, ['sluice', 'sluice.ticket.wrong'])).rejects.toThrow('401');
  });

  test('that close cancel their turns', async () => {
    const { url, model } = await serve({ text: 'One', hang: true });
    const { say, heard, socket } = await talk(url);
    say({ action: 'send_message', message: 'Hi' });
    await heard('content');
    const aborted = new Promise((resolve) => model.calls[0]?.signal.addEventListener('abort', resolve));
    socket.terminate();
    await aborted;
    expect(model.openCalls).toBe(0);
  });
});

describe('the end of a server', () => {
  test('waits for a turn that runs, and takes no new ones', async () => {
    const pace = manualGate();
    const { url, post } = await serve({ text: 'One two', gate: pace.gate });
    const answering = post(STREAM, { input: 'Hi' });
    pace.release(1);
    const response = await answering;
    const closing = listening?.close();
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    pace.open();
    expect((await eventsOf(response)).at(-2)?.event).toBe('complete');
    await closing;
  });

  test('lets a slow reader have the rest of an answer that is complete', async () => {
    const text = 'x'.repeat(20_000_000);
    const { post } = await serve({ text: [text] }, { listen: { shutdownTimeoutMs: 120_000 } });
    const response = await post('/api/v1/agent/run', { input: 'Hi' });
    const closing = listening?.close();
    // Its connection is not taken for an idle one.
    expect(((await response.json()) as { output: string }).output).toHaveLength(text.length);
    await closing;
  });

  test('ends a turn at the deadline with an error that says so', async () => {
    const { post } = await serve({ text: 'One', hang: true }, { listen: { shutdownTimeoutMs: 50 } });
    const response = await post(STREAM, { input: 'Hi' });
    const closing = listening?.close();
    const events = await eventsOf(response);
    expect(events.map(({ event }) => event)).toEqual(['connected', 'content', 'error', 'done']);
    expect(events[2]?.data).toContain('"code":"shutting_down"');
    await closing;
  });

  test('says that it is coming while requests are still taken', async () => {
    const { url, post } = await serve('Hi', { listen: { drainDelayMs: 60_000 } });
    const closing = listening?.close();
    expect((await fetch(`${url}/ready`)).status).toBe(503);
    // A balancer is not to send the next request over this connection.
    const last = await fetch(`${url}/health`);
    expect([last.status, last.headers.get('connection')]).toEqual([200, 'close']);
    expect((await eventsOf(await post(STREAM, { input: 'Hi' }))).at(-1)?.event).toBe('done');
    // The second time ends at once.
    await listening?.close();
    await closing;
  });

  test('is over when a turn whose reader has left is stored, not when the last connection closes', async () => {
    const pace = manualGate();
    const log = memoryLog();
    const { post, model } = await serve({ text: 'One two', gate: pace.gate }, { log, resumable: true });
    pace.release(1);
    const leaving = new AbortController();
    const response = await post(STREAM, { input: 'Hi', turn_id: 't1' });
    void response.body?.pipeTo(new WritableStream(), { signal: leaving.signal }).catch(() => undefined);
    await expect.poll(() => model.calls).toHaveLength(1);
    leaving.abort();
    let isClosed = false;
    void listening?.closed.then(() => (isClosed = true));
    const closing = listening?.close();
    // Nothing listens any more, the connection is gone, and the turn is not over.
    const asked = (): Promise<unknown> => fetch(listening?.url ?? '').then(({ status }) => status, String);
    await expect.poll(asked).toBe('TypeError: fetch failed');
    for (let round = 0; round < 100; round++) await new Promise((resolve) => setImmediate(resolve));
    expect([isClosed, (await log.read({ owner: 'local', id: 't1' }, { after: 0 }))?.end]).toEqual([
      false,
      undefined,
    ]);
    pace.open();
    await closing;
    expect([isClosed, (await log.read({ owner: 'local', id: 't1' }, { after: 0 }))?.end?.outcome]).toEqual([
      true,
      'completed',
    ]);
  });

  test('comes also if its turns do not end as they should, and says so', async () => {
    const gone = new Error('The counter is gone.');
    vi.spyOn(CallerCounts.prototype, 'settled').mockRejectedValue(gone);
    const lines: unknown[] = [];
    const logger: Logger = {
      ...{ debug: () => undefined, info: () => undefined, warn: () => undefined },
      error: (message, fields) => void lines.push([message, fields]),
    };
    const listen = { signals: true };
    const { url } = await serve('Hi', { logger, listen });
    const { socket } = await talk(url);
    const code = new Promise((resolve) => socket.once('close', resolve));
    const before = process.listenerCount('SIGTERM');
    const closed = listening?.closed.catch((error: unknown) => error);
    // As the signal does, which nobody waits for.
    process.emit('SIGTERM');
    expect(await code).toBe(1001);
    expect(await closed).toBe(gone);
    await expect(listening?.close()).rejects.toBe(gone);
    await expect(fetch(url)).rejects.toThrow('fetch failed');
    expect(process.listenerCount('SIGTERM')).toBe(before - 1);
    expect(lines).toEqual([['the server has not ended as it should', { error: 'Error' }]]);
    listening = undefined;
  });

  test('comes at once if it is asked for twice', async () => {
    const { post } = await serve({ text: 'One', hang: true });
    const response = await post(STREAM, { input: 'Hi' });
    const text = response.text().catch(() => 'cut');
    const closing = listening?.close();
    await listening?.close();
    await closing;
    expect(['cut', expect.stringContaining('shutting_down')]).toContainEqual(await text);
  });
});
