import { once } from 'node:events';
import { connect, Server } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { WSContext } from 'hono/ws';
import type { UpgradeWebSocket, WSEvents } from 'hono/ws';
import { WebSocket } from 'ws';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { createServer } from 'sluice/server';
import type { Listening, ServerOptions } from 'sluice/server';
import { scripted } from 'sluice/testing';
import { stage } from './stage.ts';

/** More than the system keeps for two sockets. */
const LONG = 24_000_000;

let listening: Listening | undefined;
afterEach(async () => {
  await listening?.close();
  listening = undefined;
});

/** A server, and the number of its open connections. */
async function serve(options: Partial<ServerOptions>): Promise<() => Promise<number>> {
  const listen = vi.spyOn(Server.prototype, 'listen');
  const model = scripted({ text: ['x'.repeat(LONG)] }, { repeat: true });
  const server = createServer(new Pipeline([provider(model)]), { auth: false, ...options });
  listening = await server.listen({ port: 0 });
  const [node] = listen.mock.instances;
  listen.mockRestore();
  return () =>
    new Promise((resolve) => {
      if (node instanceof Server) node.getConnections((_error, count) => resolve(count));
    });
}

function ask(path: string, body: unknown): Socket {
  const socket = connect(listening?.port ?? 0, '127.0.0.1');
  socket.on('error', () => undefined);
  const text = JSON.stringify(body);
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n`;
  socket.write(head + text);
  return socket;
}

describe('S11 a client that does not read', () => {
  test.each([
    ['/api/v1/agent/run', { input: 'Hi' }],
    ['/v1/chat/completions', { model: 'agent', messages: [{ role: 'user', content: 'Hi' }] }],
    ['/v1/messages', { model: 'agent', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] }],
  ])('loses an answer in one piece after slowClientMs: %s', async (path, body) => {
    const connections = await serve({ slowClientMs: 50 });
    const socket = ask(path, body);
    await once(socket, 'readable');
    await expect.poll(connections).toBe(0);
    socket.destroy();
  });

  test('and one that takes its time gets the whole of it', async () => {
    await serve({ slowClientMs: 5_000 });
    const socket = ask('/api/v1/agent/run', { input: 'Hi' });
    let got = 0;
    for await (const chunk of socket) {
      got += Buffer.byteLength(chunk as Buffer);
      if (got > LONG) break;
    }
    expect(got).toBeGreaterThan(LONG);
  });

  test.each([true, false])(
    'of a socket is cut off if it goes on asking for what is refused: %s',
    async (ends) => {
      let events: WSEvents = {};
      const upgradeWebSocket = ((_c: unknown, given: WSEvents) => {
        events = given;
        return Promise.resolve(new Response(null));
      }) as unknown as UpgradeWebSocket;
      const { ask: get } = stage('Hi', { upgradeWebSocket });
      await get('/ws', { headers: { upgrade: 'websocket' } });
      const end = vi.fn(() => void (raw.readyState = 3));
      const raw = {
        readyState: 1,
        bufferedAmount: 0,
        send: (text: string) => void (raw.bufferedAmount += text.length),
        close: end,
        ...(ends && { terminate: end }),
        addEventListener: () => undefined,
        removeEventListener: () => undefined,
      };
      const context = new WSContext({ raw, readyState: 1, send: () => undefined, close: () => undefined });
      const say = (): void =>
        events.onMessage?.(new MessageEvent('message', { data: '{"action":"nothing"}' }), context);
      // What is read in between is not too much.
      for (let round = 0; round < 10; round++) {
        for (let count = 0; count < 500; count++) say();
        raw.bufferedAmount = 0;
      }
      expect(end).not.toHaveBeenCalled();
      for (let count = 0; count < 100_000; count++) say();
      expect(end).toHaveBeenCalledTimes(1);
      expect(raw.bufferedAmount).toBeLessThan(300_000);
      events.onClose?.(new CloseEvent('close'), context);
    },
  );
});

test('what is refused over a socket has the id that the log has', async () => {
  await serve({});
  const socket = new WebSocket(`ws://127.0.0.1:${listening?.port}/ws`);
  await once(socket, 'open');
  socket.send('{"action":"nothing"}');
  const [data] = (await once(socket, 'message')) as [Buffer];
  expect(JSON.parse(String(data))).toMatchObject({
    type: 'error',
    metadata: { code: 'invalid_request', request_id: expect.stringMatching(/^[\da-f-]{36}$/) as string },
  });
  socket.close();
});

test.each(['/health', '/ready'])('a probe of HTTP/1.0 that names no host is answered: %s', async (path) => {
  await serve({});
  const statusOf = async (asked: string): Promise<string> => {
    const socket = connect(listening?.port ?? 0, '127.0.0.1');
    socket.write(`GET ${asked} HTTP/1.0\r\n\r\n`);
    const [data] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return data.toString().split('\r\n')[0] ?? '';
  };
  expect(await statusOf(path)).toBe('HTTP/1.1 200 OK');
  expect(await statusOf('/v1/models')).toBe('HTTP/1.1 421 Misdirected Request');
});
