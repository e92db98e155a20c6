import * as z from 'zod';
import { SluiceError } from '../../src/index.ts';
import type { Call } from './database.ts';
import type { Queries } from './pool.ts';

/** Tables that are migrated together. */
export interface Versioned {
  /** The schema, in quotes. */
  schema: string;
  /** The table that says which steps were done, with its schema and in quotes. */
  migrations: string;
  /** A text that no other tables have: processes that migrate them at once wait for each other. */
  lock: string;
  /** All steps in order. A released step is never changed. The first one creates version 1. */
  steps: readonly ((queries: Queries) => Promise<void>)[];
}

const stateRow = z.object({ there: z.boolean(), encoding: z.string() });
const versionRow = z.object({ version: z.number() });
const thereRow = z.object({ there: z.boolean() });

/**
 * Migrates tables to the version of this release, all or nothing. A role without the right to create tables can call it if there is nothing to do. `isDone` is asked if they
 * are of that version already; `finish` runs after the steps.
 */
export async function migrateTables(
  call: Call,
  tables: Versioned,
  isDone: (queries: Queries) => Promise<boolean> = async () => true,
  finish: (queries: Queries) => Promise<void> = async () => undefined,
): Promise<void> {
  const done = await call.transaction(
    async (queries) => (await isNewest(queries, tables)) && (await isDone(queries)),
  );
  if (done) return;
  const { schema, migrations, lock, steps } = tables;
  await call.transaction(async (queries) => {
    // The lock lasts until the transaction ends: the first of several processes creates the tables, and the others find them.
    await queries.query({ text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', values: [lock] });
    const { there } = await one(queries, thereRow, `SELECT to_regnamespace($1) IS NOT NULL AS there`, [
      schema,
    ]);
    if (!there) await run(queries, `CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await run(
      queries,
      `CREATE TABLE IF NOT EXISTS ${migrations}
        (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
    );
    const version = await versionOf(queries, tables);
    for (const [index, step] of steps.entries()) {
      if (index < version) continue;
      await step(queries);
      await queries.query({ text: `INSERT INTO ${migrations} (version) VALUES ($1)`, values: [index + 1] });
    }
    await finish(queries);
  });
}

async function isNewest(queries: Queries, tables: Versioned): Promise<boolean> {
  const text = `SELECT to_regclass($1) IS NOT NULL AS there, current_setting('server_encoding') AS encoding`;
  const { there, encoding } = await one(queries, stateRow, text, [tables.migrations]);
  if (encoding !== 'UTF8') {
    const fix = 'give one made with ENCODING UTF8';
    throw new SluiceError('store', `The database is of encoding ${encoding}: ${fix}.`, { retryable: false });
  }
  return there && (await versionOf(queries, tables)) === tables.steps.length;
}

async function versionOf(queries: Queries, { migrations, steps }: Versioned): Promise<number> {
  const text = `SELECT coalesce(max(version), 0) AS version FROM ${migrations}`;
  const { version } = await one(queries, versionRow, text, []);
  if (version <= steps.length) return version;
  throw new SluiceError(
    'store',
    `The tables are of version ${version}, and this release knows up to ${steps.length}: update it.`,
    { retryable: false },
  );
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
