import { inspect } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { postgresStore } from 'sluice/stores/postgres';
import { failureOf } from '../../core/harness.ts';
import { fakePool } from './pools.ts';
import { anOwner, end, entry, onPostgres } from './stage.ts';

/** What a pool says that gives no connection. */
const failing = (cause: Error): ReturnType<typeof postgresStore> =>
  postgresStore({ pool: fakePool(() => Promise.reject(cause)), prepare: false });

const withCode = (code: string): Error => Object.assign(new Error('as the server says'), { code });

describe('an error that does not go away by itself', () => {
  const tables =
    'the tables or the server are not what this release needs: call migrate(), and use PostgreSQL 12 or newer';
  const login =
    'the server does not let this role in: fix user and password of the connection, or pg_hba.conf';
  const value = 'the database refuses a value: it must be of encoding UTF8';
  const pooler =
    'a pooler mixes up the prepared statements of its clients: set prepare to false, or connect without the pooler';
  const trust = "the server's certificate is not trusted: give its authority in ssl.ca of the pool";
  test.each([
    ['0A000', 'the server lacks a feature that the store needs: use PostgreSQL 12 or newer'],
    ['0P000', login],
    ['22003', value],
    ['22021', value],
    ['22P05', value],
    ['23502', tables],
    ['23514', tables],
    ['26000', pooler],
    ['28000', login],
    ['28P01', login],
    ['3D000', 'there is no such database: create it, or fix the database of the connection'],
    ['3F000', 'there is no such schema: call migrate(), or fix the option schema'],
    [
      '42501',
      'the role lacks a permission: grant what docs/stores/postgres.md or docs/chunk-logs.md lists, and set rowLevelSecurity if the tables have it',
    ],
    ['42601', tables],
    ['42703', 'the tables are of another release: call migrate()'],
    ['42804', tables],
    ['42883', tables],
    ['42P01', 'there are no tables: call migrate(), or fix the options schema and prefix'],
    ['42P05', pooler],
    ['42P10', tables],
    ['44000', tables],
    ['54000', 'a value is larger than the database can keep'],
    ['57P04', 'there is no such database: create it, or fix the database of the connection'],
    ['P0001', 'a trigger or a function of the database refuses it'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', trust],
    ['CERT_HAS_EXPIRED', trust],
  ])('%s is not retryable, and the error says what to do', async (code, why) => {
    const cause = withCode(code);
    expect(await failureOf(failing(cause).load('s'))).toMatchObject({
      code: 'store',
      retryable: false,
      message: `The session store failed at load: ${why}.`,
      cause: { code },
    });
  });

  test.each([
    ['SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string', login],
    [
      'The server does not support SSL connections',
      'the server has no TLS: take ssl out of the connection, or switch it on there',
    ],
    [
      'Cannot use a pool after calling end on the pool',
      'the pool is ended: end it after the last turn, and make a new one for more',
    ],
  ])('"%s", an error of pg itself, is not retryable', async (message, why) => {
    expect(await failureOf(failing(new Error(message)).load('s'))).toMatchObject({
      code: 'store',
      retryable: false,
      message: `The session store failed at load: ${why}.`,
      cause: { message },
    });
  });
});

describe('an error that may go away by itself', () => {
  test.each([
    ['25006', 'the server takes no writes, it is a standby or about to be one: connect to the primary.'],
    ['53300', 'the server has no connection left: make the pools smaller, or raise max_connections.'],
    ['55P03', 'a lock was not free in time (lock_timeout).'],
    ['57014', 'the server ended the statement (statement_timeout, or somebody cancelled it).'],
    ['57P03', 'the server is starting or stopping.'],
    ['ECONNREFUSED', 'nobody listens at host and port of the connection.'],
  ])('%s is retryable, and the error says what it was', async (code, why) => {
    expect(await failureOf(failing(withCode(code)).load('s'))).toMatchObject({
      code: 'store',
      retryable: true,
      message: `The session store failed at load: ${why}`,
      cause: { code },
    });
  });

  test.each([
    ...[
      '08000',
      '08006',
      '08P01',
      '25P03',
      '40001',
      '40P01',
      '40003',
      '53100',
      '53200',
      '55006',
      '57P01',
      '57P02',
    ],
    ...[
      '57P05',
      '58000',
      '58030',
      'XX000',
      'ECONNRESET',
      'EPIPE',
      'ETIMEDOUT',
      'ENOTFOUND',
      'EAI_AGAIN',
      'EHOSTUNREACH',
    ],
  ])('%s is retryable', async (code) => {
    const error = await failureOf(failing(withCode(code)).load('s'));
    expect(error).toMatchObject({ code: 'store', retryable: true, cause: { code } });
    expect(error).toHaveProperty('message', 'The session store failed at load (see the cause).');
  });

  test.each([
    ['timeout exceeded when trying to connect', ': the pool gave no connection in time.'],
    ['Connection terminated due to connection timeout', ': the pool gave no connection in time.'],
    ['Connection terminated unexpectedly', ' (see the cause).'],
    ['Query read timeout', ' (see the cause).'],
    ['Client has encountered a connection error and is not queryable', ' (see the cause).'],
  ])('"%s", an error of pg itself, is retryable', async (message, rest) => {
    expect(await failureOf(failing(new Error(message)).load('s'))).toMatchObject({
      code: 'store',
      retryable: true,
      message: `The session store failed at load${rest}`,
      cause: { message },
    });
  });
});

await onPostgres('errors of a server', ({ database, pool, open }) => {
  beforeAll(async () => {
    for (const schema of ['public', 'old', 'guarded']) await open({ schema }).migrate();
    await pool.query('ALTER TABLE old.sluice_sessions DROP COLUMN fields');
    await pool.query(`
      CREATE FUNCTION guarded.guard() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'refused "%"', NEW.content USING DETAIL = NEW.content; END $$;
      CREATE TRIGGER guard BEFORE INSERT ON guarded.sluice_turns FOR EACH ROW EXECUTE FUNCTION guarded.guard();
      ALTER TABLE guarded.sluice_sessions ADD CONSTRAINT small CHECK (length(fields::text) < 1000)`);
  });
  const append = { expectedVersion: 0, turnId: 't', end };

  test('of a role without rights: each call says so, and is not retryable', async () => {
    const role = database.name.replace('sluice_test', 'sluice_bare');
    await pool.query(`CREATE ROLE "${role}" LOGIN NOSUPERUSER; GRANT USAGE ON SCHEMA public TO "${role}"`);
    const bare = database.pool({ user: role });
    try {
      const store = open({ pool: bare });
      const refusals = [
        store.load('s'),
        store.turn('s', 't'),
        store.append('s', [entry('a')], append),
        store.update('s', {}, { expectedVersion: 0 }),
        store.spend({ owner: '' }),
        store.list({ owner: '' }),
        store.fork('s'),
        store.delete('s'),
        store.forget(''),
        store.lease('s', 1_000),
        store.sweep(),
        store.migrate(),
      ];
      for (const error of await Promise.all(refusals.map(failureOf)))
        expect(error).toMatchObject({
          code: 'store',
          retryable: false,
          message: expect.stringContaining('the role lacks a permission: grant'),
          cause: { code: '42501' },
        });
    } finally {
      await bare.end();
      await pool.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`);
    }
  });

  test.each([
    ['no schema', { schema: 'nowhere' }, '42P01', 'there are no tables: call migrate()'],
    ['no tables', { prefix: 'other_' }, '42P01', 'there are no tables: call migrate()'],
    ['a column too few', { schema: 'old' }, '42703', 'the tables are of another release: call migrate()'],
  ])('of %s: it says so, and is not retryable', async (_what, options, code, why) => {
    expect(await failureOf(open(options).load('s'))).toMatchObject({
      code: 'store',
      retryable: false,
      message: expect.stringContaining(why),
      cause: { code },
    });
  });

  test.each([
    ['takes no writes', '-c default_transaction_read_only=on', '25006'],
    ['ends a statement that takes too long', '-c statement_timeout=1', '57014'],
    ['gives up a lock that is not free', '-c lock_timeout=1', '55P03'],
  ])('that %s is retryable', async (_what, options, code) => {
    const store = open({ pool: database.pool({ options }) });
    const key = { owner: anOwner(), id: 's' };
    await open().append(key, [entry('a')], append);
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT FROM public.sluice_sessions WHERE owner = $1 FOR UPDATE', [key.owner]);
      expect(
        await failureOf(store.append(key, [entry('b')], { expectedVersion: 1, turnId: 't2' })),
      ).toMatchObject({ code: 'store', retryable: true, cause: { code } });
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });

  test('S17 contain no value of a row, neither in the message nor in the cause', async () => {
    const store = open({ schema: 'guarded' });
    const key = { owner: anOwner(), id: 's' };
    const refusals = {
      P0001: await failureOf(store.append(key, [entry('canary')], append)),
      '23514': await failureOf(
        store.update(key, { a: `canary${'x'.repeat(1_000)}` }, { expectedVersion: 0 }),
      ),
    };
    for (const [code, error] of Object.entries(refusals)) {
      expect(error).toMatchObject({ code: 'store', retryable: false, cause: { code, severity: 'ERROR' } });
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('canary');
    }
    expect(refusals.P0001).toHaveProperty('cause.message', 'refused "..."');
    expect(refusals['23514']).toHaveProperty('cause.constraint', 'small');
  });
});
