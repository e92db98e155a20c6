import { Redis, type Cluster } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { StateStore } from 'sluice';
import type { IoRedisClient } from 'sluice/stores/redis';
import { REGISTER } from '../../../stores/redis/owner-scripts.ts';
import type { Script } from '../../../stores/redis/server.ts';
import { LEASE, RENEW, WRITE } from '../../../stores/redis/session-scripts.ts';
import { failureOf } from '../../core/harness.ts';
import { REDIS_URL } from '../../support/redis.ts';
import { until } from '../../support/redis-servers.ts';
import { tcpProxy } from '../../support/tcp-proxy.ts';
import { anOwner, contents, end, entry, noAnswerTo, onCluster, onRedis, type RedisStage } from './stage.ts';

/** The default time limit of a call. */
const DEFAULT_MS = 5_000;

/** A client that holds one script back: as one does that has no connection, or whose answer comes late. */
interface HeldClient {
  readonly client: IoRedisClient;
  /** Resolves when the script is held back. */
  readonly reached: Promise<void>;
  /** Resolves when the server has run it. */
  letGo(): Promise<void>;
}

function holding(real: Redis | Cluster, held: Script, when: 'before' | 'after'): HeldClient {
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const ran = Promise.withResolvers<void>();
  const hold = (): Promise<void> => {
    reached.resolve();
    return gate.promise;
  };
  const client: IoRedisClient = {
    async evalsha(digest, ...command) {
      if (digest !== held.digest) return real.evalsha(digest, ...command);
      if (when === 'before') await hold();
      // In full, since not each node of a cluster knows it.
      const answer = await real.eval(held.text, ...command);
      ran.resolve();
      if (when === 'after') await hold();
      return answer;
    },
    eval: (...command) => real.eval(...command),
    quit: () => Promise.resolve(),
  };
  const letGo = (): Promise<void> => {
    gate.resolve();
    return ran.promise;
  };
  return { client, reached: reached.promise, letGo };
}

/** Lets the time of a call run out after something has happened; resolves to the error of the call. */
async function inVain(call: () => Promise<unknown>, reached: Promise<void>): Promise<unknown> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const failed = failureOf(call());
    await reached;
    vi.advanceTimersByTime(DEFAULT_MS);
    return await failed;
  } finally {
    vi.useRealTimers();
  }
}

function comesLate(stage: RedisStage): void {
  const { open, admin, sessionKey } = stage;
  type Key = ReturnType<typeof aKey>;
  const aKey = () => ({ owner: anOwner(), id: 's' });

  /** A store that is late at one script. It already knows whether it is on a cluster. */
  const lateAt = async (
    held: Script,
    when: 'before' | 'after' = 'before',
  ): Promise<{
    store: StateStore;
    fails(call: () => Promise<unknown>): Promise<unknown>;
    letGo(): Promise<void>;
  }> => {
    const { client, reached, letGo } = holding(admin(), held, when);
    const store = open({ client });
    await store.delete(aKey());
    return { store, fails: (call) => inVain(call, reached), letGo };
  };
  const leasedUntil = (key: Key): Promise<string | null> => admin().hget(sessionKey(key), 'leasedUntil');

  test.each(['before', 'after'] as const)(
    'a late lease is released: it was delayed %s the server ran it',
    async (when) => {
      for (const exists of [false, true]) {
        const key = aKey();
        if (exists) await open().append(key, [entry('a')], { expectedVersion: 0, turnId: 't' });
        const { store, fails, letGo } = await lateAt(LEASE, when);
        expect(await fails(() => store.lease(key, 600_000))).toMatchObject(noAnswerTo('lease'));
        await letGo();
        await until(async () => (await leasedUntil(key)) === (exists ? '0' : null));
        await store.close();
        const next = await open().lease(key, 60_000);
        expect((await open().load(key))?.version).toBe(exists ? 1 : undefined);
        await next.release();
        await open().forget(key.owner);
      }
    },
  );

  test('a late append does not end up in another turn', async () => {
    const key = aKey();
    const { store, fails, letGo } = await lateAt(WRITE);
    const first = await open().lease(key, 60_000);
    const options = { expectedVersion: 0, turnId: 'first', lease: first, release: true };
    expect(await fails(() => store.append(key, [entry('late')], options))).toMatchObject(
      noAnswerTo('append'),
    );
    const second = await open().lease(key, 60_000, { takeOver: true });
    const others = { expectedVersion: 0, turnId: 'second', lease: second, end };
    await open().append(key, [entry('second')], others);
    await letGo();
    expect(await failureOf(store.append(key, [entry('late')], options))).toMatchObject({
      code: 'lease_lost',
    });
    const state = await open().load(key);
    expect([contents(state), state?.turns]).toEqual([['second'], 1]);
    expect((await open().spend({ owner: key.owner })).turns).toBe(1);
    // It gives back no lease of the other turn, either.
    expect(await failureOf(open().lease(key, 1_000))).toMatchObject({ code: 'session_busy' });
    await open().forget(key.owner);
  });

  test.each(['before', 'after'] as const)(
    'a late append that is repeated is stored and counted once: it was delayed %s the server ran it',
    async (when) => {
      const key = aKey();
      const { store, fails, letGo } = await lateAt(WRITE, when);
      const append = (to: StateStore): Promise<number> =>
        to.append(key, [entry('once')], { expectedVersion: 0, turnId: 't', end });
      expect(await fails(() => append(store))).toMatchObject(noAnswerTo('append'));
      expect(await append(open())).toBe(1);
      await letGo();
      expect(await append(store)).toBe(1);
      expect(contents(await open().load(key))).toEqual(['once']);
      expect((await open().spend({ owner: key.owner })).turns).toBe(1);
      await open().forget(key.owner);
    },
  );

  test('a late update does not change anything that was written since', async () => {
    const key = aKey();
    await open().append(key, [entry('a')], { expectedVersion: 0, turnId: 't' });
    const { store, fails, letGo } = await lateAt(WRITE);
    const update = (): Promise<number> => store.update(key, { plan: 'old' }, { expectedVersion: 1 });
    expect(await fails(update)).toMatchObject(noAnswerTo('update'));
    await open().update(key, { plan: 'new' }, { expectedVersion: 1 });
    await letGo();
    expect(await failureOf(update())).toMatchObject({ code: 'conflict' });
    expect((await open().load(key))?.metadata).toEqual({ plan: 'new' });
    await open().forget(key.owner);
  });

  test('a late renewal does not keep a session busy', async () => {
    const key = aKey();
    await open().append(key, [entry('a')], { expectedVersion: 0, turnId: 't' });
    const { store, fails, letGo } = await lateAt(RENEW);
    const lease = await store.lease(key, 60_000);
    expect(await fails(() => lease.renew(60_000))).toMatchObject(noAnswerTo('renew'));
    await lease.release();
    await letGo();
    expect(await failureOf(lease.renew(60_000))).toMatchObject({ code: 'lease_lost' });
    await (await open().lease(key, 1_000)).release();
    await open().forget(key.owner);
  });

  test.each(['before', 'after'] as const)(
    'a late copy is deleted: it was delayed %s the server ran it',
    async (when) => {
      const key = aKey();
      await open().append(key, [entry('a')], { expectedVersion: 0, turnId: 't' });
      const { store, fails, letGo } = await lateAt(WRITE, when);
      expect(await fails(() => store.fork(key))).toMatchObject(noAnswerTo('fork'));
      await letGo();
      await until(async () => (await open().list({ owner: key.owner })).sessions.length === 1);
      await store.close();
      expect(await open().forget(key.owner)).toBe(1);
    },
  );
}

await onRedis('what comes late on a single server', (stage) => {
  const { open } = stage;
  comesLate(stage);

  test('a lease that can be neither renewed nor released in time causes an error that names the call', async () => {
    const proxy = await tcpProxy({ port: Number(new URL(REDIS_URL).port || 6379) });
    const client = new Redis(proxy.port, '127.0.0.1');
    client.on('error', () => undefined);
    onTestFinished(async () => {
      client.disconnect();
      await proxy.close();
    });
    const key = { owner: anOwner(), id: 's' };
    const lease = await open({ client }).lease(key, 60_000);
    proxy.stall();
    expect(await inVain(() => lease.renew(1_000), Promise.resolve())).toMatchObject(noAnswerTo('renew'));
    expect(await inVain(() => lease.release(), Promise.resolve())).toMatchObject(noAnswerTo('release'));
    proxy.resume();
    await until(
      async () =>
        (await open()
          .lease(key, 1_000)
          .catch(() => undefined)) !== undefined,
    );
    await open().forget(key.owner);
  });
});

onCluster('what comes late in a cluster', (stage) => {
  const { open, admin, sessionKey } = stage;
  comesLate(stage);

  test('a lease whose session cannot be listed in time is released', async () => {
    const key = { owner: anOwner(), id: 's' };
    const { client, reached, letGo } = holding(admin(), REGISTER, 'before');
    const store = open({ client });
    expect(await inVain(() => store.lease(key, 600_000), reached)).toMatchObject(noAnswerTo('lease'));
    await letGo();
    await until(async () => (await admin().exists(sessionKey(key))) === 0);
    await store.close();
    await (await open().lease(key, 1_000)).release();
    await open().forget(key.owner);
  });
});
