import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { PostgresQuery, PostgresStoreOptions } from 'sluice/stores/postgres';
import { Pipeline, isSluiceError } from 'sluice';
import { provider } from 'sluice/middleware';
import { scripted } from 'sluice/testing';
import { hasPgBouncer, pgBouncer, type PgBouncer } from './pgbouncer.ts';
import { watched } from './pools.ts';
import { anOwner, contents, end, entry, keepsContract, onPostgres } from './stage.ts';

/** The warnings of this process while a test runs. */
function warnings(): unknown[] {
  const heard: unknown[] = [];
  vi.spyOn(process, 'emitWarning').mockImplementation((...given: unknown[]) => void heard.push(given[1]));
  return heard;
}

const offered = { type: 'SluiceWarning', code: 'SLUICE_PREPARED_STATEMENTS' };

await onPostgres('behind PgBouncer in transaction mode', (stage) => {
  const { database, open } = stage;

  describe.skipIf(!hasPgBouncer())('which keeps no prepared statements', () => {
    let bouncer: PgBouncer;
    let far: ReturnType<typeof database.pool>;
    beforeAll(async () => {
      bouncer = await pgBouncer();
      far = database.pool({ port: bouncer.port, max: 4 });
    });
    afterAll(async () => {
      vi.restoreAllMocks();
      await far.end();
      await bouncer.stop();
    });
    const options = (): Partial<PostgresStoreOptions> => ({ pool: far });

    keepsContract(
      { ...stage, open: (given) => open({ ...options(), ...given }) },
      'postgres behind PgBouncer',
      'public',
    );
    keepsContract(
      { ...stage, open: (given) => open({ ...options(), rowLevelSecurity: true, ...given }) },
      'postgres with row level security behind PgBouncer',
      'secured',
    );

    test('the setup works: transactions of a client use several connections', async () => {
      // As many transactions at once as there may be connections open them.
      const clients = await Promise.all(Array.from({ length: 3 }, () => far.connect()));
      for (const word of ['BEGIN', 'COMMIT']) await Promise.all(clients.map((client) => client.query(word)));
      for (const client of clients) client.release();
      const one = database.pool({ port: bouncer.port, max: 1 });
      const pids = new Set<number>();
      for (let at = 0; at < 6; at++) {
        const { rows } = await one.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        for (const { pid } of rows) pids.add(pid);
      }
      expect(pids.size).toBe(3);
    });

    test.each([false, true])(
      'the store works without them, with one warning (row level security: %s)',
      async (rowLevelSecurity) => {
        const heard = warnings();
        const asked: PostgresQuery[] = [];
        const failed: unknown[] = [];
        const watching = watched(far, (query, run) => {
          asked.push(query);
          return run().catch((error: unknown) => {
            failed.push(Reflect.get(Object(error), 'code'));
            throw error;
          });
        });
        const schema = rowLevelSecurity ? 'secured' : 'public';
        const store = open({ pool: watching, rowLevelSecurity, schema });
        await store.migrate();
        const keys = Array.from({ length: 8 }, (_, at) => ({ owner: anOwner(), id: `s${at}` }));
        for (let turn = 0; turn < 5; turn++)
          await Promise.all(
            keys.map(async (key) => {
              const lease = await store.lease(key, 60_000);
              const append = { expectedVersion: turn, turnId: `t${turn}`, lease, release: true, end };
              await store.append(key, [entry(`m${turn}`)], append);
            }),
          );
        for (const key of keys) {
          const state = await open({ rowLevelSecurity, schema }).load(key);
          expect([contents(state), state?.turns]).toEqual([['m0', 'm1', 'm2', 'm3', 'm4'], 5]);
        }
        expect(heard).toEqual([offered]);
        expect(new Set(failed.filter((code) => code !== '26000' && code !== '42P05'))).toEqual(new Set());
        expect(failed.length).toBeGreaterThan(0);
        asked.length = 0;
        for (const key of keys) await store.load(key);
        expect(asked.filter(({ name }) => name !== undefined)).toEqual([]);
      },
    );

    test('with prepare: false no statement is refused', async () => {
      const heard = warnings();
      const store = open({ pool: far, prepare: false });
      await store.migrate();
      const key = { owner: anOwner(), id: 's' };
      for (let turn = 0; turn < 10; turn++)
        await store.append(key, [entry(`m${turn}`)], { expectedVersion: turn, turnId: `t${turn}`, end });
      expect((await store.load(key))?.turns).toBe(10);
      expect(heard).toEqual([]);
    });

    test('turns of a pipeline that run at once are each stored and paid once', async () => {
      warnings();
      const store = open({ pool: far });
      await store.migrate();
      const pipeline = new Pipeline([provider(scripted('ok', { repeat: true }))], { store });
      const owner = anOwner();
      const run = async (session: number, turn: number): Promise<void> => {
        const key = { owner, id: `s${session}` };
        await pipeline.executeWithContext(key, 'user', `m${turn}`, { turnId: `t${turn}` });
      };
      for (let turn = 0; turn < 3; turn++)
        await Promise.all(Array.from({ length: 10 }, (_, session) => run(session, turn)));
      // The same again: nothing runs twice.
      await Promise.all(Array.from({ length: 10 }, (_, session) => run(session, 0)));
      const near = open();
      for (let session = 0; session < 10; session++) {
        const state = await near.load({ owner, id: `s${session}` });
        expect(contents(state)).toEqual(['m0', 'ok', 'm1', 'ok', 'm2', 'ok']);
      }
      expect((await near.spend({ owner })).turns).toBe(30);
      await pipeline.shutdown();
    });

    test('nothing of an owner stays on a connection that others use', async () => {
      warnings();
      const secured = { rowLevelSecurity: true, schema: 'secured' };
      const store = open({ pool: far, ...secured });
      await store.migrate();
      const owner = anOwner();
      await store.append({ owner, id: 's' }, [entry('a')], { expectedVersion: 0, turnId: 't', end });
      for (let at = 0; at < 6; at++) {
        const seen = await far.query<{ owner: string | null }>(
          `SELECT current_setting('app.owner', true) AS owner`,
        );
        expect(['', null]).toContain(seen.rows[0]?.owner);
      }
    });

    test('a PgBouncer that is gone is a retryable store error', async () => {
      const other = await pgBouncer();
      const store = open({ pool: database.pool({ port: other.port }) });
      await store.load('s');
      await other.stop();
      const error = await store.load('s').catch((thrown: unknown) => thrown);
      expect(isSluiceError(error) && [error.code, error.retryable]).toEqual(['store', true]);
    });
  });
});
