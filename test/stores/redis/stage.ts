import { Cluster, type Redis } from 'ioredis';
import { createCluster } from 'redis';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Message, SessionEntry, StateStore, TurnEnd } from 'sluice';
import { redisStore } from 'sluice/stores/redis';
import type { RedisClient, RedisStoreOptions } from 'sluice/stores/redis';
import { stateStoreContract } from 'sluice/testing';
import { tokens } from '../../core/harness.ts';
import { dropKeys, hasRedis, ioRedis, nodeRedis, testPrefix } from '../../support/redis.ts';
import { hasRedisServer, redisCluster, type RedisCluster } from '../../support/redis-servers.ts';

export const entry = (content: string): SessionEntry => ({ message: { role: 'user', content } });
export const end: TurnEnd = {
  outcome: 'completed',
  usage: tokens(1, 2),
  cost: { status: 'exact', totalUsd: 0.5 },
};
export const contents = (state: { messages: Message[] } | undefined): unknown[] =>
  state?.messages.map(({ content }) => content) ?? ['nothing'];
/** A name that nobody else uses. */
export const anOwner = (): string => `owner-${crypto.randomUUID()}`;

/** A `store` error that says which call failed, and how long it has waited. */
export function noAnswerTo(doing: string, timeoutMs = 5_000, name = 'session store'): object {
  const what = `the server gave no answer within ${timeoutMs} ms (timeoutMs)`;
  return { code: 'store', retryable: true, message: `The ${name} failed at ${doing}: ${what}.` };
}

/** One client of each library. */
export type Library = 'redis' | 'ioredis';

/** What a test of the store works with. The clients exist when the tests run, not before. */
export interface RedisStage {
  /** What the tests' own keys begin with. */
  readonly prefix: string;
  client(library: Library): RedisClient;
  /** A client for what a test does itself. */
  admin(): Redis | Cluster;
  /** Makes a store. Default: with the client of ioredis. */
  open(options?: Partial<RedisStoreOptions>): StateStore;
  /** The key of a session's hash. */
  sessionKey(key: { owner: string; id: string }): string;
}

/** A stage on the one server that the tests share. */
export interface SingleStage extends RedisStage {
  admin(): Redis;
}

/** A stage on a cluster that only this test file uses. */
export interface ClusterStage extends RedisStage {
  admin(): Cluster;
  cluster(): RedisCluster;
}

/** Describes tests that need Redis, with keys that are deleted after them. Skipped if there is no server. */
export async function onRedis(name: string, body: (stage: SingleStage) => void): Promise<void> {
  const there = await hasRedis();
  describe.skipIf(!there)(name, () => {
    if (!there) {
      it('needs Redis');
      return;
    }
    const prefix = testPrefix();
    const made = later(async () => ({ redis: await nodeRedis(), ioredis: ioRedis() }));
    beforeAll(made.make);
    afterAll(async () => {
      const { redis, ioredis } = made.get();
      await dropKeys(ioredis, prefix);
      await redis.close();
      await ioredis.quit();
    });
    body({ ...stageOf(prefix, made.get), admin: () => made.get().ioredis });
  });
}

/** Describes tests on a cluster of their own; skipped if none can be started. */
export function onCluster(name: string, body: (stage: ClusterStage) => void): void {
  const there = hasRedisServer();
  describe.skipIf(!there)(name, () => {
    if (!there) {
      it('needs redis-server');
      return;
    }
    const made = later(async () => {
      const cluster = await redisCluster();
      const rootNodes = cluster.nodes.map(({ host, port }) => ({ url: `redis://${host}:${port}` }));
      const redis = createCluster({ rootNodes });
      const ioredis = new Cluster(cluster.nodes, { clusterRetryStrategy: () => 100 });
      for (const client of [redis, ioredis]) client.on('error', () => undefined);
      await redis.connect();
      return { cluster, redis, ioredis };
    });
    beforeAll(made.make, 60_000);
    afterAll(async () => {
      const { cluster, redis, ioredis } = made.get();
      redis.destroy();
      ioredis.disconnect();
      await cluster.stop();
    });
    body({
      ...stageOf('sluice', made.get),
      admin: () => made.get().ioredis,
      cluster: () => made.get().cluster,
    });
  });
}

/** Runs the contract suite of stores. */
export function keepsContract(
  { open, client, admin, sessionKey }: RedisStage,
  name: string,
  [mine, others]: [mine: Library, others: Library],
): void {
  stateStoreContract({
    name,
    makeStore: ({ ttlMs } = {}) => open({ client: client(mine), ttlMs }),
    another: () => open({ client: client(others) }),
    async corrupt(key, text) {
      const row = `row:${await admin().hget(sessionKey(key), 'rows')}`;
      const numbers = ((await admin().hget(sessionKey(key), row)) ?? '').split(' ').slice(0, 5);
      await admin().hset(sessionKey(key), row, `${numbers.join(' ')} ${text}`);
    },
    describe,
    test: it,
    timeoutMs: 300_000,
  });
}

function stageOf(
  prefix: string,
  clients: () => Record<Library, RedisClient>,
): Pick<RedisStage, 'prefix' | 'client' | 'open' | 'sessionKey'> {
  return {
    prefix,
    client: (library) => clients()[library],
    open: (options = {}) => redisStore({ client: clients().ioredis, prefix, ...options }),
    sessionKey: ({ owner, id }) =>
      `${prefix}:session:{${encodeURIComponent(owner)}:${encodeURIComponent(id)}}`,
  };
}

/** What is made before the tests run. */
function later<T>(make: () => Promise<T>): { make: () => Promise<void>; get: () => T } {
  let made: { value: T } | undefined;
  return {
    make: async () => void (made = { value: await make() }),
    get() {
      if (made === undefined) throw new Error('It is made before the tests run, not before that.');
      return made.value;
    },
  };
}
