import { Redis } from 'ioredis';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { Ledger } from 'sluice/middleware/cost';
import { redisLedger } from 'sluice/stores/redis';
import type { RedisLedger, RedisLedgerOptions } from 'sluice/stores/redis';
import { failureOf } from '../../core/harness.ts';
import { REDIS_URL, keysOf } from '../../support/redis.ts';
import { until } from '../../support/redis-servers.ts';
import { tcpProxy } from '../../support/tcp-proxy.ts';
import { onCluster, onRedis, type RedisStage } from './stage.ts';

const DAY_MS = 86_400_000;

function addsUp({ client }: RedisStage, prefix: string): void {
  test.each(['redis', 'ioredis'] as const)(
    '%s: adds, subtracts, and counts each name separately',
    async (library) => {
      const ledger = redisLedger({ client: client(library), prefix });
      expectTypeOf(ledger).toExtend<Ledger>();
      const end = Date.now() + DAY_MS;
      const [a, b] = [`["day","a{b}","${library}"]`, `["day","a{b} \ud83d","${library}"]`];
      expect(await ledger.add(a, 0.1, end)).toBe(0.1);
      expect(await ledger.add(a, 0.2, end)).toBe(0.3);
      expect(await ledger.add(b, 1e-9, end)).toBe(1e-9);
      expect(await ledger.add(a, 0, end)).toBe(0.3);
      expect(await Promise.all(Array.from({ length: 10 }, () => ledger.add(a, 0.01, end)))).toContain(0.4);
      expect(await ledger.add(a, -0.4, end)).toBe(0);
      expect(await ledger.add(b, 0, end)).toBe(1e-9);
    },
  );
}

describe('options', () => {
  test.each([
    [{}, 'client is undefined: give a client of redis (node-redis 5 or newer) or of ioredis'],
    [
      { client: { eval: () => 0, evalsha: () => 0 }, prefix: '}' },
      'prefix is a string: give 1 to 64 characters, and no braces',
    ],
  ])('the wrong options %o are refused', async (options, message) => {
    const error = await failureOf((async () => redisLedger(options as unknown as RedisLedgerOptions))());
    expect(error).toMatchObject({ code: 'invalid_options', message: `redisLedger(): ${message}.` });
  });
});

await onRedis('a ledger on a single server', (stage) => {
  const { admin, prefix, client } = stage;
  addsUp(stage, prefix);
  const open = (): RedisLedger => redisLedger({ client: client('redis'), prefix });

  test('a counter is deleted when its time is over, and when it is empty', async () => {
    const ledger = open();
    await ledger.add('later', 1, Date.now() + DAY_MS);
    await ledger.add('soon', 1, Date.now() + 50);
    await ledger.add('back', 1, Date.now() + DAY_MS);
    await ledger.add('back', -1, Date.now() + DAY_MS);
    const counters = async (): Promise<string[]> => keysOf(admin(), `${prefix}:ledger:{$`);
    expect((await counters()).some((key) => key.includes('back'))).toBe(false);
    await until(async () => !(await counters()).some((key) => key.includes('soon')));
    const later = (await counters()).find((key) => key.includes('later')) ?? '';
    expect(await admin().pttl(later)).toBeGreaterThan(DAY_MS - 60_000);
    // What remembers the steps goes by itself.
    const steps = await keysOf(admin(), `${prefix}:step:`);
    expect(steps.length).toBeGreaterThan(3);
    for (const step of steps) expect(await admin().pttl(step)).toBeGreaterThan(0);
  });

  test('R43 a step that ioredis sends again counts once', async () => {
    const proxy = await tcpProxy({ port: Number(new URL(REDIS_URL).port || 6379) });
    const resending = new Redis(proxy.port, '127.0.0.1', { retryStrategy: () => 20 });
    resending.on('error', () => undefined);
    const ledger = redisLedger({ client: resending, prefix });
    await ledger.add('twice', 1, Date.now() + DAY_MS);
    for (const [usd, sum] of [
      [2, 3],
      [-1, 2],
    ] as const) {
      proxy.stall('back');
      const answer = ledger.add('twice', usd, Date.now() + DAY_MS);
      await until(async () => (await open().add('twice', 0, 0)) === sum);
      proxy.drop();
      proxy.resume();
      expect(await answer).toBe(sum);
      await resending.ping();
    }
    resending.disconnect();
    await proxy.close();
  });

  test('a server that is gone is a retryable store error', async () => {
    const gone = new Redis(1, '127.0.0.1', { retryStrategy: () => null, maxRetriesPerRequest: 0 });
    gone.on('error', () => undefined);
    const error = await failureOf(redisLedger({ client: gone }).add('a', 1, 0));
    expect(error).toMatchObject({ code: 'store', retryable: true });
    gone.disconnect();
  });
});

onCluster('a ledger on a cluster', (stage) => addsUp(stage, 'sluice'));
