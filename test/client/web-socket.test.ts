import { expect, test, vi } from 'vitest';
import { WebSocket as NodeSocket, WebSocketServer } from 'ws';
import type { WebSocket as Socket } from 'ws';
import { createClient, webSocket } from '../../client/index.ts';
import type { Client } from '../../client/index.ts';
import type { WireItem } from '../../client/wire.ts';
import { saidItems } from './items.ts';
import { all, errorOf, turn } from './turn.ts';

/** A server that answers each socket's first message. */
async function socketServer(
  answer: (message: Record<string, unknown>, socket: Socket) => void,
): Promise<{ url: string; client: Client; messages: Record<string, unknown>[] } & AsyncDisposable> {
  const messages: Record<string, unknown>[] = [];
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket, request) => {
    socket.on('message', (data: Buffer) => {
      const message: Record<string, unknown> = JSON.parse(data.toString());
      messages.push({ url: request.url, ...message });
      answer(message, socket);
    });
  });
  await new Promise((resolve) => server.on('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    client: createClient({
      url,
      transport: webSocket(),
      reconnect: { initialMs: 0, maxMs: 0 },
    }),
    messages,
    [Symbol.asyncDispose]: async () => {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(socket: Socket, items: readonly WireItem[], from = 0, to = items.length): void {
  items.slice(from, to).forEach((item, at) => {
    socket.send(JSON.stringify({ id: `${from + at}.0`, stream: 'turn-1', item }));
  });
}

test('a stream comes over a socket', async () => {
  const { chunks, items } = await turn();
  await using server = await socketServer((_message, socket) => send(socket, items));
  const stream = server.client.stream('Hello', { id: 'turn-1', model: 'm' });
  const got = await all(stream);
  expect(got.slice(0, -1)).toMatchObject(chunks.slice(0, -1));
  expect(server.messages).toMatchObject([
    {
      url: '/ws?format=sluice&include=cost%2Cwarnings',
      action: 'send_message',
      path: 'agent/stream',
      input: 'Hello',
      turn_id: 'turn-1',
      model: 'm',
    },
  ]);
});

test('a socket that breaks is opened again, after any event', async () => {
  const items = saidItems('a', 'b', 'c');
  for (let cut = 1; cut < items.length; cut++) {
    await using server = await socketServer((message, socket) => {
      if (message['action'] === 'join') send(socket, items, cut);
      else {
        send(socket, items, 0, cut);
        socket.close();
      }
    });
    expect(await server.client.stream('Hello', { id: 'turn-1' }).text()).toBe('abc');
    expect(server.messages[1]).toMatchObject({
      action: 'join',
      path: 'streams/turn-1',
      after: `${cut - 1}.0`,
    });
  }
});

test('an error in place of a stream is the error of the server', async () => {
  await using server = await socketServer((_message, socket) => {
    socket.send(JSON.stringify({ type: 'error', error: { code: 'permission', message: 'Not yours.' } }));
  });
  expect(await errorOf(server.client.run('Hello'))).toMatchObject({
    code: 'permission',
    message: 'Not yours.',
  });
});

test('a reader that leaves closes the socket', async () => {
  const gone = Promise.withResolvers<void>();
  await using server = await socketServer((_message, socket) => {
    socket.on('close', gone.resolve);
    send(socket, saidItems('a', 'b'), 0, 2);
  });
  const stream = server.client.stream('Hello');
  await stream.next();
  await stream.close();
  await gone.promise;
});

test('a server that cannot be reached is `network`', async () => {
  const client = createClient({
    url: 'http://127.0.0.1:1',
    transport: webSocket(),
    reconnect: { attempts: 0 },
  });
  expect(await errorOf(client.run('Hello'))).toMatchObject({ code: 'network' });
});

test('a socket of the package ws that cannot be opened is `network`, and no uncaught error', async () => {
  const client = createClient({
    url: 'http://127.0.0.1:1',
    transport: webSocket({ WebSocket: asBrowsers(NodeSocket) }),
    reconnect: { attempts: 0 },
  });
  expect(await errorOf(client.run('Hello'))).toMatchObject({ code: 'network' });
});

/** The two have the same methods as far as they are used. */
function asBrowsers(socket: unknown): typeof WebSocket {
  if (isSocketClass(socket)) return socket;
  throw new TypeError('It is not a class.');
}

function isSocketClass(value: unknown): value is typeof WebSocket {
  return typeof value === 'function';
}

test('a reader that leaves while a ticket is asked for opens no socket', async () => {
  const asked = Promise.withResolvers<void>();
  const given = Promise.withResolvers<string[]>();
  let opened = 0;
  class CountedSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      opened++;
    }
  }
  await using server = await socketServer((_message, socket) => send(socket, saidItems('a')));
  const protocols = (): Promise<string[]> => {
    asked.resolve();
    return given.promise;
  };
  const client = createClient({
    url: server.url,
    transport: webSocket({ WebSocket: asBrowsers(CountedSocket), protocols }),
  });
  const stream = client.stream('Hello');
  const next = stream.next();
  await asked.promise;
  await stream.close();
  given.resolve([]);
  expect(await next).toEqual({ done: true, value: undefined });
  expect(opened).toBe(0);
});

test('a stream of an organization is joined as one', async () => {
  const items = saidItems('a', 'b');
  await using server = await socketServer((message, socket) => {
    if (message['action'] === 'join') return send(socket, items, 2);
    send(socket, items, 0, 2);
    socket.close();
  });
  expect(await server.client.stream('Hello', { organization: 'acme' }).text()).toBe('ab');
  expect(server.messages).toMatchObject([
    { action: 'send_message', org_id: 'acme' },
    { action: 'join', org_id: 'acme' },
  ]);
});

test('a turn is sent again if the socket broke before the server said anything', async () => {
  let sockets = 0;
  await using server = await socketServer((message, socket) => {
    if (++sockets === 1) socket.terminate();
    else if (message['action'] === 'join')
      socket.send(
        JSON.stringify({ type: 'error', error: { code: 'not_found', message: 'None.', status: 404 } }),
      );
    else send(socket, saidItems('a', 'b'));
  });
  expect(await server.client.stream('Hello', { id: 'turn-1' }).text()).toBe('ab');
  expect(server.messages).toMatchObject([
    { action: 'send_message', turn_id: 'turn-1' },
    { action: 'send_message', turn_id: 'turn-1' },
  ]);
});

test('an address with a path, and a runtime whose URL cannot be changed', async () => {
  class FixedUrl extends URL {}
  for (const name of ['protocol', 'pathname', 'search'])
    Object.defineProperty(FixedUrl.prototype, name, { get: () => '' });
  class LaterSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      vi.unstubAllGlobals();
      super(url, protocols);
    }
  }
  await using server = await socketServer((_message, socket) => send(socket, saidItems('a')));
  vi.stubGlobal('URL', FixedUrl);
  const transport = webSocket({ WebSocket: asBrowsers(LaterSocket) });
  const client = createClient({ url: server.url, path: '/below/api', transport });
  expect(await client.stream('Hello').text()).toBe('a');
  expect(server.messages).toMatchObject([{ url: '/ws?format=sluice&include=cost%2Cwarnings' }]);
});
