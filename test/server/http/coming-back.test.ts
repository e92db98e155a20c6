import { EventSource } from 'eventsource';
import { afterEach, describe, expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import { createClient, webSocket } from 'sluice/client';
import { provider } from 'sluice/middleware/provider';
import { createServer } from 'sluice/server';
import type { Listening, ServerOptions } from 'sluice/server';
import { manualGate, scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';
import { tcpProxy } from '../../support/tcp-proxy.ts';
import { eventsOf } from '../support.ts';
import { ADA, BOB } from './stage.ts';
import { talk } from './talk.ts';
import type { Talk } from './talk.ts';

const STREAM = '/api/v1/agent/stream';

let listening: Listening | undefined;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await listening?.close();
  listening = undefined;
});

interface Stage {
  url: string;
  model: ScriptedProvider;
  post: (path: string, body?: unknown) => Promise<Response>;
  /** A socket of a caller. */
  socketOf: (token?: string) => Promise<Talk>;
}

async function serve(
  answers: ScriptedAnswer | ScriptedAnswer[],
  options: Partial<ServerOptions> = {},
): Promise<Stage> {
  const model = scripted(answers);
  const server = createServer(new Pipeline([provider(model)]), {
    auth: { tokens: { [ADA]: 'ada', [BOB]: 'bob' } },
    ...{ resumable: true, getStream: true },
    ...options,
  });
  const { url } = (listening = await server.listen({ port: 0, shutdownTimeoutMs: 0 }));
  const authorization = `Bearer ${ADA}`;
  return {
    url,
    model,
    post: (path, body = {}) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify(body),
      }),
    async socketOf(token = ADA) {
      const one = await talk(url, [], { authorization: `Bearer ${token}` });
      closing.push(() => one.socket.terminate());
      return one;
    },
  };
}

/** The ids and texts of messages. */
const told = (messages: Record<string, unknown>[]): string[] =>
  messages.map(({ id, type, content }) => [id, type, content].filter((part) => part !== undefined).join(' '));

describe('R40 a socket that joins a stream', () => {
  test('gets it from its first event, or after the last one that it has had, to the end', async () => {
    const pace = manualGate();
    const { model, socketOf } = await serve({ text: 'One two three', gate: pace.gate });
    const [first, second, third] = [await socketOf(), await socketOf(), await socketOf()];
    pace.release(1);
    first.say({ action: 'send_message', message: 'Hi', turn_id: 't1' });
    await first.heard('content');
    second.say({ action: 'join', stream: 't1' });
    expect(told(await second.heardAll('content'))).toEqual(['0.0 connected', '1.0 content One ']);
    third.say({ action: 'join', stream: 't1', last_event_id: '1.0' });
    pace.open();
    const rest = ['2.0 content two ', '3.0 content three', '4.0 complete', '4.1 done'];
    for (const reader of [first, second, third]) expect(told(await reader.heardAll('done'))).toEqual(rest);
    expect(model.calls).toHaveLength(1);
  });

  test('finds the turn that runs in a conversation', async () => {
    const pace = manualGate();
    const { socketOf } = await serve({ text: 'One', gate: pace.gate });
    const [first, second] = [await socketOf(), await socketOf()];
    first.say({ action: 'send_message', message: 'Hi', conversation_id: 'c1' });
    await first.heard('connected');
    second.say({ action: 'join', conversation_id: 'c1' });
    const { stream } = await second.heard('connected');
    pace.open();
    expect(await first.heard('done')).toMatchObject({ stream });
    await second.heard('done');
    // Nothing runs any more.
    second.say({ action: 'join', conversation_id: 'c1' });
    expect(await second.heard('error')).toMatchObject({ metadata: { code: 'not_found' } });
  });

  test('reads one that has ended, and is told if it has all of it', async () => {
    const { socketOf } = await serve('One');
    const { say, heard, heardAll } = await socketOf();
    say({ action: 'send_message', message: 'Hi', turn_id: 't1' });
    const all = told(await heardAll('done'));
    say({ action: 'join', stream: 't1' });
    expect(told(await heardAll('done'))).toEqual(all);
    say({ action: 'join', stream: 't1', last_event_id: '2.1' });
    expect(await heard('error')).toMatchObject({ metadata: { code: 'not_found' } });
  });

  test('is told what is wrong with its message', async () => {
    const { socketOf } = await serve('One');
    const { say, heard, heardAll } = await socketOf();
    say({ action: 'send_message', message: 'Hi', turn_id: 't1' });
    await heardAll('done');
    for (const [wrong, code] of [
      [{}, 'invalid_request'],
      [{ stream: 7 }, 'invalid_request'],
      [{ stream: 't1', last_event_id: 'x' }, 'invalid_request'],
      [{ path: 'streams/%' }, 'invalid_request'],
      [{ path: 'streams/a/b' }, 'invalid_request'],
      [{ stream: 't1', org_id: 'acme' }, 'permission'],
      [{ stream: 't1', last_event_id: '99.0' }, 'conflict'],
      [{ stream: 'none' }, 'not_found'],
    ] as const) {
      say({ action: 'join', ...wrong });
      expect([wrong, await heard('error')]).toMatchObject([wrong, { metadata: { code } }]);
    }
  });

  test('R62 stops what it has joined, and a turn whose stream it does not read', async () => {
    const hanging = { text: 'One', hang: true };
    const { post, socketOf, model } = await serve([hanging, hanging]);
    const [one, two] = [
      await post(STREAM, { input: 'Hi', turn_id: 't1' }),
      await post(STREAM, { input: 'Hi', turn_id: 't2' }),
    ];
    const { say, heard } = await socketOf();
    say({ action: 'join', stream: 't1' });
    await heard('content');
    say({ action: 'stop', stream: 't2' });
    expect(await two.text()).toContain('"reason":"stopped"');
    say({ action: 'stop', stream: 'none' });
    expect(await heard('error')).toMatchObject({ metadata: { code: 'not_found' } });
    expect(model.openCalls).toBe(1);
    say({ action: 'stop' });
    expect(await heard('error')).toMatchObject({ stream: 't1', metadata: { reason: 'stopped' } });
    expect(await one.text()).toContain('"reason":"stopped"');
  });

  test('S2 does not find the stream of a stranger, and does not stop it', async () => {
    const { post, socketOf, model } = await serve({ text: 'One', hang: true });
    const response = await post(STREAM, { input: 'Hi', turn_id: 't1', conversation_id: 'c1' });
    const { say, heard } = await socketOf(BOB);
    for (const message of [
      { action: 'join', stream: 't1' },
      { action: 'join', conversation_id: 'c1' },
      { action: 'join', path: 'streams/t1' },
      { action: 'stop', stream: 't1' },
    ]) {
      say(message);
      expect(await heard('error')).toMatchObject({ metadata: { code: 'not_found' } });
    }
    expect(model.openCalls).toBe(1);
    await post('/api/v1/streams/t1/stop');
    await response.text();
  });

  test('has a place among the open streams of its caller', async () => {
    const { post, socketOf } = await serve({ text: 'One', hang: true }, { limits: { concurrentStreams: 2 } });
    const response = await post(STREAM, { input: 'Hi', turn_id: 't1' });
    const [one, two] = [await socketOf(), await socketOf()];
    one.say({ action: 'join', stream: 't1' });
    await one.heard('content');
    two.say({ action: 'join', stream: 't1' });
    expect(await two.heard('error')).toMatchObject({ metadata: { code: 'rate_limited' } });
    await post('/api/v1/streams/t1/stop');
    await response.text();
  });
});

test('R40 the client comes back over another socket after any event, and has the whole text once', async () => {
  const pace = manualGate();
  const { url, model } = await serve({ text: 'One two three four', gate: pace.gate });
  const sockets: globalThis.WebSocket[] = [];
  const Socket = class extends globalThis.WebSocket {
    constructor(...given: ConstructorParameters<typeof globalThis.WebSocket>) {
      super(...given);
      sockets.push(this);
    }
  };
  const token = Buffer.from(ADA).toString('base64url');
  const client = createClient({
    url,
    transport: webSocket({ WebSocket: Socket, protocols: ['sluice', `sluice.token.${token}`] }),
    reconnect: { initialMs: 0, maxMs: 0 },
  });
  let text = '';
  pace.release(1);
  const stream = client.stream('Hi', { conversation: 'c1' });
  for await (const chunk of stream) {
    if (chunk.type !== 'content') continue;
    text += chunk.content;
    sockets.at(-1)?.close();
    pace.release(1);
  }
  expect(text).toBe('One two three four');
  expect((await stream.result).outcome).toBe('completed');
  expect(sockets.length).toBeGreaterThan(2);
  expect(model.calls).toHaveLength(1);
  // A second reader joins the conversation the same way.
  await expect(client.join('c1').text()).rejects.toMatchObject({ code: 'not_found' });
});

describe('R40 an EventSource whose connection breaks', () => {
  /** A browser's source that comes back at once, over connections that can be broken. */
  async function source(
    url: string,
    query: string,
  ): Promise<{
    drop: () => void;
    statuses: number[];
    heard: string[];
    closed: Promise<void>;
    one: EventSource;
  }> {
    const proxy = await tcpProxy({ port: Number(new URL(url).port) });
    const statuses: number[] = [];
    const heard: string[] = [];
    const one = new EventSource(`http://127.0.0.1:${proxy.port}${STREAM}?prompt=Hi${query}`, {
      fetch: async (target, init) => {
        const response = await fetch(target, {
          ...init,
          headers: { ...init.headers, authorization: `Bearer ${ADA}` },
        });
        statuses.push(response.status);
        return response.status === 200 ? soon(response) : response;
      },
    });
    for (const type of ['connected', 'content', 'complete', 'error', 'done'])
      one.addEventListener(type, (event) => {
        if (event instanceof MessageEvent) heard.push(`${event.lastEventId} ${type}`);
      });
    const closed = new Promise<void>((resolve) =>
      one.addEventListener('error', () => {
        if (one.readyState === EventSource.CLOSED) resolve();
      }),
    );
    closing.push(
      () => one.close(),
      () => proxy.close(),
    );
    return { drop: () => proxy.drop(), statuses, heard, closed, one };
  }

  /** The response with a first line that lets the source come back after a millisecond, and not after three seconds. */
  function soon(response: Response): Response {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('retry: 1\n\n')),
    });
    void response.body?.pipeTo(writable).catch(() => undefined);
    return new Response(readable, { headers: response.headers });
  }

  const next = (one: EventSource, type: string): Promise<void> =>
    new Promise((resolve) => one.addEventListener(type, () => resolve(), { once: true }));

  test.each(['', '&turn_id=t%201'])(
    'joins its turn, although its address does not say which: %j',
    async (query) => {
      const pace = manualGate();
      const { url, model } = await serve({ text: 'One two', gate: pace.gate });
      pace.release(1);
      const { drop, statuses, heard, closed, one } = await source(url, query);
      await next(one, 'content');
      drop();
      pace.open();
      await closed;
      expect(heard.map((line) => line.replace(/@\S+/, ''))).toEqual([
        '0.0 connected',
        '1.0 content',
        '2.0 content',
        '3.0 complete',
        '3.1 done',
      ]);
      expect(statuses).toEqual([200, 200, 204]);
      expect(model.calls).toHaveLength(1);
    },
  );

  test('is told that there is nothing more if its turn ended with the connection', async () => {
    const { url, model } = await serve({ text: 'One', hang: true }, { resumable: false });
    const { drop, statuses, closed, one } = await source(url, '');
    await next(one, 'content');
    drop();
    await closed;
    expect(statuses).toEqual([200, 204]);
    expect(model.calls).toHaveLength(1);
  });

  test('does not join the next turn of the conversation', async () => {
    const pace = manualGate();
    const { url, post } = await serve(['One', { text: 'Two', gate: pace.gate }]);
    const get = (headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${url}${STREAM}?prompt=Hi&conversation_id=c1`, {
        headers: { authorization: `Bearer ${ADA}`, ...headers },
      });
    const events = await eventsOf(await get());
    const running = await post(STREAM, { input: 'And?', conversation_id: 'c1' });
    const again = await get({ 'last-event-id': events.at(1)?.id ?? '' });
    expect(await eventsOf(again)).toEqual(events.slice(2));
    expect((await get({ 'last-event-id': '1.0' })).status).toBe(204);
    pace.open();
    await running.text();
  });
});
