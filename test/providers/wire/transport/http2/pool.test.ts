import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { providerFetch, toSluiceError } from '../../../../../providers/wire/index.ts';
import { rawBodyOf, readyOf, type RawBody } from '../../../../../providers/wire/transport/raw-body.ts';
import { failure, transports } from '../support.ts';
import { tlsServer, trustServers, turns, type Arrived, type TlsServer } from './support.ts';

const { transport, closeAll } = transports(providerFetch);
let trusted: Disposable | undefined;
beforeAll(() => {
  trusted = trustServers();
});
afterAll(() => trusted?.[Symbol.dispose]());
afterEach(async () => {
  await closeAll();
  vi.useRealTimers();
});

/** Begins a response that goes on. */
function goOn({ stream }: Arrived): void {
  stream.respond({ ':status': 200 });
  stream.write('it goes on');
}

/** Opens so many streams at once. */
async function opened(fetch: typeof globalThis.fetch, { url }: TlsServer, count: number): Promise<RawBody[]> {
  return Promise.all(Array.from({ length: count }, async () => rawBodyOf(await fetch(url))));
}

/** How many of the streams so far came on each connection. */
function counts({ sessions, arrived }: TlsServer): number[] {
  return sessions.map((session) => arrived.filter((one) => one.session === session).length);
}

/** Lets time go by. Sockets go on meanwhile. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1_000) {
    vi.advanceTimersByTime(Math.min(left, 1_000));
    await turns(10);
  }
}

/** The clocks that connections use. */
function fakeClocks(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
}

describe('the connections to one server', () => {
  it('take 16 streams each', async () => {
    await using server = await tlsServer(goOn);
    await opened(transport({}), server, 50);
    expect(counts(server).filter((count) => count > 0)).toEqual([16, 16, 16, 2]);
  });

  it('take as many as the option says', async () => {
    await using server = await tlsServer(goOn);
    await opened(transport({ http2: { streamsPerConnection: 5 } }), server, 10);
    expect(counts(server).filter((count) => count > 0)).toEqual([5, 5]);
  });

  it('are shared by providers with the same settings', async () => {
    await using server = await tlsServer(goOn);
    const [first, second] = [transport({}), transport({ http2: true })];
    await opened(first, server, 2);
    await opened(second, server, 2);
    await opened(transport({ http2: { streamsPerConnection: 5 } }), server, 2);
    expect(counts(server)).toEqual([4, 2]);
  });

  it('are made ahead of need: the last free streams of one make the next', async () => {
    await using server = await tlsServer(goOn);
    const fetch = transport({});
    await opened(fetch, server, 12);
    await turns();
    expect(server.sessions).toHaveLength(1);
    await opened(fetch, server, 1);
    await server.connections(2);
    await opened(fetch, server, 4);
    expect([...counts(server)].sort((a, b) => b - a)).toEqual([13, 4]);
  });

  it('are made all at once for a burst', async () => {
    let gate = Promise.withResolvers<void>();
    await using server = await tlsServer(goOn, {
      SNICallback: (_name, callback) => void gate.promise.then(() => callback(null)),
    });
    const url = server.url.replace('127.0.0.1', 'localhost');
    const fetch = transport({});
    let greeted = 0;
    server.server.on('connection', () => (greeted += 1));
    const bodies = Promise.all(Array.from({ length: 100 }, async () => rawBodyOf(await fetch(url))));
    // No handshake ends before the last one has begun.
    while (greeted < 7) await once(server.server, 'connection');
    gate.resolve();
    await bodies;
    expect(counts(server).filter((count) => count > 0)).toHaveLength(7);
    gate = Promise.withResolvers();
  });

  it('give a free place to the request that has waited longest', async () => {
    await using server = await tlsServer(goOn, { settings: { maxConcurrentStreams: 1 } });
    const fetch = transport({ http2: { streamsPerConnection: 1 } });
    const [first] = await opened(fetch, server, 1);
    expect(server.sessions.length).toBeLessThanOrEqual(2);
    first?.cancel();
    await opened(fetch, server, 1);
    expect(server.arrived).toHaveLength(2);
  });

  it('keep the async context of a request that waits for one', async () => {
    await using server = await tlsServer(goOn);
    const fetch = transport({});
    const context = new AsyncLocalStorage<number>();
    async function seen(): Promise<number | undefined> {
      const body = rawBodyOf(await fetch(server.url));
      return new Promise((resolve) => body.wait(() => resolve(context.getStore())));
    }
    const stores = [1, 2, 3].map((store) => context.run(store, seen));
    expect(await Promise.all(stores)).toEqual([1, 2, 3]);
  });

  it('respect how many streams the server allows', async () => {
    await using server = await tlsServer(goOn, { settings: { maxConcurrentStreams: 3 } });
    const fetch = transport({});
    await opened(fetch, server, 1);
    await turns();
    await opened(fetch, server, 8);
    expect(counts(server).filter((count) => count > 0)).toEqual([3, 3, 3]);
  });

  it('respect it for a burst that comes before the server has said it', async () => {
    await using server = await tlsServer(goOn, { settings: { maxConcurrentStreams: 1 } });
    // Those above are refused before the server sees them as streams, and none so often that it fails.
    await opened(transport({}), server, 40);
    expect(new Set(counts(server).filter((count) => count > 0))).toEqual(new Set([1]));
    expect(server.arrived).toHaveLength(40);
  });

  it('respect it if the server allows fewer later, and more again', async () => {
    await using server = await tlsServer(goOn);
    const fetch = transport({ http2: { streamsPerConnection: 4 } });
    await opened(fetch, server, 2);
    const [session] = server.sessions;
    session?.settings({ maxConcurrentStreams: 2 });
    if (session !== undefined) await once(session, 'localSettings');
    await turns();
    await opened(fetch, server, 1);
    expect(counts(server)).toEqual([2, 1]);
    session?.settings({ maxConcurrentStreams: 100 });
    if (session !== undefined) await once(session, 'localSettings');
    await turns();
    await opened(fetch, server, 2);
    expect(counts(server)).toEqual([4, 1]);
  });

  it('wait for a server that allows no stream, without making more connections, until it does', async () => {
    await using server = await tlsServer(goOn, { settings: { maxConcurrentStreams: 0 } });
    const fetch = transport({});
    const waiting = opened(fetch, server, 3);
    await server.connections(1);
    await turns(200);
    expect([server.sessions.length, server.arrived.length]).toEqual([1, 0]);
    for (const session of server.sessions) session.settings({ maxConcurrentStreams: 10 });
    await waiting;
    expect(server.arrived).toHaveLength(3);
  });

  it('that cannot be made fail those who wait for them', async () => {
    const server = await tlsServer(goOn);
    await server[Symbol.asyncDispose]();
    const fetch = transport({});
    const errors = await Promise.all(Array.from({ length: 40 }, () => failure(fetch(server.url))));
    const kinds = errors.map((error) => toSluiceError(error, 'test', []));
    expect(new Set(kinds.map(({ code, retryable }) => `${code} ${retryable}`))).toEqual(
      new Set(['network true']),
    );
  });

  it('that cannot be made fail no more requests than they would have carried', async () => {
    await using server = await tlsServer(goOn);
    server.server.once('connection', (socket: Socket) => socket.destroy());
    const fetch = transport({ http2: { streamsPerConnection: 2 } });
    const ends = await Promise.all(
      Array.from({ length: 3 }, () =>
        fetch(server.url).then(
          ({ status }) => status,
          (error: unknown) => toSluiceError(error, 'test', []).code,
        ),
      ),
    );
    expect(ends.map(String).sort()).toEqual(['200', '200', 'network']);
  });

  it('that are never made time out', async () => {
    fakeClocks();
    await using server = await tlsServer(goOn, { SNICallback: () => undefined });
    const url = server.url.replace('127.0.0.1', 'localhost');
    const greeted = once(server.server, 'connection');
    const waiting = failure(transport({})(url));
    await greeted;
    await turns();
    vi.advanceTimersByTime(10_000);
    expect(toSluiceError(await waiting, 'test', []).code).toBe('network');
  });
});

describe('a signal', () => {
  it('ends a request that waits for its connection, and it is never sent', async () => {
    const gate = Promise.withResolvers<void>();
    await using server = await tlsServer(goOn, {
      SNICallback: (_name, callback) => void gate.promise.then(() => callback(null)),
    });
    const url = server.url.replace('127.0.0.1', 'localhost');
    const fetch = transport({});
    const controller = new AbortController();
    const waiting = failure(fetch(`${url}/first`, { signal: controller.signal }));
    const next = fetch(`${url}/next`);
    await once(server.server, 'connection');
    controller.abort(new Error('enough'));
    expect(String(await waiting)).toBe('Error: enough');
    gate.resolve();
    await next;
    expect(server.arrived.map(({ headers }) => headers[':path'])).toEqual(['/next']);
  });

  it('resets one stream, and no other', async () => {
    await using server = await tlsServer(goOn);
    const fetch = transport({});
    const controller = new AbortController();
    const aborted = rawBodyOf(await fetch(server.url, { signal: controller.signal }));
    const [other] = await opened(fetch, server, 1);
    await readyOf(aborted);
    aborted.take();
    controller.abort(new Error('enough'));
    expect(() => aborted.take()).toThrow('enough');
    const [first, second] = server.arrived;
    if (first === undefined || second === undefined || other === undefined) throw new Error('none');
    if (!first.stream.closed) await once(first.stream, 'close');
    second.stream.end(' to its end');
    let text = '';
    for (let parts = other.take(); parts !== undefined; parts = other.take()) {
      for (const part of parts) text += Buffer.from(part).toString();
      if (parts.length === 0) await readyOf(other);
    }
    expect([first.stream.rstCode, text, server.sessions.length]).toEqual([8, 'it goes on to its end', 1]);
  });
});

describe('the age of a connection', () => {
  it('renews it: running streams go on, new ones get another', async () => {
    fakeClocks();
    await using server = await tlsServer(goOn);
    const fetch = transport({ http2: { maxConnectionAgeMs: 60_000 } });
    await opened(fetch, server, 1);
    await pass(60_001);
    // It still gets requests until its successor is there.
    await opened(fetch, server, 1);
    await server.connections(2);
    await turns();
    await opened(fetch, server, 2);
    expect(counts(server)).toEqual([2, 2]);
    expect(server.open()).toBe(2);
    for (const { stream } of server.arrived.slice(0, 2)) stream.end();
    await server.left(1);
  });

  it('is over after a hundred resets, because servers close a connection that has many', async () => {
    await using server = await tlsServer(goOn);
    const fetch = transport({});
    for (let call = 0; call < 150; call++) {
      const [body] = await opened(fetch, server, 1);
      body?.cancel();
      if (call === 100) await server.connections(2);
      await turns(call === 100 ? 50 : 1);
    }
    expect(server.sessions).toHaveLength(2);
    expect(counts(server)[0]).toBeLessThan(110);
    await server.left(1);
  });

  it('does not end it if no other can be made', async () => {
    fakeClocks();
    await using server = await tlsServer(goOn);
    const fetch = transport({ http2: { maxConnectionAgeMs: 60_000 } });
    await opened(fetch, server, 1);
    server.server.on('connection', (socket: Socket) => socket.destroy());
    await pass(60_001);
    await opened(fetch, server, 3);
    expect(counts(server)).toEqual([4]);
  });
});

describe('an idle connection', () => {
  it('is used again, and closed after a minute', async () => {
    fakeClocks();
    await using server = await tlsServer(({ stream }) => {
      stream.respond({ ':status': 200 });
      stream.end('whole');
    });
    const fetch = transport({});
    for (let call = 0; call < 3; call++) {
      expect(await (await fetch(server.url)).text()).toBe('whole');
      await turns();
      await pass(59_000);
    }
    expect(server.sessions).toHaveLength(1);
    await pass(1_000);
    await server.left();
    expect(await (await fetch(server.url)).text()).toBe('whole');
    expect(server.sessions).toHaveLength(2);
  });

  it('that the server closed is replaced', async () => {
    await using server = await tlsServer(({ stream }) => {
      stream.respond({ ':status': 200 });
      stream.end('whole');
    });
    const fetch = transport({});
    for (const made of [1, 2]) {
      expect(await (await fetch(server.url)).text()).toBe('whole');
      expect(server.sessions).toHaveLength(made);
      for (const session of server.sessions) session.close();
      await server.left();
      await turns();
    }
  });
});

describe('a connection that is lost', () => {
  it.each(['session', 'socket', 'stream and session'])(
    'leaves no timer if the server ends its %s',
    async (what) => {
      fakeClocks();
      await using server = await tlsServer(goOn);
      const bodies = await opened(transport({}), server, 2);
      const ended = bodies.map((body) => {
        body.take();
        return readyOf(body);
      });
      for (const { stream } of server.arrived) if (what.startsWith('stream')) stream.close(8);
      for (const session of server.sessions) if (what !== 'socket') session.destroy();
      for (const socket of server.sockets) socket.destroy();
      await Promise.all(ended);
      await server.left();
      await turns();
      expect(vi.getTimerCount()).toBe(0);
    },
  );
});

describe('close()', () => {
  it('ends running and waiting requests, and leaves no connection', async () => {
    await using server = await tlsServer(goOn);
    const made = providerFetch({});
    const [running] = await opened(made.fetch, server, 1);
    if (running === undefined) throw new Error('none');
    // What has come before is still read.
    while ((running.take()?.length ?? 0) === 0) await readyOf(running);
    const ended = readyOf(running);
    const waiting = failure(made.fetch(server.url.replace('127.0.0.1', 'localhost')));
    await made.close();
    await ended;
    const thrown = await failure((async () => running.take())());
    expect(toSluiceError(thrown, 'test', []).code).toBe('shutting_down');
    expect(toSluiceError(await waiting, 'test', []).code).toBe('shutting_down');
    await server.left();
  });

  it('gives up connections that are being made', async () => {
    fakeClocks();
    await using server = await tlsServer(goOn, { SNICallback: () => undefined });
    const made = providerFetch({});
    const greeted = once(server.server, 'connection');
    const waiting = failure(made.fetch(server.url.replace('127.0.0.1', 'localhost')));
    await greeted;
    await made.close();
    expect(toSluiceError(await waiting, 'test', []).code).toBe('shutting_down');
    await server.left();
  });

  it('leaves the connections to the other providers', async () => {
    await using server = await tlsServer(goOn);
    const made = providerFetch({});
    await opened(made.fetch, server, 1);
    await opened(transport({}), server, 1);
    await made.close();
    await turns();
    expect(server.open()).toBe(1);
  });
});
