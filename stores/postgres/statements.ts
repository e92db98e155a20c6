import type { Names } from './options.ts';
import { LINE } from './position.ts';
import { sumsJson } from './sum-columns.ts';

/** A session that was only leased, and never written to, is deleted after a day. */
const ONLY_LEASED_MS = 86_400_000;

/** A time from now, by the clock of the server. Not `now()`, which is the start of the transaction. */
const inMs = (ms: string): string => `clock_timestamp() + ${ms}::float8 * interval '1 millisecond'`;
const epochNumber = (time: string): string => `floor(extract(epoch FROM ${time}) * 1000)`;
const epochMs = (time: string): string => `${epochNumber(time)}::text`;
/** Whether a session has not expired. */
export const alive = (row: string): string =>
  `(${row}.expires_at IS NULL OR ${row}.expires_at > clock_timestamp())`;

/** Whether a statement started at most that long ago. */
const inTime = (ms: string): string =>
  `clock_timestamp() < statement_timestamp() + ${ms}::float8 * interval '1 millisecond'`;

/** When a session that is used now expires: not before its lease ends. */
export const keptUntil = (ttl: string, leasedUntil: string): string =>
  `CASE WHEN ${ttl}::float8 IS NOT NULL THEN greatest(${inMs(ttl)}, ${leasedUntil}) END`;

/** Whether a row of sessions is the one that `$1` and `$2` name. */
export const mine = (row: string): string => `${row}.owner = $1 AND ${row}.id = $2`;

/**
 * How many rows a group of a session has. Not with EXISTS: it becomes a join, whose plan may be made and cached while the table is empty, and then
 * scans all of it. The maximum is looked up in the primary key.
 */
export const groupSize = (turns: string, session: string, group: string): string =>
  `(SELECT coalesce(max(t.part) + 1, 0) FROM ${turns} AS t WHERE t.session = ${session}.key AND t.turn_id = ${group})`;

/** The texts of all statements. All of them begin with the owner's parameter, `$1`, and if they are about one session with its id, `$2`. */
export type Statements = ReturnType<typeof statementsOf>;

/** Makes the texts; they hold names and `$` parameters, no value. What they select is text, so that no setting of the driver changes it. */
export function statementsOf(names: Names) {
  const { sessions, turns, owners, tokens } = names;
  const turn = 't.version::text, t.messages::text, t.content, t.line::text, t.upto::text, t.at::text';
  const stored = `SELECT * FROM ${sessions} AS s WHERE ${mine('s')} AND s.version > 0 AND ${alive('s')}`;

  /** The lines on the way to a place of a session `s`, the newest first, and how far each is read. Usually there is one. */
  const way = (line: string, upto: string): string => `way AS (
  SELECT ${line} AS line, ${upto} AS upto FROM s
  UNION ALL
  SELECT f.parent / ${LINE}, f.parent % ${LINE}
  FROM way CROSS JOIN LATERAL (
    SELECT t.parent FROM ${turns} AS t
    WHERE t.session = (SELECT key FROM s) AND t.line = way.line AND t.messages > 0 ORDER BY t.upto LIMIT 1
  ) AS f
  WHERE way.line > 0 AND f.parent > 0
)`;
  const onTheWay = `t.session = (SELECT key FROM s) AND t.line = way.line AND t.messages > 0 AND t.upto <= way.upto`;

  const origin = `SELECT * FROM ${sessions} AS s WHERE s.key = $3::bigint AND s.owner = $1 FOR KEY SHARE`;

  /**
   * $3 key of the origin, $4 how the names of fields begin that are left out, $5 messages, $6 ttl, $7 up to which message whole rows are copied, $8 messages of a
   * row that is cut, $9 its content. What was stored never changes, so that the server copies whole rows.
   */
  const copy = (withs: string, from: string, rows: string): string => `
WITH ${withs},
copy AS (
  INSERT INTO ${sessions} (owner, id, version, messages, fields, expires_at)
  SELECT $1, $2, 1, $5::bigint, (
      SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}') FROM jsonb_each(s.fields) AS f
      WHERE NOT EXISTS (SELECT FROM unnest($4::text[]) AS left_out(prefix) WHERE starts_with(f.key, left_out.prefix))
    ), ${keptUntil('$6', 'NULL')} FROM s
  RETURNING key, ${epochNumber('created_at')}::bigint AS at
),
copied AS (
  INSERT INTO ${turns} (session, owner, turn_id, part, version, upto, messages, content, at)
  SELECT copy.key, $1, '', row_number() OVER (ORDER BY t.upto), 1, t.upto, t.messages, t.content, copy.at
  FROM copy CROSS JOIN ${from} WHERE ${rows} AND t.upto <= $7::bigint
),
cut AS (
  INSERT INTO ${turns} (session, owner, turn_id, part, version, upto, messages, content)
  SELECT copy.key, $1, '', 0, 1, $5::bigint, $8::int, $9 FROM copy WHERE $8::int > 0
)
SELECT key::text FROM copy`;

  return {
    /** The values that a refused write was compared with. $3 group. */
    look: `
SELECT s.version::text, s.token::text, (s.leased_until IS NOT NULL)::text AS held, ${alive('s')}::text AS alive, ${epochMs('clock_timestamp()')} AS now,
  ${groupSize(turns, 's', '$3')}::text AS size
FROM ${sessions} AS s WHERE ${mine('s')}`,

    /** A row for the first write. */
    begin: `
INSERT INTO ${sessions} (owner, id, expires_at) VALUES ($1, $2, ${inMs(`'${ONLY_LEASED_MS}'`)})
ON CONFLICT (owner, id) DO NOTHING`,

    /**
     * The session, and the newest rows of the line that its head is on. $3 messages, or null for all. The window is found by the index on `upto`; the
     * limit, which no window reaches, tells the planner how small it is. What only the session has is one column: each column is sent with each row.
     */
    load: `
WITH s AS MATERIALIZED (${stored})
SELECT s.version::text, s.messages::text, s.fields::text AS content, NULL AS upto, ${epochMs('s.created_at')} AS at,
  json_build_object('line', s.line, 'updated', ${epochNumber('s.updated_at')}, 'expires', ${epochNumber('s.expires_at')},
    'sums', ${sumsJson('s')})::text AS session
FROM s
UNION ALL
SELECT t.* FROM s CROSS JOIN LATERAL (
  SELECT t.version::text, t.messages::text, t.content, t.upto::text, t.at::text, NULL
  FROM ${turns} AS t
  WHERE t.session = s.key AND t.line = s.line AND t.messages > 0
    AND t.upto > s.messages - coalesce($3::bigint, s.messages) AND t.upto <= s.messages
  ORDER BY t.upto DESC LIMIT $3::bigint
) AS t`,

    /** The rows on the way to a place, without those that hold only the first messages. $3 line and $4 messages of the place, $5 how many. */
    way: `
WITH RECURSIVE s AS (${stored}),
${way('$3::bigint', '$4::bigint')}
SELECT ${turn} FROM way JOIN ${turns} AS t ON ${onTheWay} AND t.upto > $5::bigint ORDER BY t.upto`,

    /** $3 group. */
    group: `
SELECT ${turn}
FROM ${sessions} AS s JOIN ${turns} AS t ON t.session = s.key
WHERE ${mine('s')} AND ${alive('s')} AND t.turn_id = $3 ORDER BY t.part`,

    spent: `SELECT ${sumsJson('o')}::text AS sums FROM ${owners} AS o WHERE o.owner = $1`,

    /** $2 the id before, $3 how many. */
    list: `
SELECT s.id, s.version::text, ${epochMs('s.updated_at')} AS updated FROM ${sessions} AS s
WHERE s.owner = $1 AND s.id > $2 AND s.version > 0 AND ${alive('s')} ORDER BY s.id LIMIT $3::bigint`,

    /** What is to be copied, with the row of its line that holds the message after the first $3, if there is one. */
    origin: `
SELECT s.key::text, s.line::text, s.messages::text, t.version::text, t.upto::text, t.messages::text AS row_messages, t.content
FROM ${sessions} AS s LEFT JOIN LATERAL (
  SELECT * FROM ${turns} AS t WHERE t.session = s.key AND t.line = s.line AND t.messages > 0
    AND t.upto > $3::bigint AND t.upto <= s.messages ORDER BY t.upto LIMIT 1
) AS t ON true
WHERE ${mine('s')} AND s.version > 0 AND ${alive('s')}`,

    /** The same of a session with branches: the row may lie on any line of the way. */
    branchedOrigin: `
WITH RECURSIVE s AS (${stored}),
${way('s.line', 's.messages')}
SELECT s.key::text, s.line::text, s.messages::text, t.version::text, t.upto::text, t.messages::text AS row_messages, t.content
FROM s LEFT JOIN LATERAL (
  SELECT t.* FROM way JOIN ${turns} AS t ON ${onTheWay} AND t.upto > $3::bigint ORDER BY t.upto LIMIT 1
) AS t ON true`,

    copy: copy(
      `s AS (${origin})`,
      `s CROSS JOIN ${turns} AS t`,
      't.session = s.key AND t.line = 0 AND t.messages > 0',
    ),
    branchedCopy: copy(
      `RECURSIVE s AS (${origin}), ${way('s.line', 's.messages')}`,
      `way CROSS JOIN ${turns} AS t`,
      onTheWay,
    ),

    delete: `DELETE FROM ${sessions} AS s WHERE ${mine('s')}`,
    deleteExpired: `DELETE FROM ${sessions} AS s WHERE ${mine('s')} AND NOT ${alive('s')}`,

    forget: `
WITH gone AS (DELETE FROM ${sessions} AS s WHERE s.owner = $1 RETURNING s.version > 0 AND ${alive('s')} AS stored)
SELECT count(*) FILTER (WHERE stored)::text AS count FROM gone`,

    forgetSums: `DELETE FROM ${owners} WHERE owner = $1`,

    /** Of all owners, or if $1 is given of one. $2 how many at most. */
    sweep: `
WITH gone AS (
  DELETE FROM ${sessions} WHERE key IN (
    SELECT s.key FROM ${sessions} AS s WHERE s.expires_at <= clock_timestamp() AND ($1::text IS NULL OR s.owner = $1)
    ORDER BY s.expires_at LIMIT $2::int FOR UPDATE SKIP LOCKED
  ) RETURNING key
)
SELECT count(*)::text AS count FROM gone`,

    /**
     * $3 how long, $4 whether it is taken from who has it, $5 ttl, $6 how long the store waits: a lease that had to wait longer for a lock is given to
     * nobody.
     */
    lease: `
INSERT INTO ${sessions} AS s (owner, id, token, leased_until, expires_at)
SELECT $1::text, $2::text, nextval('${tokens}'), ${inMs('$3')},
  ${inMs(`greatest($3::float8, coalesce($5::float8, '${ONLY_LEASED_MS}'))`)}
WHERE ${inTime('$6')}
ON CONFLICT (owner, id) DO UPDATE SET
  token = nextval('${tokens}'),
  leased_until = ${inMs('$3')},
  expires_at = CASE WHEN s.version = 0 THEN excluded.expires_at ELSE ${keptUntil('$5', 'excluded.leased_until')} END
WHERE ($4::boolean OR s.leased_until IS NULL OR s.leased_until <= clock_timestamp()) AND ${alive('s')} AND ${inTime('$6')}
RETURNING s.token::text, ${epochMs('s.leased_until')} AS until`,

    /** $3 token, $4 how long, $5 ttl. */
    renew: `
UPDATE ${sessions} AS s SET leased_until = ${inMs('$4')},
  expires_at = CASE WHEN s.version = 0 THEN greatest(s.expires_at, ${inMs('$4')}) ELSE ${keptUntil('$5', inMs('$4'))} END
WHERE ${mine('s')} AND s.token = $3::bigint AND s.leased_until IS NOT NULL AND ${alive('s')}
RETURNING ${epochMs('s.leased_until')} AS until`,

    /** $3 token. Nothing is left of a session that nobody wrote to. */
    release: `
WITH gone AS (DELETE FROM ${sessions} AS s WHERE ${mine('s')} AND s.token = $3::bigint AND s.version = 0)
UPDATE ${sessions} AS s SET leased_until = NULL WHERE ${mine('s')} AND s.token = $3::bigint AND s.version > 0`,
  };
}
