import { RUNNING_TTL_MS, TOMBSTONE_MS, TRIM_CHUNKS, TRIM_TO } from '../retention.ts';
import { CLOCK, NOW, QUICK, told } from './sql.ts';
import type { LogNames } from './tables.ts';

/** The texts of all statements. */
export type LogStatements = ReturnType<typeof logStatements>;

/** Makes the texts; they hold names and `$` parameters, no value. `$1` and `$2` are owner and id. What they select is text, so that no setting of the driver changes it. */
export function logStatements({ streams, entries, tokens }: LogNames) {
  const mine = 's.owner = $1 AND s.id = $2';
  const alive = `s.kept > ${NOW}`;
  const runs = `${mine} AND s.token > 0 AND s.finish IS NULL AND ${alive}`;
  const token = `nextval('${tokens}')`;
  const opened = 'token::text, next::text, started::text, takeovers::text, stop';

  const page = 'e.upto::text, e.epoch::text, e.at::text, e.chunks, NULL AS stream';

  return {
    /**
     * A row for a new stream. A stop that came early is in a row already, and stays. $3 and $4 owner and id of the session, $5 start, $6 fingerprint, $7 lease, $8 process.
     */
    begin: `
INSERT INTO ${streams} AS s (owner, id, session_owner, session_id, start, print, started, token, opened, process, until, seen, kept)
SELECT $1, $2, $3, $4, $5, $6, t.now, t.token, t.token, $8, t.now + $7::bigint, t.now, t.now + $7::bigint + ${RUNNING_TTL_MS}
FROM (${CLOCK}, ${token} AS token) AS t
ON CONFLICT (owner, id) DO UPDATE SET
  session_owner = excluded.session_owner, session_id = excluded.session_id, start = excluded.start, print = excluded.print,
  started = excluded.started, token = excluded.token, opened = excluded.opened, process = excluded.process,
  until = excluded.until, seen = excluded.seen, kept = excluded.kept
WHERE s.token = 0 AND ${alive}
RETURNING ${opened}`,

    /** What is there. */
    look: `
SELECT s.token::text, s.print, s.finish, (s.until - ${NOW})::text AS left, (s.kept - ${NOW})::text AS kept, (s.until = 0)::text AS released FROM ${streams} AS s WHERE ${mine}`,

    /** Deletes a stream that has expired, so that a new one can have its id. */
    expire: `DELETE FROM ${streams} AS s WHERE ${mine} AND NOT ${alive}`,

    /** Takes over a stream from the owner of this token, or opens it again. $3 token, $4 lease, $5 grace, $6 process, $7 payload. */
    take: `
WITH s AS (
  UPDATE ${streams} AS s SET
    token = t.token,
    opened = CASE WHEN s.finish IS NULL THEN s.opened ELSE t.token END,
    takeovers = CASE WHEN s.finish IS NOT NULL THEN 0 WHEN s.until = 0 THEN s.takeovers ELSE s.takeovers + 1 END,
    stop = CASE WHEN s.finish IS NULL THEN s.stop END,
    finish = NULL, finished = NULL, process = $6, until = t.now + $4::bigint, seen = greatest(s.seen, t.now),
    kept = t.now + $4::bigint + ${RUNNING_TTL_MS}
  FROM (${CLOCK}, ${token} AS token) AS t
  WHERE ${mine} AND s.token = $3::bigint AND ${alive} AND (s.finish IS NOT NULL OR s.until + $5::bigint <= t.now)
  RETURNING s.*
)
SELECT ${opened}, ${told('$6::text', '$7::text')}::text AS told FROM s`,

    /**
     * What is dropped of a stream that is too large: its oldest entries, so that the rest has so many bytes, but never the newest, and not more than about so many chunks. The first row says how many chunks were dropped before,
     * and has their snapshot. $3 token, $4 bytes.
     */
    oldest: `
WITH s AS MATERIALIZED (SELECT s.key, s.first, s.next, s.bytes, s.snapshot FROM ${streams} AS s WHERE ${mine} AND s.token = $3::bigint),
sizes AS (
  SELECT e.upto, s.bytes - sum(octet_length(e.chunks)) OVER (ORDER BY e.upto) + octet_length(e.chunks) AS bytes
  FROM ${entries} AS e, s WHERE e.stream = s.key
    AND e.upto <= greatest(s.first + ${TRIM_CHUNKS}, (SELECT min(one.upto) FROM ${entries} AS one WHERE one.stream = s.key))
)
SELECT NULL AS upto, NULL AS epoch, NULL AS at, NULL AS chunks, json_build_array(s.first, s.snapshot)::text AS stream FROM s
UNION ALL
SELECT ${page} FROM s JOIN ${entries} AS e ON e.stream = s.key JOIN sizes ON sizes.upto = e.upto
WHERE sizes.bytes > $4::bigint * ${TRIM_TO} AND e.upto < s.next`,

    /** Drops the entries up to $5, if those up to $4 were dropped before, and keeps the snapshot $6 if it has at most $7 bytes. $3 token. Answers with the size of the rest. */
    drop: `
WITH t AS MATERIALIZED (${QUICK}),
s AS (
  UPDATE ${streams} AS s SET first = $5::bigint, snapshot = CASE WHEN octet_length($6::text) <= $7::bigint THEN $6::text END,
    bytes = s.bytes - (SELECT coalesce(sum(octet_length(e.chunks)), 0) FROM ${entries} AS e WHERE e.stream = s.key AND e.upto <= $5::bigint)
  FROM t WHERE ${mine} AND s.token = $3::bigint AND s.first = $4::bigint
  RETURNING s.key, s.bytes
),
gone AS (DELETE FROM ${entries} AS e USING s WHERE e.stream = s.key AND e.upto <= $5::bigint)
SELECT s.bytes::text FROM s`,

    /**
     * The state of a stream, and a page of its entries: one statement, so that both are of one moment. $3 after, $4 how many chunks, $5 the key of the stream whose start the caller
     * has.
     */
    read: `
WITH s AS MATERIALIZED (SELECT * FROM ${streams} AS s WHERE ${mine} AND s.token > 0 AND ${alive})
SELECT NULL AS upto, NULL AS epoch, NULL AS at, NULL AS chunks, json_build_array(s.key::text,
  CASE WHEN s.key = $5::bigint THEN NULL ELSE s.start END, s.started, s.first, s.next, s.token, s.takeovers,
  s.until - ${NOW}, s.stop, s.finish, s.finished, s.marks, s.until = 0, CASE WHEN s.first > $3::bigint THEN s.snapshot END)::text AS stream
FROM s
UNION ALL
SELECT e.* FROM s CROSS JOIN LATERAL (
  (SELECT ${page} FROM ${entries} AS e WHERE e.stream = s.key AND e.upto > $3::bigint AND e.upto < $3::bigint + $4::bigint)
  UNION ALL
  (SELECT ${page} FROM ${entries} AS e WHERE e.stream = s.key AND e.upto >= $3::bigint + $4::bigint ORDER BY e.upto LIMIT 1)
) AS e`,

    /** Notes that there is a reader, for $3 milliseconds, and one that waits in process $4 for $5. */
    note: `
WITH t AS MATERIALIZED (${QUICK})
UPDATE ${streams} AS s SET
  seen = greatest(s.seen, t.now + $3::bigint),
  watch = CASE WHEN $4::text IS NULL THEN s.watch ELSE jsonb_build_object($4::text, t.now + $5::bigint) || coalesce(
    (SELECT jsonb_object_agg(w.process, w.until) FROM jsonb_each(s.watch) AS w(process, until)
      WHERE w.process <> $4::text AND (w.until #>> '{}')::bigint > ${NOW}), '{}') END
FROM t WHERE ${runs}`,

    /** Records a stop of a stream that runs. $3 reason, $4 own process, $5 payload. */
    stop: `
WITH s AS (UPDATE ${streams} AS s SET stop = coalesce(s.stop, $3) WHERE ${runs} RETURNING s.process)
SELECT CASE WHEN s.process <> $4 THEN pg_notify('sluice_' || s.process, $5)::text END AS told FROM s`,

    /** Records a stop that came early. $3 reason. */
    bury: `
INSERT INTO ${streams} AS s (owner, id, start, print, started, token, opened, until, seen, kept, stop)
SELECT $1, $2, '', '', 0, 0, 0, 0, 0, ${NOW} + ${TOMBSTONE_MS}, $3
ON CONFLICT (owner, id) DO NOTHING RETURNING 'buried' AS word`,

    /** Gives a stream up; a lease until 0 says so. $3 token, $4 own process, $5 payload. */
    release: `
WITH s AS (
  UPDATE ${streams} AS s SET token = ${token}, until = 0, kept = ${NOW} + ${RUNNING_TTL_MS} WHERE ${runs} AND s.token <= $3::bigint RETURNING s.watch
)
SELECT ${told('$4::text', '$5::text')}::text AS told FROM s`,

    /** Streams that run and whose leases have been over for $1 milliseconds, $2 at most. */
    unowned: `
SELECT s.owner, s.id FROM ${streams} AS s
WHERE s.finish IS NULL AND s.token > 0 AND s.until + $1::bigint <= ${NOW} AND ${alive} ORDER BY s.until LIMIT $2::int`,

    /** Ends a stream whose lease has been over for a grace. $3 end, $4 grace, $5 ttl, $6 own process, $7 payload. */
    settle: `
WITH s AS (
  UPDATE ${streams} AS s SET token = ${token}, finish = $3, finished = ${NOW}, kept = ${NOW} + $5::bigint
  WHERE ${runs} AND s.until + $4::bigint <= ${NOW}
  RETURNING s.watch
)
SELECT ${told('$6::text', '$7::text')}::text AS told FROM s`,

    /** The running streams of a session, whose owner and id are $1 and $2. */
    running: `
SELECT s.id FROM ${streams} AS s
WHERE s.session_owner = $1 AND s.session_id = $2 AND s.finish IS NULL AND s.token > 0 AND ${alive} ORDER BY s.opened`,

    /** Deletes the streams of an owner, and tells their readers and owners. $2 own process. */
    forget: `
WITH s AS (DELETE FROM ${streams} AS s WHERE s.owner = $1 RETURNING s.owner, s.id, s.process, s.watch),
told AS (
  SELECT pg_notify('sluice_' || p.process, json_build_array(p.what, s.owner, s.id)::text)
  FROM s CROSS JOIN LATERAL (
    SELECT 'stop' AS what, s.process WHERE s.process IS NOT NULL
    UNION ALL SELECT 'chunks', w.process FROM jsonb_object_keys(coalesce(s.watch, '{}')) AS w(process)
  ) AS p WHERE p.process <> $2
)
SELECT s.id, (SELECT count(*) FROM told)::text AS told FROM s`,

    /** Deletes streams that have expired. $1 how many at most. */
    sweep: `
WITH gone AS (
  DELETE FROM ${streams} AS s WHERE s.key IN (
    SELECT s.key FROM ${streams} AS s WHERE NOT ${alive} ORDER BY s.kept LIMIT $1::int FOR UPDATE SKIP LOCKED
  ) RETURNING s.key
)
SELECT count(*)::text AS count FROM gone`,
  };
}
