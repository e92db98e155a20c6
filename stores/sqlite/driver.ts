import * as z from 'zod';

import { addSums, firstRows, refusal } from '../../src/index.ts';
import type { Copy, Loaded, Place, StoreDriver, StoredRow, Sums, Write, Written } from '../../src/index.ts';
import type { Connection } from './connection.ts';
import { hasEnded, thisProcess } from './holder.ts';
import { addRows, wayTo } from './lines.ts';
import type { SessionRow, Statements } from './statements.ts';

/** How long a session that was only leased, and is empty, is kept after the end of its lease. */
const ONLY_LEASED_MS = 3_600_000;

/** The maximum number of rows of expired sessions that each write to another session deletes. */
const SWEPT_ROWS = 100;

/** Leases need not survive a power failure: it also ends their processes, and no later token survives either. */
const LEASE = { durable: false };

const sumsSchema = z.record(z.string(), z.number());

/** Sessions in SQLite. Times are this process's, in milliseconds since the epoch. */
export class SqliteDriver implements StoreDriver {
  readonly #connection: Connection;
  readonly #ttlMs: number | undefined;

  constructor(connection: Connection, ttlMs: number | undefined) {
    this.#connection = connection;
    this.#ttlMs = ttlMs;
  }

  load(place: Place, last: number, from?: number): Promise<Loaded | undefined> {
    return this.#connection.read((sql) => {
      const row = stored(sql, place);
      if (row === undefined) return undefined;
      const { session, version, createdAt, updatedAt, expiresAt } = row;
      const head = from ?? row.head;
      const to =
        head === row.head ? { line: row.line, through: row.messages } : sql.placeOfRow(session, head);
      const messages = to?.through ?? 0;
      return {
        version,
        messages,
        head,
        fields: sql.fields(session),
        sums: sumsIn(row.sums),
        createdAt,
        updatedAt,
        expiresAt,
        rows: last === 0 || to === undefined ? [] : wayTo(sql, session, to, Math.max(0, messages - last)),
      };
    });
  }

  group(place: Place, id: string): Promise<StoredRow[]> {
    return this.#connection.read((sql) => {
      const row = alive(sql, place, Date.now());
      return row === undefined ? [] : sql.group(row.session, id);
    });
  }

  write(place: Place, write: Write): Promise<Written> {
    const { group, fields, sums, drop = [] } = write;
    return this.#connection.write((sql) => {
      const now = Date.now();
      const known = alive(sql, place, now);
      const { version = 0, token = 0, leasedUntil = 0 } = known ?? {};
      const size = known === undefined || group === undefined ? 0 : sql.groupSize(known.session, group.id);
      const refused = refusal(write, { version, token, held: leasedUntil > 0, size, now });
      if (refused !== undefined) return { refused, version, token };
      const row = known ?? begun(sql, place, now);
      if (write.bump) row.version++;
      addRows(sql, row, write, now);
      for (const id of drop) sql.deleteGroup(row.session, id);
      for (const name in fields) sql.setField(row.session, name, fields[name]);
      if (sums !== undefined) {
        row.sums = JSON.stringify(addSums(sumsIn(row.sums), sums));
        const ownersSums = addSums(sumsIn(sql.ownerSums(place.owner)), sums);
        sql.setOwnerSums(place.owner, JSON.stringify(ownersSums));
      }
      if (write.release) giveBack(row);
      row.updatedAt = now;
      this.#save(sql, row, now);
      return { version: row.version, token };
    });
  }

  /** A lease whose process has ended counts as given back. */
  lease(place: Place, ms: number, takeOver: boolean): Promise<{ token: number; until: number } | undefined> {
    return this.#connection.write((sql) => {
      const now = Date.now();
      const row = alive(sql, place, now) ?? begun(sql, place, now);
      if (row.leasedUntil > now && !takeOver && !hasEnded(row.holder)) return undefined;
      row.token = sql.nextToken();
      row.leasedUntil = timeAfter(now, ms);
      row.holder = thisProcess();
      this.#save(sql, row, now);
      return { token: row.token, until: row.leasedUntil };
    }, LEASE);
  }

  hold(place: Place, token: number, ms: number): Promise<number | undefined> {
    return this.#connection.write((sql) => {
      const now = Date.now();
      const row = alive(sql, place, now);
      if (row?.token !== token || row.leasedUntil === 0) return undefined;
      if (ms === 0) {
        giveBack(row);
        sql.updateSession(row);
        return 0;
      }
      row.leasedUntil = timeAfter(now, ms);
      this.#save(sql, row, now);
      return row.leasedUntil;
    }, LEASE);
  }

  spent(owner: string): Promise<Sums> {
    return this.#connection.read((sql) => sumsIn(sql.ownerSums(owner)));
  }

  list(
    owner: string,
    after: string,
    limit: number,
  ): Promise<{ id: string; version: number; updatedAt: number }[]> {
    return this.#connection.read((sql) => sql.list(owner, after, Date.now(), limit));
  }

  delete(place: Place): Promise<void> {
    return this.#connection.write((sql) => {
      const row = sql.session(place);
      if (row !== undefined) sql.deleteSession(row.session);
    });
  }

  async forget(owner: string): Promise<number> {
    const count = await this.#connection.write((sql) => sql.forget(owner, Date.now()));
    this.#connection.emptyLog();
    return count;
  }

  copy(from: Place, to: Place, { messages, without, cut }: Copy): Promise<boolean> {
    return this.#connection.write((sql) => {
      const origin = stored(sql, from);
      if (origin === undefined) return false;
      const now = Date.now();
      const row = begun(sql, to, now);
      row.version = 1;
      const way = wayTo(sql, origin.session, { line: origin.line, through: origin.messages }, 0);
      addRows(sql, row, { rows: firstRows(way, messages, cut) }, now);
      for (const [name, content] of Object.entries(sql.fields(origin.session))) {
        if (!without.some((prefix) => name.startsWith(prefix))) sql.setField(row.session, name, content);
      }
      this.#save(sql, row, now);
      return true;
    });
  }

  close(): void {
    this.#connection.close();
  }

  /** Stores a session, extends its life, and deletes some expired rows. A session does not expire while it is leased. */
  #save(sql: Statements, row: SessionRow, now: number): void {
    const { version, leasedUntil } = row;
    if (this.#ttlMs !== undefined) row.expiresAt = Math.max(timeAfter(now, this.#ttlMs), leasedUntil);
    else row.expiresAt = version === 0 ? timeAfter(Math.max(now, leasedUntil), ONLY_LEASED_MS) : undefined;
    sql.updateSession(row);
    sql.sweep(now, SWEPT_ROWS);
  }
}

/** A session that has not expired. It may only be leased so far. */
function alive(sql: Statements, place: Place, now: number): SessionRow | undefined {
  const row = sql.session(place);
  return row?.expiresAt !== undefined && row.expiresAt <= now ? undefined : row;
}

/** A session that has been written to. */
function stored(sql: Statements, place: Place): SessionRow | undefined {
  const row = alive(sql, place, Date.now());
  return row?.version === 0 ? undefined : row;
}

/** A new session, in the place of one that has expired. */
function begun(sql: Statements, place: Place, now: number): SessionRow {
  const expired = sql.session(place);
  if (expired !== undefined) sql.deleteSession(expired.session);
  return sql.insertSession(place, now);
}

function giveBack(row: SessionRow): void {
  row.leasedUntil = 0;
  row.holder = undefined;
}

/** Unreadable sums become NaN, which the core refuses. */
function sumsIn(text: string | undefined): Sums {
  if (text === undefined || text === '{}') return {};
  return sumsSchema.safeParse(jsonOf(text)).data ?? { turns: Number.NaN };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A time as an integer that fits into a column and that Node can read. */
function timeAfter(now: number, ms: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(now + ms));
}
