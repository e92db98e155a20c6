import type { Queries } from '../../../stores/postgres/shared.ts';

/** The names in the database, in quotes, ready for the text of a statement. */
export interface LogNames {
  schema: string;
  streams: string;
  entries: string;
  tokens: string;
  migrations: string;
  /** The name of an index: it is in the schema of its table. */
  index: (name: string) => string;
}

/** Builds the names. */
export function logNames({ schema, prefix }: { schema: string; prefix: string }): LogNames {
  const of = (name: string): string => `"${schema}"."${prefix}log_${name}"`;
  return {
    schema: `"${schema}"`,
    streams: of('streams'),
    entries: of('entries'),
    tokens: of('tokens'),
    migrations: of('migrations'),
    index: (name) => `"${prefix}log_${name}"`,
  };
}

/**
 * The tables of version 1. Times are milliseconds since the epoch.
 *
 * A stream: `started` is when it was opened first; a token of 0 says that only its stop is there, which came early. `marks`: see marks.ts. `snapshot`: of what was dropped, see snapshot.ts. `watch`: which processes have readers, and until
 * when. `process`: the owner's. `kept`: until when the row is there. `first`, `next`, `bytes`: of its entries. An append changes no column of an index, so that its update stays on
 * the page. The index `streams_open` finds the streams that run without a look at those that have ended.
 *
 * An entry: `upto` is how many chunks there are with it.
 */
export async function makeLogTables(queries: Queries, names: LogNames): Promise<void> {
  const text = `
CREATE SEQUENCE ${names.tokens};
CREATE TABLE ${names.streams} (
  key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  session_owner text COLLATE "C",
  session_id text COLLATE "C",
  start text NOT NULL,
  print text NOT NULL,
  started bigint NOT NULL,
  token bigint NOT NULL,
  opened bigint NOT NULL,
  takeovers integer NOT NULL DEFAULT 0,
  process text,
  until bigint NOT NULL,
  seen bigint NOT NULL,
  kept bigint NOT NULL,
  first bigint NOT NULL DEFAULT 0,
  next bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  stop text,
  finish text,
  finished bigint,
  marks text NOT NULL DEFAULT '',
  snapshot text,
  watch jsonb,
  UNIQUE (owner, id)
) WITH (fillfactor = 50);
CREATE INDEX ${names.index('streams_expiry')} ON ${names.streams} (kept);
CREATE INDEX ${names.index('streams_running')} ON ${names.streams} (session_owner, session_id, opened) WHERE finish IS NULL AND session_id IS NOT NULL;
CREATE INDEX ${names.index('streams_open')} ON ${names.streams} (key) WHERE finish IS NULL;
CREATE TABLE ${names.entries} (
  stream bigint NOT NULL REFERENCES ${names.streams} ON DELETE CASCADE,
  upto bigint NOT NULL,
  epoch bigint NOT NULL,
  at bigint NOT NULL,
  chunks text NOT NULL,
  PRIMARY KEY (stream, upto)
);`;
  await queries.query({ text, values: [] });
}
