import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PostgresStoreOptions } from 'sluice/stores/postgres';
import { failureOf } from '../../core/harness.ts';
import { anOwner, contents, end, entry, grants, keepsContract, onPostgres } from './stage.ts';

await onPostgres('as a role that may make nothing, with row level security', (stage) => {
  const { database, pool, open } = stage;
  const role = database.name.replace('sluice_test', 'sluice_role');
  let limited: Pool;
  beforeAll(async () => {
    await open({ rowLevelSecurity: true, schema: 'secured' }).migrate();
    await pool.query(`CREATE ROLE "${role}" LOGIN NOSUPERUSER; ${grants(role, 'secured')}`);
    limited = database.pool({ user: role });
  });
  afterAll(async () => {
    await limited.end();
    await pool.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`);
  });
  const secured = (): Partial<PostgresStoreOptions> => ({
    pool: limited,
    schema: 'secured',
    rowLevelSecurity: true,
  });

  keepsContract(stage, 'postgres with row level security', 'secured', secured);

  test('S2 a query sees the rows of the owner that is set, and no others', async () => {
    const [mine, theirs] = [anOwner(), anOwner()];
    const store = open(secured());
    for (const whose of [mine, theirs])
      await store.append({ owner: whose, id: 's' }, [entry(whose)], {
        expectedVersion: 0,
        turnId: 't',
        end,
      });
    const client = await limited.connect();
    const seen = async (): Promise<unknown[]> => {
      const texts = ['sessions', 'turns', 'owners'].map(
        (table) => `SELECT owner FROM secured.sluice_${table}`,
      );
      return (await client.query<{ owner: string }>(texts.join(' UNION ALL '))).rows.map((row) => row.owner);
    };
    try {
      expect(await seen()).toEqual([]);
      await client.query('BEGIN');
      await client.query(`SELECT set_config('app.owner', $1, true)`, [`=${mine}`]);
      expect(await seen()).toEqual([mine, mine, mine]);
      const { rowCount } = await client.query(`DELETE FROM secured.sluice_sessions`);
      expect(rowCount).toBe(1);
      const stolen = client.query(`INSERT INTO secured.sluice_owners (owner) VALUES ('${theirs}-too')`);
      await expect(stolen).rejects.toMatchObject({ code: '42501' });
      await client.query('ROLLBACK');
      // The setting is '' from now on, which is not the owner with no name.
      await store.append('nameless', [entry('x')], { expectedVersion: 0, turnId: 't', end });
      expect(await seen()).toEqual([]);
      await store.delete('nameless');
    } finally {
      client.release();
    }
    expect(contents(await store.load({ owner: theirs, id: 's' }))).toEqual([theirs]);
  });

  test('S2 the policies also apply to the role that created the tables', async () => {
    const maker = `${role}_maker`;
    await pool.query(`CREATE ROLE "${maker}" LOGIN NOSUPERUSER; CREATE SCHEMA made AUTHORIZATION "${maker}"`);
    const own = database.pool({ user: maker });
    try {
      const store = open({ pool: own, schema: 'made', rowLevelSecurity: true });
      await store.migrate();
      const key = { owner: anOwner(), id: 's' };
      await store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't', end });
      const tables = ['sessions', 'turns', 'owners'].map((table) => `SELECT owner FROM made.sluice_${table}`);
      expect((await own.query(tables.join(' UNION ALL '))).rows).toEqual([]);
      expect(contents(await store.load(key))).toEqual(['a']);
      await store.delete(key);
    } finally {
      await own.end();
      await pool.query(`DROP OWNED BY "${maker}" CASCADE; DROP ROLE "${maker}"`);
    }
  });

  test('no connection keeps the owner of a statement that failed', async () => {
    const one = database.pool({ user: role, max: 1 });
    const store = open({ ...secured(), pool: one, prefix: 'missing_' });
    expect(await failureOf(store.load({ owner: 'acme', id: 's' }))).toMatchObject({ code: 'store' });
    const { rows } = await one.query(`SELECT coalesce(current_setting('app.owner', true), '') AS owner`);
    expect(rows).toEqual([{ owner: '' }]);
  });

  test('a store that does not set the owner gets an error instead of seeing nothing', async () => {
    const store = open({ ...secured(), rowLevelSecurity: false });
    expect(await failureOf(store.migrate())).toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining('set rowLevelSecurity'),
    });
  });

  test('sweeps one owner at a time', async () => {
    const store = open(secured());
    expect(await failureOf(store.sweep())).toMatchObject({ code: 'invalid_options' });
    expect(await store.sweep({ owner: anOwner() })).toBe(0);
  });
});
