import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redisStore } from 'sluice/stores/redis';
import { hasRedisServer, redisServer, type RedisServers } from '../../support/redis-servers.ts';
import { end, entry } from './stage.ts';

describe.skipIf(!hasRedisServer())('what calls cost', () => {
  let servers: RedisServers & { server: { port: number; admin: Redis } };
  let client: Redis;
  beforeAll(async () => {
    servers = await redisServer();
    client = new Redis(servers.server.port);
  });
  afterAll(async () => {
    client.disconnect();
    await servers.stop();
  });

  /** How often the server ran each command, those inside of scripts too. */
  const counted = async (act: () => Promise<unknown>): Promise<Record<string, number>> => {
    const { admin } = servers.server;
    await admin.config('RESETSTAT');
    await act();
    const stats = [...(await admin.info('commandstats')).matchAll(/cmdstat_(\S+?):calls=(\d+)/g)];
    return Object.fromEntries(
      stats.flatMap(([, name = '', calls]) => (/^(config|info)/.test(name) ? [] : [[name, Number(calls)]])),
    );
  };

  test('a turn of a session of 10,000 messages costs the same as one of 10', async () => {
    const store = redisStore({ client });
    const costs = [];
    // The first one has the server learn the scripts.
    for (const [at, turns] of [5, 5, 5_000].entries()) {
      const key = { owner: 'acme', id: `s${at}` };
      const pair = (turn: number) => [entry(`question ${turn}`), entry(`answer ${turn}`)];
      for (let turn = 0; turn < turns; turn++)
        await store.append(key, pair(turn), { expectedVersion: turn, turnId: `t${turn}`, end });
      // A load does not have to read turns without a message.
      for (let more = 0; more < turns / 5; more++)
        await store.append(key, [], {
          expectedVersion: turns + more,
          turnId: `m${more}`,
          metadata: { more },
        });
      const version = turns + turns / 5;
      costs.push(
        await counted(async () => {
          const lease = await store.lease(key, 60_000);
          expect(await store.turn(key, 'next')).toBeUndefined();
          expect((await store.load(key, { last: 6 }))?.messages).toHaveLength(6);
          const reply = { turnId: 'next', lease, release: true, end };
          await store.append(key, pair(-1), { ...reply, expectedVersion: version });
          expect((await store.turn(key, 't2'))?.version).toBe(3);
          expect((await store.spend(key)).turns).toBe(turns + 1);
          expect((await store.spend({ owner: 'acme' })).turns).toBeGreaterThan(turns);
        }),
      );
    }
    expect(costs[2]).toEqual(costs[1]);
    // Seven calls, seven round trips.
    expect(costs[2]).toMatchObject({ evalsha: 7 });
  });

  test('a record is one round trip, and a closed turn leaves nothing but its messages', async () => {
    const store = redisStore({ client });
    const key = { owner: 'steps', id: 's' };
    const lease = await store.lease(key, 60_000);
    await store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't.input', lease });
    const step = { kind: 'started', callId: 'c' } as const;
    await store.steps(key, 't');
    const { evalsha } = await counted(async () => {
      await store.record(key, 't', [step], { from: 0, lease });
      await store.record(key, 't', [step, step], { from: 1, lease, spent: end });
      await store.record(key, 't', [step], { from: 3, lease, metadata: { x: 1 } });
      await store.steps(key, 't');
      const closing = { expectedVersion: 2, turnId: 't.reply', lease, closes: 't', release: true, end };
      await store.append(key, [entry('b')], closing);
    });
    expect(evalsha).toBe(5);
    const fields = await client.hkeys('sluice:session:{steps:s}');
    expect(fields.filter((name) => /step|open|\\s/.test(name))).toEqual([]);
  });

  test('the newest messages of one large append are read without the rest', async () => {
    const store = redisStore({ client });
    const many = Array.from({ length: 1_000 }, (_, at) => entry(`m${at}`));
    await store.append('large', many, { expectedVersion: 0, turnId: 't', end });
    await store.append('large', [entry('last')], { expectedVersion: 1, turnId: 't2' });
    const turn = await store.turn('large', 't');
    expect([turn?.messages.length, turn?.messages[700]?.content, turn?.end]).toEqual([1_000, 'm700', end]);
    await store.load('large', { last: 3 });
    const { hget = 0 } = await counted(async () => {
      const state = await store.load('large', { last: 3 });
      expect(state?.messages.map(({ content }) => content)).toEqual(['m998', 'm999', 'last']);
    });
    // Two rows.
    expect(hget).toBe(2);
  });
});
