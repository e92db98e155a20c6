import { isSluiceError } from '../../errors.ts';
import type { SluiceError } from '../../errors.ts';
import {
  checkAppend,
  checkFork,
  checkLease,
  checkList,
  checkLoad,
  checkOwner,
  checkSameRun,
  checkSpend,
  checkTurn,
  checkUpdate,
} from './check-call.ts';
import { checkSessionKey } from './check-key.ts';
import type { Codec } from './contents.ts';
import { firstRows } from './driver.ts';
import type { Awaitable, Place, StoreDriver, StoredRow, Sums, Write, Written } from './driver.ts';
import { PENDING, decodeId, encodeId, turnGroup } from './driver-names.ts';
import { DriverLease } from './driver-lease.ts';
import { listCursor } from './list-cursor.ts';
import { SessionContents } from './session-contents.ts';
import { timedCall } from './store-call.ts';
import {
  conflictError,
  driverTimeoutError,
  leaseLostError,
  noSessionError,
  sessionBusyError,
  storeFailedError,
  unreadableError,
} from './store-errors.ts';
import { spendOf, sumsOf } from './sums.ts';
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
} from './store.ts';

/** Options of `defineStore`. */
export interface StoreOptions {
  /** The kind of the store, such as `sqlite`: cursors of lists are bound to it. Default: `store`. */
  name?: string | undefined;
  /** Most messages of a row: a load reads at most one row more than it needs. Default: 50. */
  rowSize?: number | undefined;
  /** How long the store waits for an answer of the driver, in milliseconds, before it fails. Default: no limit. */
  timeoutMs?: number | undefined;
  /** Whether the driver takes owners and ids as they are, with NUL and backslash. Default: they are escaped. */
  rawIds?: boolean | undefined;
  /** Translates an error of the database, in a call such as `append`. Default, or if it returns undefined: `store`, retryable. */
  fault?: ((this: void, error: unknown, doing: string) => SluiceError | undefined) | undefined;
}

/** A store over a driver. It does what is the same for every database. */
export class DrivenStore<Content> implements StateStore {
  readonly #driver: StoreDriver<Content>;
  readonly #contents: SessionContents<Content>;
  readonly #options: StoreOptions;
  readonly #name: string;

  constructor(driver: StoreDriver<Content>, codec: Codec<Content>, options: StoreOptions = {}) {
    this.#driver = driver;
    this.#contents = new SessionContents(codec, options.rowSize ?? 50);
    this.#options = options;
    this.#name = options.name ?? 'store';
  }

  async load(
    key: SessionKey,
    options: { last?: number | undefined } = {},
  ): Promise<SessionState | undefined> {
    const place = checkLoad(key, options);
    const { last = Number.POSITIVE_INFINITY } = options;
    const answer = this.#call('load', () => this.#driver.load(this.#placeOf(place), last));
    const loaded = isPending(answer) ? await answer : answer;
    if (loaded === undefined) return undefined;
    const { metadata, pending } = this.#contents.readFields(key, loaded.fields);
    return {
      owner: place.owner,
      id: place.id,
      messages: this.#contents.messages(key, loaded, last),
      messageCount: loaded.messages,
      metadata,
      pending,
      ...readSums(key, loaded.sums),
      version: loaded.version,
      createdAt: loaded.createdAt,
      updatedAt: loaded.updatedAt,
      ...(loaded.expiresAt !== undefined && { expiresAt: loaded.expiresAt }),
    };
  }

  async turn(key: SessionKey, turnId: string): Promise<StoredTurn | undefined> {
    const place = checkTurn(key, turnId);
    const answer = this.#group('turn', place, turnId);
    return this.#turnOf(key, turnId, isPending(answer) ? await answer : answer);
  }

  async append(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Promise<number> {
    const place = checkAppend(key, entries, options);
    const { turnId, expectedVersion, lease, release = false, metadata, pending, end } = options;
    const answer = this.#write('append', place, {
      group: { id: turnGroup(turnId), from: 0 },
      token: lease?.token,
      version: expectedVersion,
      rows: this.#contents.rows(entries, end),
      fields: this.#contents.fields(metadata, pending),
      sums: end && sumsOf(end),
      bump: true,
      release,
    });
    const written = isPending(answer) ? await answer : answer;
    if (written.refused !== 'group') return versionOf(key, written, expectedVersion);
    // A stored turn never changes, so it can be read after the write.
    if (end?.leaseToken !== undefined) {
      const stored = this.#turnOf(key, turnId, await this.#group('append', place, turnId));
      checkSameRun(key, end, stored?.end);
    }
    return written.version;
  }

  async update(
    key: SessionKey,
    metadata: Readonly<Record<string, unknown>>,
    options: { expectedVersion: number },
  ): Promise<number> {
    const place = checkUpdate(key, metadata, options);
    const { expectedVersion } = options;
    const answer = this.#write('update', place, {
      version: expectedVersion,
      rows: [],
      fields: this.#contents.fields(metadata, undefined),
      bump: true,
      release: false,
    });
    const written = isPending(answer) ? await answer : answer;
    return versionOf(key, written, expectedVersion);
  }

  async spend(scope: SpendScope): Promise<Spend> {
    checkSpend(scope);
    const { owner, id } = scope;
    if (id === undefined) {
      const answer = this.#call('spend', () => this.#driver.spent(this.#idOf(owner)));
      return readSums({ owner, id: '' }, isPending(answer) ? await answer : answer);
    }
    const answer = this.#call('spend', () => this.#driver.load(this.#placeOf({ owner, id }), 0));
    const loaded = isPending(answer) ? await answer : answer;
    return readSums({ owner, id }, loaded?.sums ?? {});
  }

  async list(options: ListOptions): Promise<SessionPage> {
    const { owner, limit, after } = checkList(options, this.#name);
    const text = after === undefined ? '' : this.#idOf(after);
    const answer = this.#call('list', () => this.#driver.list(this.#idOf(owner), text, limit + 1));
    const found = isPending(answer) ? await answer : answer;
    const sessions = found.slice(0, limit).map(({ id, version, updatedAt }) => ({
      owner,
      id: this.#options.rawIds === true ? id : decodeId(id),
      version,
      updatedAt,
    }));
    const last = sessions.at(-1);
    if (last === undefined || found.length <= limit) return { sessions };
    return { sessions, cursor: listCursor(this.#name, owner, last.id) };
  }

  async fork(key: SessionKey, at?: number): Promise<{ owner: string; id: string }> {
    const from = checkFork(key, at);
    const to = { owner: from.owner, id: crypto.randomUUID() };
    const messages = at ?? Number.POSITIVE_INFINITY;
    const answer =
      this.#driver.copy === undefined
        ? this.#copy(key, from, to, messages)
        : this.#call('fork', () =>
            this.#driver.copy?.(this.#placeOf(from), this.#placeOf(to), {
              messages,
              wholeOnly: [PENDING],
              cut: (row, count) => this.#contents.cut(key, row, count),
            }),
          );
    const copied = isPending(answer) ? await answer : answer;
    if (copied !== true) throw noSessionError(key);
    return to;
  }

  async delete(key: SessionKey): Promise<void> {
    const place = this.#placeOf(checkSessionKey(key));
    await this.#call('delete', () => this.#driver.delete(place));
  }

  async forget(owner: string): Promise<number> {
    checkOwner(owner);
    return this.#call('forget', () => this.#driver.forget(this.#idOf(owner)));
  }

  async lease(key: SessionKey, ttlMs: number, { takeOver = false }: LeaseOptions = {}): Promise<Lease> {
    const place = this.#placeOf(checkLease(key, ttlMs));
    const answer = this.#call(
      'lease',
      () => this.#driver.lease(place, ttlMs, takeOver),
      // The caller does not wait for this lease any more, and it would keep the session busy.
      (late) => {
        if (late !== undefined) this.#ignore(async () => this.#driver.hold(place, late.token, 0));
      },
    );
    const granted = isPending(answer) ? await answer : answer;
    if (granted === undefined) throw sessionBusyError(key);
    const { token } = granted;
    return new DriverLease(key, granted, (doing, ms) =>
      this.#call(doing, () => this.#driver.hold(place, token, ms)),
    );
  }

  async close(): Promise<void> {
    await this.#call('close', () => this.#driver.close());
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Calls the driver. `late` takes an answer that comes after `timeoutMs`. */
  #call<T>(doing: string, run: () => Awaitable<T>, late?: (answer: T) => void): Awaitable<T> {
    const { timeoutMs } = this.#options;
    if (timeoutMs !== undefined) {
      const tooLate = (): SluiceError => driverTimeoutError(doing, timeoutMs);
      return timedCall(doing, async () => this.#answerOf(doing, run), { timeoutMs, late, tooLate });
    }
    return this.#answerOf(doing, run);
  }

  /** If the driver answers at once, no promise is made. */
  #answerOf<T>(doing: string, run: () => Awaitable<T>): Awaitable<T> {
    try {
      const answer = run();
      return answer instanceof Promise ? this.#awaited(doing, answer) : answer;
    } catch (error) {
      throw this.#failed(doing, error);
    }
  }

  async #awaited<T>(doing: string, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw this.#failed(doing, error);
    }
  }

  #failed(doing: string, error: unknown): SluiceError {
    if (isSluiceError(error)) return error;
    return this.#options.fault?.(error, doing) ?? storeFailedError(doing, error);
  }

  #write(doing: string, place: Place, write: Write<Content>): Awaitable<Written> {
    return this.#call(doing, () => this.#driver.write(this.#placeOf(place), write));
  }

  /** Forks a session if the driver has no `copy`. */
  async #copy(key: SessionKey, from: Place, to: Place, messages: number): Promise<boolean> {
    const loaded = await this.#call('fork', () =>
      this.#driver.load(this.#placeOf(from), Number.POSITIVE_INFINITY),
    );
    if (loaded === undefined) return false;
    this.#contents.check(key, loaded);
    const fields: Record<string, Content> = { ...loaded.fields };
    if (messages < loaded.messages) Reflect.deleteProperty(fields, PENDING);
    const rows = firstRows(loaded.rows, messages, (row, count) => this.#contents.cut(key, row, count));
    try {
      await this.#write('fork', to, { version: 0, rows, fields, bump: true, release: false });
    } catch (error) {
      // The copy may have been stored, and nobody else knows its id.
      this.#ignore(async () => this.#driver.delete(this.#placeOf(to)));
      throw error;
    }
    return true;
  }

  #group(doing: string, place: Place, turnId: string): Awaitable<readonly StoredRow<Content>[]> {
    return this.#call(doing, () => this.#driver.group(this.#placeOf(place), turnGroup(turnId)));
  }

  #turnOf(key: SessionKey, turnId: string, rows: readonly StoredRow<Content>[]): StoredTurn | undefined {
    const [first] = rows;
    if (first === undefined) return undefined;
    const { messages, end } = this.#contents.turn(key, rows);
    return { turnId, messages, ...(end !== undefined && { end }), version: first.version };
  }

  #placeOf(place: Place): Place {
    if (this.#options.rawIds === true) return place;
    return { owner: encodeId(place.owner), id: encodeId(place.id) };
  }

  #idOf(id: string): string {
    return this.#options.rawIds === true ? id : encodeId(id);
  }

  /** Starts something whose result and failure do not matter. */
  #ignore(run: () => Promise<unknown>): void {
    run().catch(() => undefined);
  }
}

/** Whether an answer has to be awaited. An answer that is there at once needs no microtask, and no timer in a pipeline. */
function isPending<T>(answer: Awaitable<T>): answer is Promise<T> {
  return answer instanceof Promise;
}

/** Returns the version after a write, or throws the error for its refusal. */
function versionOf(key: SessionKey, { refused, version }: Written, expectedVersion: number): number {
  if (refused === undefined) return version;
  if (refused === 'token') throw leaseLostError(key);
  throw conflictError(key, version, expectedVersion);
}

function readSums(key: SessionKey, sums: Sums): Spend {
  for (const name in sums) {
    if (!Number.isFinite(sums[name])) throw unreadableError(key, `sum of ${name}`, 'is not a number');
  }
  return spendOf(sums);
}
