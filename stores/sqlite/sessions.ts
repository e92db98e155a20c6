import { encodeSpend, noSpend } from '../../src/index.ts';
import type { Place, SessionRow, Statements } from './statements.ts';

/** How long what is only leased, and has nothing to lose, is kept behind the end of its lease. */
const ONLY_LEASED_MS = 3_600_000;

/** Most rows of an expired session that one use of another takes away. */
const SWEPT_ROWS = 100;

/** The rows of sessions, and how long they live. Times are this process's, in milliseconds since the epoch. */
export class Sessions {
  readonly #ttlMs: number | undefined;

  constructor(ttlMs: number | undefined) {
    this.#ttlMs = ttlMs;
  }

  /** A session in which something is stored. */
  stored(sql: Statements, place: Place): SessionRow | undefined {
    const row = this.alive(sql, place, Date.now());
    return row === undefined || row.version === 0 ? undefined : row;
  }

  /** A session that has not expired; it may be only leased so far. */
  alive(sql: Statements, place: Place, now: number): SessionRow | undefined {
    const row = sql.session(place);
    return row === undefined || isExpired(row, now) ? undefined : row;
  }

  /** A new session, in the place of one that has expired. */
  begun(sql: Statements, place: Place, now: number): SessionRow {
    const expired = sql.session(place);
    if (expired !== undefined) sql.deleteSession(expired.session);
    const fields = {
      version: 0,
      messages: 0,
      spend: encodeSpend(noSpend()),
      updatedAt: now,
      expiresAt: undefined,
      token: 0,
      leasedUntil: 0,
      holder: undefined,
    };
    return { ...fields, session: sql.insertSession(place, now, fields), createdAt: now };
  }

  /** Stores a row that was changed by a write: at the version after it. */
  saveNext(sql: Statements, row: SessionRow, now: number): number {
    const version = row.version + 1;
    this.save(sql, { ...row, version, updatedAt: now }, now);
    return version;
  }

  /** Stores a row, puts its end off, and takes some of what has expired away. */
  save(sql: Statements, row: SessionRow, now: number): void {
    sql.updateSession({ ...row, expiresAt: this.#expiry(row, now) });
    sql.sweep(now, SWEPT_ROWS);
  }

  /** It lives as long as it is leased, whatever its time to live. */
  #expiry({ version, leasedUntil }: SessionRow, now: number): number | undefined {
    if (this.#ttlMs !== undefined) return Math.max(timeAfter(now, this.#ttlMs), leasedUntil);
    return version === 0 ? timeAfter(Math.max(now, leasedUntil), ONLY_LEASED_MS) : undefined;
  }
}

/** A time as a column of whole numbers holds it and Node reads it. */
export function timeAfter(now: number, ms: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(now + ms));
}

function isExpired({ expiresAt }: SessionRow, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}
