import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { PostgresPool, PostgresQuery } from 'sluice/stores/postgres';
import { failureOf } from '../../core/harness.ts';
import { anOwner, contents, end, entry, onPostgres } from './stage.ts';
import { watched } from './pools.ts';

await onPostgres('statements', ({ pool, open, count }) => {
  beforeAll(() => open().migrate());

  /** A pool that writes down what is asked of it. */
  const listening = (): { pool: PostgresPool; asked: PostgresQuery[] } => {
    const asked: PostgresQuery[] = [];
    return {
      asked,
      pool: watched(pool, (query, run) => {
        asked.push(query);
        return run();
      }),
    };
  };

  test('a turn is four statements: lease, load, input, reply; values are parameters', async () => {
    const { pool: listener, asked } = listening();
    const store = open({ pool: listener });
    const key = { owner: `${anOwner()}'"; DROP TABLE public.sluice_turns; --`, id: `$1 ' "` };
    const lease = await store.lease(key, 60_000);
    await store.load(key, { last: 20 });
    await store.append(key, [entry('canary')], { expectedVersion: 0, turnId: 't.input', lease });
    const reply = { turnId: 't.reply', lease, release: true, end };
    await store.append(key, [entry('canary')], { ...reply, expectedVersion: 1 });
    expect(asked).toHaveLength(4);
    await (await store.lease(key, 60_000)).release();
    for (const { text } of asked) expect(text).not.toMatch(/canary|DROP|\$1 '/);
    expect(contents(await store.load(key))).toEqual(['canary', 'canary']);
  });

  test('a record is one statement, also the first and a paid one, and a closed turn leaves no row of a step', async () => {
    const { pool: listener, asked } = listening();
    const store = open({ pool: listener });
    const key = { owner: anOwner(), id: 's' };
    const lease = await store.lease(key, 60_000);
    await store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't.input', lease });
    const step = { kind: 'started', callId: 'c' } as const;
    const counts: number[] = [];
    const counted = async (call: () => Promise<unknown>): Promise<void> => {
      asked.length = 0;
      await call();
      counts.push(asked.length);
    };
    await counted(() => store.record(key, 't', [step], { from: 0, lease }));
    await counted(() => store.record(key, 't', [step, step], { from: 1, lease, spent: end }));
    await counted(() => store.record(key, 't', [step], { from: 3, lease, metadata: { x: 1 } }));
    await counted(() => store.steps(key, 't'));
    const rows = (): Promise<number> => count('public.sluice_turns WHERE owner = $1', key.owner);
    expect(await rows()).toBe(5);
    const closing = { expectedVersion: 2, turnId: 't.reply', lease, closes: 't', release: true, end };
    await counted(() => store.append(key, [entry('b')], closing));
    expect([counts, await rows()]).toEqual([[1, 1, 1, 1, 1], 2]);
  });

  test('the newest messages of a long session are found by the index, and nothing else is read', async () => {
    const { pool: listener, asked } = listening();
    const store = open({ pool: listener });
    const key = { owner: anOwner(), id: 'long' };
    for (let turn = 0; turn < 20; turn++) {
      const batch = Array.from({ length: 500 }, (_, at) => entry(`m${turn * 500 + at}`));
      await store.append(key, batch, { expectedVersion: turn, turnId: `t${turn}` });
    }
    await pool.query('ANALYZE');
    asked.length = 0;
    expect((await store.load(key, { last: 20 }))?.messages).toHaveLength(20);
    const [load] = asked;
    const client = await pool.connect();
    try {
      await client.query(`PREPARE load AS ${load?.text ?? ''}`);
      for (const mode of ['custom', 'generic']) {
        await client.query(`SET plan_cache_mode = force_${mode}_plan`);
        const values = (load?.values ?? []).map((value) => `'${String(value)}'`).join(', ');
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(
          `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE load(${values})`,
        );
        const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
        expect(plan).toMatch(
          /Index Scan Backward using sluice_turns_window on sluice_turns t \(actual rows=[23] /,
        );
        expect(plan).not.toContain('Seq Scan on sluice_turns');
      }
    } finally {
      client.release(true);
    }
  });

  test('an id with a NUL is escaped in its column', async () => {
    const store = open();
    const key = { owner: anOwner(), id: 'a\0b\\0c' };
    await store.append(key, [entry('nul \0')], { expectedVersion: 0, turnId: '\0' });
    const { rows } = await pool.query('SELECT id FROM public.sluice_sessions WHERE owner = $1', [key.owner]);
    expect(rows).toEqual([{ id: 'a\\0b\\\\0c' }]);
    expect(contents(await store.load(key))).toEqual(['nul \0']);
    expect((await store.list({ owner: key.owner })).sessions[0]?.id).toBe(key.id);
  });

  test('sums can be read with SQL', async () => {
    const key = { owner: anOwner(), id: 's' };
    await open().append(key, [], { expectedVersion: 0, turnId: 't', end });
    const { rows } = await pool.query(
      'SELECT turns::int, input_tokens, total_usd, input_usd, cost_status FROM public.sluice_owners WHERE owner = $1',
      [key.owner],
    );
    expect(rows).toEqual([
      { turns: 1, input_tokens: 1, total_usd: 0.5, input_usd: null, cost_status: 'exact' },
    ]);
  });

  test('without prepared statements', async () => {
    const { pool: listener, asked } = listening();
    const store = open({ pool: listener, prepare: false });
    await store.append({ owner: anOwner(), id: 's' }, [entry('a')], { expectedVersion: 0, turnId: 't' });
    expect(asked.map(({ name }) => name)).toEqual(asked.map(() => undefined));
    const names = listening();
    await open({ pool: names.pool }).load('s');
    expect(names.asked[0]?.name).toMatch(/^sluice_[0-9a-f]{32}$/);
  });

  test('a fork waits for a deletion that is under way, and then copies nothing', async () => {
    const mine = anOwner();
    const key = { owner: mine, id: 's' };
    const store = open();
    await store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't', end });
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('DELETE FROM public.sluice_sessions WHERE owner = $1', [mine]);
      const forked = failureOf(store.fork(key));
      const waiting = `pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      await expect.poll(() => count(waiting)).toBe(1);
      await client.query('COMMIT');
      expect((await forked).code).toBe('not_found');
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
    expect((await store.list({ owner: mine })).sessions).toEqual([]);
  });

  describe('nothing is left behind', () => {
    test('after delete, forget and a lease that nobody wrote under', async () => {
      const store = open();
      const mine = anOwner();
      const key = { owner: mine, id: 's' };
      const rows = async (): Promise<number[]> =>
        Promise.all(
          ['sessions', 'turns', 'owners'].map((table) =>
            count(`public.sluice_${table} WHERE owner = $1`, mine),
          ),
        );
      await (await store.lease(key, 60_000)).release();
      expect(await rows()).toEqual([0, 0, 0]);
      await store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't', end });
      await store.fork(key);
      expect(await rows()).toEqual([2, 2, 1]);
      await store.delete(key);
      expect(await rows()).toEqual([1, 1, 1]);
      expect(await store.forget(mine)).toBe(1);
      expect(await rows()).toEqual([0, 0, 0]);
    });

    test('after sweep, of expired sessions', async () => {
      const mine = anOwner();
      const store = open({ ttlMs: 1 });
      for (const id of ['a', 'b', 'c'])
        await store.append({ owner: mine, id }, [entry(id)], { expectedVersion: 0, turnId: 't', end });
      await open().append({ owner: mine, id: 'kept' }, [entry('d')], { expectedVersion: 0, turnId: 't' });
      await expect.poll(async () => (await store.list({ owner: mine })).sessions).toHaveLength(1);
      expect(await store.sweep({ owner: anOwner() })).toBe(0);
      expect(await store.sweep({ owner: mine, limit: 1 })).toBe(1);
      expect(await store.sweep()).toBeGreaterThanOrEqual(2);
      expect(await count('public.sluice_sessions WHERE owner = $1', mine)).toBe(1);
      expect(await count('public.sluice_turns WHERE owner = $1', mine)).toBe(1);
      expect((await store.spend({ owner: mine })).turns).toBe(3);
      expect(await failureOf(store.sweep({ limit: 0 }))).toMatchObject({ code: 'invalid_options' });
    });

    test('after appends: once a minute the owner’s sessions are swept', async () => {
      const mine = anOwner();
      const now = vi.spyOn(performance, 'now');
      const store = open({ ttlMs: 1 });
      await store.append({ owner: mine, id: 'old' }, [entry('a')], { expectedVersion: 0, turnId: 't' });
      await expect.poll(() => store.load({ owner: mine, id: 'old' })).toBeUndefined();
      const long = open({ ttlMs: 60_000 });
      now.mockReturnValue(performance.now() + 61_000);
      await long.append({ owner: mine, id: 'new' }, [entry('b')], { expectedVersion: 0, turnId: 't' });
      now.mockRestore();
      // The append does not wait for it; close() does.
      await long.close();
      expect(await count('public.sluice_sessions WHERE owner = $1', mine)).toBe(1);
    });
  });

  describe('the clock of the server decides', () => {
    test('R35 R42 a process whose clock is wrong changes nothing', async () => {
      const store = open({ ttlMs: 60_000 });
      const key = { owner: anOwner(), id: 's' };
      const lease = await store.lease(key, 30_000);
      await store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't', lease });
      const before = Date.now();
      vi.useFakeTimers({ toFake: ['Date'], now: before + 86_400_000 });
      try {
        expect(contents(await store.load(key))).toEqual(['a']);
        expect(await failureOf(store.lease(key, 1_000))).toMatchObject({ code: 'session_busy' });
        await lease.renew(30_000);
        expect(Math.abs(lease.expiresAt - before - 30_000)).toBeLessThan(10_000);
      } finally {
        vi.useRealTimers();
      }
    });
  });
});
