import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { expect, onTestFinished, test } from 'vitest';
import { redisLog } from '../../../../server/redis-log.ts';
import type { RedisLogOptions } from '../../../../server/redis-log.ts';
import type { ChunkLog, StreamKey } from '../../../../server/chunk-log.ts';
import { onRedis } from '../../../stores/redis/stage.ts';
import type { Library, SingleStage } from '../../../stores/redis/stage.ts';
import { REDIS_URL } from '../../../support/redis.ts';
import { until } from '../../../support/redis-servers.ts';
import { Waiter, own, texts } from '../stage.ts';

/** So long that no wake of these tests comes from a poll. */
const NEVER_MS = 1_000_000;

await onRedis('Hints through Redis', (stage) => {
  const { client } = stage;
  const aKey = (): StreamKey => ({ owner: 'hints', id: crypto.randomUUID() });
  function opened(library: Library, options: Partial<RedisLogOptions> = {}): ChunkLog {
    const log = redisLog({ client: client(library), prefix: stage.prefix, pollMs: NEVER_MS, ...options });
    onTestFinished(() => log.close());
    return log;
  }

  /** A waiter whose log receives hints. */
  async function waiting(log: ChunkLog, key: StreamKey, what: 'chunks' | 'stop'): Promise<Waiter> {
    const waiter = new Waiter(log, key, what);
    onTestFinished(() => waiter.end());
    await waiter.woken();
    return waiter;
  }

  for (const library of ['redis', 'ioredis'] as const) {
    test(`wake a reader on another process within moments, by ${library}`, async () => {
      const [log, other, key] = [opened(library), opened(library), aKey()];
      const { held } = await own(log, key);
      const reader = await waiting(other, key, 'chunks');
      await other.read(key, { after: 0, presentMs: 10_000 });
      for (let from = 0; from < 3; from++) {
        const woken = reader.woken();
        await log.append(held, from, texts(from, 'a'));
        await woken;
      }
      expect(reader.wakes).toBe(4);
    });

    test(`wake an owner on another process when a stop comes, by ${library}`, async () => {
      const [log, other, key] = [opened(library), opened(library), aKey()];
      await own(log, key);
      const owner = await waiting(log, key, 'stop');
      const woken = owner.woken();
      await other.stop(key, 'stopped');
      await woken;
      expect(owner.wakes).toBe(2);
    });

    test(`come again after the connection was killed, by ${library}`, async () => {
      const name = `hints-${crypto.randomUUID()}`;
      const far = library === 'redis' ? createClient({ url: REDIS_URL, name }) : named(name);
      far.on('error', () => undefined);
      if (!(far instanceof Redis)) await far.connect();
      onTestFinished(() => {
        if (far instanceof Redis) far.disconnect();
        else far.destroy();
      });
      const [log, other, key] = [opened(library, { client: far }), opened(library), aKey()];
      await own(log, key);
      const owner = await waiting(log, key, 'stop');
      const again = owner.woken();
      await killSubscriber(stage, name);
      await again;
      const stop = owner.woken();
      await other.stop(key, 'stopped');
      await stop;
    });
  }

  test('are sent to no process without a reader, and to no reader whose time is over', async () => {
    const [log, other, key] = [opened('ioredis'), opened('ioredis'), aKey()];
    const heard: string[] = [];
    const listener = stage.admin().duplicate();
    onTestFinished(() => listener.disconnect());
    listener.on('pmessage', (_pattern, _channel, message: string) => heard.push(message));
    await listener.psubscribe(`${stage.prefix}:log-hints:*`);
    const { held } = await own(log, key);
    // A reader in the owner's process.
    await waiting(log, key, 'chunks');
    await log.read(key, { after: 0, presentMs: 10_000 });
    await log.append(held, 0, texts(0, 'a'));
    // One that reads, and does not wait.
    await other.read(key, { after: 0, presentMs: 10_000 });
    await log.append(held, 1, texts(1, 'b'));
    await listener.ping();
    expect(heard).toEqual([]);
    await waiting(other, key, 'chunks');
    await other.read(key, { after: 0 });
    await log.append(held, 2, texts(2, 'c'));
    await until(async () => heard.length > 0);
    expect(heard).toEqual([`chints:${key.id}`]);
  });

  test('are replaced by looking from time to time if the client cannot be duplicated', async () => {
    const { evalsha, eval: run } = stage.admin();
    const bare = {
      evalsha: evalsha.bind(stage.admin()),
      eval: run.bind(stage.admin()),
      quit: async () => 'OK',
    };
    const [log, other, key] = [opened('ioredis', { client: bare, pollMs: 5 }), opened('ioredis'), aKey()];
    const { held } = await own(log, key);
    const owner = new Waiter(log, key, 'stop');
    await other.stop(key, 'stopped');
    await owner.woken();
    owner.end();
    expect((await log.append(held, 0, [])).stop).toBe('stopped');
  });

  test('cost one subscription a log, from the first waiter until it is closed', async () => {
    const channels = async (): Promise<number> =>
      ((await stage.admin().pubsub('CHANNELS', `${stage.prefix}*`)) as string[]).length;
    await until(async () => (await channels()) === 0);
    const [log, other] = [opened('redis'), opened('ioredis')];
    await log.read(aKey(), { after: 0 });
    expect(await channels()).toBe(0);
    for (const one of [log, other]) {
      await waiting(one, aKey(), 'chunks');
      for (const what of ['chunks', 'stop'] as const) new Waiter(one, aKey(), what);
    }
    expect(await channels()).toBe(2);
    await log.close();
    await other.close();
    await until(async () => (await channels()) === 0);
  });
});

/** A client of ioredis with a name, which its duplicate has, too. */
function named(connectionName: string): Redis {
  return new Redis(REDIS_URL, { connectionName });
}

/** Kills the connection of this name that has subscribed to something. */
async function killSubscriber({ admin }: SingleStage, name: string): Promise<void> {
  const all = String(await admin().client('LIST', 'TYPE', 'PUBSUB'));
  const [, id = ''] = new RegExp(`^id=(\\d+) .* name=${name} `, 'm').exec(all) ?? [];
  await admin().client('KILL', 'ID', id);
}
