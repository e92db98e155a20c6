import { Pool } from 'pg';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { postgresLog } from '../../../../server/postgres-log.ts';
import type { PostgresLog, PostgresLogOptions } from '../../../../server/postgres-log.ts';
import type { StreamKey } from '../../../../server/chunk-log.ts';
import { POSTGRES_URL } from '../../../support/postgres.ts';
import { until } from '../../../support/redis-servers.ts';
import { tcpProxy } from '../../../support/tcp-proxy.ts';
import type { TcpProxy } from '../../../support/tcp-proxy.ts';
import { watched } from '../../../stores/postgres/pools.ts';
import { onPostgres } from '../../../stores/postgres/stage.ts';
import { Waiter, done, insisting, lost, own, texts, textsOf } from '../stage.ts';

/** So long that no wake of these tests comes from a poll. */
const NEVER_MS = 1_000_000;

await onPostgres('A chunk log in PostgreSQL', ({ database, pool, count }) => {
  const aKey = (): StreamKey => ({ owner: 'faults', id: crypto.randomUUID() });
  function opened(options: Partial<PostgresLogOptions> = {}): PostgresLog {
    const log = postgresLog({ pool, ...options });
    onTestFinished(() => log.close());
    return log;
  }
  beforeAll(() => postgresLog({ pool }).migrate());

  /** A log whose connections go through a proxy. */
  async function proxied(options: Partial<PostgresLogOptions> = {}): Promise<{
    proxy: TcpProxy;
    log: PostgresLog;
  }> {
    const { hostname, port } = new URL(POSTGRES_URL);
    const proxy = await tcpProxy({ host: hostname, port: Number(port === '' ? 5432 : port) });
    onTestFinished(() => proxy.close());
    return { proxy, log: opened({ pool: database.pool({ port: proxy.port }), ...options }) };
  }

  /** The processes of the server that listen for hints. */
  async function listeners(): Promise<number[]> {
    const { rows } = await pool.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'LISTEN %' ORDER BY pid`,
      [database.name],
    );
    return rows.map(({ pid }) => pid);
  }

  /** A waiter whose log receives hints. */
  async function waiting(log: PostgresLog, key: StreamKey, what: 'chunks' | 'stop'): Promise<Waiter> {
    const waiter = new Waiter(log, key, what);
    onTestFinished(() => waiter.end());
    await waiter.woken();
    return waiter;
  }

  test('makes its tables once, also if several processes ask for it at once', async () => {
    const logs = Array.from({ length: 4 }, () => opened({ schema: 'at_once', prefix: 'x_' }));
    await Promise.all(logs.map((log) => log.migrate()));
    await logs[0]?.migrate();
    expect(await count('at_once.x_log_migrations')).toBe(1);
  });

  test('says that the tables are missing', async () => {
    await expect(opened({ schema: 'nowhere' }).read(aKey(), { after: 0 })).rejects.toMatchObject({
      code: 'store',
      retryable: false,
      message:
        'The chunk log failed at read: there are no tables: call migrate(), or fix the options schema and prefix.',
    });
  });

  test('goes on after every connection was killed, and keeps each chunk once', async () => {
    const key = aKey();
    const { log } = await proxied();
    const { held } = await own(log, key);
    for (let at = 0; at < 30; at++) {
      if (at % 10 === 5)
        await pool.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
          [database.name],
        );
      const { value } = await insisting(() => log.append(held, at, texts(at, `${at}`)));
      expect(value.next).toBe(at + 1);
    }
    expect((await insisting(() => textsOf(log, key))).value).toEqual(
      Array.from({ length: 30 }, (_, at) => `${at}`),
    );
  });

  test('R43 keeps an append once whose answer was lost', async () => {
    const { proxy, log } = await proxied();
    const key = aKey();
    const { held } = await own(log, key);
    for (const [from, end] of [[0], [2, done]] as const) {
      proxy.stall('back');
      const append = log.append(held, from, texts(from, 'a', 'b'), end);
      const failed = expect(append).rejects.toMatchObject({ code: 'store', retryable: true });
      await until(async () => (await opened().read(key, { after: 0 }))?.next === from + 2);
      proxy.drop();
      proxy.resume();
      await failed;
      const { value } = await insisting(() => log.append(held, from, texts(from, 'a', 'b'), end));
      expect(value.next).toBe(from + 2);
    }
    expect(await textsOf(opened(), key)).toEqual(['a', 'b', 'a', 'b']);
  });

  test('R53 fails in time while the server does not answer, and goes on afterwards', async () => {
    const { proxy, log } = await proxied({ timeoutMs: 500 });
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
      sweep: () => log.sweep(),
    };
    await Promise.all(
      Object.entries(calls).map(([doing, call]) =>
        expect(call()).rejects.toMatchObject({
          code: 'store',
          retryable: true,
          message: expect.stringMatching(
            new RegExp(`^The chunk log failed at ${doing}: .* within 500 ms`),
          ) as string,
        }),
      ),
    );
    proxy.drop();
    proxy.resume();
    await insisting(() => log.append(held, 0, texts(0, 'a')));
    expect(await textsOf(opened(), key)).toEqual(['a']);
  });

  test('waits for the disk at an end, and not at an append or a renewal', async () => {
    const key = aKey();
    const log = opened();
    const { held } = await own(log, key);
    const settings: string[] = [];
    const spied = watched(pool, async (query, run) => {
      const answer = await run();
      settings.push(query.text.includes(`set_config('synchronous_commit', 'off', true)`) ? 'off' : 'on');
      return answer;
    });
    const spy = opened({ pool: spied });
    await spy.append(held, 0, texts(0, 'a'));
    await spy.append(held, 1, []);
    await spy.append(held, 1, texts(1, 'b'), done);
    expect(settings).toEqual(['off', 'off', 'on']);
    // The setting ends with the statement.
    const { rows } = await pool.query('SHOW synchronous_commit');
    expect(rows).toEqual([{ synchronous_commit: 'on' }]);
  });

  test('wakes a reader on another process within moments, and an owner when a stop comes', async () => {
    const [log, other, key] = [opened({ pollMs: NEVER_MS }), opened({ pollMs: NEVER_MS }), aKey()];
    const { held } = await own(log, key);
    const [owner, reader] = [await waiting(log, key, 'stop'), await waiting(other, key, 'chunks')];
    await other.read(key, { after: 0, presentMs: 10_000 });
    for (let from = 0; from < 3; from++) {
      const woken = reader.woken();
      await log.append(held, from, texts(from, 'a'));
      await woken;
    }
    const stop = owner.woken();
    await other.stop(key, 'stopped');
    await stop;
    expect([owner.wakes, reader.wakes]).toEqual([2, 4]);
  });

  test('receives hints again after its connection was killed', async () => {
    const [log, other, key] = [opened({ pollMs: 20 }), opened(), aKey()];
    await own(log, key);
    const owner = await waiting(log, key, 'stop');
    const before = await listeners();
    await pool.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS t(pid)', [before]);
    await until(async () => {
      const now = await listeners();
      return now.length === before.length && !now.some((pid) => before.includes(pid));
    });
    const stop = owner.woken();
    await other.stop(key, 'stopped');
    await stop;
  });

  test('notifies only processes that have a reader', async () => {
    const [log, other, key] = [opened(), opened(), aKey()];
    const told: string[] = [];
    const spied = watched(pool, async (_query, run) => {
      const answer = await run();
      for (const row of answer.rows)
        if (typeof row === 'object' && row !== null && 'told' in row) told.push(String(row.told));
      return answer;
    });
    const spy = opened({ pool: spied });
    const { held } = await own(log, key);
    await spy.append(held, 0, texts(0, 'a'));
    await other.read(key, { after: 0, presentMs: 10_000 });
    await spy.append(held, 1, texts(1, 'b'));
    await waiting(other, key, 'chunks');
    await other.read(key, { after: 0, presentMs: 10_000 });
    await spy.append(held, 2, texts(2, 'c'));
    expect(told).toEqual(['0', '0', '1']);
  });

  test('notes a reader once in a quarter of its time, not at each read', async () => {
    const key = aKey();
    const notes: string[] = [];
    const spied = watched(pool, (query, run) => {
      if (query.text.includes('greatest(s.seen')) notes.push('note');
      return run();
    });
    const log = opened({ pool: spied });
    await own(opened(), key);
    for (let reads = 0; reads < 10; reads++) await log.read(key, { after: 0, presentMs: 60_000 });
    expect(notes).toEqual(['note']);
  });

  test('looks from time to time if a pooler accepts the LISTEN and delivers nothing', async () => {
    const deaf = watched(pool, async (query, run) =>
      query.text.startsWith('LISTEN') ? { rows: [] } : run(),
    );
    const [log, other, key] = [opened({ pool: deaf, pollMs: 5 }), opened(), aKey()];
    const { held } = await own(log, key);
    const owner = new Waiter(log, key, 'stop');
    onTestFinished(() => owner.end());
    await owner.woken();
    await other.stop(key, 'stopped');
    await owner.woken();
    expect((await log.append(held, 0, [])).stop).toBe('stopped');
  });

  test('keeps one connection a log for hints, from the first waiter until it is closed', async () => {
    const mine = new Pool({ connectionString: database.url, max: 3 });
    mine.on('error', () => undefined);
    const log = postgresLog({ pool: mine, own: true });
    await log.read(aKey(), { after: 0 });
    expect(await listeners()).toEqual([]);
    await waiting(log, aKey(), 'chunks');
    for (const what of ['chunks', 'stop'] as const) new Waiter(log, aKey(), what);
    expect(await listeners()).toHaveLength(1);
    expect(mine.totalCount - mine.idleCount).toBe(1);
    await log.close();
    await until(async () => (await listeners()).length === 0);
    expect([mine.ended, mine.totalCount]).toEqual([true, 0]);
  });

  test('deletes what has expired, with its entries, and an early stop after a minute', async () => {
    const log = opened({ ttlMs: 1 });
    const owner = `sweep-${crypto.randomUUID()}`;
    for (const id of ['one', 'two', 'three']) {
      const { held } = await own(log, { owner, id });
      await log.append(held, 0, texts(0, 'a'), done);
    }
    await own(log, { owner, id: 'runs' });
    await log.stop({ owner, id: 'early' }, 'stopped');
    const rows = (): Promise<number> => count('sluice_log_streams WHERE owner = $1', owner);
    await until(async () => (await log.read({ owner, id: 'three' }, { after: 0 })) === undefined);
    expect(await rows()).toBe(5);
    await until(async () => {
      await log.sweep({ limit: 1 });
      return (await rows()) === 2;
    });
    expect(
      await count(
        'sluice_log_entries AS e WHERE NOT EXISTS (SELECT FROM sluice_log_streams WHERE key = e.stream)',
      ),
    ).toBe(0);
    await pool.query('UPDATE sluice_log_streams SET kept = kept - 60000 WHERE owner = $1', [owner]);
    expect((await own(log, { owner, id: 'early' })).stop).toBeUndefined();
  });

  test('gives an append again if the server lost the newest ones, with what their resets void', async () => {
    const [log, key] = [opened(), aKey()];
    const { held } = await own(log, key);
    const chunk = { type: 'content', content: 'b', call: 2, index: 1 } as const;
    await log.append(held, 0, texts(0, 'a'));
    await log.append(held, 1, [chunk]);
    await pool.query(`UPDATE sluice_log_streams SET next = 1, marks = E'1\\n' WHERE id = $1`, [key.id]);
    await pool.query(
      'DELETE FROM sluice_log_entries WHERE upto = 2 AND stream = (SELECT key FROM sluice_log_streams WHERE id = $1)',
      [key.id],
    );
    const reset = { type: 'reset', from: 2, calls: [2], reason: 'anew', call: 3, index: 2 } as const;
    expect((await log.append(held, 2, [reset])).next).toBe(1);
    await log.append(held, 1, [chunk]);
    await log.append(held, 2, [reset]);
    expect((await log.read(key, { after: 0 }))?.resets).toEqual([reset]);
  });

  test('gives the stream to whoever took it over, also if the server lost that', async () => {
    const [log, key] = [opened(), aKey()];
    const { held } = await own(log, key);
    await log.append({ ...held, token: held.token + 1 }, 0, texts(0, 'a'));
    await expect(log.append(held, 1, texts(1, 'late'))).rejects.toMatchObject({ code: 'lease_lost' });
  });

  for (const [what, text] of [
    ['not JSON', '['],
    ['not a list', '{}'],
    ['not chunks', '[{"type":"content"}]'],
  ] as const)
    test(`says that an entry cannot be read if it is ${what}`, async () => {
      const [log, key] = [opened(), aKey()];
      const { held } = await own(log, key);
      await log.append(held, 0, texts(0, 'a'));
      await pool.query(
        'UPDATE sluice_log_entries SET chunks = $2 WHERE stream = (SELECT key FROM sluice_log_streams WHERE id = $1)',
        [key.id, text],
      );
      await expect(log.read(key, { after: 0 })).rejects.toMatchObject({ code: 'store', retryable: false });
    });

  test('says which option is wrong', () => {
    expect(() => postgresLog({ pool, schema: 'A', coalesceMs: -1 })).toThrow(
      'postgresLog(): schema is a string: give at most 63 small letters, digits and _, and no digit first; coalesceMs is a number: give a number of at least 0.',
    );
  });
});
