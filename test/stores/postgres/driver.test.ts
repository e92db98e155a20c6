import { beforeAll, describe, expect, test } from 'vitest';
import type { PostgresQuery } from 'sluice/stores/postgres';
import { PostgresDriver } from '../../../stores/postgres/driver.ts';
import { postgresStoreSettings } from '../../../stores/postgres/options.ts';
import { keepsDriverPromises } from '../driver-cases.ts';
import { watched } from './pools.ts';
import { anOwner, end, entry, onPostgres } from './stage.ts';

await onPostgres('the driver', ({ database, pool, open, count }) => {
  beforeAll(async () => {
    for (const schema of ['public', 'planned']) await open({ schema }).migrate();
  });
  keepsDriverPromises('PostgreSQL', () => new PostgresDriver(postgresStoreSettings({ pool })));

  test('moves the head before a row that was appended while the move waited for its lock', async () => {
    const driver = new PostgresDriver(postgresStoreSettings({ pool }));
    const place = { owner: anOwner(), id: 's' };
    const write = (content: string): Promise<unknown> =>
      driver.write(place, { rows: [{ weight: 1, content }], bump: true, release: false });
    const read = async (from?: number): Promise<string[]> =>
      (await driver.load(place, Infinity, from))?.rows.map(({ content }) => content) ?? [];
    await write('first');
    const head = (await driver.load(place, 1))?.head;
    const lock = await pool.connect();
    await lock.query('BEGIN');
    await lock.query('SELECT 1 FROM sluice_sessions WHERE owner = $1 FOR UPDATE', [place.owner]);
    const waiting = `pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    const appended = write('second');
    await expect.poll(() => count(waiting)).toBe(1);
    const moved = driver.write(place, { rows: [], head, bump: true, release: false });
    await expect.poll(() => count(waiting)).toBe(2);
    await lock.query('COMMIT');
    lock.release();
    await Promise.all([appended, moved]);
    expect(await read()).toEqual(['first']);
    await write('third');
    expect(await read()).toEqual(['first', 'third']);
    expect(await read((head ?? 0) + 1)).toEqual(['first', 'second']);
  });

  test('checks that a lease is held only where a write asks for it', async () => {
    const driver = new PostgresDriver(postgresStoreSettings({ pool }));
    const place = { owner: anOwner(), id: 's' };
    const token = (await driver.lease(place, 60_000, false))?.token;
    const write = async (held?: boolean): Promise<unknown> =>
      (await driver.write(place, { rows: [], token, held, bump: true, release: false })).refused;
    expect([await write(), await write(true)]).toEqual([undefined, undefined]);
    await driver.hold(place, token ?? 0, 0);
    expect([await write(), await write(true), await write(false)]).toEqual([undefined, 'token', undefined]);
  });

  describe('plans', () => {
    test('that the server caches after six runs on empty tables never scan the table of rows', async () => {
      const single = database.pool({ max: 1 });
      const asked = new Map<string, PostgresQuery>();
      const listener = watched(single, (query, run) => {
        if (query.name !== undefined) asked.set(query.name, query);
        return run();
      });
      const driver = new PostgresDriver(postgresStoreSettings({ pool: listener, schema: 'planned' }));
      const place = { owner: anOwner(), id: 's' };
      const still = { rows: [], bump: false, release: false };
      const rows = [{ weight: 1, content: '' }];
      for (let run = 0; run < 6; run++) {
        const group = { id: `t${run}`, from: 0 };
        // Another version, so that nothing is stored: the tables stay empty.
        const append = { rows, bump: true, release: true, group, token: 1, version: 7 };
        await driver.write(place, append);
        await driver.write(place, { ...append, sums: { turns: 1 } });
        await driver.write(place, { ...append, fields: { a: '1' }, drop: ['x'] });
        await driver.write(place, { ...append, after: 1 });
        await driver.write(place, { ...still, version: 7, head: 1 });
        const steps = { ...still, group, token: 1, held: true, rows: [{ weight: 0, content: '' }] };
        await driver.write(place, steps);
        await driver.write(place, { ...steps, sums: { totalUsd: 1 }, fields: { a: '1' } });
        await driver.write(place, { ...steps, before: 1 });
        await driver.write(place, { ...still, version: 7, fields: { a: '1' } });
        await driver.load(place, 20);
        await driver.load(place, Infinity);
        await driver.group(place, 't');
        await driver.copy(place, place, { messages: 1, without: [], cut: () => '' });
      }
      const store = open({ schema: 'planned', pool: single });
      for (let at = 0; at < 40; at++) {
        const key = { owner: anOwner(), id: 's' };
        const messages = Array.from({ length: 200 }, () => entry('m'));
        await store.append(key, messages, { expectedVersion: 0, turnId: 't', end });
      }
      expect(asked.size).toBeGreaterThan(9);
      for (const { name = '', values } of asked.values()) {
        const given = values.map((value) => literal(value)).join(', ');
        const { rows: lines } = await single.query<{ 'QUERY PLAN': string }>(
          `EXPLAIN (COSTS OFF) EXECUTE ${name}${given === '' ? '' : `(${given})`}`,
        );
        expect(lines.map((line) => line['QUERY PLAN']).join('\n')).not.toMatch(
          /Seq Scan on sluice_(turns|sessions)/,
        );
      }
      await single.end();
    });
  });
});

/** A value as `EXPLAIN EXECUTE` takes it. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (Array.isArray(value)) return `'{${value.map((one) => JSON.stringify(one)).join(',')}}'`;
  return `'${String(value).replaceAll("'", "''")}'`;
}
