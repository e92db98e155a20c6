import { resolve } from 'node:path';

import * as z from 'zod';

import {
  addTurn,
  checkAppend,
  checkFork,
  checkList,
  checkLoad,
  checkOwner,
  checkSameRun,
  checkSessionKey,
  checkSpend,
  checkTurn,
  checkUpdate,
  conflictError,
  decodeSession,
  decodeSpend,
  encodeSession,
  encodeSpend,
  leaseLostError,
  listCursor,
  mergeMetadata,
  noSessionError,
  noSpend,
  parseOptions,
} from '../../src/index.ts';
import type {
  AppendOptions,
  Lease,
  LeaseOptions,
  ListOptions,
  SessionEntry,
  SessionKey,
  SessionPage,
  SessionState,
  Spend,
  SpendScope,
  StateStore,
  StoredTurn,
  ToolCallPart,
} from '../../src/index.ts';
import { Connection, IN_MEMORY } from './connection.ts';
import { textOfId } from './id-text.ts';
import { GIVEN_BACK, takeLease } from './lease.ts';
import { Sessions } from './sessions.ts';
import type { SessionRow, Statements } from './statements.ts';
import { copyTurns, insertParts, joined, partsOf } from './turn-rows.ts';

/** What cursors say who made them. */
const STORE = 'sqlite';

/** Where sessions are stored, and for how long. */
export interface SqliteStoreOptions {
  /**
   * The file, which several processes of one machine may have open at once; made with its directory where it is missing, readable by its owner alone.
   * `':memory:'`: nowhere but in this store.
   */
  path: string;
  /** A session that is neither appended to, updated nor leased for so long is gone, in milliseconds. Default: none is. */
  ttlMs?: number | undefined;
  /**
   * How long a call waits for other processes that write, in milliseconds, before it fails. Keep it below the pipeline's `storeTimeoutMs`, so that the
   * error says why. Default: 4,000.
   */
  busyTimeoutMs?: number | undefined;
}

const schema = z.strictObject({
  path: z
    .string()
    .min(1)
    .refine((path) => !path.includes('\0'), 'give the path of a file, or ":memory:"'),
  ttlMs: z.number().min(1).optional(),
  busyTimeoutMs: z.number().min(0).default(4_000),
});

/**
 * Sessions in a file of SQLite, on Node's own `node:sqlite`: on one machine, for any number of processes. An append is on the disk when it
 * resolves.
 *
 * The file is opened at the first call, and again after it failed. A lease of a process of this machine that has ended counts as given back.
 *
 * Throws `invalid_options` for wrong options.
 *
 * @example
 * const pipeline = new Pipeline(stack, { store: sqliteStore({ path: 'data/sessions.db' }), own: true });
 */
export function sqliteStore(options: SqliteStoreOptions): StateStore {
  return new SqliteStore(options);
}

class SqliteStore implements StateStore {
  readonly #connection: Connection;
  readonly #sessions: Sessions;

  constructor(options: SqliteStoreOptions) {
    const { path, ttlMs, busyTimeoutMs } = parseOptions('sqliteStore()', schema, options);
    // Whole, so that a later change of the working directory does not move it, and none is taken for a URI.
    this.#connection = new Connection(path === IN_MEMORY ? path : resolve(path), busyTimeoutMs);
    this.#sessions = new Sessions(ttlMs);
  }

  async load(
    key: SessionKey,
    options: { last?: number | undefined } = {},
  ): Promise<SessionState | undefined> {
    const place = checkLoad(key, options);
    const { last = Number.POSITIVE_INFINITY } = options;
    const stored = await this.#connection.read('load', (sql) => {
      const row = this.#sessions.stored(sql, place);
      if (row === undefined) return undefined;
      const rows = last === 0 ? [] : sql.newest(row.session, Math.max(0, row.messages - last));
      return { row, rows, content: sql.content(row.session) };
    });
    if (stored === undefined) return undefined;
    const { row, rows, content } = stored;
    const { messages } = joined(key, rows);
    return {
      ...place,
      messages: last < messages.length ? messages.slice(messages.length - last) : messages,
      messageCount: row.messages,
      ...contentOf(key, content),
      ...spendOf(key, row.spend),
      version: row.version,
      createdAt: row.createdAt,
      updatedAt: row.updatedAt,
      ...(row.expiresAt !== undefined && { expiresAt: row.expiresAt }),
    };
  }

  async turn(key: SessionKey, turnId: string): Promise<StoredTurn | undefined> {
    const place = checkTurn(key, turnId);
    const rows = await this.#connection.read('turn', (sql) => {
      const row = this.#sessions.stored(sql, place);
      return row === undefined ? [] : sql.turn(row.session, turnId);
    });
    const [first] = rows;
    return first && { turnId, version: first.version, ...joined(key, rows) };
  }

  async append(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Promise<number> {
    const place = checkAppend(key, entries, options);
    const { turnId, expectedVersion, lease, release, metadata, pending, end } = options;
    // Before the file is locked.
    const parts = partsOf(entries, end);
    return this.#connection.write('append', (sql) => {
      const now = Date.now();
      const known = this.#sessions.alive(sql, place, now);
      if (known !== undefined && sql.hasTurn(known.session, turnId)) {
        if (end?.leaseToken !== undefined)
          checkSameRun(key, end, joined(key, sql.turn(known.session, turnId)).end);
        return known.version;
      }
      if (lease !== undefined && lease.token !== known?.token) throw leaseLostError(key);
      checkVersion(key, known, expectedVersion);
      const found = known ?? this.#sessions.begun(sql, place, now);
      const row = release === true ? { ...found, ...GIVEN_BACK } : found;
      insertParts(sql, row, turnId, parts);
      const messages = row.messages + entries.length;
      if (metadata !== undefined || pending !== undefined) change(sql, key, row, { metadata, pending });
      if (end === undefined) return this.#sessions.saveNext(sql, { ...row, messages }, now);
      const owners = sql.ownerSpend(place.owner);
      sql.setOwnerSpend(place.owner, encodeSpend(addTurn(spendOf(key, owners), end)));
      const spend = encodeSpend(addTurn(spendOf(key, row.spend), end));
      return this.#sessions.saveNext(sql, { ...row, messages, spend }, now);
    });
  }

  async update(
    key: SessionKey,
    metadata: Readonly<Record<string, unknown>>,
    options: { expectedVersion: number },
  ): Promise<number> {
    const place = checkUpdate(key, metadata, options);
    return this.#connection.write('update', (sql) => {
      const now = Date.now();
      const known = this.#sessions.alive(sql, place, now);
      checkVersion(key, known, options.expectedVersion);
      const row = known ?? this.#sessions.begun(sql, place, now);
      change(sql, key, row, { metadata });
      return this.#sessions.saveNext(sql, row, now);
    });
  }

  async spend(scope: SpendScope): Promise<Spend> {
    checkSpend(scope);
    const { owner, id } = scope;
    const spend = await this.#connection.read('spend', (sql) =>
      id === undefined ? sql.ownerSpend(owner) : this.#sessions.stored(sql, { owner, id })?.spend,
    );
    return spendOf({ owner, id: id ?? '' }, spend);
  }

  async list(options: ListOptions): Promise<SessionPage> {
    const { owner, limit, after = '' } = checkList(options, STORE);
    const found = await this.#connection.read('list', (sql) =>
      sql.list(owner, textOfId(after), Date.now(), limit + 1),
    );
    const sessions = found.slice(0, limit).map((session) => ({ owner, ...session }));
    const last = sessions.at(-1);
    if (last === undefined || found.length <= limit) return { sessions };
    return { sessions, cursor: listCursor(STORE, owner, last.id) };
  }

  async fork(key: SessionKey, at?: number): Promise<{ owner: string; id: string }> {
    const place = checkFork(key, at);
    const copy = { owner: place.owner, id: crypto.randomUUID() };
    await this.#connection.write('fork', (sql) => {
      const from = this.#sessions.stored(sql, place);
      if (from === undefined) throw noSessionError(key);
      const now = Date.now();
      const row = this.#sessions.begun(sql, copy, now);
      const messages = Math.min(at ?? from.messages, from.messages);
      copyTurns(sql, key, from, row, messages);
      const { metadata, pending } = contentOf(key, sql.content(from.session));
      change(sql, copy, row, { metadata, pending: messages === from.messages ? pending : [] });
      this.#sessions.saveNext(sql, { ...row, messages }, now);
    });
    return copy;
  }

  async delete(key: SessionKey): Promise<void> {
    const place = checkSessionKey(key);
    await this.#connection.write('delete', (sql) => {
      const row = sql.session(place);
      if (row !== undefined) sql.deleteSession(row.session);
    });
  }

  async forget(owner: string): Promise<number> {
    checkOwner(owner);
    const count = await this.#connection.write('forget', (sql) => sql.forget(owner, Date.now()));
    this.#connection.emptyLog();
    return count;
  }

  async lease(key: SessionKey, ttlMs: number, options: LeaseOptions = {}): Promise<Lease> {
    return takeLease(this.#connection, this.#sessions, key, ttlMs, options);
  }

  async close(): Promise<void> {
    this.#connection.close();
  }
}

function checkVersion(key: SessionKey, row: SessionRow | undefined, expectedVersion: number): void {
  const version = row?.version ?? 0;
  if (version !== expectedVersion) throw conflictError(key, version, expectedVersion);
}

interface Content {
  metadata: Readonly<Record<string, unknown>>;
  pending: readonly ToolCallPart[];
}

/** Merges metadata and replaces pending calls. */
function change(
  sql: Statements,
  key: SessionKey,
  { session }: SessionRow,
  {
    metadata = {},
    pending,
  }: { metadata?: Content['metadata'] | undefined; pending?: Content['pending'] | undefined },
): void {
  const old = contentOf(key, sql.content(session));
  const merged = mergeMetadata(old.metadata, metadata);
  sql.setContent(session, encodeSession({ metadata: merged, pending: pending ?? old.pending }));
}

function contentOf(key: SessionKey, content: string | undefined): ReturnType<typeof decodeSession> {
  return content === undefined
    ? { metadata: {}, pending: [] }
    : decodeSession(content, { key, row: 'metadata' });
}

function spendOf(key: SessionKey, spend: string | undefined): Spend {
  return spend === undefined ? noSpend() : decodeSpend(spend, { key, row: 'spend' });
}
