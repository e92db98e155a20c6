import type { DatabaseSync, StatementSync } from 'node:sqlite';

import { idOfText, textOfId } from './id-text.ts';
import { numberIn, numberOrNoneIn, textIn, textOrNoneIn, type Row } from './row.ts';

/** Names a session. */
export interface Place {
  readonly owner: string;
  readonly id: string;
}

/** What of a session changes with its use. */
export interface SessionFields {
  /** 0: it is only leased so far. */
  version: number;
  /** How many there are. */
  messages: number;
  /** As `encodeSpend` made it. */
  spend: string;
  updatedAt: number;
  expiresAt: number | undefined;
  /** The newest lease's; 0: there was none. */
  token: number;
  leasedUntil: number;
  /** The process that has the lease. */
  holder: string | undefined;
}

/** A row of `sessions`. */
export interface SessionRow extends SessionFields {
  /** Its number in this file. */
  readonly session: number;
  readonly createdAt: number;
}

/** A row of `turns`. */
export interface TurnRow {
  /** The session's version after the append. */
  version: number;
  /** The last of its messages within the session, counted from 1; where it has none, of those before. */
  through: number;
  /** How many messages it has. */
  messages: number;
  /** As `encodeTurn` made it. */
  content: string;
}

const TURN = 'version, through, messages, content';

const SQL = {
  session: 'SELECT * FROM sessions WHERE owner = ? AND id = ?',
  insertSession: `INSERT INTO sessions (owner, id, created_at, version, messages, spend, updated_at, expires_at, token, leased_until, holder)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  updateSession: `UPDATE sessions SET version = ?, messages = ?, spend = ?, updated_at = ?, expires_at = ?, token = ?, leased_until = ?, holder = ?
    WHERE session = ?`,
  deleteSession: 'DELETE FROM sessions WHERE session = ?',
  list: `SELECT id, version, updated_at FROM sessions
    WHERE owner = ? AND id > ? AND version > 0 AND (expires_at IS NULL OR expires_at > ?) ORDER BY id LIMIT ?`,
  countSessions:
    'SELECT count(*) AS count FROM sessions WHERE owner = ? AND version > 0 AND (expires_at IS NULL OR expires_at > ?)',
  deleteSessions: 'DELETE FROM sessions WHERE owner = ?',
  expired: 'SELECT session FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT 1',
  content: 'SELECT content FROM contents WHERE session = ?',
  setContent:
    'INSERT INTO contents VALUES (?, ?) ON CONFLICT (session) DO UPDATE SET content = excluded.content',
  hasTurn: 'SELECT 1 FROM turns WHERE session = ? AND turn = ? LIMIT 1',
  turn: `SELECT ${TURN} FROM turns WHERE session = ? AND turn = ? ORDER BY part`,
  insertTurn: 'INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?)',
  newest: `SELECT ${TURN} FROM turns WHERE session = ? AND messages > 0 AND through > ? ORDER BY through`,
  rowBehind: `SELECT ${TURN} FROM turns WHERE session = ? AND messages > 0 AND through > ? ORDER BY through LIMIT 1`,
  copyTurns: `INSERT INTO turns SELECT ?, NULL, part, 1, through, messages, content FROM turns
    WHERE session = ? AND messages > 0 AND through <= ?`,
  deleteSomeTurns:
    'DELETE FROM turns WHERE rowid IN (SELECT rowid FROM turns WHERE session = ? ORDER BY turn LIMIT ?)',
  ownerSpend: 'SELECT spend FROM owners WHERE owner = ?',
  setOwnerSpend: 'INSERT INTO owners VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET spend = excluded.spend',
  deleteOwner: 'DELETE FROM owners WHERE owner = ?',
  nextToken: 'UPDATE tokens SET last = last + 1 RETURNING last',
} as const;

/** Every statement of the store, each prepared once, at its first use. Whatever comes from outside is a parameter. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<keyof typeof SQL, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  session({ owner, id }: Place): SessionRow | undefined {
    const row = this.#on('session').get(textOfId(owner), textOfId(id));
    return row === undefined ? undefined : sessionOf(row);
  }

  /** Returns its number. */
  insertSession({ owner, id }: Place, createdAt: number, fields: SessionFields): number {
    const { lastInsertRowid } = this.#on('insertSession').run(
      textOfId(owner),
      textOfId(id),
      createdAt,
      ...valuesOf(fields),
    );
    return Number(lastInsertRowid);
  }

  updateSession(row: SessionRow): void {
    this.#on('updateSession').run(...valuesOf(row), row.session);
  }

  /** With its turns and all. */
  deleteSession(session: number): void {
    this.#on('deleteSession').run(session);
  }

  /** Behind `after`, the text of an id. */
  list(owner: string, after: string, now: number, limit: number) {
    return this.#on('list')
      .all(textOfId(owner), after, now, limit)
      .map((row) => ({
        id: idOfText(textIn(row, 'id')),
        version: numberIn(row, 'version'),
        updatedAt: numberIn(row, 'updated_at'),
      }));
  }

  /** Deletes all of an owner; returns how many sessions that were. */
  forget(owner: string, now: number): number {
    const text = textOfId(owner);
    const count = numberIn(this.#on('countSessions').get(text, now) ?? {}, 'count');
    this.#on('deleteSessions').run(text);
    this.#on('deleteOwner').run(text);
    return count;
  }

  /** Metadata and pending calls, as `encodeSession` made them; undefined where there were none yet. */
  content(session: number): string | undefined {
    const row = this.#on('content').get(session);
    return row === undefined ? undefined : textIn(row, 'content');
  }

  setContent(session: number, content: string): void {
    this.#on('setContent').run(session, content);
  }

  hasTurn(session: number, turnId: string): boolean {
    return this.#on('hasTurn').get(session, textOfId(turnId)) !== undefined;
  }

  /** The parts of a turn, in order. */
  turn(session: number, turnId: string): TurnRow[] {
    return this.#on('turn').all(session, textOfId(turnId)).map(turnOf);
  }

  insertTurn(session: number, turnId: string | undefined, part: number, row: TurnRow): void {
    const turn = turnId === undefined ? null : textOfId(turnId);
    this.#on('insertTurn').run(session, turn, part, row.version, row.through, row.messages, row.content);
  }

  /** The rows that hold the messages behind the first `skip`, in order. */
  newest(session: number, skip: number): TurnRow[] {
    return this.#on('newest').all(session, skip).map(turnOf);
  }

  /** The row that holds the message behind the first `count`. */
  rowBehind(session: number, count: number): TurnRow | undefined {
    const row = this.#on('rowBehind').get(session, count);
    return row === undefined ? undefined : turnOf(row);
  }

  /** Copies the rows that lie wholly within the first `count` messages. */
  copyTurns(to: number, from: number, count: number): void {
    this.#on('copyTurns').run(to, from, count);
  }

  /** Deletes up to `limit` rows of one session that has expired, and the session with the last of them. */
  sweep(now: number, limit: number): void {
    const row = this.#on('expired').get(now);
    if (row === undefined) return;
    const session = numberIn(row, 'session');
    if (this.#on('deleteSomeTurns').run(session, limit).changes < limit) this.deleteSession(session);
  }

  ownerSpend(owner: string): string | undefined {
    const row = this.#on('ownerSpend').get(textOfId(owner));
    return row === undefined ? undefined : textIn(row, 'spend');
  }

  setOwnerSpend(owner: string, spend: string): void {
    this.#on('setOwnerSpend').run(textOfId(owner), spend);
  }

  /** Larger than any before, in the whole file. */
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

function valuesOf(fields: SessionFields): (string | number | null)[] {
  const { version, messages, spend, updatedAt, expiresAt, token, leasedUntil, holder } = fields;
  return [version, messages, spend, updatedAt, expiresAt ?? null, token, leasedUntil, holder ?? null];
}

function sessionOf(row: Row): SessionRow {
  return {
    session: numberIn(row, 'session'),
    createdAt: numberIn(row, 'created_at'),
    version: numberIn(row, 'version'),
    messages: numberIn(row, 'messages'),
    spend: textIn(row, 'spend'),
    updatedAt: numberIn(row, 'updated_at'),
    expiresAt: numberOrNoneIn(row, 'expires_at'),
    token: numberIn(row, 'token'),
    leasedUntil: numberIn(row, 'leased_until'),
    holder: textOrNoneIn(row, 'holder'),
  };
}

function turnOf(row: Row): TurnRow {
  return {
    version: numberIn(row, 'version'),
    through: numberIn(row, 'through'),
    messages: numberIn(row, 'messages'),
    content: textIn(row, 'content'),
  };
}
