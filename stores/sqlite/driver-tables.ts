import type { DatabaseSync } from 'node:sqlite';

import * as z from 'zod';

import { numberIn, textIn } from './row.ts';

/**
 * The second version of the tables.
 *
 * `sessions` has a row for each session, also for one that is only leased so far (version 0). It is written at every use, and therefore short: what
 * may be long is in `contents` and in `turns`. `sums` is a JSON object of counters.
 *
 * `contents` has a row for each field of a session: a key of its metadata, or an open turn.
 *
 * `turns` has a row for each row of a write, named by its `position`. `turn` and `part` are its group and its number there; `turn` is null for the
 * rows of a fork. A row with messages follows the row at `parent` (0: none). `through` counts the messages up to and with it.
 *
 * Rows that follow one another lie on one `line`, so that a load is a search in an index: `through` within a line. A row that follows one which has
 * another row after it begins a line of its own. `head` and `line` of a session are the position of its head, and `branched` says that there may be several lines.
 */
const TABLES = `
ALTER TABLE sessions RENAME COLUMN spend TO sums;
ALTER TABLE owners RENAME COLUMN spend TO sums;
ALTER TABLE sessions ADD COLUMN head INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN line INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN branched INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contents RENAME TO old_contents;
CREATE TABLE contents (
  session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE,
  name TEXT NOT NULL,
  content TEXT NOT NULL,
  PRIMARY KEY (session, name)
) STRICT, WITHOUT ROWID;
DROP INDEX turns_by_message;
ALTER TABLE turns RENAME TO old_turns;
CREATE TABLE turns (
  position INTEGER PRIMARY KEY,
  session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE,
  turn TEXT,
  part INTEGER NOT NULL,
  version INTEGER NOT NULL,
  line INTEGER NOT NULL,
  parent INTEGER NOT NULL,
  through INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  at INTEGER NOT NULL,
  content TEXT NOT NULL,
  UNIQUE (session, turn, part)
) STRICT;
CREATE INDEX turns_by_message ON turns (session, line, through) WHERE messages > 0;
INSERT INTO turns
  SELECT old.rowid, old.session, turn, part, old.version, 0,
    CASE WHEN old.messages > 0
      THEN lag(old.rowid, 1, 0) OVER (PARTITION BY old.session, old.messages > 0 ORDER BY through) ELSE 0 END,
    through, old.messages, updated_at, content
  FROM old_turns AS old JOIN sessions USING (session);
DROP TABLE old_turns;
UPDATE sessions SET head = coalesce((
  SELECT position FROM turns AS t
  WHERE t.session = sessions.session AND t.line = 0 AND t.messages > 0 ORDER BY through DESC LIMIT 1
), 0);`;

/** Sums in the earlier form. */
const spendSchema = z.object({
  usage: z.looseObject({ estimated: z.boolean().optional() }),
  cost: z.looseObject({ status: z.string() }),
  turns: z.number(),
});

const contentSchema = z.object({
  metadata: z.record(z.string(), z.unknown()),
});

/** Creates the tables of the driver, and migrates the stored data. */
export function moveToDriverTables(database: DatabaseSync): void {
  database.exec(TABLES);
  moveContents(database);
  for (const table of ['sessions', 'owners']) {
    const update = database.prepare(`UPDATE ${table} SET sums = ? WHERE sums = ?`);
    for (const row of database.prepare(`SELECT DISTINCT sums FROM ${table}`).all()) {
      const spend = textIn(row, 'sums');
      update.run(sumsOfSpend(spend), spend);
    }
  }
  renameIds(database);
}

/** Metadata was one text; now each key is a field. Unreadable text becomes an unreadable field. */
function moveContents(database: DatabaseSync): void {
  const insert = database.prepare('INSERT INTO contents VALUES (?, ?, ?)');
  for (const row of database.prepare('SELECT session, content FROM old_contents').all()) {
    const session = numberIn(row, 'session');
    const text = textIn(row, 'content');
    const content = contentSchema.safeParse(parsed(text)).data;
    if (content === undefined) {
      insert.run(session, 'metadata:""', text);
      continue;
    }
    for (const [key, value] of Object.entries(content.metadata))
      insert.run(session, `metadata:${JSON.stringify(key)}`, JSON.stringify({ v: 1, value }));
  }
  database.exec('DROP TABLE old_contents');
}

/** Sums were usage, cost and turns; now they are counters. Unreadable sums stay unreadable. */
function sumsOfSpend(text: string): string {
  const spend = spendSchema.safeParse(parsed(text)).data;
  if (spend === undefined) return text;
  const { usage, cost, turns } = spend;
  const counts = {
    turns,
    estimatedUsages: usage.estimated === true ? 1 : 0,
    estimatedCosts: cost.status === 'estimated' ? 1 : 0,
    unknownCosts: cost.status === 'unknown' ? 1 : 0,
  };
  const amounts = Object.entries({ ...usage, ...cost }).filter(([, amount]) => typeof amount === 'number');
  return JSON.stringify({ ...counts, ...Object.fromEntries(amounts) });
}

/** Ids were escaped as in JSON strings; now only NUL and the backslash are escaped. */
function renameIds(database: DatabaseSync): void {
  const columns = [
    ['sessions', 'owner'],
    ['sessions', 'id'],
    ['owners', 'owner'],
    ['turns', 'turn'],
  ] as const;
  for (const [table, column] of columns) {
    const update = database.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${column} = ?`);
    const escaped = `SELECT DISTINCT ${column} AS id FROM ${table} WHERE instr(${column}, '\\') > 0`;
    for (const row of database.prepare(escaped).all()) {
      const old = textIn(row, 'id');
      const id = String(JSON.parse(`"${old}"`));
      update.run(id.replaceAll('\\', '\\\\').replaceAll('\0', '\\0'), old);
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
