import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { expect, onTestFinished, test } from 'vitest';
import { root } from '../../../../scripts/entry-points.ts';
import { redisLog } from '../../../../server/redis-log.ts';
import type { ChunkLog, StreamKey } from '../../../../server/chunk-log.ts';
import { onRedis } from '../../../stores/redis/stage.ts';
import { REDIS_URL, keysOf } from '../../../support/redis.ts';
import { until } from '../../../support/redis-servers.ts';
import { tcpProxy } from '../../../support/tcp-proxy.ts';
import type { TcpProxy } from '../../../support/tcp-proxy.ts';
import { Waiter, done, insisting, lost, own, texts, textsOf } from '../stage.ts';

await onRedis('A chunk log in Redis', ({ client, admin, prefix }) => {
  const aKey = (): StreamKey => ({ owner: 'faults', id: crypto.randomUUID() });
  const tagOf = ({ owner, id }: StreamKey): string => `{${owner}:${id}}`;
  const stateOf = (key: StreamKey): string => `${prefix}:log:${tagOf(key)}`;
  const entriesOf = (key: StreamKey): string => `${prefix}:log-entries:${tagOf(key)}`;
  function opened(options: object = {}): ChunkLog {
    const log = redisLog({ client: client('ioredis'), prefix, ...options });
    onTestFinished(() => log.close());
    return log;
  }

  /** A log whose connection goes through a proxy. */
  async function proxied(
    library: 'redis' | 'ioredis',
    timeoutMs = 5_000,
  ): Promise<{ proxy: TcpProxy; log: ChunkLog }> {
    const { hostname, port } = new URL(REDIS_URL);
    const proxy = await tcpProxy({ host: hostname, port: Number(port) });
    onTestFinished(() => proxy.close());
    const url = `redis://127.0.0.1:${proxy.port}`;
    const far =
      library === 'redis'
        ? await createClient({ url })
            .on('error', () => undefined)
            .connect()
        : new Redis(url);
    if (far instanceof Redis) far.on('error', () => undefined);
    const log = redisLog({ client: far, prefix, timeoutMs });
    onTestFinished(async () => {
      await log.close().catch(() => undefined);
      if (far instanceof Redis) far.disconnect();
      else far.destroy();
    });
    return { proxy, log };
  }

  for (const library of ['redis', 'ioredis'] as const) {
    test(`R43 keeps an append once whose answer was lost, by ${library}`, async () => {
      const { proxy, log } = await proxied(library);
      const key = aKey();
      const { held } = await own(log, key);
      proxy.cut(1);
      const { value } = await insisting(() => log.append(held, 0, texts(0, 'a', 'b')));
      expect(value.next).toBe(2);
      proxy.cut(1);
      await insisting(() => log.append(held, 2, texts(2, 'c'), done));
      expect(await textsOf(log, key)).toEqual(['a', 'b', 'c']);
      expect(await admin().xlen(entriesOf(key))).toBe(2);
    });

    test(`R53 fails in time while the server does not answer, and goes on afterwards, by ${library}`, async () => {
      const { proxy, log } = await proxied(library, 300);
      const key = aKey();
      const { held } = await own(opened(), key);
      proxy.stall();
      const calls = {
        append: () => log.append(held, 0, texts(0, 'a')),
        read: () => log.read(key, { after: 0 }),
        stop: () => log.stop(key, 'stopped'),
        settle: () => log.settle(key, lost, { graceMs: 0 }),
        open: () => log.open(aKey(), { turnId: 'x' }, { leaseMs: 1_000 }),
        running: () => log.running(key),
        forget: () => log.forget('nobody'),
      };
      const failed = Object.entries(calls).map(async ([doing, call]) =>
        expect(call()).rejects.toMatchObject({
          code: 'store',
          retryable: true,
          message: `The chunk log failed at ${doing}: the server gave no answer within 300 ms (timeoutMs).`,
        }),
      );
      await Promise.all(failed);
      proxy.resume();
      await insisting(() => log.append(held, 0, texts(0, 'a')));
      expect(await textsOf(opened(), key)).toEqual(['a']);
    });
  }

  test('gives a stream to its opener if the client sends the open again', async () => {
    const { proxy, log } = await proxied('ioredis');
    const key = aKey();
    proxy.cut(1);
    const { held, next } = await own(log, key);
    expect(next).toBe(0);
    expect((await log.append(held, 0, texts(0, 'a'))).next).toBe(1);
  });

  test('says from where it has entries if the server dropped them to save memory', async () => {
    const [log, key] = [opened(), aKey()];
    const { held } = await own(log, key);
    await log.append(held, 0, texts(0, 'a', 'b'));
    await admin().unlink(entriesOf(key));
    expect(await log.read(key, { after: 0 })).toMatchObject({ first: 2, next: 2, entries: [] });
    await log.append(held, 2, texts(2, 'c'));
    expect(await log.read(key, { after: 1 })).toMatchObject({ first: 2, next: 3, entries: [{ from: 2 }] });
    expect(await log.read(key, { after: 2 })).toMatchObject({ next: 3, entries: [{ from: 2 }] });
  });

  test('knows which chunks a reset voids, also if they were lost and given again', async () => {
    const [log, key] = [opened(), aKey()];
    const { held } = await own(log, key);
    const chunk = { type: 'content', content: 'b', call: 2, index: 1 } as const;
    await log.append(held, 0, texts(0, 'a'));
    const before = await admin().hgetall(stateOf(key));
    await log.append(held, 1, [chunk]);
    await admin().hset(stateOf(key), { next: before['next'] ?? '', marks: before['marks'] ?? '' });
    await admin().xdel(entriesOf(key), '2-0');
    await admin().xsetid(entriesOf(key), '1-0');
    expect((await log.append(held, 2, [])).next).toBe(1);
    await log.append(held, 1, [chunk]);
    const reset = { type: 'reset', from: 2, calls: [2], reason: 'anew', call: 3, index: 2 } as const;
    await log.append(held, 2, [reset]);
    expect((await log.read(key, { after: 0 }))?.resets).toEqual([reset]);
  });

  test('keeps a stream that runs for an hour after its lease, an ended one for its ttlMs, an early stop for a minute', async () => {
    const [log, key, early] = [opened({ ttlMs: 5_000 }), aKey(), aKey()];
    const { held } = await own(log, key, 10_000);
    await log.append(held, 0, texts(0, 'a'));
    const left = (): Promise<number[]> =>
      Promise.all([stateOf(key), entriesOf(key)].map((name) => admin().pttl(name)));
    for (const ms of await left()) expect(Math.abs(ms - 3_610_000)).toBeLessThan(5_000);
    await log.append(held, 1, [], done);
    for (const ms of await left()) expect(Math.abs(ms - 5_000)).toBeLessThan(1_000);
    await log.stop(early, 'stopped');
    expect(Math.abs((await admin().pttl(stateOf(early))) - 60_000)).toBeLessThan(1_000);
  });

  test('extends the time of a stream that runs for long now and then, with its place in the indexes', async () => {
    const [log, key] = [opened(), aKey()];
    const talk = { owner: 'faults', id: `talk-${key.id}` };
    const result = await log.open(key, { turnId: key.id, session: talk }, { leaseMs: 10_000 });
    if (result.as !== 'owner') throw new Error('The stream is in use.');
    await log.append(result.held, 0, texts(0, 'a'));
    const kept = async (): Promise<string | null> => admin().hget(stateOf(key), 'kept');
    const before = await kept();
    await log.append(result.held, 1, texts(1, 'b'));
    expect(await kept()).toBe(before);
    await admin().hset(stateOf(key), 'kept', Date.now() + 3_000_000);
    const index = (await keysOf(admin(), `${prefix}:log-session:`)).find((name) => name.includes(talk.id));
    await admin().unlink(index ?? '');
    await log.append(result.held, 2, texts(2, 'c'));
    expect(Number(await kept())).toBeGreaterThanOrEqual(Number(before));
    await until(async () => (await log.running(talk)).includes(key.id));
  });

  test('removes streams from the indexes that have ended or are gone', async () => {
    const log = opened({ ttlMs: 1 });
    const owner = `tidy-${crypto.randomUUID()}`;
    const talk = { owner, id: 'talk' };
    const turn = async (id: string): Promise<void> => {
      const result = await log.open({ owner, id }, { turnId: id, session: talk }, { leaseMs: 10_000 });
      if (result.as !== 'owner') throw new Error('The stream is in use.');
      await log.append(result.held, 0, texts(0, 'a'), done);
    };
    for (let at = 0; at < 20; at++) await turn(`turn ${at}`);
    const sizes = async (): Promise<number[]> =>
      Promise.all(
        [`${prefix}:log-owner:{@${owner}}`, `${prefix}:log-session:{${owner}:talk}`].map((name) =>
          admin().zcard(name),
        ),
      );
    await until(async () => Math.max(...(await sizes())) < 6);
    expect(await log.running(talk)).toEqual([]);
    expect((await sizes())[1]).toBe(0);
    await log.forget(owner);
    expect(await sizes()).toEqual([0, 0]);
  });

  test('says what is wrong if a key holds something else, and does not ask to try again', async () => {
    const [log, key] = [opened(), aKey()];
    await admin().set(stateOf(key), 'x');
    await expect(log.read(key, { after: 0 })).rejects.toMatchObject({
      code: 'store',
      retryable: false,
      message: expect.stringContaining('The chunk log failed at read: a key holds another type') as string,
    });
  });

  for (const [what, text] of [
    ['not JSON', '['],
    ['not a list', '{}'],
    ['not chunks', '[{"type":"content"}]'],
  ] as const)
    test(`says that an entry cannot be read if it is ${what}`, async () => {
      const [log, key] = [opened(), aKey()];
      await own(log, key);
      await admin().hset(stateOf(key), 'next', '1');
      await admin().xadd(entriesOf(key), '1-0', 'a', '0', 'e', '0', 'c', text);
      await expect(log.read(key, { after: 0 })).rejects.toMatchObject({ code: 'store', retryable: false });
    });

  test('leaves nothing in Redis after the owner is forgotten', async () => {
    const log = redisLog({ client: client('ioredis'), prefix });
    onTestFinished(() => log.close());
    const owner = `gone-${crypto.randomUUID()}`;
    const opened = await log.open(
      { owner, id: 'one' },
      { turnId: 'one', session: { owner, id: 'talk' } },
      { leaseMs: 60_000 },
    );
    if (opened.as !== 'owner') throw new Error('The stream is in use.');
    await log.append(opened.held, 0, texts(0, 'a'));
    const ended = await own(log, { owner, id: 'two' });
    await log.append(ended.held, 0, texts(0, 'a'), done);
    expect((await keysOf(admin(), prefix)).filter((name) => name.includes(owner)).length).toBeGreaterThan(3);
    await log.forget(owner);
    expect((await keysOf(admin(), prefix)).filter((name) => name.includes(owner))).toEqual([]);
  });

  test('needs no more rights than the page about chunk logs names', async () => {
    const page = readFileSync(join(root, 'docs/chunk-logs.md'), 'utf8');
    const rights = [...page.matchAll(/`((?:\+[a-z]+ ?)+)`/g)].flatMap(([, found = '']) => found.split(' '));
    expect(rights.length).toBeGreaterThan(15);
    const user = `user-${crypto.randomUUID()}`;
    const keys = ['resetkeys', `~${prefix}:*`, 'resetchannels', `&${prefix}:*`];
    await admin().acl('SETUSER', user, 'on', '>secret', ...keys, '-@all', ...rights);
    const { host } = new URL(REDIS_URL);
    const limited = new Redis(`redis://${user}:secret@${host}`, { enableReadyCheck: false });
    limited.on('error', () => undefined);
    onTestFinished(async () => {
      limited.disconnect();
      await admin().acl('DELUSER', user);
    });
    const log = opened({ client: limited, pollMs: 1_000_000, maxStreamBytes: 200 });
    const key = aKey();
    const talk = { owner: key.owner, id: `talk-${key.id}` };
    const waiter = new Waiter(log, key, 'chunks');
    await waiter.woken();
    waiter.end();
    await log.stop(key, 'early');
    const result = await log.open(key, { turnId: 'x', session: talk }, { leaseMs: 1 });
    if (result.as !== 'owner') throw new Error('The stream is in use.');
    const words = texts(0, ...Array.from({ length: 100 }, () => 'river '));
    for (const word of words) await log.append(result.held, word.index, [word]);
    expect((await log.read(key, { after: 0, presentMs: 1_000 }))?.first).toBeGreaterThan(50);
    expect(await log.running(talk)).toEqual([key.id]);
    await until(() => log.settle(key, lost, { graceMs: 0 }));
    const again = await log.open(key, { turnId: 'x', session: talk }, { leaseMs: 1_000, again: true });
    expect(again).toMatchObject({ as: 'owner', next: 100 });
    await log.forget(key.owner);
  });

  test('says which option is wrong', () => {
    expect(() => redisLog({ client: client('redis'), prefix: '{a}', ttlMs: Number.NaN })).toThrow(
      'redisLog(): prefix is a string: give 1 to 64 characters, and no braces; ttlMs is NaN: give a finite number.',
    );
  });
});
