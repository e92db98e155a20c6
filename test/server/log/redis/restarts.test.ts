import { describe, expect, onTestFinished, test } from 'vitest';
import { redisLog } from '../../../../server/redis-log.ts';
import type { ChunkLog } from '../../../../server/chunk-log.ts';
import { durableRedis } from '../../../support/durable-redis.ts';
import type { DurableRedis } from '../../../support/durable-redis.ts';
import { ioRedis, nodeRedis } from '../../../support/redis.ts';
import { hasRedisServer } from '../../../support/redis-servers.ts';
import { appendAll, done, insisting, own, texts, textsOf } from '../stage.ts';

const key = { owner: 'a', id: 'turn' };
const CHUNKS = 200;
const all = Array.from({ length: CHUNKS }, (_, at) => `${at}`);
const there = hasRedisServer();

/** A server, and one log by each library. */
async function begun(): Promise<{ server: DurableRedis; log: ChunkLog; other: ChunkLog }> {
  const server = await durableRedis();
  onTestFinished(() => server.stop());
  const [mine, others] = [ioRedis(server.url), await nodeRedis(server.url)];
  const logs = [mine, others].map((client) => redisLog({ client, timeoutMs: 500, pollMs: 20 }));
  onTestFinished(async () => {
    for (const log of logs) await log.close();
    mine.disconnect();
    others.destroy();
  });
  const [log, other] = logs;
  if (log === undefined || other === undefined) throw new Error('A log is missing.');
  return { server, log, other };
}

describe.skipIf(!there)('A chunk log whose Redis is restarted', () => {
  for (const [how, end] of [
    ['as an operator does', (server: DurableRedis) => server.shutDown()],
    ['after a kill', (server: DurableRedis) => server.kill()],
  ] as const)
    test(`${how} keeps every chunk once, and its lease`, async () => {
      const { server, log, other } = await begun();
      const { held } = await own(log, key);
      for (let at = 0; at < 100; at++) await log.append(held, at, texts(at, `${at}`));
      await end(server);
      const rest = appendAll(log, held, 100, CHUNKS);
      await server.start();
      expect(await rest).toBe(0);
      const { value } = await insisting(() => textsOf(other, key));
      expect(value).toEqual(all);
      expect(await other.read(key, { after: 0 })).toMatchObject({ end: done, token: held.token });
    });

  test('after a kill, with the end of its file lost, is given the lost chunks again by the owner', async () => {
    const { server, log, other } = await begun();
    const { held } = await own(log, key);
    for (let at = 0; at < 100; at++) await log.append(held, at, texts(at, `${at}`));
    await server.kill();
    await server.cut(0.2);
    await server.start();
    const { value } = await insisting(() => log.append(held, 100, []));
    expect(value.next).toBeGreaterThan(50);
    expect(value.next).toBeLessThan(100);
    const kept = await insisting(() => textsOf(other, key));
    expect(kept.value).toEqual(all.slice(0, value.next));
    expect(await appendAll(log, held, 100, CHUNKS)).toBe(100 - value.next);
    expect(await textsOf(other, key)).toEqual(all);
  });

  test('with everything lost, refuses the owner, and does not know the stream', async () => {
    const { server, log, other } = await begun();
    const { held } = await own(log, key);
    await log.append(held, 0, texts(0, 'a'));
    await server.kill();
    await server.cut(1);
    await server.start();
    await expect(insisting(() => log.append(held, 1, texts(1, 'b')))).rejects.toMatchObject({
      code: 'lease_lost',
    });
    expect((await insisting(() => other.read(key, { after: 0 }))).value).toBeUndefined();
  });

  test('with a takeover lost, still belongs to whoever took it over', async () => {
    const { server, log, other } = await begun();
    const first = await own(log, key, 1);
    await log.append(first.held, 0, texts(0, 'a'));
    const taken = await insisting(async () => {
      const opened = await other.open(key, { turnId: key.id }, { leaseMs: 60_000, takeOver: true });
      if (opened.as !== 'owner') throw new Error(`Expected the owner, got ${opened.as}.`);
      return opened;
    });
    await server.kill();
    // The takeover is the last thing in the file.
    await server.cut(0.05);
    await server.start();
    const before = await insisting(() => log.read(key, { after: 0 }));
    expect(before.value?.token).toBe(first.held.token);
    await insisting(() => other.append(taken.value.held, 1, texts(1, 'b')));
    await expect(log.append(first.held, 2, texts(2, 'late'))).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await textsOf(other, key)).toEqual(['a', 'b']);
  });
});
