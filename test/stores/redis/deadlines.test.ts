import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { redisLedger, redisStore } from 'sluice/stores/redis';
import type { IoRedisClient, RedisClient } from 'sluice/stores/redis';
import { REGISTER } from '../../../stores/redis/owner-scripts.ts';
import { WRITE } from '../../../stores/redis/session-scripts.ts';
import { failureOf } from '../../core/harness.ts';
import { until } from '../../support/redis-servers.ts';
import { end, entry, noAnswerTo } from './stage.ts';

const LIBRARIES = ['redis', 'ioredis'] as const;
const TIMEOUT_MS = 50;

/** A server that accepts connections, reads, and never answers. */
async function silentServer(): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return { port: address.port, sockets };
}

/** Clients that get no answer, not even to what they say first: all commands wait in their queues. */
const SILENT: Record<(typeof LIBRARIES)[number], (port: number) => RedisClient> = {
  redis: (port) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` });
    client.on('error', () => undefined);
    client.connect().catch(() => undefined);
    onTestFinished(() => client.destroy());
    return client;
  },
  ioredis: (port) => {
    const client = new Redis(port, '127.0.0.1');
    client.on('error', () => undefined);
    onTestFinished(() => client.disconnect());
    return client;
  },
};

describe('R53 a server that accepts and never answers', () => {
  test.each(LIBRARIES)('%s: each call fails in time, with an error that names it', async (library) => {
    const { port } = await silentServer();
    const client = SILENT[library](port);
    const store = redisStore({ client, timeoutMs: TIMEOUT_MS });
    const calls = {
      load: failureOf(store.load('s')),
      turn: failureOf(store.turn('s', 't')),
      append: failureOf(store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't', end })),
      update: failureOf(store.update('s', { a: 1 }, { expectedVersion: 0 })),
      spend: failureOf(store.spend({ owner: '' })),
      list: failureOf(store.list({ owner: '' })),
      fork: failureOf(store.fork('s')),
      delete: failureOf(store.delete('s')),
      forget: failureOf(store.forget('')),
      lease: failureOf(store.lease('s', 1_000)),
    };
    for (const [doing, failed] of Object.entries(calls))
      expect(await failed).toMatchObject(noAnswerTo(doing, TIMEOUT_MS));
    expect(await failureOf(store.spend({ owner: '', id: 's' }))).toMatchObject(
      noAnswerTo('spend', TIMEOUT_MS),
    );
    const ledger = redisLedger({ client, timeoutMs: TIMEOUT_MS });
    expect(await failureOf(ledger.add('day', 1, 0))).toMatchObject(noAnswerTo('add', TIMEOUT_MS, 'ledger'));
    // The client is the caller's: there is nothing to wait for.
    await store.close();
  });

  test.each(LIBRARIES)('%s: close fails in time, and still ends the connection', async (library) => {
    const { port, sockets } = await silentServer();
    const store = redisStore({ client: SILENT[library](port), timeoutMs: TIMEOUT_MS, own: true });
    await failureOf(store.load('s'));
    await until(async () => sockets.size > 0);
    expect(await failureOf(store.close())).toMatchObject(noAnswerTo('close', TIMEOUT_MS));
    await until(async () => sockets.size === 0);
    await store.close();
  });
});

describe('R53 the time of a call', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A client of a cluster whose commands take so long. */
  const slow = (ms: number): { client: IoRedisClient; sent: string[] } => {
    const sent: string[] = [];
    const client: IoRedisClient = {
      async evalsha(digest, keys) {
        if (keys > 1 && digest === WRITE.digest)
          throw new Error("CROSSSLOT Keys in request don't hash to the same slot");
        sent.push(digest);
        await new Promise((resolve) => setTimeout(resolve, ms));
        return digest === REGISTER.digest ? ['1', [], []] : ['stored', '1', []];
      },
      eval: () => Promise.reject(new Error('It knows all scripts.')),
      quit: () => Promise.resolve(),
    };
    return { client, sent };
  };

  test('is a limit for all its commands together, 5 s by default, and nothing is sent after it', async () => {
    const { client, sent } = slow(3_000);
    const append = redisStore({ client }).append('s', [entry('a')], {
      expectedVersion: 0,
      turnId: 't',
      end,
    });
    let failed: unknown;
    append.catch((error: unknown) => (failed = error));
    await vi.advanceTimersByTimeAsync(4_999);
    expect(failed).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(failed).toMatchObject(noAnswerTo('append'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual([REGISTER.digest, WRITE.digest]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('leaves no timer when the answer comes in time', async () => {
    const { client } = slow(1_000);
    const append = redisStore({ client }).append('s', [entry('a')], { expectedVersion: 1, turnId: 't' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await append).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('no script is sent in full when the server says too late that it does not know it', async () => {
    const texts: string[] = [];
    const client: IoRedisClient = {
      async evalsha() {
        await new Promise((resolve) => setTimeout(resolve, 6_000));
        throw new Error('NOSCRIPT No matching script. Please use EVAL.');
      },
      eval: async (text) => void texts.push(text),
      quit: () => Promise.resolve(),
    };
    const failed = failureOf(
      redisStore({ client }).append('s', [entry('a')], { expectedVersion: 0, turnId: 't' }),
    );
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await failed).toMatchObject(noAnswerTo('append'));
    expect(texts).toEqual([]);
  });
});
