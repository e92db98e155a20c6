import { afterAll, describe, it } from 'vitest';
import type { Message, SessionEntry, TurnEnd } from 'sluice';
import { postgresStore } from 'sluice/stores/postgres';
import type { PostgresStore, PostgresStoreOptions } from 'sluice/stores/postgres';
import { stateStoreContract } from 'sluice/testing';
import { tokens } from '../../core/harness.ts';
import { hasPostgres, testDatabase, type TestDatabase } from '../../support/postgres.ts';

export const entry = (content: string): SessionEntry => ({ message: { role: 'user', content } });
export const end: TurnEnd = {
  outcome: 'completed',
  usage: tokens(1, 2),
  cost: { status: 'exact', totalUsd: 0.5 },
};
export const contents = (state: { messages: Message[] } | undefined): unknown[] =>
  state?.messages.map(({ content }) => content) ?? ['nothing'];
/** A name that nobody else uses. */
export const anOwner = (): string => `owner-${crypto.randomUUID()}`;

/** What a test of the store works with: a database of its own for each test file. */
export interface PostgresStage {
  readonly database: TestDatabase;
  readonly pool: ReturnType<TestDatabase['pool']>;
  open(options?: Partial<PostgresStoreOptions>): PostgresStore;
  /** Rows: `count('table WHERE a = $1', a)`. */
  count(sql: string, ...values: unknown[]): Promise<number>;
}

/** Describes tests that need PostgreSQL, with a database that is dropped after them. Skipped if there is no server. */
export async function onPostgres(name: string, body: (stage: PostgresStage) => void): Promise<void> {
  const database = (await hasPostgres()) ? await testDatabase() : undefined;
  describe.skipIf(database === undefined)(name, () => {
    if (database === undefined) {
      it('needs PostgreSQL');
      return;
    }
    const pool = database.pool();
    afterAll(() => database.drop());
    body({
      database,
      pool,
      open: (options = {}) => postgresStore({ pool, ...options }),
      async count(sql, ...values) {
        const { rows } = await pool.query<{ count: number }>(
          `SELECT count(*)::int AS count FROM ${sql}`,
          values,
        );
        return rows[0]?.count ?? -1;
      },
    });
  });
}

/** The rights that docs/stores/postgres.md gives to a role. */
export const grants = (role: string, schema: string): string => `
  GRANT USAGE ON SCHEMA "${schema}" TO "${role}";
  GRANT SELECT, INSERT, UPDATE, DELETE ON "${schema}".sluice_sessions, "${schema}".sluice_turns,
    "${schema}".sluice_owners TO "${role}";
  GRANT SELECT ON "${schema}".sluice_migrations TO "${role}";
  GRANT USAGE ON SEQUENCE "${schema}".sluice_tokens TO "${role}";`;

/** Runs the contract suite of stores. */
export function keepsContract(
  { pool, open }: PostgresStage,
  name: string,
  schema: string,
  options: () => Partial<PostgresStoreOptions> = () => ({}),
): void {
  stateStoreContract({
    name,
    async makeStore({ ttlMs } = {}) {
      const store = open({ schema, ...options(), ttlMs });
      await store.migrate();
      return store;
    },
    another: () => open({ schema, ...options() }),
    async corrupt({ owner, id }, text) {
      await pool.query(
        `UPDATE "${schema}".sluice_turns AS t SET content = $3 FROM "${schema}".sluice_sessions AS s
         WHERE s.owner = $1 AND s.id = $2 AND t.session = s.key AND t.version = s.version`,
        [owner, id, text],
      );
    },
    describe,
    test: it,
    timeoutMs: 300_000,
  });
}
