import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { createServer } from 'sluice/server';
import { redisCounter, redisTickets } from 'sluice/server/redis-callers';
import { redisLog } from 'sluice/server/redis-log';
import { redisStore } from 'sluice/stores/redis';
import { scripted } from 'sluice/testing';
import { durableRedis } from '../../support/durable-redis.ts';
import { hasRedisServer } from '../../support/redis-servers.ts';

/** Callers and their conversations, of which two would meet if the parts of a key were only joined. */
const PAIRS: readonly (readonly [caller: string, conversation: string])[] = [
  ...([
    ['a', 'b:c'],
    ['a:b', 'c'],
    ['a', 'b%3Ac'],
    ['a%3Ab', 'c'],
  ] as const),
  ...([
    ['{x}', 'y'],
    ['x', '{y}'],
    ['}{', '{}'],
    ['*', '?'],
    ['a/b', 'c'],
    ['[ab]', '\\*'],
    ['@', '@'],
  ] as const),
  ...([
    ['日本', '😀'],
    ['a\r\nb', 'c\u0000d'],
    ['__proto__', 'constructor'],
  ] as const),
];

/** The part of a key that chooses its slot. */
const tagOf = (key: string): string | undefined => /\{([^}]+)\}/.exec(key)?.[1];

test.skipIf(!hasRedisServer())(
  'S14 a server encodes the names in its keys, keeps one slot for each stream and each caller, and looks for no key',
  async () => {
    const redis = await durableRedis();
    const client = new Redis(redis.url);
    try {
      const shared = { client, prefix: 'app' };
      const log = redisLog(shared);
      const pipeline = new Pipeline([provider(scripted('Hi', { repeat: true }))], {
        store: redisStore(shared),
      });
      const server = createServer(pipeline, {
        auth: { tokens: Object.fromEntries(PAIRS.map(([id], at) => [`token-${at}`, id])) },
        ...{ log, resumable: true, counter: redisCounter(shared), tickets: redisTickets(shared) },
      });
      const ask = async (at: number, path: string, body?: object): Promise<Response> =>
        server.fetch(
          new Request(`http://localhost/api/v1${path}`, {
            method: body === undefined ? 'GET' : 'POST',
            headers: { authorization: `Bearer token-${at}`, 'content-type': 'application/json' },
            ...(body !== undefined && { body: JSON.stringify(body) }),
          }),
        );
      for (const [at, [caller, id]] of PAIRS.entries()) {
        const body = { input: caller, conversation_id: id, turn_id: id };
        expect(await (await ask(at, '/agent/stream', body)).text()).toContain('event: done');
        expect((await ask(at, '/tickets', {})).status).toBe(201);
      }
      for (const [at, [caller, id]] of PAIRS.entries()) {
        const read = await ask(at, `/conversations/${encodeURIComponent(id)}`);
        // Nobody has got the messages of another one.
        expect(await read.json()).toMatchObject({ messages: [{ content: caller }, { content: 'Hi' }] });
        const listed: unknown = await (await ask(at, '/conversations')).json();
        const own = PAIRS.filter(([other]) => other === caller).map(([, one]) => one);
        const ids = (listed as { conversations: { id: string }[] }).conversations.map((one) => one.id);
        expect(ids.sort()).toEqual(own.sort());
      }
      const statistics = await client.info('commandstats');
      expect(statistics).toContain('cmdstat_evalsha');
      expect(statistics).not.toMatch(/cmdstat_(keys|scan|flushall|flushdb):/);
      const keys = await client.keys('*');
      expect(keys.filter((key) => !/^app:[\w-]+:/.test(key))).toEqual([]);
      // A tag has nothing in it that means something to Redis, and no key has a second one.
      expect(
        keys.filter((key) => /\{[^}]*\{|\}[^{]*\}|[\s?*[\]\\]/.test(key.replace(/\*(?=[^}]*\})/g, ''))),
      ).toEqual([]);
      const places = keys.filter((key) =>
        /^app:(log|log-entries|caller|caller-places|session)[:{]/.test(key),
      );
      expect(new Set(places.map(tagOf)).has(undefined)).toBe(false);
      const entries = keys.filter((key) => key.startsWith('app:log-entries:')).map(tagOf);
      const states = keys.filter((key) => key.startsWith('app:log:')).map(tagOf);
      expect(entries.sort()).toEqual(states.sort());
      expect(new Set(entries).size).toBe(PAIRS.length);
      await log.close();
    } finally {
      client.disconnect();
      await redis.stop();
    }
  },
);
