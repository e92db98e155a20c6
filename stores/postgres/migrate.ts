import * as z from 'zod';
import { SluiceError } from '../../src/index.ts';
import type { Call } from './database.ts';
import { moveToDriverTables } from './driver-tables.ts';
import { makeFirstTables } from './first-tables.ts';
import type { Names, PostgresStoreSettings } from './options.ts';
import type { Queries } from './pool.ts';
import { migrateTables } from './versions.ts';

/** Migrates the tables of one version to the next. */
export type Step = (queries: Queries, names: Names) => Promise<void>;

/** All steps in order. A released step is never changed. The first one creates version 1. */
const STEPS: readonly Step[] = [makeFirstTables, moveToDriverTables];

/**
 * The owner of the transaction, with a `=` before it: after the transaction the setting is empty, not unset, and the owner with an empty
 * name must not match it.
 */
const POLICY = `owner = CASE WHEN current_setting('app.owner', true) LIKE '=%'
  THEN substr(current_setting('app.owner', true), 2) END`;

const securityRow = z.object({ enabled: z.boolean(), active: z.boolean() });

/** Migrates the tables to the version of this release, and enables the policies if the option is set. */
export async function migrate(call: Call, names: Names, settings: PostgresStoreSettings): Promise<void> {
  const tables = {
    schema: names.schema,
    migrations: names.migrations,
    lock: `sluice ${names.sessions}`,
    steps: STEPS.map((step) => (queries: Queries) => step(queries, names)),
  };
  await migrateTables(
    call,
    tables,
    (queries) => isSecured(queries, names, settings),
    async (queries) => {
      if (!settings.rowLevelSecurity || (await security(queries, names)).enabled) return;
      await queries.query({ text: policiesOf(names), values: [] });
    },
  );
}

async function isSecured(
  queries: Queries,
  names: Names,
  { rowLevelSecurity }: PostgresStoreSettings,
): Promise<boolean> {
  const { enabled, active } = await security(queries, names);
  if (active && !rowLevelSecurity) {
    throw new SluiceError(
      'invalid_options',
      'postgresStore(): the tables have row level security, and this role sees nothing: set rowLevelSecurity.',
    );
  }
  return enabled || !rowLevelSecurity;
}

async function security(queries: Queries, names: Names): Promise<{ enabled: boolean; active: boolean }> {
  const text = `SELECT relrowsecurity AS enabled, row_security_active(oid) AS active FROM pg_class WHERE oid = to_regclass($1)`;
  const { rows } = await queries.query({ text, values: [names.sessions] });
  if (rows.length > 0) return securityRow.parse(rows[0]);
  throw new SluiceError(
    'store',
    `The table ${names.sessions} is gone, and ${names.migrations} says that it was made: restore it, or drop ${names.migrations} and call migrate() again.`,
    { retryable: false },
  );
}

/** FORCE: the policies also apply to the role that created the tables. */
function policiesOf(names: Names): string {
  return [names.sessions, names.turns, names.owners]
    .map(
      (table) => `
ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS sluice_owner ON ${table};
CREATE POLICY sluice_owner ON ${table} USING (${POLICY});`,
    )
    .join('');
}
