import type { DatabaseSync, StatementSync } from 'node:sqlite';

import type { Place, StoredRow } from '../../src/index.ts';
import { numberIn, numberOrNoneIn, textIn, textOrNoneIn } from './row.ts';
import type { Row } from './row.ts';

/** A row of `sessions`. */
export interface SessionRow {
  /** The number of the session in this file. */
  readonly session: number;
  readonly createdAt: number;
  /** 0 if the session is only leased so far. */
  version: number;
  /** The position of the newest row of the conversation, 0 if there is none. */
  head: number;
  /** The line of the head. */
  line: number;
  /** How many messages there are up to the head. */
  messages: number;
  /** Whether there may be rows that are not on the way to the head. */
  branched: boolean;
  /** A JSON object of counters. */
  sums: string;
  updatedAt: number;
  expiresAt: number | undefined;
  /** The token of the newest lease; 0 if there was none. */
  token: number;
  leasedUntil: number;
  /** The process that has the lease. */
  holder: string | undefined;
}

/** A row of `turns`. */
export interface TurnRow extends StoredRow {
  readonly through: number;
}

/** A row of `turns` before it is stored. */
export interface NewTurnRow {
  readonly session: number;
  readonly group: string | undefined;
  readonly part: number;
  readonly version: number;
  readonly line: number;
  readonly parent: number;
  readonly through: number;
  readonly weight: number;
  readonly at: number;
  readonly content: string;
}

/** The place of a row. */
export interface PlaceOfRow {
  readonly line: number;
  readonly through: number;
}

const TURN = 'position, version, through, messages, at, content';

const SQL = {
  session: 'SELECT * FROM sessions WHERE owner = ? AND id = ?',
  insertSession: `INSERT INTO sessions (owner, id, created_at, updated_at, version, messages, sums, token, leased_until)
    VALUES (?, ?, ?, ?, 0, 0, '{}', 0, 0)`,
  updateSession: `UPDATE sessions SET version = ?, head = ?, line = ?, messages = ?, branched = ?, sums = ?, updated_at = ?,
    expires_at = ?, token = ?, leased_until = ?, holder = ? WHERE session = ?`,
  deleteSession: 'DELETE FROM sessions WHERE session = ?',
  list: `SELECT id, version, updated_at FROM sessions
    WHERE owner = ? AND id > ? AND version > 0 AND (expires_at IS NULL OR expires_at > ?) ORDER BY id LIMIT ?`,
  countSessions:
    'SELECT count(*) AS count FROM sessions WHERE owner = ? AND version > 0 AND (expires_at IS NULL OR expires_at > ?)',
  deleteSessions: 'DELETE FROM sessions WHERE owner = ?',
  expired: 'SELECT session FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT 1',
  fields: 'SELECT name, content FROM contents WHERE session = ?',
  setField:
    'INSERT INTO contents VALUES (?, ?, ?) ON CONFLICT (session, name) DO UPDATE SET content = excluded.content',
  deleteField: 'DELETE FROM contents WHERE session = ? AND name = ?',
  groupSize: 'SELECT max(part) + 1 AS size FROM turns WHERE session = ? AND turn = ?',
  group: `SELECT ${TURN} FROM turns WHERE session = ? AND turn = ? ORDER BY part`,
  deleteGroup: 'DELETE FROM turns WHERE session = ? AND turn = ?',
  insertTurn: `INSERT INTO turns (session, turn, part, version, line, parent, through, messages, at, content)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  placeOfRow: 'SELECT line, through FROM turns WHERE session = ? AND position = ?',
  placeBefore: `SELECT before.line, before.through FROM turns AS t JOIN turns AS before ON before.position = t.parent
    WHERE t.session = ? AND t.position = ?`,
  nextPosition: 'SELECT max(position) + 1 AS next FROM turns',
  goesOn: 'SELECT 1 FROM turns WHERE session = ? AND line = ? AND messages > 0 AND through > ? LIMIT 1',
  line: `SELECT ${TURN} FROM turns
    WHERE session = ? AND line = ? AND messages > 0 AND through > ? AND through <= ? ORDER BY through`,
  deleteSomeTurns:
    'DELETE FROM turns WHERE position IN (SELECT position FROM turns WHERE session = ? ORDER BY turn LIMIT ?)',
  ownerSums: 'SELECT sums FROM owners WHERE owner = ?',
  setOwnerSums: 'INSERT INTO owners VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET sums = excluded.sums',
  deleteOwner: 'DELETE FROM owners WHERE owner = ?',
  nextToken: 'UPDATE tokens SET last = last + 1 RETURNING last',
} as const;

/** All statements of the store, each prepared once, at its first use. Every value is a parameter. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<keyof typeof SQL, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  session({ owner, id }: Place): SessionRow | undefined {
    const row = this.#on('session').get(owner, id);
    return row === undefined ? undefined : sessionOf(row);
  }

  insertSession({ owner, id }: Place, now: number): SessionRow {
    const { lastInsertRowid } = this.#on('insertSession').run(owner, id, now, now);
    return {
      session: Number(lastInsertRowid),
      createdAt: now,
      version: 0,
      head: 0,
      line: 0,
      messages: 0,
      branched: false,
      sums: '{}',
      updatedAt: now,
      expiresAt: undefined,
      token: 0,
      leasedUntil: 0,
      holder: undefined,
    };
  }

  updateSession(row: SessionRow): void {
    this.#on('updateSession').run(
      row.version,
      row.head,
      row.line,
      row.messages,
      row.branched ? 1 : 0,
      row.sums,
      row.updatedAt,
      row.expiresAt ?? null,
      row.token,
      row.leasedUntil,
      row.holder ?? null,
      row.session,
    );
  }

  /** Deletes a session with its rows and fields. */
  deleteSession(session: number): void {
    this.#on('deleteSession').run(session);
  }

  list(owner: string, after: string, now: number, limit: number) {
    return this.#on('list')
      .all(owner, after, now, limit)
      .map((row) => ({
        id: textIn(row, 'id'),
        version: numberIn(row, 'version'),
        updatedAt: numberIn(row, 'updated_at'),
      }));
  }

  /** Deletes everything of an owner; returns the number of sessions. */
  forget(owner: string, now: number): number {
    const count = numberIn(this.#on('countSessions').get(owner, now) ?? {}, 'count');
    this.#on('deleteSessions').run(owner);
    this.#on('deleteOwner').run(owner);
    return count;
  }

  fields(session: number): Record<string, string> {
    const fields: Record<string, string> = {};
    for (const row of this.#on('fields').all(session)) fields[textIn(row, 'name')] = textIn(row, 'content');
    return fields;
  }

  setField(session: number, name: string, content: string | undefined): void {
    if (content === undefined) this.#on('deleteField').run(session, name);
    else this.#on('setField').run(session, name, content);
  }

  groupSize(session: number, group: string): number {
    return numberOrNoneIn(this.#on('groupSize').get(session, group) ?? {}, 'size') ?? 0;
  }

  /** The rows of a group, in order. */
  group(session: number, group: string): TurnRow[] {
    return this.#on('group').all(session, group).map(turnOf);
  }

  deleteGroup(session: number, group: string): void {
    this.#on('deleteGroup').run(session, group);
  }

  /** Returns the position of the row. */
  insertTurn(row: NewTurnRow): number {
    const { lastInsertRowid } = this.#on('insertTurn').run(
      row.session,
      row.group ?? null,
      row.part,
      row.version,
      row.line,
      row.parent,
      row.through,
      row.weight,
      row.at,
      row.content,
    );
    return Number(lastInsertRowid);
  }

  placeOfRow(session: number, position: number): PlaceOfRow | undefined {
    return placeOf(this.#on('placeOfRow').get(session, position));
  }

  /** The place of the row that another one follows. */
  placeBefore(session: number, position: number): PlaceOfRow | undefined {
    return placeOf(this.#on('placeBefore').get(session, position));
  }

  nextPosition(): number {
    return numberIn(this.#on('nextPosition').get() ?? {}, 'next');
  }

  /** Whether a line goes on after a row. */
  goesOn(session: number, { line, through }: PlaceOfRow): boolean {
    return this.#on('goesOn').get(session, line, through) !== undefined;
  }

  /** The rows of a line up to a row, in order, without those that hold only the first `skip` messages. */
  line(session: number, { line, through }: PlaceOfRow, skip: number): TurnRow[] {
    return this.#on('line').all(session, line, skip, through).map(turnOf);
  }

  /** Deletes up to `limit` rows of one expired session, and the session itself with the last of them. */
  sweep(now: number, limit: number): void {
    const row = this.#on('expired').get(now);
    if (row === undefined) return;
    const session = numberIn(row, 'session');
    if (this.#on('deleteSomeTurns').run(session, limit).changes < limit) this.deleteSession(session);
  }

  ownerSums(owner: string): string | undefined {
    const row = this.#on('ownerSums').get(owner);
    return row === undefined ? undefined : textIn(row, 'sums');
  }

  setOwnerSums(owner: string, sums: string): void {
    this.#on('setOwnerSums').run(owner, sums);
  }

  /** A token that is larger than any before in the whole file. */
  nextToken(): number {
    return numberIn(this.#on('nextToken').get() ?? {}, 'last');
  }

  #on(name: keyof typeof SQL): StatementSync {
    let statement = this.#prepared.get(name);
    if (statement === undefined) {
      statement = this.#database.prepare(SQL[name]);
      this.#prepared.set(name, statement);
    }
    return statement;
  }
}

function sessionOf(row: Row): SessionRow {
  return {
    session: numberIn(row, 'session'),
    createdAt: numberIn(row, 'created_at'),
    version: numberIn(row, 'version'),
    head: numberIn(row, 'head'),
    line: numberIn(row, 'line'),
    messages: numberIn(row, 'messages'),
    branched: numberIn(row, 'branched') > 0,
    sums: textIn(row, 'sums'),
    updatedAt: numberIn(row, 'updated_at'),
    expiresAt: numberOrNoneIn(row, 'expires_at'),
    token: numberIn(row, 'token'),
    leasedUntil: numberIn(row, 'leased_until'),
    holder: textOrNoneIn(row, 'holder'),
  };
}

function placeOf(row: Row | undefined): PlaceOfRow | undefined {
  return row && { line: numberIn(row, 'line'), through: numberIn(row, 'through') };
}

function turnOf(row: Row): TurnRow {
  return {
    position: numberIn(row, 'position'),
    version: numberIn(row, 'version'),
    through: numberIn(row, 'through'),
    weight: numberIn(row, 'messages'),
    at: numberIn(row, 'at'),
    content: textIn(row, 'content'),
  };
}
