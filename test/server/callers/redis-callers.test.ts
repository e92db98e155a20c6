import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createServer } from 'sluice/server';
import type { Caller, CallerLimits, Listening } from 'sluice/server';
import { redisCounter, redisTickets } from 'sluice/server/redis-callers';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { onRedis } from '../../stores/redis/stage.ts';
import { counterContract } from './contract.ts';
import { inOneMinute } from './one-minute.ts';

await onRedis('Callers of servers that share a Redis', ({ client, prefix, admin }) => {
  const expire = async (caller: string): Promise<void> => {
    const key = `${prefix}:caller-places:{@${encodeURIComponent(caller)}}`;
    for (const place of await admin().zrange(key, '0', '-1')) await admin().zadd(key, '1', place);
  };
  for (const [mine, others] of [
    ['redis', 'ioredis'],
    ['ioredis', 'redis'],
  ] as const) {
    let opened = 0;
    counterContract({
      name: `A counter with ${mine}, and one with ${others},`,
      open: () => redisCounter({ client: client(opened++ % 2 === 0 ? mine : others), prefix }),
      expire,
    });
  }

  describe('A ticket', () => {
    test.each(['redis', 'ioredis'] as const)('is used once, at any process, with %s', async (library) => {
      const caller: Caller = { id: 'ada', organizations: ['acme'], limits: { requestsPerMinute: 3 } };
      const tickets = redisTickets({ client: client(library), prefix });
      await tickets.put('t1', caller, 30_000);
      const both = await Promise.all([
        redisTickets({ client: client('redis'), prefix }).take('t1'),
        redisTickets({ client: client('ioredis'), prefix }).take('t1'),
      ]);
      expect(both.filter((one) => one !== undefined)).toEqual([caller]);
      expect(await tickets.take('t1')).toBeUndefined();
    });

    test('is over after its time, and its text is not in the keys', async () => {
      const tickets = redisTickets({ client: client('redis'), prefix });
      await tickets.put('secret-ticket', { id: 'ada' }, 30_000);
      const keys = await admin().keys(`${prefix}:ticket:*`);
      expect(keys).toHaveLength(1);
      expect(keys.join()).not.toContain('secret-ticket');
      const leftMs = await admin().pttl(keys[0] ?? '');
      expect(leftMs).toBeGreaterThan(29_000);
      expect(leftMs).toBeLessThanOrEqual(30_000);
      await admin().set(keys[0] ?? '', 'not of us');
      await expect(tickets.take('secret-ticket')).rejects.toMatchObject({ code: 'store' });
    });
  });

  test('all that is kept of a caller expires by itself', async () => {
    const counter = redisCounter({ client: client('redis'), prefix });
    const limits = { requestsPerMinute: 9, concurrentStreams: 9, unknownCost: 'refuse' as const };
    await counter.begin('eve', 'p1', limits, 60_000);
    await counter.spend('eve', 's1', { tokens: 1, usd: 1, isUnknown: false });
    await counter.spend('eve', 's1', { tokens: 1, usd: 1, isUnknown: false });
    const keys = await admin().keys(`${prefix}:caller*{@eve}*`);
    expect(keys).toHaveLength(3);
    for (const key of keys) expect(await admin().pttl(key)).toBeGreaterThan(0);
    // What was sent twice was counted once.
    expect(await admin().hget(`${prefix}:caller:{@eve}`, 'usd')).toBe('1');
  });

  test('a use is known for longer than a day, and for a minute after its answer has come', async () => {
    const counter = redisCounter({ client: client('redis'), prefix });
    const spend = (id: string, of = counter) => of.spend('mia', id, { tokens: 1, usd: 1, isUnknown: false });
    const leftMs = (id: string): Promise<number> => admin().pttl(`${prefix}:caller-spent:{@mia}:${id}`);
    const many = Array.from({ length: 150 }, (_, at) => `s${at}`);
    await Promise.all(many.map(async (id) => spend(id)));
    await spend('lost', redisCounter({ client: client('ioredis'), prefix }));
    expect(await leftMs('s0')).toBeGreaterThan(86_400_000);
    // The ids of many answers are said in several calls.
    await spend('next');
    await spend('last');
    const answered = await Promise.all([...many, 'next'].map(leftMs));
    expect(Math.min(...answered)).toBeGreaterThan(0);
    expect(Math.max(...answered)).toBeLessThanOrEqual(60_000);
    // Nobody got the answer to this one, as far as this process knows.
    for (const id of ['lost', 'last']) expect(await leftMs(id)).toBeGreaterThan(86_400_000);
    await spend('lost');
    expect(await admin().hget(`${prefix}:caller:{@mia}`, 'usd')).toBe('153');
  });

  describe('Two servers', () => {
    let listening: Listening[] = [];
    let me = '';
    beforeEach(() => {
      me = `ada-${crypto.randomUUID()}`;
    });
    afterEach(async () => {
      for (const one of listening) await one.close();
      listening = [];
    });

    const serve = async (answers: ScriptedAnswer[], limits: CallerLimits): Promise<string> => {
      const model = scripted(answers);
      const library = listening.length === 0 ? 'redis' : 'ioredis';
      const shared = { client: client(library), prefix };
      const server = createServer(new Pipeline([provider(model)]), {
        auth: { tokens: { secret: me } },
        limits,
        ...{ counter: redisCounter(shared), tickets: redisTickets(shared), getStream: true },
      });
      const one = await server.listen({ port: 0, host: '127.0.0.1', shutdownTimeoutMs: 0 });
      listening.push(one);
      return one.url;
    };
    const post = (url: string, path: string, body: object = { input: 'Hi' }): Promise<Response> =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer secret' },
        body: JSON.stringify(body),
      });

    test(
      'S16 share the requests of a caller',
      inOneMinute(async () => {
        me = `ada-${crypto.randomUUID()}`;
        const limits = { requestsPerMinute: 3 };
        const urls = [await serve(['1', '2', '3'], limits), await serve(['1', '2', '3'], limits)];
        const answers = await Promise.all(
          [0, 1, 0, 1, 0, 1].map((at) => post(urls[at] ?? '', '/api/v1/agent/run')),
        );
        expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 429, 429, 429]);
        const left = answers.map(({ headers }) => headers.get('x-ratelimit-remaining-requests'));
        expect(left.sort()).toEqual(['0', '0', '0', '0', '1', '2']);
      }),
    );

    test('share the streams that a caller has open, and get back those of a server that has died', async () => {
      const limits = { concurrentStreams: 2 };
      const hanging = { text: 'One', hang: true };
      const [one, two] = [await serve([hanging], limits), await serve([hanging, 'Three'], limits)];
      const open = await Promise.all([post(one, '/api/v1/agent/stream'), post(two, '/api/v1/agent/stream')]);
      expect(open.map(({ status }) => status)).toEqual([200, 200]);
      const refused = await post(two, '/api/v1/agent/run');
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
      await expire(me);
      expect((await post(two, '/api/v1/agent/run')).status).toBe(200);
      for (const { body } of open) await body?.cancel();
    });

    test(
      'share what a caller has spent',
      inOneMinute(async () => {
        me = `ada-${crypto.randomUUID()}`;
        const limits = { tokensPerMinute: 20 };
        const [one, two] = [await serve(['1', '2'], limits), await serve(['1'], limits)];
        expect((await post(one, '/api/v1/agent/run')).status).toBe(200);
        // All is counted when a server has closed.
        await listening[0]?.close();
        expect((await post(two, '/api/v1/agent/run')).status).toBe(429);
        listening = listening.slice(1);
      }),
    );

    test('take a ticket that the other one has issued, once', async () => {
      const [one, two] = [await serve(['1'], {}), await serve(['1', '2'], {})];
      const issued = await post(one, '/api/v1/tickets', {});
      const ticket = String(Reflect.get(Object(await issued.json()), 'ticket'));
      const ask = (): Promise<Response> => fetch(`${two}/api/v1/agent/stream?prompt=Hi&ticket=${ticket}`);
      const first = await ask();
      expect(await first.text()).toContain('event: done');
      expect((await ask()).status).toBe(401);
    });
  });
});
