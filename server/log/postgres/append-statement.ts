import { RUNNING_TTL_MS } from '../retention.ts';
import { CLOCK, QUICK, told } from './sql.ts';
import type { LogNames } from './tables.ts';

/** By how much less than its whole time a running stream is kept before an append extends it: most appends then do not. */
const RENEW_TTL_AFTER_MS = 300_000;

/** The values of an append. */
export interface AppendValues {
  owner: string;
  id: string;
  token: number;
  from: number;
  count: number;
  leaseMs: number;
  /** The chunks as text. */
  chunks: string;
  marks: string;
  /** The end as JSON. */
  finish: string;
  ttlMs: number;
  /** This process, which gets no hint. */
  process: string;
  payload: string;
}

/** A statement, and which values it takes. */
export interface AppendStatement {
  readonly text: string;
  readonly values: readonly (keyof AppendValues)[];
}

/** The statements of an append: with chunks or without, with an end or without. */
export interface AppendStatements {
  /** Appends chunks that follow. */
  add: AppendStatement;
  /** Appends chunks that follow, and the end. */
  finish: AppendStatement;
  /** Renews the lease. */
  renew: AppendStatement;
  /** Appends the end alone. */
  end: AppendStatement;
}

/** Makes the statements. */
export function appendStatements(names: LogNames): AppendStatements {
  return {
    add: statement(names, true, false),
    finish: statement(names, true, true),
    renew: statement(names, false, false),
    end: statement(names, false, true),
  };
}

/**
 * One append. The update locks the row of the stream, and its token, its end and its number of chunks are compared again after the lock is granted. It returns no row if one of them is not
 * as it has to be. A token that is higher than the stored one is the owner's: the server has lost the newest writes.
 */
function statement({ streams, entries }: LogNames, adds: boolean, ends: boolean): AppendStatement {
  const values: (keyof AppendValues)[] = [];
  const value = (name: keyof AppendValues, type = 'bigint'): string => {
    const at = values.indexOf(name);
    return `$${at < 0 ? values.push(name) : at + 1}::${type}`;
  };
  const where = [
    `s.owner = ${value('owner', 'text')} AND s.id = ${value('id', 'text')}`,
    `s.token > 0 AND s.token <= ${value('token')} AND s.finish IS NULL AND s.kept > t.now`,
  ];
  const set = [`token = ${value('token')}`, `until = t.now + ${value('leaseMs')}`];
  if (adds) {
    where.push(`s.next = ${value('from')}`);
    set.push(`next = s.next + ${value('count')}`);
    set.push(`bytes = s.bytes + octet_length(${value('chunks', 'text')})`);
    set.push(`marks = s.marks || ${value('marks', 'text')}`);
  } else if (ends) where.push(`s.next >= ${value('from')}`);
  if (ends)
    set.push(`finish = ${value('finish', 'text')}, finished = t.now, kept = t.now + ${value('ttlMs')}`);
  else {
    const least = `t.now + ${value('leaseMs')} + ${RUNNING_TTL_MS - RENEW_TTL_AFTER_MS}`;
    const most = `t.now + ${value('leaseMs')} + ${RUNNING_TTL_MS}`;
    set.push(`kept = CASE WHEN s.kept < ${least} THEN ${most} ELSE s.kept END`);
  }
  const add = `, i AS (
  INSERT INTO ${entries} (stream, upto, epoch, at, chunks)
  SELECT s.key, s.next, ${value('token')}, s.now, ${adds ? value('chunks', 'text') : ''} FROM s
)`;
  const tell =
    adds || ends ? `, ${told(value('process', 'text'), value('payload', 'text'))}::text AS told` : '';
  const text = `
WITH t AS MATERIALIZED (${ends ? CLOCK : QUICK}), s AS (
  UPDATE ${streams} AS s SET ${set.join(', ')}
  FROM t WHERE ${where.join(' AND ')}
  RETURNING s.key, s.next, t.now, s.seen, s.stop, s.bytes, s.watch
)${adds ? add : ''}
SELECT s.next::text, s.now::text, greatest(0, s.now - s.seen)::text AS unread, s.stop, s.bytes::text${tell} FROM s`;
  return { text, values };
}
