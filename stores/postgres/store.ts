import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import {
  SluiceError,
  checkAppend,
  checkFork,
  checkLease,
  checkList,
  checkLoad,
  checkOwner,
  checkSessionKey,
  checkSpend,
  checkTurn,
  checkUpdate,
  decodeSession,
  decodeSpend,
  listCursor,
  noSessionError,
  noSpend,
  parseOptions,
  sessionBusyError,
  storeFailedError,
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
} from '../../src/index.ts';
import { Database } from './database.ts';
import type { Call } from './database.ts';
import { forkValues } from './fork.ts';
import { PostgresLease } from './lease.ts';
import { migrate } from './migrate.ts';
import { namesOf } from './options.ts';
import type { Names, PostgresStoreSettings } from './options.ts';
import * as row from './rows.ts';
import { statementsOf } from './statements.ts';
import type { Statements } from './statements.ts';
import { fromText, toText } from './text.ts';
import { EMPTY_SESSION, TRIES, Writer } from './writer.ts';

/** What cursors say who made them. */
const STORE = 'postgres';
/** How long a migration may take at least. */
const MIGRATE_MS = 60_000;
/** How often expired sessions are swept, at most, and how many at once. */
const SWEEP_MS = 60_000;
const SWEEP_LIMIT = 100;
const sweepSchema = z.object({
  owner: z.string().optional(),
  limit: z
    .int()
    .min(1)
    .max(2 ** 31 - 1),
});

/** Sessions in PostgreSQL: see `postgresStore()`. */
export class PostgresStore implements StateStore {
  readonly #settings: PostgresStoreSettings;
  readonly #names: Names;
  readonly #statements: Statements;
  readonly #database: Database;
  readonly #writer: Writer;
  readonly #ttlMs: number | null;
  #sweptAt = performance.now();
  #sweeping: Promise<unknown> | undefined;

  /** For `postgresStore()`. @internal */
  constructor(settings: PostgresStoreSettings) {
    this.#settings = settings;
    this.#names = namesOf(settings);
    this.#statements = statementsOf(this.#names);
    this.#database = new Database(settings);
    this.#ttlMs = settings.ttlMs ?? null;
    this.#writer = new Writer(this.#database, this.#statements, this.#ttlMs);
    // A connection of our own that breaks while it is idle: the pool makes another, and the next statement says so if it cannot.
    if (settings.own) settings.pool.on('error', () => undefined);
  }

  /**
   * Makes the tables, or brings them to this release's version; does nothing if they are there. Several processes may call it at once. The
   * role needs the right to make tables in the schema (and the schema, if there is none) as long as there is something to do. It takes a
   * minute at most, or `timeoutMs` if that is longer.
   */
  async migrate(): Promise<void> {
    const ms = Math.max(MIGRATE_MS, this.#settings.timeoutMs);
    await this.#database.call('migrate', (call) => migrate(call, this.#names, this.#settings), ms);
  }

  async load(
    key: SessionKey,
    options: { last?: number | undefined } = {},
  ): Promise<SessionState | undefined> {
    const { owner, id } = checkLoad(key, options);
    const { last } = options;
    const rows = await this.#rows('load', row.loadRow, 'load', owner, [toText(id), last ?? null]);
    const head = rows.find((one) => one.upto === null);
    if (head === undefined) return undefined;
    const parts = rows.filter((one) => one.upto !== null).sort((a, b) => a.upto - b.upto);
    const { messages } = row.joined(parts, key);
    return {
      owner,
      id,
      messages: last === undefined ? messages : messages.slice(Math.max(0, messages.length - last)),
      messageCount: head.messages,
      ...decodeSession(head.content, { key, row: 'metadata' }),
      ...decodeSpend(head.spend, { key, row: 'spend' }),
      version: head.version,
      createdAt: head.created,
      updatedAt: head.updated,
      ...(head.expires !== null && { expiresAt: head.expires }),
    };
  }

  async turn(key: SessionKey, turnId: string): Promise<StoredTurn | undefined> {
    const { owner, id } = checkTurn(key, turnId);
    const parts = await this.#rows('turn', row.partRow, 'turn', owner, [toText(id), toText(turnId)]);
    const [first] = parts;
    return first && { turnId, ...row.joined(parts, key), version: first.version };
  }

  async append(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Promise<number> {
    const place = checkAppend(key, entries, options);
    const version = await this.#writer.append(place, key, entries, options);
    if (this.#ttlMs !== null && performance.now() - this.#sweptAt > SWEEP_MS) {
      this.#sweptAt = performance.now();
      // Housekeeping, which the append does not wait for: whatever comes of it, the next minute tries again.
      this.#sweeping = this.sweep({ owner: place.owner, limit: SWEEP_LIMIT }).catch(() => undefined);
    }
    return version;
  }

  async update(
    key: SessionKey,
    metadata: Readonly<Record<string, unknown>>,
    options: { expectedVersion: number },
  ): Promise<number> {
    return this.#writer.update(checkUpdate(key, metadata, options), key, metadata, options.expectedVersion);
  }

  async spend(scope: SpendScope): Promise<Spend> {
    checkSpend(scope);
    const { owner, id } = scope;
    const [found] =
      id === undefined
        ? await this.#rows('spend', row.spendRow, 'spendOfOwner', owner)
        : await this.#rows('spend', row.spendRow, 'spendOfSession', owner, [toText(id)]);
    if (found === undefined) return noSpend();
    return decodeSpend(found.spend, { key: { owner, id: id ?? '' }, row: 'spend' });
  }

  async list(options: ListOptions): Promise<SessionPage> {
    const { owner, limit, after = '' } = checkList(options, STORE);
    const rows = await this.#rows('list', row.listRow, 'list', owner, [toText(after), limit + 1]);
    const sessions = rows
      .slice(0, limit)
      .map(({ id, version, updated }) => ({ owner, id: fromText(id), version, updatedAt: updated }));
    const last = sessions.at(-1);
    if (last === undefined || rows.length <= limit) return { sessions };
    return { sessions, cursor: listCursor(STORE, owner, last.id) };
  }

  async fork(key: SessionKey, at?: number): Promise<{ owner: string; id: string }> {
    const { owner, id } = checkFork(key, at);
    const copy = { owner, id: randomUUID() };
    await this.#database.call('fork', async (call) => {
      const origins = [toText(id), at ?? null];
      const [origin] = await call.rows(row.originRow, this.#statements.origin, owner, origins);
      if (origin === undefined) throw noSessionError(key);
      const values = [copy.id, ...forkValues(origin, key, at, this.#ttlMs)];
      const [made] = await call.rows(row.keyRow, this.#statements.fork, owner, values);
      if (made === undefined) throw noSessionError(key);
    });
    return copy;
  }

  async delete(key: SessionKey): Promise<void> {
    const { owner, id } = checkSessionKey(key);
    await this.#rows('delete', row.noRow, 'delete', owner, [toText(id)]);
  }

  async forget(owner: string): Promise<number> {
    checkOwner(owner);
    return this.#database.call('forget', async (call) => {
      const [gone] = await call.rows(row.countRow, this.#statements.forget, owner);
      // After it, not with it: an append that was under way has added its spend by then.
      await call.rows(row.noRow, this.#statements.forgetSpend, owner);
      return gone?.count ?? 0;
    });
  }

  async lease(key: SessionKey, ttlMs: number, options: LeaseOptions = {}): Promise<Lease> {
    const place = checkLease(key, ttlMs);
    const takeOver = options.takeOver === true;
    return this.#database.call('lease', (call) => this.#lease(call, { key, ...place }, ttlMs, takeOver));
  }

  /**
   * Deletes sessions whose time is over from the tables; nobody sees them before either. A store with a `ttlMs` does so for the owner of an
   * append, once a minute at most: call it now and then to be rid of those of owners who do not come back. Resolves to the number of deleted
   * ones. Of all owners, or of one; with `rowLevelSecurity` of one only.
   */
  async sweep({ owner, limit = 1_000 }: { owner?: string; limit?: number } = {}): Promise<number> {
    parseOptions('sweep()', sweepSchema, { owner, limit });
    if (owner === undefined && this.#settings.rowLevelSecurity) {
      const mend = 'give one, or sweep by a store without rowLevelSecurity whose role has BYPASSRLS';
      throw new SluiceError('invalid_options', `sweep(): owner is missing: ${mend}.`);
    }
    const { sweep } = this.#statements;
    const [gone] = await this.#database.call('sweep', (call) =>
      owner === undefined
        ? call.anyones(row.countRow, sweep, [null, limit])
        : call.rows(row.countRow, sweep, owner, [limit]),
    );
    return gone?.count ?? 0;
  }

  /** Ends the pool if it is `own`, in `timeoutMs`. */
  async close(): Promise<void> {
    await this.#sweeping;
    if (this.#settings.own) await this.#database.end();
  }

  async #lease(
    call: Call,
    { key, owner, id }: { key: SessionKey; owner: string; id: string },
    ttlMs: number,
    takeOver: boolean,
  ): Promise<Lease> {
    const [database, statements, kept] = [this.#database, this.#statements, this.#ttlMs];
    const values = [toText(id), ttlMs, takeOver, EMPTY_SESSION, kept, this.#settings.timeoutMs];
    for (let tries = 1; tries <= TRIES; tries++) {
      const [leased] = await call.rows(row.leaseRow, statements.lease, owner, values);
      if (leased !== undefined)
        return new PostgresLease({ key, owner, id, ttlMs: kept, database, statements }, leased);
      const [known] = await call.rows(row.lookRow, statements.look, owner, [toText(id), null]);
      if (known?.alive === true) throw sessionBusyError(key);
      await call.rows(row.noRow, statements.deleteExpired, owner, [toText(id)]);
    }
    throw storeFailedError('lease', new Error('The session began and expired again each time.'));
  }

  /** A call that is one statement. */
  #rows<R extends z.ZodType>(
    name: string,
    rowSchema: R,
    statement: keyof Statements,
    owner: string,
    values: readonly unknown[] = [],
  ): Promise<z.output<R>[]> {
    return this.#database.call(name, (call) =>
      call.rows(rowSchema, this.#statements[statement], owner, values),
    );
  }
}
