import { describe, expect, onTestFinished, test } from 'vitest';
import { hasRedisServer } from '../../../support/redis-servers.ts';
import { durableRedis } from '../../../support/durable-redis.ts';
import type { DurableRedis } from '../../../support/durable-redis.ts';
import type { ServiceSpec } from './service.ts';
import { GRACE_MS, delay, expectDense, ownerProcess, readingOf, saidBy, server, words } from './stage.ts';

/** A process that is slow to find Redis again must not lose its turn. */
const LEASE_MS = 3_000;

describe.skipIf(!hasRedisServer())('A log in a Redis that is started again in the middle of a turn', () => {
  const ways: [string, (redis: DurableRedis) => Promise<void>][] = [
    ['as an operator does', (redis) => redis.shutDown()],
    ['after it was killed', (redis) => redis.kill()],
    [
      'after it was killed and a part of its file was lost: its run gives that again',
      async (redis) => {
        await redis.kill();
        await redis.cut(0.2);
      },
    ],
    [
      'after longer than the lease',
      async (redis) => {
        await redis.kill();
        await delay(LEASE_MS + GRACE_MS + 500);
      },
    ],
  ];

  test.each(ways)('%s: readers have all of it once', async (_how, down) => {
    // A file of its own, so that a part of it is a part of this stream.
    const redis = await durableRedis();
    onTestFinished(() => redis.stop());
    const spec: ServiceSpec = { kind: 'redis', url: redis.url, prefix: 'restarts' };
    const one = await server(spec, 'b', { leaseMs: LEASE_MS });
    const owner = await ownerProcess({ service: spec, leaseMs: LEASE_MS, words: 400, waits: true });
    const reader = await readingOf(one, owner.key);
    // Redis may write what it has got up to two seconds later.
    await words([reader], 220);
    await down(redis);
    await redis.start();
    owner.finish();
    await reader.done;
    expect([reader.error, reader.text, reader.end?.outcome]).toEqual([
      ...[undefined, saidBy('a', 400), 'completed'],
    ]);
    expectDense(reader);
  });
});
