import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import type { StateStore } from 'sluice';
import { root } from '../../../scripts/entry-points.ts';
import { failureOf } from '../../core/harness.ts';
import { POSTGRES_URL } from '../../support/postgres.ts';
import { tcpProxy } from '../../support/tcp-proxy.ts';
import { fakePool } from './pools.ts';
import { anOwner, contents, end, entry, onPostgres } from './stage.ts';

await onPostgres('faults', ({ database, pool, open }) => {
  beforeAll(async () => {
    await open().migrate();
    await open({ schema: 'secured', rowLevelSecurity: true }).migrate();
  });

  describe('writers at once', () => {
    test('R34 two processes lose nothing of what they append', async () => {
      const mine = anOwner();
      const url = new URL(POSTGRES_URL);
      url.pathname = `/${database.name}`;
      const writer = join(root, 'test/stores/postgres/writer.ts');
      const run = promisify(execFile);
      await Promise.all(
        ['x', 'y'].map((name) => run(process.execPath, [writer, url.href, mine, name, '20'])),
      );
      const state = await open().load({ owner: mine, id: 'shared' });
      const all = contents(state);
      expect(state?.version).toBe(40);
      for (const name of ['x', 'y']) {
        const theirs = all.filter((content) => String(content).startsWith(name));
        expect(theirs).toEqual(
          Array.from({ length: 20 }, (_, turn) => [`${name}${turn}a`, `${name}${turn}b`]).flat(),
        );
      }
      for (let at = 0; at < all.length; at += 2)
        expect(String(all[at]).slice(0, -1)).toBe(String(all[at + 1]).slice(0, -1));
    });

    test('a database whose transactions are serializable makes them try again', async () => {
      const strict = database.pool({ options: '-c default_transaction_isolation=serializable' });
      const { rows } = await strict.query('SHOW default_transaction_isolation');
      expect(rows).toEqual([{ default_transaction_isolation: 'serializable' }]);
      const store = open({ pool: strict });
      const mine = anOwner();
      const write = async (at: number): Promise<number> =>
        store.append({ owner: mine, id: `s${at}` }, [entry('a')], { expectedVersion: 0, turnId: 't', end });
      await Promise.all(Array.from({ length: 10 }, (_, at) => write(at)));
      expect((await store.spend({ owner: mine })).turns).toBe(10);
    });

    test('a statement that loses again and again fails with a retryable error', async () => {
      const lost = Object.assign(new Error('could not serialize access'), { code: '40001' });
      let asked = 0;
      const store = open({
        pool: fakePool(() => {
          asked++;
          return Promise.reject(lost);
        }),
      });
      expect(await failureOf(store.load('s'))).toMatchObject({ code: 'store', retryable: true, cause: lost });
      expect(asked).toBe(6);
    });
  });

  describe('a bad connection', () => {
    const { port, hostname } = new URL(POSTGRES_URL);
    const target = { port: Number(port === '' ? 5432 : port), host: hostname };
    const failed = { code: 'store', retryable: true };

    test('that breaks during a statement is a retryable store error, and the turn is stored once', async () => {
      const proxy = await tcpProxy(target);
      const store = open({ pool: database.pool({ port: proxy.port, max: 1 }) });
      const key = { owner: anOwner(), id: 's' };
      try {
        await store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't1', end });
        // The answer is lost, the append is not: the server has it and keeps it.
        proxy.stall('back');
        const append = store.append(key, [entry('b')], { expectedVersion: 1, turnId: 't2', end });
        const cut = failureOf(append);
        await expect.poll(async () => (await open().load(key, { last: 0 }))?.version).toBe(2);
        proxy.drop();
        proxy.resume();
        expect(await cut).toMatchObject(failed);
        expect(await store.append(key, [entry('b')], { expectedVersion: 1, turnId: 't2', end })).toBe(2);
        const state = await store.load(key);
        expect([contents(state), state?.turns]).toEqual([['a', 'b'], 2]);
      } finally {
        await proxy.close();
      }
    });

    test('that breaks between two statements does not end the process, and is not used again', async () => {
      const mine = database.pool({ max: 1 });
      let broken = 0;
      const store = open({
        schema: 'secured',
        rowLevelSecurity: true,
        pool: {
          async connect() {
            const client = await mine.connect();
            if (broken++ > 0) return client;
            const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
            return {
              async query(query) {
                const answer = await client.query(query);
                if (!query.text.startsWith('BEGIN')) return answer;
                const ended = new Promise<void>((resolve) => client.once('end', resolve));
                await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
                await ended;
                return answer;
              },
              release: (destroy) => client.release(destroy),
              on: (event, listener) => client.on(event, listener),
              removeListener: (event, listener) => client.removeListener(event, listener),
            };
          },
          on: () => undefined,
          end: () => Promise.resolve(),
        },
      });
      const key = { owner: anOwner(), id: 's' };
      expect(await failureOf(store.load(key))).toMatchObject(failed);
      expect(await store.load(key)).toBeUndefined();
      expect(broken).toBe(2);
    });

    test.each([false, true])(
      'that gives no answer is given up in time (row level security: %s)',
      async (rowLevelSecurity) => {
        const proxy = await tcpProxy(target);
        const far = database.pool({ port: proxy.port, max: 1 });
        const schema = rowLevelSecurity ? 'secured' : 'public';
        const store = open({ pool: far, rowLevelSecurity, schema });
        const hasty = open({ pool: far, timeoutMs: 100, rowLevelSecurity, schema });
        try {
          await store.load('s');
          proxy.stall();
          expect(await failureOf(hasty.load('s'))).toMatchObject(failed);
          proxy.resume();
          // The connection was given up with the statement.
          expect(await store.load('s')).toBeUndefined();
        } finally {
          await proxy.close();
        }
      },
    );

    test.each([false, true])(
      'that the server ends is replaced (row level security: %s)',
      async (rowLevelSecurity) => {
        const far = database.pool({ max: 1 });
        const schema = rowLevelSecurity ? 'secured' : 'public';
        const store = open({ pool: far, rowLevelSecurity, schema });
        const { rows } = await far.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        const hang = far.query('SELECT pg_sleep(60)').catch((error: unknown) => error);
        await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
        expect(await hang).toMatchObject({ code: '57P01' });
        expect(await store.load('s')).toBeUndefined();
      },
    );

    test.each([false, true])(
      'that the server ends during a statement is a store error, and nothing else (row level security: %s)',
      async (rowLevelSecurity) => {
        const schema = rowLevelSecurity ? 'secured' : 'public';
        const store = open({ rowLevelSecurity, schema });
        const key = { owner: anOwner(), id: 's' };
        await store.append(key, [entry('a')], { expectedVersion: 0, turnId: 't1' });
        const client = await pool.connect();
        try {
          await client.query('BEGIN');
          await client.query(`SELECT FROM ${schema}.sluice_sessions WHERE owner = $1 FOR UPDATE`, [
            key.owner,
          ]);
          const cut = failureOf(store.append(key, [entry('b')], { expectedVersion: 1, turnId: 't2' }));
          const waiting = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'`;
          // Not by the client: in a transaction it sees one state of the activity.
          await expect.poll(async () => (await pool.query(waiting)).rowCount).toBeGreaterThan(0);
          expect(await cut).toMatchObject(failed);
        } finally {
          await client.query('ROLLBACK');
          client.release();
        }
        expect(contents(await store.load(key))).toEqual(['a']);
      },
    );

    test('that cannot be opened is a store error, and its cause says why', async () => {
      const proxy = await tcpProxy(target);
      await proxy.close();
      const store: StateStore = open({ pool: database.pool({ port: proxy.port }) });
      const refusals = [
        store.load('s'),
        store.turn('s', 't'),
        store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' }),
        store.update('s', {}, { expectedVersion: 0 }),
        store.spend({ owner: '' }),
        store.list({ owner: '' }),
        store.fork('s'),
        store.delete('s'),
        store.forget(''),
        store.lease('s', 1_000),
        open({ pool: database.pool({ port: proxy.port }) }).migrate(),
      ];
      for (const refusal of refusals) {
        const error = await failureOf(refusal);
        expect(error).toMatchObject({ ...failed, cause: { code: 'ECONNREFUSED' } });
      }
    });
  });
});
