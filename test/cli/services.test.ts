import { describe, expect, test } from 'vitest';
import { openServices } from '../../cli/serve/services.ts';
import { hasRedis, REDIS_URL } from '../support/redis.ts';

describe.skipIf(!(await hasRedis()))('What `serve` opens with Redis', () => {
  test('keeps tickets and counts callers for all processes', async () => {
    const settings = { redisUrl: REDIS_URL, databaseUrl: undefined };
    const notes: string[] = [];
    await using one = await openServices(settings, (text) => notes.push(text));
    await using two = await openServices(settings, (text) => notes.push(text));
    const ticket = crypto.randomUUID();
    await one.tickets?.put(ticket, { id: 'ada' }, 10_000);
    expect(await two.tickets?.take(ticket)).toEqual({ id: 'ada' });
    const caller = `test-${ticket}`;
    const limits = { concurrentStreams: 1 };
    expect(await one.counter?.hold(caller, 'p1', limits, 1_000)).toBe(true);
    expect(await two.counter?.hold(caller, 'p2', limits, 1_000)).toBe(false);
    await one.counter?.leave(caller, 'p1');
    expect(notes).toEqual([]);
  });
});

test('Without a service everything is in memory', async () => {
  await using services = await openServices({ redisUrl: undefined, databaseUrl: undefined }, () => undefined);
  expect([services.store, services.log, services.counter, services.tickets]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
