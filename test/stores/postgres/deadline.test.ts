import { EventEmitter } from 'node:events';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { isSluiceError } from 'sluice';
import { postgresStore } from 'sluice/stores/postgres';
import type { PostgresClient, PostgresPool, PostgresQuery, PostgresStore } from 'sluice/stores/postgres';
import { failureOf } from '../../core/harness.ts';
import { POSTGRES_URL } from '../../support/postgres.ts';
import { tcpProxy } from '../../support/tcp-proxy.ts';
import { fakePool, watched } from './pools.ts';
import { anOwner, contents, end, entry, onPostgres } from './stage.ts';

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** Every call of a store, by its name in errors. */
const calls: Record<string, (store: PostgresStore) => Promise<unknown>> = {
  load: (store) => store.load('s'),
  turn: (store) => store.turn('s', 't'),
  append: (store) => store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't', end }),
  update: (store) => store.update('s', { x: 1 }, { expectedVersion: 0 }),
  spend: (store) => store.spend({ owner: '' }),
  list: (store) => store.list({ owner: '' }),
  fork: (store) => store.fork('s'),
  delete: (store) => store.delete('s'),
  forget: (store) => store.forget(''),
  lease: (store) => store.lease('s', 1_000),
  sweep: (store) => store.sweep(),
};

describe('a connection that breaks at the moment the pool hands it out', () => {
  const broken = new Error('terminating connection due to administrator command');

  /** A pool whose connection reports its end right after it was handed out, in the same packet: nothing runs in between. */
  function breaking(given: (give: () => void) => void) {
    const client = Object.assign(new EventEmitter(), {
      query: () => Promise.reject(broken),
      release: vi.fn<(destroy?: boolean) => void>(),
    });
    const pool: PostgresPool = {
      connect(callback) {
        given(() => {
          callback(undefined, client);
          client.emit('error', broken);
        });
      },
      on: () => undefined,
      end: () => Promise.resolve(),
    };
    return { client, pool };
  }

  test('is a store error, does not end the process, and is closed', async () => {
    const { client, pool } = breaking((give) => give());
    expect(await failureOf(postgresStore({ pool }).load('s'))).toMatchObject({
      code: 'store',
      retryable: true,
      cause: broken,
    });
    expect(client.release.mock.calls).toEqual([[true]]);
    expect(client.listenerCount('error')).toBe(0);
  });

  test('and comes late does not end the process, and goes back', async () => {
    let give = (): void => undefined;
    const { client, pool } = breaking((giveIt) => (give = giveIt));
    expect(await failureOf(postgresStore({ pool, timeoutMs: 1 }).load('s'))).toMatchObject({
      message: 'The session store failed at load: the pool gave no connection within 1 ms.',
    });
    give();
    await expect.poll(() => client.release.mock.calls).toEqual([[false]]);
    expect(client.listenerCount('error')).toBe(0);
  });

  test('a pool that calls back with an error or with nothing causes a store error', async () => {
    const calling = (error?: Error): PostgresPool => ({
      connect: (callback) => callback(error, undefined),
      on: () => undefined,
      end: () => Promise.resolve(),
    });
    for (const error of [broken, undefined])
      expect(await failureOf(postgresStore({ pool: calling(error) }).load('s'))).toMatchObject({
        code: 'store',
        retryable: true,
        cause: error ?? { message: 'The pool gave neither a connection nor an error.' },
      });
  });
});

describe('R53 the time of a call', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** How a call ended; `pending` while it is running. */
  const watch = (promise: Promise<unknown>): { now: () => string } => {
    let state = 'pending';
    void promise.then(
      () => (state = 'answered'),
      (error: unknown) =>
        (state = isSluiceError(error) ? `${error.code} ${error.retryable}: ${error.message}` : String(error)),
    );
    return { now: () => state };
  };

  test.each(Object.keys(calls))('ends %s, that waits for a connection, after 5 seconds', async (name) => {
    const run = watch(calls[name]?.(postgresStore({ pool: fakePool(never, { connect: never }) })) ?? never());
    await vi.advanceTimersByTimeAsync(4_999);
    expect(run.now()).toBe('pending');
    await vi.advanceTimersByTimeAsync(1);
    expect(run.now()).toBe(
      `store true: The session store failed at ${name}: the pool gave no connection within 5000 ms.`,
    );
  });

  test.each(Object.keys(calls))(
    'ends %s, that waits for an answer, and closes its connection',
    async (name) => {
      const pool = fakePool(never);
      const run = watch(calls[name]?.(postgresStore({ pool, timeoutMs: 700 })) ?? never());
      await vi.advanceTimersByTimeAsync(699);
      expect([run.now(), pool.released]).toEqual(['pending', []]);
      await vi.advanceTimersByTimeAsync(1);
      expect(run.now()).toBe(
        `store true: The session store failed at ${name}: the database gave no answer within 700 ms.`,
      );
      expect(pool.released).toEqual([true]);
    },
  );

  test('ends renew and release of a lease', async () => {
    let isDead = false;
    const pool = fakePool(() => (isDead ? never() : Promise.resolve({ rows: [{ token: '1', until: '2' }] })));
    const lease = await postgresStore({ pool }).lease('s', 1_000);
    isDead = true;
    const runs = { renew: watch(lease.renew(1_000)), release: watch(lease.release()) };
    await vi.advanceTimersByTimeAsync(5_000);
    for (const [name, run] of Object.entries(runs))
      expect(run.now()).toBe(
        `store true: The session store failed at ${name}: the database gave no answer within 5000 ms.`,
      );
    expect(pool.released).toEqual([false, true, true]);
  });

  test('ends migrate after a minute, because it may have to wait for another process that migrates', async () => {
    const run = watch(postgresStore({ pool: fakePool(never) }).migrate());
    await vi.advanceTimersByTimeAsync(59_999);
    expect(run.now()).toBe('pending');
    await vi.advanceTimersByTimeAsync(1);
    expect(run.now()).toBe(
      'store true: The session store failed at migrate: the database gave no answer within 60000 ms.',
    );
  });

  test('ends close of a pool that does not end, each time it is called', async () => {
    const end = vi.fn(() => never<void>());
    const store = postgresStore({ pool: fakePool(never, { end }), own: true });
    for (let at = 0; at < 2; at++) {
      const run = watch(store.close());
      await vi.advanceTimersByTimeAsync(5_000);
      expect(run.now()).toBe(
        'store true: The session store failed at close: the pool did not end within 5000 ms.',
      );
    }
    expect(end).toHaveBeenCalledTimes(1);
  });

  test('is one limit for all statements of a call, whether they answer or not', async () => {
    const answer = (): Promise<{ rows: unknown[] }> =>
      new Promise((resolve) => setTimeout(() => resolve({ rows: [] }), 400));
    const pool = fakePool(answer);
    // Nothing is appended, nothing is found: it looks and tries again.
    const store = postgresStore({ pool, timeoutMs: 1_000 });
    const run = watch(store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' }));
    await vi.advanceTimersByTimeAsync(999);
    expect([run.now(), pool.released]).toEqual(['pending', [false, false]]);
    await vi.advanceTimersByTimeAsync(1);
    expect(run.now()).toContain('failed at append: the database gave no answer within 1000 ms.');
    expect(pool.released).toEqual([false, false, true]);
  });

  test('is over: a connection that comes late goes back to the pool, and nothing is asked of it', async () => {
    const asked: PostgresQuery[] = [];
    const pool = fakePool((query) => {
      asked.push(query);
      return never();
    });
    const late = Promise.withResolvers<PostgresClient>();
    const store = postgresStore({ pool: { ...pool, connect: () => late.promise } });
    const run = watch(store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' }));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(run.now()).toContain('the pool gave no connection');
    late.resolve(pool.client);
    await vi.advanceTimersByTimeAsync(0);
    expect([asked, pool.released]).toEqual([[], [false]]);
  });

  test('is over: a connection that fails late is ignored', async () => {
    const late = Promise.withResolvers<PostgresClient>();
    const run = watch(postgresStore({ pool: fakePool(never, { connect: () => late.promise }) }).load('s'));
    await vi.advanceTimersByTimeAsync(5_000);
    late.reject(new Error('refused'));
    await vi.advanceTimersByTimeAsync(0);
    expect(run.now()).toContain('the pool gave no connection');
  });

  test('is over: in a transaction nothing more is asked, and its connection is closed without a COMMIT', async () => {
    const asked: string[] = [];
    const answers: ((answer: { rows: unknown[] }) => void)[] = [];
    const pool = fakePool(({ text }) => {
      asked.push(text.trim().split(/\s/)[0] ?? '');
      return new Promise((resolve) => void answers.push(resolve));
    });
    const store = postgresStore({ pool, rowLevelSecurity: true });
    const run = watch(store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' }));
    for (let at = 0; at < 2; at++) {
      await vi.advanceTimersByTimeAsync(1);
      answers[at]?.({ rows: [] });
    }
    await vi.advanceTimersByTimeAsync(5_000);
    expect(run.now()).toContain('the database gave no answer');
    answers[2]?.({ rows: [{ version: '1' }] });
    await vi.advanceTimersByTimeAsync(1);
    expect([asked, pool.released]).toEqual([['BEGIN', 'SELECT', 'WITH'], [true]]);
  });

  test('leaves no timer behind when the call is over', async () => {
    const store = postgresStore({ pool: fakePool(() => Promise.resolve({ rows: [] })) });
    await store.load('s');
    await store.delete('s');
    expect(vi.getTimerCount()).toBe(0);
  });
});

await onPostgres('a pool or a line that gives no answer', ({ database, pool, open }) => {
  beforeAll(async () => {
    await open().migrate();
    await open({ schema: 'secured', rowLevelSecurity: true }).migrate();
  });
  // Time goes on when a test says so, however busy the machine is.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());
  const { port, hostname } = new URL(POSTGRES_URL);
  const target = { port: Number(port === '' ? 5432 : port), host: hostname };
  const failed = (call: string, why: string): object => ({
    code: 'store',
    retryable: true,
    message: `The session store failed at ${call}: ${why} within 5000 ms.`,
  });
  /** Asks the server again and again, which takes no time of the tests' clock. */
  const until = async (is: () => Promise<boolean>): Promise<void> => {
    while (!(await is()));
  };
  const rows = async (sql: string): Promise<number> => (await pool.query(sql)).rowCount ?? 0;

  test('if all connections of a pool are in use, the call fails, runs nothing later, and leaves the pool as it was', async () => {
    const small = database.pool({ max: 1 });
    const asked: PostgresQuery[] = [];
    const watching = watched(small, (query, run) => {
      asked.push(query);
      return run();
    });
    const store = open({ pool: watching });
    const key = { owner: anOwner(), id: 's' };
    const client = await small.connect();
    const append = (): Promise<number> =>
      store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't', end });
    const refusals = [failureOf(append()), failureOf(store.lease(key, 60_000))];
    expect(small.waitingCount).toBe(2);
    vi.advanceTimersByTime(5_000);
    const why = 'the pool gave no connection';
    expect(await Promise.all(refusals)).toMatchObject([failed('append', why), failed('lease', why)]);
    client.release();
    await until(async () => {
      await open().load(key);
      return small.waitingCount === 0 && small.idleCount === 1;
    });
    expect(asked).toEqual([]);
    expect(await open().load(key)).toBeUndefined();
    await (await open().lease(key, 60_000)).release();
    expect(await append()).toBe(1);
    expect(small.totalCount).toBe(1);
  });

  test.each([false, true])(
    'an append without an answer fails, and is stored once when it is tried again (row level security: %s)',
    async (rowLevelSecurity) => {
      const proxy = await tcpProxy(target);
      const far = database.pool({ port: proxy.port, max: 1 });
      const schema = rowLevelSecurity ? 'secured' : 'public';
      const near = open({ schema, rowLevelSecurity });
      const asked: string[] = [];
      const sent = Promise.withResolvers<void>();
      const stalling = watched(far, (query, run) => {
        asked.push(query.text);
        // The last one of an append.
        if (query.text === (rowLevelSecurity ? 'COMMIT' : asked[0])) {
          proxy.stall('back');
          sent.resolve();
        }
        return run();
      });
      const key = { owner: anOwner(), id: 's' };
      const append = (store: PostgresStore): Promise<number> =>
        store.append(key, [entry('m2')], { expectedVersion: 1, turnId: 't2', end });
      try {
        await near.append(key, [entry('m1')], { expectedVersion: 0, turnId: 't1', end });
        const cut = failureOf(append(open({ pool: stalling, rowLevelSecurity, schema })));
        await sent.promise;
        await until(async () => (await near.load(key, { last: 0 }))?.version === 2);
        vi.advanceTimersByTime(5_000);
        expect(await cut).toMatchObject(failed('append', 'the database gave no answer'));
        expect(far.totalCount).toBe(0);
        proxy.resume();
        expect(await append(open({ pool: far, rowLevelSecurity, schema }))).toBe(2);
        const state = await near.load(key);
        expect([contents(state), state?.version, state?.turns]).toEqual([['m1', 'm2'], 2, 2]);
      } finally {
        await proxy.close();
      }
    },
  );

  test('a transaction without an answer leaves nothing behind', async () => {
    const proxy = await tcpProxy(target);
    const far = database.pool({ port: proxy.port, max: 1 });
    const asked: string[] = [];
    const sent = Promise.withResolvers<void>();
    const stalling = watched(far, (query, run) => {
      asked.push(query.text.trim().split(/\s/)[0] ?? '');
      if (query.text.trim().startsWith('WITH')) {
        proxy.stall('back');
        sent.resolve();
      }
      return run();
    });
    const secured = { rowLevelSecurity: true, schema: 'secured' };
    const key = { owner: anOwner(), id: 's' };
    try {
      await open(secured).update(key, { x: 1 }, { expectedVersion: 0 });
      const store = open({ ...secured, pool: stalling });
      const cut = failureOf(store.append(key, [entry('a')], { expectedVersion: 1, turnId: 't', end }));
      await sent.promise;
      const inTransaction = `SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND state = 'idle in transaction' AND query LIKE '%WITH%'`;
      await until(async () => (await rows(inTransaction)) === 1);
      vi.advanceTimersByTime(5_000);
      expect(await cut).toMatchObject(failed('append', 'the database gave no answer'));
      proxy.resume();
      await until(async () => (await rows(inTransaction)) === 0);
      const state = await open(secured).load(key);
      expect([contents(state), state?.version, state?.turns]).toEqual([[], 1, 0]);
      expect(asked).toEqual(['BEGIN', 'SELECT', 'WITH']);
    } finally {
      await proxy.close();
    }
  });

  test('a lease that waits for a lock longer than its caller waits is granted to nobody', async () => {
    const key = { owner: anOwner(), id: 's' };
    await open().append(key, [entry('a')], { expectedVersion: 0, turnId: 't' });
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT FROM public.sluice_sessions WHERE owner = $1 FOR UPDATE', [key.owner]);
      const late = failureOf(open({ timeoutMs: 50 }).lease(key, 60_000));
      const waiting = `SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      const longer = `${waiting} AND clock_timestamp() > query_start + interval '50 milliseconds'`;
      await until(async () => (await rows(longer)) === 1);
      vi.advanceTimersByTime(50);
      expect(await late).toMatchObject({
        message: 'The session store failed at lease: the database gave no answer within 50 ms.',
      });
      await client.query('ROLLBACK');
      await until(async () => (await rows(waiting)) === 0);
    } finally {
      client.release(true);
    }
    const lease = await open().lease(key, 60_000);
    expect(await open().append(key, [entry('b')], { expectedVersion: 1, turnId: 't2', lease })).toBe(2);
  });

  test('close() does not wait forever for an own pool whose connections are in use', async () => {
    const used = database.pool({ max: 1 });
    const client = await used.connect();
    const store = open({ pool: used, own: true });
    const closing = failureOf(store.close());
    // close() waits for this before it ends the pool.
    await pool.query('SELECT 1');
    vi.advanceTimersByTime(5_000);
    expect(await closing).toMatchObject(failed('close', 'the pool did not end'));
    client.release();
    await store.close();
    expect(used.ended).toBe(true);
  });
});
