import type { Names } from './options.ts';
import { spendColumns, spendJson, spendRecord, spendSum } from './spend-columns.ts';

/** A session that is only leased, by one who then wrote nothing, is dropped after a day. */
const ONLY_LEASED_MS = 86_400_000;

/** From now, by the clock of the server: the time of a whole transaction would be that of its begin. */
const inMs = (ms: string): string => `clock_timestamp() + ${ms}::float8 * interval '1 millisecond'`;
const epochMs = (time: string): string => `floor(extract(epoch FROM ${time}) * 1000)::text`;
const alive = (row: string): string => `(${row}.expires_at IS NULL OR ${row}.expires_at > clock_timestamp())`;

/** Whether a statement began no longer ago than that. */
const inTime = (ms: string): string =>
  `clock_timestamp() < statement_timestamp() + ${ms}::float8 * interval '1 millisecond'`;

/** When a session that is used now is gone: not before its lease ends. */
const keptUntil = (ttl: string, leasedUntil: string): string =>
  `CASE WHEN ${ttl}::float8 IS NOT NULL THEN greatest(${inMs(ttl)}, ${leasedUntil}) END`;

/** The texts of all statements. All of them begin with the owner's parameter, `$1`, and where they are about one session with its id, `$2`. */
export type Statements = ReturnType<typeof statementsOf>;

/** Makes the texts; they hold names and `$` parameters, no value. What they select is text, so that no setting of the driver changes it. */
export function statementsOf(names: Names) {
  const { sessions, turns, owners, tokens } = names;
  const mine = (row: string): string => `${row}.owner = $1 AND ${row}.id = $2`;

  /**
   * One statement, and so all or nothing. The row of the session is locked by its update, and its version, its lease's token and its end are looked
   * at anew once the lock is there.
   * $3 expected version, $4 token or null, $5 turn id, $6 ttl or null, $7 content or null, $8 contents of the parts, $9 messages in each,
   * $10 messages up to and with each, $11 whether the lease is given back; with an end $12, what was spent.
   */
  const append = (paid: boolean): string => `
WITH ${paid ? `spent AS (SELECT * FROM ${spendRecord('$12')}),` : ''}
kept AS (
  UPDATE ${sessions} AS s SET
    version = s.version + 1,
    messages = s.messages + ($10::int[])[cardinality($10::int[])],
    content = coalesce($7::text, s.content),
    updated_at = clock_timestamp(),
    leased_until = CASE WHEN NOT $11::boolean THEN s.leased_until END,
    expires_at = ${keptUntil('$6', 'CASE WHEN NOT $11::boolean THEN s.leased_until END')}
    ${paid ? `, ${spendSum('s', 'spent')} FROM spent` : ''}
  WHERE ${mine('s')} AND s.version = $3::bigint AND ($4::bigint IS NULL OR s.token = $4::bigint) AND ${alive('s')}
    AND NOT EXISTS (SELECT FROM ${turns} AS t WHERE t.session = s.key AND t.turn_id = $5)
  RETURNING s.key, s.owner, s.version, s.messages - ($10::int[])[cardinality($10::int[])] AS before
),
${
  paid
    ? `paid AS (
  INSERT INTO ${owners} AS o (owner, ${spendColumns.join(', ')})
  SELECT kept.owner, ${spendColumns.map((column) => `spent.${column}`).join(', ')} FROM kept, spent
  ON CONFLICT (owner) DO UPDATE SET ${spendSum('o', 'excluded')}
),`
    : ''
}
added AS (
  INSERT INTO ${turns} (session, owner, turn_id, part, version, upto, messages, content)
  SELECT kept.key, kept.owner, $5, part.number, kept.version, kept.before + part.upto, part.messages, part.content
  FROM kept, unnest($8::text[], $9::int[], $10::int[]) WITH ORDINALITY AS part(content, messages, upto, number)
)
SELECT version::text FROM kept`;

  return {
    append: append(false),
    appendPaid: append(true),

    /** $3 expected version, $4 content, $5 ttl. */
    update: `
UPDATE ${sessions} AS s SET version = s.version + 1, content = $4, updated_at = clock_timestamp(),
  expires_at = ${keptUntil('$5', 's.leased_until')}
WHERE ${mine('s')} AND s.version = $3::bigint AND ${alive('s')}
RETURNING s.version::text`,

    /** Why nothing was appended: `stored` is the last part of the turn. $3 turn id, or null. */
    look: `
SELECT s.version::text, s.token::text, s.content, ${alive('s')}::text AS alive,
  (SELECT t.content FROM ${turns} AS t WHERE t.session = s.key AND t.turn_id = $3 ORDER BY t.part DESC LIMIT 1) AS stored
FROM ${sessions} AS s WHERE ${mine('s')}`,

    /** A row for the first append. $3 content. */
    begin: `
INSERT INTO ${sessions} (owner, id, content, expires_at) VALUES ($1, $2, $3, ${inMs(`'${ONLY_LEASED_MS}'`)})
ON CONFLICT (owner, id) DO NOTHING`,

    /**
     * $3 messages, or null for all. The window is found by the index on `upto`; the limit, which no window reaches, tells the planner how small it is.
     */
    load: `
WITH s AS MATERIALIZED (
  SELECT * FROM ${sessions} AS s WHERE ${mine('s')} AND s.version > 0 AND ${alive('s')}
)
SELECT s.version::text, s.messages::text, s.content, NULL AS upto, ${spendJson('s')} AS spend,
  ${epochMs('s.created_at')} AS created, ${epochMs('s.updated_at')} AS updated, ${epochMs('s.expires_at')} AS expires
FROM s
UNION ALL
(
  SELECT t.version::text, t.messages::text, t.content, t.upto::text, NULL, NULL, NULL, NULL
  FROM ${turns} AS t
  WHERE t.session = (SELECT key FROM s) AND t.messages > 0
    AND t.upto > (SELECT messages - coalesce($3::bigint, messages) FROM s)
  ORDER BY t.upto DESC LIMIT $3::bigint
)`,

    /** $3 turn id. */
    turn: `
SELECT t.version::text, t.messages::text, t.content, t.upto::text
FROM ${sessions} AS s JOIN ${turns} AS t ON t.session = s.key
WHERE ${mine('s')} AND ${alive('s')} AND t.turn_id = $3 ORDER BY t.part`,

    spendOfSession: `
SELECT ${spendJson('s')} AS spend FROM ${sessions} AS s WHERE ${mine('s')} AND s.version > 0 AND ${alive('s')}`,

    spendOfOwner: `SELECT ${spendJson('o')} AS spend FROM ${owners} AS o WHERE o.owner = $1`,

    /** $2 the id before, $3 how many. */
    list: `
SELECT s.id, s.version::text, ${epochMs('s.updated_at')} AS updated FROM ${sessions} AS s
WHERE s.owner = $1 AND s.id > $2 AND s.version > 0 AND ${alive('s')} ORDER BY s.id LIMIT $3::bigint`,

    /** What is to be forked: with the part that holds the message at $3, or null. */
    origin: `
SELECT s.key::text, s.version::text, s.messages::text, s.content,
  t.version::text AS turn, t.upto::text, t.messages::text AS part_messages, t.content AS part
FROM ${sessions} AS s LEFT JOIN LATERAL (
  SELECT * FROM ${turns} AS t WHERE t.session = s.key AND t.messages > 0 AND t.upto > $3::bigint ORDER BY t.upto LIMIT 1
) AS t ON true
WHERE ${mine('s')} AND s.version > 0 AND ${alive('s')}`,

    /** $3 key of the origin, $4 content, $5 messages, $6 ttl, $7 up to which message whole parts are copied, $8 messages of a part that is cut, $9 that part. */
    fork: `
WITH origin AS (SELECT s.key FROM ${sessions} AS s WHERE s.key = $3::bigint AND s.owner = $1 FOR KEY SHARE),
fork AS (
  INSERT INTO ${sessions} (owner, id, version, messages, content, expires_at)
  SELECT $1, $2, 1, $5::bigint, $4, ${keptUntil('$6', 'NULL')} FROM origin RETURNING key
),
copied AS (
  INSERT INTO ${turns} (session, owner, turn_id, part, version, upto, messages, content)
  SELECT fork.key, $1, '', row_number() OVER (ORDER BY t.upto), 1, t.upto, t.messages, t.content
  FROM fork, ${turns} AS t WHERE t.session = $3::bigint AND t.messages > 0 AND t.upto <= $7::bigint
),
cut AS (
  INSERT INTO ${turns} (session, owner, turn_id, part, version, upto, messages, content)
  SELECT fork.key, $1, '', 0, 1, $5::bigint, $8::int, $9 FROM fork WHERE $8::int > 0
)
SELECT key::text FROM fork`,

    delete: `DELETE FROM ${sessions} AS s WHERE ${mine('s')}`,
    deleteExpired: `DELETE FROM ${sessions} AS s WHERE ${mine('s')} AND NOT ${alive('s')}`,

    forget: `
WITH gone AS (DELETE FROM ${sessions} AS s WHERE s.owner = $1 RETURNING s.version > 0 AND ${alive('s')} AS stored)
SELECT count(*) FILTER (WHERE stored)::text AS count FROM gone`,

    forgetSpend: `DELETE FROM ${owners} WHERE owner = $1`,

    /** Of all owners, or where $1 is given of one. $2 how many at most. */
    sweep: `
WITH gone AS (
  DELETE FROM ${sessions} WHERE key IN (
    SELECT s.key FROM ${sessions} AS s WHERE s.expires_at <= clock_timestamp() AND ($1::text IS NULL OR s.owner = $1)
    ORDER BY s.expires_at LIMIT $2::int FOR UPDATE SKIP LOCKED
  ) RETURNING key
)
SELECT count(*)::text AS count FROM gone`,

    /**
     * $3 how long, $4 whether it is taken from who has it, $5 content, $6 ttl, $7 how long the store waits: a lease that had to wait longer for a
     * lock is given to nobody.
     */
    lease: `
INSERT INTO ${sessions} AS s (owner, id, content, token, leased_until, expires_at)
SELECT $1::text, $2::text, $5::text, nextval('${tokens}'), ${inMs('$3')},
  ${inMs(`greatest($3::float8, coalesce($6::float8, '${ONLY_LEASED_MS}'))`)}
WHERE ${inTime('$7')}
ON CONFLICT (owner, id) DO UPDATE SET
  token = nextval('${tokens}'),
  leased_until = ${inMs('$3')},
  expires_at = CASE WHEN s.version = 0 THEN excluded.expires_at ELSE ${keptUntil('$6', 'excluded.leased_until')} END
WHERE ($4::boolean OR s.leased_until IS NULL OR s.leased_until <= clock_timestamp()) AND ${alive('s')} AND ${inTime('$7')}
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
