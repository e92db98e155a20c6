import { createClient, createClientPool, createSentinel } from 'redis';
import { describe, expect, test } from 'vitest';
import { redisStore } from 'sluice/stores/redis';
import type { IoRedisClient, NodeRedisClient, RedisClient, RedisStoreOptions } from 'sluice/stores/redis';
import { CLEAR } from '../../../stores/redis/owner-scripts.ts';
import { failureOf } from '../../core/harness.ts';
import { ioRedis, keysOf, nodeRedis } from '../../support/redis.ts';
import { until } from '../../support/redis-servers.ts';
import { anOwner, contents, end, entry, onRedis } from './stage.ts';

describe('options', () => {
  const client: NodeRedisClient = {
    eval: () => Promise.reject(new Error()),
    evalSha: () => Promise.reject(new Error()),
  };

  test.each([
    [{ client: {} }, 'client is an object: give a client of redis (node-redis 5 or newer) or of ioredis'],
    [{ client, prefix: 'a{b' }, 'prefix is a string: give 1 to 64 characters, and no braces'],
    [{ client, prefix: '' }, 'prefix is a string: give 1 to 64 characters, and no braces'],
    [{ client, ttlMs: 0 }, 'ttlMs is a number: give a number of at least 1'],
    [{ client, timeoutMs: 2 ** 31 }, 'timeoutMs is a number: give a number of at most 2147483647'],
    [{ client, ttl: 5 }, 'ttl is not an option: take it out or fix its name'],
    [{}, 'client is undefined: give a client of redis (node-redis 5 or newer) or of ioredis'],
  ])('the wrong options %o are refused', async (options, message) => {
    const error = await failureOf((async () => redisStore(options as unknown as RedisStoreOptions))());
    expect(error).toMatchObject({ code: 'invalid_options', message: `redisStore(): ${message}.` });
  });

  test('every kind of node-redis client is accepted', () => {
    const sentinelRootNodes = [{ host: '127.0.0.1', port: 1 }];
    const clients: RedisClient[] = [
      createClient(),
      createClient({ RESP: 2 }),
      createClientPool(),
      createSentinel({ name: 'main', sentinelRootNodes }),
    ];
    for (const one of clients) expect(redisStore({ client: one })).toHaveProperty('append');
  });
});

await onRedis('keys', ({ open, admin, prefix, sessionKey }) => {
  const mine = async (owner: string): Promise<string[]> =>
    (await keysOf(admin(), prefix)).filter((key) => key.includes(encodeURIComponent(owner)));

  test('S14 names are encoded, and ids are never part of a script', async () => {
    const owner = `${anOwner()} *?[]{}:"'\n\0🐙`;
    const texts = new Set<string>();
    const seeing: IoRedisClient = {
      evalsha: () => Promise.reject(new Error('NOSCRIPT No matching script.')),
      eval: (text, ...call) => {
        texts.add(text);
        return admin().eval(text, ...call);
      },
      quit: () => Promise.resolve(),
    };
    const store = open({ client: seeing });
    for (const id of [`${owner}1`, `${owner}2`])
      await store.append({ owner, id }, [entry('a')], {
        expectedVersion: 0,
        turnId: id,
        metadata: { [id]: id },
      });
    expect((await store.list({ owner })).sessions).toHaveLength(2);
    const keys = await mine(owner);
    // Two sessions, the index and the recent ones.
    expect(keys).toHaveLength(4);
    for (const key of keys) expect(key).toMatch(/^[\w-]+:(session|index|recent):\{[\w@%*.':-]+\}$/);
    expect(texts.size).toBeGreaterThan(2);
    for (const text of texts) {
      expect(text).not.toContain('🐙');
      expect(text).not.toMatch(/'(KEYS|SCAN|FLUSH\w*)'/i);
    }
    await store.forget(owner);
  });

  test('nothing is left of what is deleted, forgotten, or was only leased', async () => {
    const store = open();
    const key = { owner: anOwner(), id: 's' };
    await (await store.lease(key, 60_000)).release();
    await until(async () => (await mine(key.owner)).every((name) => name.includes(':recent:')));
    await store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't', metadata: { a: 1 } });
    await store.delete(key);
    expect(await mine(key.owner)).toEqual([]);
    await store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't', end, metadata: { a: 1 } });
    await store.lease({ ...key, id: 'only leased' }, 60_000);
    // Two sessions, the index, the recent ones and the sums.
    expect(await mine(key.owner)).toHaveLength(5);
    expect(await store.forget(key.owner)).toBe(1);
    expect(await mine(key.owner)).toEqual([]);
  });

  test('a session that begins while its owner is forgotten is listed, and can be forgotten', async () => {
    const key = { owner: anOwner(), id: 'new' };
    const held: IoRedisClient = {
      async evalsha(digest, ...call) {
        if (digest === CLEAR.digest)
          await open().append(key, [entry('a')], { expectedVersion: 0, turnId: 't' });
        return admin().evalsha(digest, ...call);
      },
      eval: (...call) => admin().eval(...call),
      quit: () => Promise.resolve(),
    };
    await open().append({ ...key, id: 'old' }, [entry('a')], { expectedVersion: 0, turnId: 't' });
    expect(await open({ client: held }).forget(key.owner)).toBe(1);
    expect((await open().list({ owner: key.owner })).sessions).toMatchObject([{ id: 'new' }]);
    expect(await open().forget(key.owner)).toBe(1);
    expect(await mine(key.owner)).toEqual([]);
  });

  test('a session that is only leased goes by itself, one that is written to stays unless it has a ttl', async () => {
    const key = { owner: anOwner(), id: 's' };
    const store = open();
    const lease = await store.lease(key, 1_000);
    const ttl = (): Promise<number> => admin().pttl(sessionKey(key));
    expect(await ttl()).toBeGreaterThan(3_590_000);
    await store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't', lease, metadata: { a: 1 } });
    expect(await ttl()).toBe(-1);
    await open({ ttlMs: 60_000 }).update(key, { b: 1 }, { expectedVersion: 1 });
    expect(await ttl()).toBeGreaterThan(50_000);
    await store.update(key, { c: 1 }, { expectedVersion: 2 });
    expect(await ttl()).toBe(-1);
    expect((await store.load(key))?.expiresAt).toBeUndefined();
    await store.forget(key.owner);
  });

  test('list removes expired sessions from the index when they are no longer new', async () => {
    const owner = anOwner();
    const tiny = open({ ttlMs: 20 });
    const [index, recent] = ['index', 'recent'].map((kind) => `${prefix}:${kind}:{@${owner}}`);
    if (index === undefined || recent === undefined) throw new Error('A key is missing.');
    await open().append({ owner, id: 'kept' }, [entry('a')], { expectedVersion: 0, turnId: 't' });
    for (const id of ['a', 'b'])
      await tiny.append({ owner, id }, [entry('a')], { expectedVersion: 0, turnId: 't' });
    const listed = async (): Promise<string[]> => (await open().list({ owner })).sessions.map(({ id }) => id);
    await until(async () => (await listed()).length === 1);
    expect(await admin().zcard(index)).toBe(3);
    await admin().zadd(recent, String(Date.now() - 700_000), 'a', String(Date.now() - 700_000), 'kept');
    expect(await listed()).toEqual(['kept']);
    expect(await admin().zrange(index, '0', '-1')).toEqual(['b', 'kept']);
    await open().forget(owner);
  });

  test('an index that nobody lists does not grow with expired sessions', async () => {
    const owner = anOwner();
    const store = open({ ttlMs: 1 });
    const [index, recent] = [`${prefix}:index:{@${owner}}`, `${prefix}:recent:{@${owner}}`];
    for (let id = 0; id < 300; id++) {
      await store.append({ owner, id: `${id}` }, [entry('a')], { expectedVersion: 0, turnId: 't' });
      await admin().unlink(recent);
    }
    await store.close();
    // Each that begins looks after two others.
    expect(await admin().zcard(index)).toBeLessThan(60);
    await store.forget(owner);
  });

  test('the client is closed if own is set, and left open otherwise', async () => {
    const client = admin().duplicate();
    await open({ client }).close();
    expect(await client.ping()).toBe('PONG');
    await open({ client, own: true }).close();
    await expect(client.ping()).rejects.toThrow('Connection is closed');
  });

  test.each(['redis', 'ioredis'] as const)('%s: a closed store can be closed again', async (library) => {
    const client = library === 'redis' ? await nodeRedis() : ioRedis();
    const store = open({ client, own: true });
    await store.load('s');
    await store.close();
    await store.close();
    expect(await failureOf(store.load('s'))).toMatchObject({ code: 'store' });
  });

  test('a key that another program has written is not read as a session', async () => {
    const key = { owner: anOwner(), id: 's' };
    await admin().hset(sessionKey(key), 'other', 'x');
    expect(await open().load(key)).toBeUndefined();
    expect(await open().append(key, [entry('a')], { expectedVersion: 0, turnId: 't' })).toBe(1);
    expect(contents(await open().load(key))).toEqual(['a']);
    await open().forget(key.owner);
  });

  test.each(['rows', 'newest', 'metadata', 'sum:totalUsd'])(
    'unreadable data is a store error that is not retryable: %s',
    async (what) => {
      const key = { owner: anOwner(), id: 's' };
      await open().append(key, [entry('a')], {
        expectedVersion: 0,
        turnId: 't',
        end,
        metadata: { a: 1 },
      });
      const hash = sessionKey(key);
      if (what === 'rows') await admin().hdel(hash, 'row:1');
      else if (what === 'newest') await admin().hset(hash, 'row:1', 'canary-4711');
      else if (what === 'metadata') await admin().hset(hash, 'metadata:"a"', 'canary-4711');
      else await admin().hset(hash, what, 'canary-4711');
      const error = await failureOf(open().load(key));
      expect(error).toMatchObject({ code: 'store', retryable: false });
      expect(String(error)).toContain(`session "s"`);
      expect(String(error)).not.toContain('canary');
      await open().forget(key.owner);
    },
  );
});
