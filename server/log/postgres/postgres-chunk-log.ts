import type * as z from 'zod';
import { isSluiceError } from '../../../src/index.ts';
import { Database, failure, migrateTables } from '../../../stores/postgres/shared.ts';
import type { Call, PostgresPool } from '../../../stores/postgres/shared.ts';
import type { SentChunk, SentEnd } from '../../stream/parts.ts';
import { checkStreamKey } from '../check-key.ts';
import type {
  Appended,
  ChunkLog,
  LoggedStart,
  Opened,
  OpenOptions,
  Page,
  ReadOptions,
  UnownedOptions,
} from '../chunk-log.ts';
import type { StreamKey, StreamLease } from '../chunk-log.ts';
import { textOfChunks } from '../chunk-text.ts';
import { Hints } from '../hints.ts';
import { marksOf } from '../marks.ts';
import { leaseLost, sessionOf } from '../refusals.ts';
import { HINT_MS, PAGE_CHUNKS } from '../retention.ts';
import { nameOf } from '../watchers.ts';
import { WatchedStarts } from '../watched-starts.ts';
import type { Watched } from '../watchers.ts';
import { appendStatements } from './append-statement.ts';
import type { AppendStatement, AppendStatements, AppendValues } from './append-statement.ts';
import { Listener, payloadOf } from './listener.ts';
import { Notes } from './notes.ts';
import { openStream } from './open-stream.ts';
import { plainText, storedText } from './plain-text.ts';
import * as row from './rows.ts';
import { logStatements } from './statements.ts';
import type { LogStatements } from './statements.ts';
import { stopStream } from './stop-stream.ts';
import { logNames, makeLogTables } from './tables.ts';
import type { LogNames } from './tables.ts';

/** The checked options of `postgresLog()`. */
export interface PostgresLogSettings {
  pool: PostgresPool;
  own: boolean;
  schema: string;
  prefix: string;
  ttlMs: number;
  maxStreamBytes: number;
  timeoutMs: number;
  coalesceMs: number;
  pollMs: number;
  prepare: boolean;
}

/** The minimum time limit of a migration. */
const MIGRATE_MS = 60_000;
/** The minimum time between deletions of expired streams, and how many are deleted at once. */
const SWEEP_MS = 10_000;
const SWEEP_LIMIT = 500;

const NO_CALLS: ReadonlySet<number> = new Set();

/** Streams in PostgreSQL. The clock is the server's. */
export class PostgresChunkLog implements ChunkLog {
  readonly coalesceMs: number;
  readonly #settings: PostgresLogSettings;
  readonly #names: LogNames;
  readonly #statements: LogStatements;
  readonly #appends: AppendStatements;
  readonly #database: Database;
  readonly #hints: Hints;
  readonly #listener: Listener;
  /** The name under which other processes reach this one: a part of the name of a channel, which has at most 63 characters. */
  readonly #process = crypto.randomUUID().replaceAll('-', '');
  /** Which numbers each owner of this process has marks for. */
  readonly #valid = new WeakMap<StreamLease, ReadonlySet<number>>();
  readonly #starts: WatchedStarts;
  readonly #notes = new Notes();
  #sweptAt = performance.now();
  #sweeping: Promise<unknown> | undefined;

  constructor(settings: PostgresLogSettings) {
    this.#settings = settings;
    this.coalesceMs = settings.coalesceMs;
    this.#names = logNames(settings);
    this.#statements = logStatements(this.#names);
    this.#appends = appendStatements(this.#names);
    this.#database = new Database({ ...settings, rowLevelSecurity: false });
    this.#listener = new Listener(
      settings.pool,
      this.#process,
      () => this.#hints,
      (payload) => this.#tellMyself(payload),
    );
    this.#hints = new Hints(this.#listener, settings.pollMs);
    this.#starts = new WatchedStarts(this.#hints);
    // An idle connection has broken. The pool opens another one, and if it cannot, the next statement reports it.
    if (settings.own) settings.pool.on('error', () => undefined);
  }

  async migrate(): Promise<void> {
    const { schema, migrations, streams } = this.#names;
    const steps = [(queries: Parameters<typeof makeLogTables>[0]) => makeLogTables(queries, this.#names)];
    const tables = { schema, migrations, lock: `sluice ${streams}`, steps };
    const ms = Math.max(MIGRATE_MS, this.#settings.timeoutMs);
    await this.#call('migrate', (call) => migrateTables(call, tables), ms);
  }

  async open(key: StreamKey, start: LoggedStart, options: OpenOptions): Promise<Opened> {
    const place = placeOf(key);
    this.#sweepNowAndThen();
    const session = sessionOf(start);
    const print = storedText(start.fingerprint ?? '');
    const begin = [
      ...place,
      session === undefined ? null : storedText(session.owner),
      session === undefined ? null : storedText(session.id),
      JSON.stringify(start),
      print,
      milliseconds(options.leaseMs),
      this.#process,
    ];
    const opened = await this.#call('open', (call) =>
      openStream(call, this.#statements, key, {
        options,
        place,
        print,
        begin,
        take: this.#takeValues(key, options),
      }),
    );
    if (opened.as === 'owner') this.#hints.watchers.wake(key, 'chunks');
    return opened;
  }

  async append(
    held: StreamLease,
    from: number,
    chunks: readonly SentChunk[],
    end?: SentEnd,
  ): Promise<Appended> {
    const { key } = held;
    const marks = marksOf(chunks, this.#valid.get(held) ?? NO_CALLS);
    const values = this.#appendValues(held, from, chunks, marks.text, end);
    const { add, finish, renew, end: endAlone } = this.#appends;
    const statement =
      chunks.length > 0 ? (end === undefined ? add : finish) : end === undefined ? renew : endAlone;
    const kept = await this.#call('append', (call) => this.#append(call, statement, values));
    if (kept === undefined) return this.#appendAgain(held, from, chunks, end, values);
    const appended = row.appendedOf(kept);
    if (appended.next < from) this.#valid.delete(held);
    else this.#valid.set(held, marks.valid);
    if (chunks.length > 0 || end !== undefined) this.#hints.watchers.wake(key, 'chunks');
    if (Number(kept.bytes) > this.#settings.maxStreamBytes) await this.#trim(held);
    return appended;
  }

  async read(key: StreamKey, options: ReadOptions): Promise<Page | undefined> {
    const place = placeOf(key);
    const { after, most = PAGE_CHUNKS, presentMs } = options;
    const watches = this.#starts.isRead(key);
    const known = this.#starts.get(key);
    const found = await this.#call('read', async (call) => {
      // Before the read: what is appended after it then causes a hint.
      await this.#note(call, key, presentMs, watches);
      const values = [...place, after, most, known?.base ?? null];
      return row.pageOf(await call.anyones(row.pageRow, this.#statements.read, values), known);
    });
    if (found !== undefined && watches) this.#starts.keep(key, found.known);
    return found?.page;
  }

  async stop(key: StreamKey, reason: string): Promise<'pending' | 'stopped' | 'unknown'> {
    const place = placeOf(key);
    const values = [...place, storedText(reason), this.#process, payloadOf('stop', ...place)];
    const bury = [...place, storedText(reason)];
    const answer = await this.#call('stop', (call) =>
      stopStream(call, this.#statements, { place, stop: values, bury }),
    );
    if (answer === 'pending') this.#hints.watchers.wake(key, 'stop');
    return answer;
  }

  async release(held: StreamLease): Promise<void> {
    const place = placeOf(held.key);
    const values = [...place, held.token, this.#process, payloadOf('chunks', ...place)];
    const [released] = await this.#call('release', (call) =>
      call.anyones(row.anyRow, this.#statements.release, values),
    );
    if (released === undefined) await this.#refused(held, undefined);
    this.#hints.watchers.wake(held.key, 'chunks');
  }

  async settle(key: StreamKey, end: SentEnd, { graceMs }: { graceMs: number }): Promise<boolean> {
    const place = placeOf(key);
    const times = [milliseconds(graceMs), milliseconds(this.#settings.ttlMs)];
    const values = [...place, JSON.stringify(end), ...times, this.#process, payloadOf('chunks', ...place)];
    const settled = await this.#call('settle', (call) =>
      call.anyones(row.anyRow, this.#statements.settle, values),
    );
    if (settled.length === 0) return false;
    this.#hints.watchers.wake(key, 'chunks');
    return true;
  }

  watch(key: StreamKey, what: Watched, wake: () => void): () => void {
    return this.#starts.watch(key, what, wake);
  }

  async running(session: StreamKey): Promise<string[]> {
    const rows = await this.#call('running', (call) =>
      call.anyones(row.idRow, this.#statements.running, placeOf(session)),
    );
    return rows.map(({ id }) => plainText(id));
  }

  async unowned({ graceMs, most }: UnownedOptions): Promise<StreamKey[]> {
    const rows = await this.#call('unowned', (call) =>
      call.anyones(row.keyRow, this.#statements.unowned, [milliseconds(graceMs), most]),
    );
    return rows.map(({ owner, id }) => ({ owner: plainText(owner), id: plainText(id) }));
  }

  async forget(owner: string): Promise<void> {
    const [stored] = placeOf({ owner, id: '*' });
    const rows = await this.#call('forget', (call) =>
      call.anyones(row.idRow, this.#statements.forget, [stored, this.#process]),
    );
    for (const { id } of rows)
      for (const what of ['chunks', 'stop'] as const)
        this.#hints.watchers.wake({ owner, id: plainText(id) }, what);
  }

  /** Deletes expired streams, and returns how many. */
  async sweepAtMost(limit: number): Promise<number> {
    const [swept] = await this.#call('sweep', (call) =>
      call.anyones(row.countRow, this.#statements.sweep, [limit]),
    );
    return Number(swept?.count ?? 0);
  }

  async close(): Promise<void> {
    this.#hints.close();
    this.#listener.close();
    this.#starts.clear();
    await this.#sweeping;
    if (!this.#settings.own) return;
    try {
      await this.#database.end();
    } catch (error) {
      throw failure(error, 'close', 'chunk log');
    }
  }

  /** The append changed nothing: it is not the owner's, or its chunks are there already, or others before them are missing. Only then more is asked. */
  async #appendAgain(
    held: StreamLease,
    from: number,
    chunks: readonly SentChunk[],
    end: SentEnd | undefined,
    values: AppendValues,
  ): Promise<Appended> {
    const renewed = await this.#call('append', (call) => this.#append(call, this.#appends.renew, values));
    if (renewed === undefined) return this.#refused(held, end);
    const appended = row.appendedOf(renewed);
    const { next } = appended;
    if (next < from) {
      // With the newest chunks the log has lost their marks.
      this.#valid.delete(held);
      return appended;
    }
    if (next < from + chunks.length) return this.append(held, next, chunks.slice(next - from), end);
    return end === undefined ? appended : this.append(held, next, [], end);
  }

  /** Why an append is refused. The same end a second time is not an error. */
  async #refused(held: StreamLease, end: SentEnd | undefined): Promise<Appended> {
    const page = await this.read(held.key, { after: Number.MAX_SAFE_INTEGER });
    if (page === undefined) throw leaseLost('gone');
    if (page.token !== held.token) throw leaseLost('owner');
    if (end === undefined || page.end === undefined) throw leaseLost('ended');
    const { next, endedAt = 0, stop } = page;
    return { next, at: endedAt, unreadMs: 0, ...(stop !== undefined && { stop }) };
  }

  async #append(
    call: Call,
    { text, values }: AppendStatement,
    given: AppendValues,
  ): Promise<z.output<typeof row.appendedRow> | undefined> {
    const [kept] = await call.anyones(
      row.appendedRow,
      text,
      values.map((name) => given[name]),
    );
    return kept;
  }

  #appendValues(
    { key, token, leaseMs }: StreamLease,
    from: number,
    chunks: readonly SentChunk[],
    marks: string,
    end: SentEnd | undefined,
  ): AppendValues {
    const [owner, id] = placeOf(key);
    return {
      ...{ owner, id, token, from, marks, process: this.#process },
      count: chunks.length,
      leaseMs: milliseconds(leaseMs),
      chunks: chunks.length === 0 ? '' : textOfChunks(chunks),
      finish: end === undefined ? '' : JSON.stringify(end),
      ttlMs: milliseconds(this.#settings.ttlMs),
      payload: payloadOf('chunks', owner, id),
    };
  }

  #takeValues(key: StreamKey, { leaseMs, graceMs = 0 }: OpenOptions): unknown[] {
    const payload = payloadOf('chunks', ...placeOf(key));
    return [milliseconds(leaseMs), milliseconds(graceMs), this.#process, payload];
  }

  /** Notes a reader, unless this process did so a moment ago: else each read would be a write. */
  async #note(call: Call, key: StreamKey, presentMs: number | undefined, watches: boolean): Promise<void> {
    if (presentMs === undefined && !watches) return;
    const [seenMs, watchMs] = [presentMs ?? 0, Math.max(presentMs ?? 0, HINT_MS)];
    const name = nameOf(key);
    if (!this.#notes.isDue(name, seenMs, watches)) return;
    const process = watches ? this.#process : null;
    const values = [...placeOf(key), milliseconds(seenMs), process, milliseconds(watchMs)];
    await call.anyones(row.anyRow, this.#statements.note, values);
    this.#notes.add(name, seenMs, watches, watchMs);
  }

  /** Drops the oldest entries, and keeps a snapshot of them. It is made here, so that the server does not spend its time on it. */
  async #trim({ key, token }: StreamLease): Promise<void> {
    const { maxStreamBytes } = this.#settings;
    const place = placeOf(key);
    const trim = (): Promise<boolean> =>
      this.#call('append', async (call) => {
        const of = [...place, token, maxStreamBytes];
        const dropped = row.droppedOf(await call.anyones(row.pageRow, this.#statements.oldest, of));
        if (dropped === undefined) return false;
        const { first, upTo, snapshot } = dropped;
        const values = [...place, token, first, upTo, snapshot, maxStreamBytes];
        const [left] = await call.anyones(row.leftRow, this.#statements.drop, values);
        return Number(left?.bytes ?? 0) > maxStreamBytes;
      });
    // A part at a time: other work of this process goes on between them.
    while (await trim());
  }

  #tellMyself(payload: string): Promise<unknown> {
    const text = 'SELECT pg_notify($1, $2)::text AS told';
    return this.#database.call((call) =>
      call.anyones(row.anyRow, text, [`sluice_${this.#process}`, payload]),
    );
  }

  #sweepNowAndThen(): void {
    if (this.#sweeping !== undefined || performance.now() - this.#sweptAt < SWEEP_MS) return;
    this.#sweeping = this.sweepAtMost(SWEEP_LIMIT)
      .then(
        (count) => {
          // There are probably more: the next open goes on.
          if (count < SWEEP_LIMIT) this.#sweptAt = performance.now();
        },
        () => (this.#sweptAt = performance.now()),
      )
      .finally(() => (this.#sweeping = undefined));
  }

  async #call<T>(doing: string, work: (call: Call) => Promise<T>, timeoutMs?: number): Promise<T> {
    try {
      return await this.#database.call(work, timeoutMs);
    } catch (error) {
      throw isSluiceError(error) ? error : failure(error, doing, 'chunk log');
    }
  }
}

/** Owner and id as the database holds them. Throws `invalid_options`. */
function placeOf(key: StreamKey): [owner: string, id: string] {
  checkStreamKey(key);
  return [storedText(key.owner), storedText(key.id)];
}

/** Whole milliseconds. */
function milliseconds(ms: number): number {
  return Math.ceil(ms);
}
