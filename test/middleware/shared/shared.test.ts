import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { redisStore } from 'sluice/stores/redis';
import { root } from '../../../scripts/entry-points.ts';
import { REDIS_URL, dropKeys, hasRedis, ioRedis, keysOf, testPrefix } from '../../support/redis.ts';
import { endsWithUs } from '../../support/ends-with-us.ts';
import type { Start } from './process.ts';
import type { Counts } from './scenarios.ts';

const there = await hasRedis();
const countsSchema = z.record(z.string(), z.number());
/** Of both libraries at once. */
const LIBRARIES = ['redis', 'ioredis', 'redis'];
const REQUESTS = 15;

/** Sends a message to a process, and waits for its answer. Rejects if the process ends. */
async function answerOf(one: ChildProcess, start: Start): Promise<Counts> {
  const over = new AbortController();
  const { signal } = over;
  const answer = Promise.race([
    once(one, 'message', { signal }),
    once(one, 'exit', { signal }).then(() => Promise.reject(new Error('A process has ended.'))),
  ]);
  one.send(start);
  try {
    return countsSchema.parse((await answer)[0]);
  } finally {
    over.abort();
  }
}

describe.skipIf(!there)('limits that processes share through Redis', () => {
  let prefix = testPrefix();

  afterEach(async () => {
    const admin = ioRedis();
    await dropKeys(admin, prefix);
    await admin.quit();
    prefix = testPrefix();
  });

  /** They live as long as the tests, because a process takes longer to start than to play a scenario. */
  let processes: ChildProcess[] = [];
  beforeAll(() => {
    const program = join(root, 'test/middleware/shared/process.ts');
    processes = LIBRARIES.map((library, at) =>
      endsWithUs(fork(program, [REDIS_URL, library, `${at}`, `${REQUESTS}`])),
    );
  });
  afterAll(async () => {
    const ends = processes.map((one) => once(one, 'exit'));
    for (const one of processes) one.disconnect();
    expect((await Promise.all(ends)).map(([code]: unknown[]) => code)).toEqual(LIBRARIES.map(() => 0));
  });

  /** Plays a scenario in several processes at once; resolves to how all requests ended. */
  const played = async (scenario: Start['scenario']): Promise<Counts> => {
    const start: Start = { scenario, prefix };
    const answers = await Promise.all(processes.map((one) => answerOf(one, start)));
    const sums: Counts = {};
    for (const counts of answers)
      for (const [end, count] of Object.entries(counts)) sums[end] = (sums[end] ?? 0) + count;
    return sums;
  };
  /** The counters that begin so, by their value. */
  const counters = async (kind: string): Promise<number[]> => {
    const admin = ioRedis();
    const keys = await keysOf(admin, `${prefix}:${kind}`);
    const values = await Promise.all(keys.map((key) => admin.get(key)));
    await admin.quit();
    return values.map(Number);
  };
  const all = LIBRARIES.length * REQUESTS;

  test('R39 requests per minute: exactly as many as the limit are sent', async () => {
    expect(await played('requests')).toEqual({ completed: 20, rate_limited: all - 20 });
    expect(await counters('sluice:requests')).toEqual([20]);
  });

  test('R39 tokens per minute: exactly as many as the limit are used', async () => {
    expect(await played('tokens')).toEqual({ completed: 15, rate_limited: all - 15 });
    expect(await counters('sluice:tokens')).toEqual([1_500]);
  });

  test('R39 all tokens that were reserved and not used are given back', async () => {
    const { completed = 0, rate_limited: refused = 0 } = await played('tokens that come back');
    expect(completed + refused).toBe(all);
    expect(completed).toBeGreaterThanOrEqual(6);
    expect(completed).toBeLessThanOrEqual(15);
    expect(await counters('sluice:tokens')).toEqual([completed * 100]);
  });

  test('R39 a budget per day: exactly the limit is spent', async () => {
    expect(await played('budget')).toEqual({ completed: 20, budget: all - 20 });
    expect(await counters('ledger')).toEqual([0.02]);
  });

  test('R39 all money that was reserved and not spent is given back', async () => {
    const { completed = 0, budget = 0 } = await played('budget that comes back');
    expect(completed + budget).toBe(all);
    expect(completed).toBeGreaterThanOrEqual(8);
    expect(completed).toBeLessThanOrEqual(20);
    expect((await counters('ledger'))[0]).toBeCloseTo(completed / 1_000, 12);
  });

  test('R39 a budget per owner: never more than the limit is spent, and in the end exactly the limit', async () => {
    const first = await played('budget of an owner');
    expect(first['completed']).toBeLessThanOrEqual(10);
    const second = await played('budget of an owner');
    expect((first['completed'] ?? 0) + (second['completed'] ?? 0)).toBe(10);
    const client = ioRedis();
    const { cost, turns } = await redisStore({ client, prefix }).spend({ owner: 'acme' });
    expect([cost.totalUsd, turns - 2 * all]).toEqual([0.01, 0]);
    await client.quit();
    // What ran is in the store, and held no more.
    expect(await counters('ledger')).toEqual([]);
  });
});
