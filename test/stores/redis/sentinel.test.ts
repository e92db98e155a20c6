import { Redis } from 'ioredis';
import { createSentinel } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redisStore } from 'sluice/stores/redis';
import { hasRedisServer, sentinelGroup, until, type SentinelGroup } from '../../support/redis-servers.ts';
import { contents, end, entry } from './stage.ts';

describe.skipIf(!hasRedisServer())('servers behind Sentinel', () => {
  let group: SentinelGroup;
  beforeAll(async () => {
    group = await sentinelGroup();
  });
  afterAll(() => group.stop());

  test('both clients continue after the sentinel has promoted the replica', async () => {
    const sentinels = [{ host: '127.0.0.1', port: group.sentinel.port }];
    const ioredis = new Redis({ sentinels, name: 'main', sentinelRetryStrategy: () => 50 });
    ioredis.on('error', () => undefined);
    const redis = createSentinel({ name: 'main', sentinelRootNodes: sentinels });
    redis.on('error', () => undefined);
    await redis.connect();
    const stores = [
      redisStore({ client: ioredis, timeoutMs: 2_000 }),
      redisStore({ client: redis, timeoutMs: 2_000 }),
    ];
    for (const [at, store] of stores.entries())
      await store.append(`s${at}`, [entry('before')], { expectedVersion: 0, turnId: 't1', end });
    const [master] = group.servers;
    expect(await master?.admin.wait(1, 5_000)).toBe(1);
    await master?.kill();
    for (const [at, store] of stores.entries()) {
      await until(async () => {
        try {
          await store.append(`s${at}`, [entry('behind')], { expectedVersion: 1, turnId: 't2', end });
          return true;
        } catch (error) {
          expect(error).toMatchObject({ code: 'store', retryable: true });
          return false;
        }
      });
      const state = await store.load(`s${at}`);
      expect([contents(state), state?.turns]).toEqual([['before', 'behind'], 2]);
    }
    expect((await stores[0]?.spend({ owner: '' }))?.turns).toBe(4);
    ioredis.disconnect();
    await redis.destroy();
  });
});
