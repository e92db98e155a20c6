import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { Pool } from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openServices } from '../../cli/serve/services.ts';
import { durableRedis } from '../support/durable-redis.ts';
import { hasRedisServer } from '../support/redis-servers.ts';
import { hasRedis, ioRedis, REDIS_URL } from '../support/redis.ts';

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
    expect(await one.counter?.hold(caller, 'p1', limits, 60_000)).toBe(true);
    expect(await two.counter?.hold(caller, 'p2', limits, 60_000)).toBe(false);
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

test.skipIf(!hasRedisServer())('A PostgreSQL that cannot be used leaves no Redis open', async () => {
  const server = await durableRedis();
  onTestFinished(() => server.stop());
  const admin = ioRedis(server.url);
  onTestFinished(() => admin.disconnect());
  const settings = { redisUrl: server.url, databaseUrl: 'postgres://u@127.0.0.1:1/d' };
  await expect(openServices(settings, () => undefined)).rejects.toThrow('PostgreSQL cannot be used');
  await expect
    .poll(async () =>
      String(await admin.client('LIST'))
        .trim()
        .split('\n'),
    )
    .toHaveLength(1);
});

test('A PostgreSQL that cannot be used is not left open', async () => {
  const end = vi.spyOn(Pool.prototype, 'end');
  onTestFinished(() => end.mockRestore());
  const settings = { redisUrl: undefined, databaseUrl: 'postgres://u@127.0.0.1:1/d' };
  await expect(openServices(settings, () => undefined)).rejects.toThrow('PostgreSQL cannot be used');
  expect(end).toHaveBeenCalledOnce();
});

describe('A service that accepts connections and says nothing', () => {
  test.each([
    ['Redis', (port: number) => ({ redisUrl: `redis://127.0.0.1:${port}`, databaseUrl: undefined })],
    [
      'PostgreSQL',
      (port: number) => ({ redisUrl: undefined, databaseUrl: `postgres://u@127.0.0.1:${port}/d` }),
    ],
  ])('is not waited for without end: %s', async (name, settingsFor) => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.resume();
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => void silent.close());
    const address = silent.address();
    if (typeof address !== 'object' || address === null) throw new Error('The server does not listen.');
    const opening = openServices(settingsFor(address.port), () => undefined, 1);
    await expect(opening).rejects.toThrow(
      new RegExp(`^${name} cannot be (?:used|reached) \\(.*(?:timeout|no answer)`),
    );
    await expect.poll(() => sockets.size).toBe(0);
  });
});
