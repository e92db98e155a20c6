import * as z from 'zod';
import { SluiceError } from '../../src/index.ts';
import type { Call } from './database.ts';
import { moveToDriverTables } from './driver-tables.ts';
import { makeFirstTables } from './first-tables.ts';
import type { Names, PostgresStoreSettings } from './options.ts';
import type { Queries } from './pool.ts';

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

const stateRow = z.object({ there: z.boolean(), encoding: z.string() });
const versionRow = z.object({ version: z.number() });
const securityRow = z.object({ enabled: z.boolean(), active: z.boolean() });

/** Migrates the tables to the version of this release, and enables the policies if the option is set. */
export async function migrate(call: Call, names: Names, settings: PostgresStoreSettings): Promise<void> {
  // A role without the right to create tables can call it if there is nothing to do.
  const done = await call.transaction((queries) => isDone(queries, names, settings));
  if (done) return;
  await call.transaction(async (queries) => {
    // The lock lasts until the transaction ends: the first of several processes creates the tables, and the others find them.
    const lock = `sluice ${names.sessions}`;
    await queries.query({ text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', values: [lock] });
    if (!(await exists(queries, `to_regnamespace($1)`, names.schema)))
      await run(queries, `CREATE SCHEMA IF NOT EXISTS ${names.schema}`);
    await run(
      queries,
      `CREATE TABLE IF NOT EXISTS ${names.migrations}
        (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
    );
    const version = await versionOf(queries, names);
    for (const [index, step] of STEPS.entries()) {
      if (index < version) continue;
      await step(queries, names);
      await queries.query({
        text: `INSERT INTO ${names.migrations} (version) VALUES ($1)`,
        values: [index + 1],
      });
    }
    if (settings.rowLevelSecurity && !(await security(queries, names)).enabled)
      await run(queries, policiesOf(names));
  });
}

async function isDone(
  queries: Queries,
  names: Names,
  { rowLevelSecurity }: PostgresStoreSettings,
): Promise<boolean> {
  const state = await one(
    queries,
    stateRow,
    `SELECT to_regclass($1) IS NOT NULL AS there, current_setting('server_encoding') AS encoding`,
    [names.migrations],
  );
  if (state.encoding !== 'UTF8') {
    const fix = 'give one made with ENCODING UTF8';
    throw new SluiceError('store', `The database is of encoding ${state.encoding}: ${fix}.`, {
      retryable: false,
    });
  }
  if (!state.there || (await versionOf(queries, names)) < STEPS.length) return false;
  const { enabled, active } = await security(queries, names);
  if (active && !rowLevelSecurity) {
    throw new SluiceError(
      'invalid_options',
      'postgresStore(): the tables have row level security, and this role sees nothing: set rowLevelSecurity.',
    );
  }
  return enabled || !rowLevelSecurity;
}

async function versionOf(queries: Queries, names: Names): Promise<number> {
  const text = `SELECT coalesce(max(version), 0) AS version FROM ${names.migrations}`;
  const { version } = await one(queries, versionRow, text, []);
  if (version <= STEPS.length) return version;
  throw new SluiceError(
    'store',
    `The tables are of version ${version}, and this release knows up to ${STEPS.length}: update it.`,
    { retryable: false },
  );
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

async function exists(queries: Queries, found: string, name: string): Promise<boolean> {
  const row = z.object({ there: z.boolean() });
  return (await one(queries, row, `SELECT ${found} IS NOT NULL AS there`, [name])).there;
}

async function one<R extends z.ZodType>(
  queries: Queries,
  row: R,
  text: string,
  values: unknown[],
): Promise<z.output<R>> {
  const { rows } = await queries.query({ text, values });
  return row.parse(rows[0]);
}

async function run(queries: Queries, text: string): Promise<void> {
  await queries.query({ text, values: [] });
}
