import { expect, test } from 'vitest';
import { failureOf } from '../../core/harness.ts';
import { anOwner, contents, end, entry, grants, onPostgres } from './stage.ts';

await onPostgres('migrate', ({ database, pool, open, count }) => {
  test('creates the tables once, however often and by however many callers it is called', async () => {
    const stores = Array.from({ length: 8 }, () => open({ schema: 'made', prefix: 'a_' }));
    await Promise.all([...stores, ...stores].map((store) => store.migrate()));
    expect(await count('made.a_migrations')).toBe(2);
    expect(await count(`pg_tables WHERE schemaname = 'made'`)).toBe(4);
    // Another prefix is another store.
    await open({ schema: 'made', prefix: 'b_' }).migrate();
    await open({ schema: 'made', prefix: 'b_' }).append('s', [entry('b')], {
      expectedVersion: 0,
      turnId: 't',
    });
    expect(await stores[0]?.load('s')).toBeUndefined();
  });

  test('waits for another process that creates the tables', async () => {
    const lock = `SELECT pg_advisory_lock(hashtextextended('sluice "locked"."sluice_sessions"', 0))`;
    const other = await pool.connect();
    try {
      await other.query(lock);
      const migrated = open({ schema: 'locked' }).migrate();
      await expect.poll(() => count(`pg_locks WHERE locktype = 'advisory' AND NOT granted`)).toBe(1);
      expect(await count(`pg_namespace WHERE nspname = 'locked'`)).toBe(0);
      await other.query('SELECT pg_advisory_unlock_all()');
      await migrated;
    } finally {
      other.release();
    }
  });

  test('works for a role without the right to create tables if there is nothing to do', async () => {
    const role = database.name.replace('sluice_test', 'sluice_user');
    await open({ schema: 'granted' }).migrate();
    await pool.query(`CREATE ROLE "${role}" LOGIN NOSUPERUSER; ${grants(role, 'granted')}`);
    try {
      const limited = database.pool({ user: role, max: 1 });
      const store = open({ pool: limited, schema: 'granted' });
      await store.migrate();
      const key = { owner: anOwner(), id: 's' };
      const lease = await store.lease(key, 60_000);
      await store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't', lease, end });
      expect(contents(await store.load(key))).toEqual(['a']);
      expect(await store.forget(key.owner)).toBe(1);
      const forbidden = open({ pool: limited, schema: 'forbidden' }).migrate();
      expect(await failureOf(forbidden)).toMatchObject({ code: 'store', retryable: false });
      await limited.end();
    } finally {
      await pool.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`);
    }
  });

  test('refuses tables of a later release, and says what is missing if there are none', async () => {
    const store = open({ schema: 'later' });
    const missing = await failureOf(store.load('s'));
    expect(missing).toMatchObject({ code: 'store', retryable: false });
    expect(missing).toHaveProperty('message', expect.stringContaining('call migrate()'));
    await store.migrate();
    await pool.query('INSERT INTO later.sluice_migrations (version) VALUES (4711)');
    expect(await failureOf(store.migrate())).toMatchObject({
      code: 'store',
      retryable: false,
      message: expect.stringMatching(/version 4711.*update/),
    });
  });

  test('says that a table has been removed, instead of finding nothing to do', async () => {
    const store = open({ schema: 'torn' });
    await store.migrate();
    await pool.query('DROP TABLE torn.sluice_sessions CASCADE');
    expect(await failureOf(store.migrate())).toMatchObject({
      code: 'store',
      retryable: false,
      message:
        'The table "torn"."sluice_sessions" is gone, and "torn"."sluice_migrations" says that it was made: ' +
        'restore it, or drop "torn"."sluice_migrations" and call migrate() again.',
    });
  });

  test('says that a table of that name belongs to another program', async () => {
    await pool.query('CREATE SCHEMA taken; CREATE TABLE taken.sluice_turns (x int)');
    expect(await failureOf(open({ schema: 'taken' }).migrate())).toMatchObject({
      code: 'store',
      retryable: false,
      message:
        'The session store failed at migrate: a table of that name is there and is not ours: set another prefix or schema.',
    });
  });

  test.each([
    [
      'database',
      { database: 'sluice_none' },
      'there is no such database: create it, or fix the database of the connection',
    ],
    ['role', { user: 'sluice_none' }, 'the server does not let this role in'],
  ])('says that there is no such %s', async (_what, options, message) => {
    const wrong = database.pool(options);
    expect(await failureOf(open({ pool: wrong }).migrate())).toMatchObject({
      code: 'store',
      retryable: false,
      message: expect.stringContaining(message),
    });
    await wrong.end();
  });

  test('refuses a database of another encoding', async () => {
    const name = `${database.name}_latin`;
    await pool.query(
      `CREATE DATABASE "${name}" TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'`,
    );
    const latin = database.pool({ database: name });
    try {
      expect(await failureOf(open({ pool: latin }).migrate())).toMatchObject({
        code: 'store',
        retryable: false,
        message: expect.stringContaining('LATIN1'),
      });
    } finally {
      await latin.end();
      await pool.query(`DROP DATABASE "${name}"`);
    }
  });

  test('S3 refuses names with anything but lowercase letters, digits and _', async () => {
    const bad = ['', 'a b', 'Public', 'a"b', `x"; DROP TABLE t; --`, '1a', 'é', 'a.b', 'a'.repeat(64), 'a\0'];
    for (const name of bad) {
      for (const names of [{ schema: name }, { prefix: name }])
        expect(() => open(names)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
    }
    const odd = open({ schema: 'select', prefix: 'from_' });
    await odd.migrate();
    await odd.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    expect(contents(await odd.load('s'))).toEqual(['a']);
  });
});
