import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { redisLedger, redisStore } from 'sluice/stores/redis';
import { root } from '../../../scripts/entry-points.ts';
import { failureOf } from '../../core/harness.ts';
import { REDIS_URL } from '../../support/redis.ts';
import { hasRedisServer, redisServer, until } from '../../support/redis-servers.ts';
import { tcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { appendInTwoProcesses } from './processes.ts';
import { anOwner, contents, end, entry, onRedis } from './stage.ts';

await onRedis('faults', (stage) => {
  const { open, client, admin, prefix, sessionKey } = stage;

  test('R34 two processes lose nothing of what they append', () => appendInTwoProcesses(stage, REDIS_URL));

  test('a node-redis client that was never connected causes an error that says what to do', async () => {
    const store = open({ client: createClient({ url: REDIS_URL }) });
    expect(await failureOf(store.load('s'))).toMatchObject({
      code: 'store',
      retryable: true,
      message:
        'The session store failed at load: the client is not connected: await client.connect() before the first turn, and close it after the last.',
    });
  });

  describe('a connection that breaks', () => {
    let proxy: TcpProxy;
    beforeAll(async () => {
      proxy = await tcpProxy({ port: Number(new URL(REDIS_URL).port || 6379) });
    });
    afterAll(() => proxy.close());

    test('R43 a command that ioredis sends again changes nothing the second time', async () => {
      const resending = new Redis(proxy.port, '127.0.0.1', { retryStrategy: () => 20 });
      resending.on('error', () => undefined);
      const store = open({ client: resending });
      const key = { owner: anOwner(), id: 's' };
      // A script that the server does not know would be sent a second time only after its answer.
      const known = await open().lease({ ...key, id: 'other' }, 60_000);
      await open().append({ ...key, id: 'other' }, [], {
        expectedVersion: 0,
        turnId: 't',
        end,
        lease: known,
      });
      await open().update({ ...key, id: 'other' }, {}, { expectedVersion: 1 });
      await known.release();
      await open().forget(key.owner);
      /** The command is run, its answer is lost with the connection, and the client sends it again. */
      const twice = async <T>(command: () => Promise<T>, done: () => Promise<boolean>): Promise<T> => {
        await resending.ping();
        proxy.stall('back');
        const answer = command();
        await until(done);
        proxy.drop();
        proxy.resume();
        return answer;
      };
      const field = (name: string): Promise<string | null> => admin().hget(sessionKey(key), name);

      const lease = await twice(
        () => store.lease(key, 60_000),
        async () => (await field('token')) !== null,
      );
      const options = { turnId: 't', lease, end, metadata: { a: 1 } };
      const version = await twice(
        () => store.append(key, [entry('once')], { ...options, expectedVersion: 0 }),
        async () => (await field('version')) === '1',
      );
      const updated = await twice(
        () => store.update(key, { b: 2 }, { expectedVersion: version }),
        async () => (await field('version')) === '2',
      );
      expect([version, updated]).toEqual([1, 2]);
      await twice(
        () => lease.release(),
        async () => (await field('leasedUntil')) === '0',
      );
      const state = await open().load(key);
      expect([contents(state), state?.metadata, state?.turns]).toEqual([['once'], { a: 1, b: 2 }, 1]);
      expect((await open().spend({ owner: key.owner })).turns).toBe(1);
      await open().forget(key.owner);
      resending.disconnect();
    });

    test('R43 an append whose answer is lost is a store error with redis, and is stored once when it is made again', async () => {
      const url = `redis://127.0.0.1:${proxy.port}`;
      const plain = createClient({ url, socket: { reconnectStrategy: 20 } });
      plain.on('error', () => undefined);
      await plain.connect();
      const store = open({ client: plain });
      const key = { owner: anOwner(), id: 's' };
      const append = (): Promise<number> =>
        store.append(key, [entry('once')], { expectedVersion: 0, turnId: 't', end });
      await store.append({ ...key, id: 'other' }, [entry('the server knows the script now')], {
        expectedVersion: 0,
        turnId: 't',
      });
      proxy.stall('back');
      const failed = failureOf(append());
      await until(async () => (await admin().hget(sessionKey(key), 'version')) === '1');
      proxy.drop();
      proxy.resume();
      expect(await failed).toMatchObject({ code: 'store', retryable: true });
      expect(await append()).toBe(1);
      expect(contents(await store.load(key))).toEqual(['once']);
      expect((await store.spend({ owner: key.owner })).turns).toBe(1);
      await store.forget(key.owner);
      plain.destroy();
    });

    test('a server that does not answer is a store error after timeoutMs', async () => {
      const silent = new Redis(proxy.port, '127.0.0.1');
      silent.on('error', () => undefined);
      await silent.ping();
      proxy.stall();
      const store = open({ client: silent, timeoutMs: 50 });
      expect(await failureOf(store.load('s'))).toMatchObject({
        code: 'store',
        retryable: true,
        message: 'The session store failed at load: the server gave no answer within 50 ms (timeoutMs).',
      });
      silent.disconnect();
      proxy.drop();
      proxy.resume();
    });
  });

  test.each(['redis', 'ioredis'] as const)(
    '%s: an error contains nothing of the data to store',
    async (library) => {
      const store = open({ client: client(library) });
      const key = { owner: anOwner(), id: 's' };
      await admin().set(sessionKey(key), 'no hash');
      const error = await failureOf(
        store.append(key, [entry('canary-4711')], {
          expectedVersion: 0,
          turnId: 't',
          metadata: { x: 'canary-4711' },
        }),
      );
      expect(error).toMatchObject({ code: 'store', retryable: false });
      expect(inspect(error, { depth: 20 })).toContain('WRONGTYPE');
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('canary');
      await admin().unlink(sessionKey(key));
    },
  );

  test('the error of a server that quotes the command does not show it', async () => {
    const quoting = "ERR unknown command 'evalsha', with args beginning with: 'abc' '2' 'canary-4711' ";
    const refuses = (): Promise<never> => Promise.reject(new Error(quoting));
    const error = await failureOf(redisStore({ client: { eval: refuses, evalSha: refuses } }).load('s'));
    expect(inspect(error, { depth: 20, showHidden: true })).toContain("unknown command 'evalsha'");
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('canary');
  });

  test('a client that answers with buffers is reported, and not retried', async () => {
    const buffers = { eval: () => Promise.resolve([]), evalSha: () => Promise.resolve([Buffer.from('1')]) };
    expect(await failureOf(redisStore({ client: buffers, prefix }).load('s'))).toMatchObject({
      code: 'store',
      retryable: false,
    });
  });
});

describe.skipIf(!hasRedisServer())('a server of their own', () => {
  test.each(['redis', 'ioredis'] as const)(
    '%s: a script that the server does not know is sent in full',
    async (library) => {
      const { server, stop } = await redisServer();
      onTestFinished(stop);
      const url = `redis://127.0.0.1:${server.port}`;
      const clients = { redis: () => createClient({ url }).connect(), ioredis: async () => new Redis(url) };
      const store = redisStore({ client: await clients[library](), own: true });
      for (let turn = 0; turn < 3; turn++) {
        await store.append('s', [entry(`${turn}`)], { expectedVersion: turn, turnId: `${turn}` });
        await server.admin.script('FLUSH');
      }
      expect(contents(await store.load('s'))).toEqual(['0', '1', '2']);
      const calls = async (command: string): Promise<number> =>
        Number(
          new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await server.admin.info('commandstats'))?.[1] ??
            0,
        );
      const before = await calls('eval');
      await store.load('s');
      expect((await calls('eval')) - before).toBe(0);
      await store.close();
    },
  );

  test('a user with the rights in docs/stores/redis.md can use every call', async () => {
    const page = await readFile(join(root, 'docs/stores/redis.md'), 'utf8');
    const rights = /needs these rights: `([^`]+)`/.exec(page)?.[1]?.split(' ') ?? [];
    expect(rights.length).toBeGreaterThan(3);
    const { server, stop } = await redisServer();
    onTestFinished(stop);
    await server.admin.acl('SETUSER', 'app', 'on', '>secret', ...rights);
    const client = new Redis(server.port, { username: 'app', password: 'secret', enableReadyCheck: false });
    const store = redisStore({ client, own: true, ttlMs: 60_000 });
    const lease = await store.lease('s', 60_000);
    await store.append('s', [entry('a')], {
      expectedVersion: 0,
      turnId: 't',
      end,
      lease,
      metadata: { a: 1 },
    });
    await redisStore({ client }).update('s', { a: undefined, b: 1 }, { expectedVersion: 1 });
    await lease.renew(1_000);
    await lease.release();
    expect(contents(await store.load('s'))).toEqual(['a']);
    expect((await store.turn('s', 't'))?.version).toBe(1);
    await store.delete({ owner: '', id: (await store.fork('s')).id });
    await (await store.lease('only leased', 1_000)).release();
    expect((await store.list({ owner: '' })).sessions).toHaveLength(1);
    expect((await store.spend({ owner: '' })).turns).toBe(1);
    const ledger = redisLedger({ client });
    expect(await ledger.add('a', 1, Date.now() + 60_000)).toBe(1);
    expect(await ledger.add('a', -1, Date.now() + 60_000)).toBe(0);
    expect(await store.forget('')).toBe(1);
    await expect(client.keys('*')).rejects.toThrow('NOPERM');
    await store.close();
  });

  test.each(['redis', 'ioredis'] as const)(
    '%s: a server that is gone is a retryable store error',
    async (library) => {
      const { server, stop } = await redisServer();
      onTestFinished(stop);
      const url = `redis://127.0.0.1:${server.port}`;
      const clients = {
        redis: () =>
          createClient({ url, disableOfflineQueue: true })
            .on('error', () => undefined)
            .connect(),
        ioredis: async () => new Redis(url, { maxRetriesPerRequest: 0 }).on('error', () => undefined),
      };
      const store = redisStore({ client: await clients[library](), own: true });
      const lease = await store.lease('s', 60_000);
      await server.kill();
      const calls = [
        store.load('s'),
        store.turn('s', 't'),
        store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't', lease }),
        store.update('s', { a: 1 }, { expectedVersion: 0 }),
        store.spend({ owner: '' }),
        store.list({ owner: '' }),
        store.fork('s'),
        store.delete('s'),
        store.forget(''),
        store.lease('s', 1_000),
        lease.renew(1_000),
        lease.release(),
      ];
      for (const call of calls)
        expect(await failureOf(call)).toMatchObject({ code: 'store', retryable: true });
      await store.close().catch(() => undefined);
    },
  );
});
