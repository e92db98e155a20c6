import * as z from 'zod';
import type { Names } from './options.ts';
import type { Queries } from './pool.ts';

/** How many sessions are migrated at a time. */
const BATCH = 500;

const oldRow = z.object({ key: z.string(), content: z.string() });
const contentSchema = z.object({
  metadata: z.record(z.string(), z.unknown()),
});

/**
 * The tables of version 2.
 *
 * `fields` of a session has its metadata and its open turns by name. `line` and `messages` say where it stands: see `position.ts`. `parent` is the
 * position at which the newest branch begins: a row that is written while the session stands there begins a line. NULL: there is no branch.
 *
 * `turn_id` and `part` of a row are its group and its number there. `line` and `upto` are its place. `parent` of the first row of a line is the position
 * that the line follows; in other rows it says nothing. `at` is in milliseconds since the epoch: a load reads many.
 */
export async function moveToDriverTables(queries: Queries, names: Names): Promise<void> {
  const { sessions, turns, owners } = names;
  const run = async (text: string): Promise<void> => {
    await queries.query({ text, values: [] });
  };
  // Other writers would add what the loop below does not see. The policies of the tables let the role see its own owner alone.
  await run(`LOCK TABLE ${sessions}, ${turns}, ${owners} IN ACCESS EXCLUSIVE MODE`);
  const secured = await securedTables(queries, names);
  for (const table of secured) await run(`ALTER TABLE ${table} NO FORCE ROW LEVEL SECURITY`);
  await run(`
ALTER TABLE ${sessions}
  ADD COLUMN fields jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN line bigint NOT NULL DEFAULT 0,
  ADD COLUMN parent bigint;
ALTER TABLE ${turns}
  ADD COLUMN line bigint NOT NULL DEFAULT 0,
  ADD COLUMN parent bigint,
  ADD COLUMN at bigint NOT NULL DEFAULT floor(extract(epoch FROM clock_timestamp()) * 1000);
DROP INDEX ${names.of('turns_window')};
CREATE INDEX ${names.index('turns_window')} ON ${turns} (session, line, upto) WHERE messages > 0;`);
  await moveContents(queries, sessions);
  await run(`ALTER TABLE ${sessions} DROP COLUMN content`);
  for (const table of secured) await run(`ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`);
}

/** Metadata was one text, which the database may not be able to parse: JSON can contain NUL, and its texts cannot. */
async function moveContents(queries: Queries, sessions: string): Promise<void> {
  const empty = '{"v":1,"metadata":{},"pending":[]}';
  for (let after = '0'; ;) {
    const { rows } = await queries.query({
      text: `SELECT key::text, content FROM ${sessions} WHERE key > $1::bigint AND content <> $2 ORDER BY key LIMIT ${BATCH}`,
      values: [after, empty],
    });
    const old = z.array(oldRow).parse(rows);
    if (old.length === 0) return;
    await queries.query({
      text: `UPDATE ${sessions} AS s SET fields = new.fields::jsonb FROM unnest($1::bigint[], $2::text[]) AS new(key, fields) WHERE s.key = new.key`,
      values: [old.map(({ key }) => key), old.map(({ content }) => JSON.stringify(fieldsOf(content)))],
    });
    after = old.at(-1)?.key ?? after;
  }
}

/** Each metadata key becomes a field. Unreadable text becomes an unreadable field. */
function fieldsOf(text: string): Record<string, string> {
  const content = contentSchema.safeParse(parsed(text)).data;
  if (content === undefined) return { 'metadata:""': text };
  const { metadata } = content;
  const fields = Object.entries(metadata).map(
    ([key, value]) => [`metadata:${JSON.stringify(key)}`, JSON.stringify({ v: 1, value })] as const,
  );
  return Object.fromEntries(fields);
}

/** The tables whose policies also apply to the role that created them. */
async function securedTables(queries: Queries, { sessions, turns, owners }: Names): Promise<string[]> {
  const tables = [sessions, turns, owners];
  const { rows } = await queries.query({
    text: `SELECT relforcerowsecurity AS forced FROM unnest($1::text[]) WITH ORDINALITY AS t(name, n)
      JOIN pg_class ON oid = to_regclass(t.name) ORDER BY n`,
    values: [tables],
  });
  const forced = z.array(z.object({ forced: z.boolean() })).parse(rows);
  return tables.filter((_, at) => forced[at]?.forced === true);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
