import { describe, expect, onTestFinished, test } from 'vitest';
import type { SessionState, StateStore } from 'sluice';
import { redisStore } from 'sluice/stores/redis';
import { failureOf } from '../../core/harness.ts';
import { keysOf } from '../../support/redis.ts';
import { hasRedisServer, redisServer, until } from '../../support/redis-servers.ts';
import { anOwner, contents, end, entry, onCluster, onRedis, type RedisStage } from './stage.ts';

interface Key {
  owner: string;
  id: string;
}

/** A session with data of every kind. */
async function writeAll(store: StateStore, key: Key): Promise<void> {
  const lease = await store.lease(key, 60_000);
  const more = { lease, end, metadata: { plan: 'pro', 'a\nb"': [1] } };
  await store.append(key, [entry('a'), entry('b')], { expectedVersion: 0, turnId: 't1', ...more });
  await store.append(key, [entry('c')], { expectedVersion: 1, turnId: 't2', lease, release: true, end });
  await store.update(key, { count: 2 }, { expectedVersion: 2 });
}

/** Asserts that the session is complete. */
function expectWhole(state: SessionState | undefined): void {
  expect(state?.metadata).toEqual({ plan: 'pro', 'a\nb"': [1], count: 2 });
  expect(state).toMatchObject({ messageCount: 3, turns: 2, version: 3 });
  expect(contents(state)).toEqual(['a', 'b', 'c']);
}

/** Asserts that a new session contains nothing of an earlier one. */
async function expectNew(store: StateStore, key: Key): Promise<void> {
  expect(await store.load(key)).toBeUndefined();
  expect(await store.turn(key, 't1')).toBeUndefined();
  expect(await failureOf(store.fork(key))).toMatchObject({ code: 'not_found' });
  expect(await store.append(key, [entry('new')], { expectedVersion: 0, turnId: 't1' })).toBe(1);
  const state = await store.load(key);
  expect([contents(state), state?.metadata]).toEqual([['new'], {}]);
  expect(state).toMatchObject({ messageCount: 1, turns: 0, version: 1 });
}

/** All subsets. */
function choices<T>(items: readonly T[]): T[][] {
  return Array.from({ length: 2 ** items.length }, (_, bits) => items.filter((_, at) => bits & (1 << at)));
}

function dies(stage: RedisStage): void {
  const { open, admin, prefix, sessionKey } = stage;
  const ownerKeys = (owner: string): string[] =>
    ['index', 'recent', 'spend', 'open'].map((kind) => `${prefix}:${kind}:{@${owner}}`);

  test('whichever keys are lost, a session is complete or gone, and is listed again after its next reply', async () => {
    for (const kinds of choices(['session', 'index', 'recent', 'spend', 'open'])) {
      const key = { owner: anOwner(), id: 's' };
      const store = open();
      await writeAll(store, key);
      for (const name of [sessionKey(key), ...ownerKeys(key.owner)])
        if (kinds.some((kind) => name.includes(`:${kind}:`))) await admin().unlink(name);
      let expectedVersion = 3;
      if (kinds.includes('session')) {
        await expectNew(store, key);
        expectedVersion = 1;
      } else {
        expectWhole(await store.load(key));
        const copy = await store.load(await store.fork(key));
        expect([contents(copy), copy?.metadata]).toEqual([
          ['a', 'b', 'c'],
          { plan: 'pro', 'a\nb"': [1], count: 2 },
        ]);
      }
      await store.append(key, [entry('next')], { expectedVersion, turnId: 'next', end });
      expect((await store.list({ owner: key.owner })).sessions.map(({ id }) => id)).toContain('s');
      expect(await store.forget(key.owner)).toBe(kinds.includes('session') ? 1 : 2);
      expect(await store.load(key)).toBeUndefined();
    }
  });

  test('a session created after another has expired contains nothing of it', async () => {
    const key = { owner: anOwner(), id: 's' };
    const store = open({ ttlMs: 60_000 });
    await writeAll(store, key);
    // As Redis does when the time is over.
    await admin().pexpire(sessionKey(key), 1);
    await until(async () => (await admin().exists(sessionKey(key))) === 0);
    await expectNew(store, key);
    await store.forget(key.owner);
  });

  test('metadata keys are set, changed and removed one by one, and read without the messages', async () => {
    const key = { owner: anOwner(), id: 's' };
    const store = open();
    await store.append(key, [entry('a')], {
      expectedVersion: 0,
      turnId: 't',
      metadata: { a: 1, b: 2, c: 3 },
    });
    await store.update(key, { b: undefined, c: 'new', missing: undefined }, { expectedVersion: 1 });
    expect((await store.load(key, { last: 0 }))?.metadata).toEqual({ a: 1, c: 'new' });
    const many = Object.fromEntries(Array.from({ length: 2_500 }, (_, at) => [`key ${at}`, at]));
    await store.update(key, { ...many, a: undefined, c: undefined }, { expectedVersion: 2 });
    expect((await store.load(key, { last: 0 }))?.metadata).toEqual(many);
    const none = Object.fromEntries(Object.keys(many).map((name) => [name, undefined]));
    await store.update(key, none, { expectedVersion: 3 });
    expect((await store.load(key))?.metadata).toEqual({});
    await store.forget(key.owner);
  });
}

await onRedis('a session on a single server', (stage) => {
  const { open, admin, prefix, sessionKey } = stage;
  dies(stage);

  test('everything of a session is in one key', async () => {
    const key = { owner: anOwner(), id: 's' };
    await writeAll(open({ ttlMs: 60_000 }), key);
    const mine = (await keysOf(admin(), prefix)).filter((name) => name.includes(key.owner));
    expect(mine.filter((name) => !name.includes('{@'))).toEqual([sessionKey(key)]);
    await open().forget(key.owner);
  });

  test.each([
    ['rows', 'messages at version 3 are 0 where 3 were expected'],
    ['messages', 'messages at version 3 are 3 where 0 were expected'],
    ['row:1', 'messages at version 3 are 1 where 3 were expected'],
    ['row:2', 'messages at version 3 are 0 where 3 were expected'],
    ['metadata:"count"', 'metadata is not valid JSON'],
  ])('a load never returns fewer messages silently: %s is lost', async (field, why) => {
    const key = { owner: anOwner(), id: 's' };
    await writeAll(open(), key);
    await admin().hdel(sessionKey(key), field);
    for (const last of [undefined, 3]) {
      const error = await failureOf(open().load(key, { last }));
      expect(error).toMatchObject({ code: 'store', retryable: false });
      expect(String(error)).toContain(why);
    }
    expect(await failureOf(open().fork(key))).toMatchObject({ code: 'store', retryable: false });
    await open().forget(key.owner);
  });
});

onCluster('a session in a cluster', dies);

describe.skipIf(!hasRedisServer())('a server that evicts', () => {
  test.each(['volatile-lru', 'volatile-ttl', 'volatile-random', 'allkeys-random'])(
    '%s evicts a session completely or not at all',
    async (policy) => {
      const { server, stop } = await redisServer();
      onTestFinished(stop);
      const { admin } = server;
      await admin.config('SET', 'maxmemory-policy', policy);
      const store = redisStore({ client: admin, ttlMs: 600_000 });
      const keys = Array.from({ length: 200 }, (_, at) => ({ owner: 'acme', id: `s${at}` }));
      for (const key of keys) await writeAll(store, key);
      const evicted = async (): Promise<number> =>
        Number(/evicted_keys:(\d+)/.exec(await admin.info('stats'))?.[1]);
      // Redis evicts before it runs a command, until it is below its limit. Each round lowers the limit
      // by a few sessions: one large key of the owner, or memory that a client gave back, can be a round's whole share.
      await until(async () => {
        const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);
        await admin.config('SET', 'maxmemory', String(used - 10_000));
        await admin.ping();
        return (await evicted()) >= 20;
      });
      await admin.config('SET', 'maxmemory', '0');
      let gone = 0;
      for (const key of keys) {
        const state = await store.load(key);
        if (state !== undefined) expectWhole(state);
        else {
          gone++;
          await expectNew(store, key);
        }
      }
      expect(gone).toBeGreaterThan(0);
      expect(gone).toBeLessThan(200);
    },
  );
});
