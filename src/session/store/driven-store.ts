import type { Step, StoredStep } from '../steps/step.ts';
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
import { BranchFields } from './branch-fields.ts';
import { checkSessionKey } from './check-key.ts';
import type { Codec } from './contents.ts';
import { firstRows } from './driver.ts';
import type { Place, StoreDriver, StoredRow, Sums, Written } from './driver.ts';
import { DriverCalls, isPending } from './driver-calls.ts';
import type { StoreOptions } from './driver-calls.ts';
import { BRANCH, LINE, OPEN, decodeId, stepGroup, turnGroup } from './driver-names.ts';
import { DrivenBranches } from './driven-branches.ts';
import { DrivenSteps } from './driven-steps.ts';
import { DriverLease } from './driver-lease.ts';
import { listCursor } from './list-cursor.ts';
import { SessionContents } from './session-contents.ts';
import {
  conflictError,
  leaseLostError,
  noSessionError,
  sessionBusyError,
  unreadableError,
} from './store-errors.ts';
import { spendOf, sumsOf } from './sums.ts';
import type {
  AppendOptions,
  Branch,
  Lease,
  LeaseOptions,
  ListOptions,
  LoadOptions,
  RecordOptions,
  SessionEntry,
  SessionKey,
  SessionPage,
  SessionState,
  Spend,
  SpendScope,
  StateStore,
  StoredTurn,
} from './store.ts';

/** The fields that a fork does not get, by the beginnings of their names. */
const NOT_COPIED = [OPEN, BRANCH, LINE];

/** A store over a driver. It does what is the same for every database. */
export class DrivenStore<Content> implements StateStore {
  readonly #driver: StoreDriver<Content>;
  readonly #calls: DriverCalls<Content>;
  readonly #contents: SessionContents<Content>;
  readonly #steps: DrivenSteps<Content>;
  readonly #branches: DrivenBranches<Content>;
  readonly #name: string;
  readonly #rawIds: boolean;

  constructor(driver: StoreDriver<Content>, codec: Codec<Content>, options: StoreOptions = {}) {
    this.#driver = driver;
    this.#calls = new DriverCalls(driver, options);
    const fields = new BranchFields(codec);
    this.#contents = new SessionContents(codec, options.rowSize ?? 50, fields);
    this.#branches = new DrivenBranches(this.#calls, this.#contents, fields);
    this.#steps = new DrivenSteps(this.#calls, this.#contents);
    this.#name = options.name ?? 'store';
    this.#rawIds = options.rawIds ?? false;
  }

  async load(key: SessionKey, options: LoadOptions = {}): Promise<SessionState | undefined> {
    const place = checkLoad(key, options);
    const { last = Number.POSITIVE_INFINITY, leaf, ids = false } = options;
    const way = leaf === undefined ? undefined : await this.#branches.find('load', key, place, leaf, last);
    const answer =
      leaf === undefined
        ? this.#calls.call('load', () => this.#driver.load(this.#calls.placeOf(place), last))
        : way?.loaded;
    const loaded = isPending(answer) ? await answer : answer;
    if (loaded === undefined) return undefined;
    const beyond = way?.beyond ?? 0;
    const { metadata, opens } = this.#contents.readFields(key, loaded.fields);
    const open = opens.length === 0 ? undefined : await this.#branches.openOn(key, place, opens, leaf);
    return {
      owner: place.owner,
      id: place.id,
      ...this.#contents.messages(key, loaded, { last, beyond, ids }),
      messageCount: loaded.messages - beyond,
      metadata,
      ...(open !== undefined && { open }),
      ...readSums(key, loaded.sums),
      version: loaded.version,
      createdAt: loaded.createdAt,
      updatedAt: loaded.updatedAt,
      ...(loaded.expiresAt !== undefined && { expiresAt: loaded.expiresAt }),
    };
  }

  async turn(key: SessionKey, turnId: string): Promise<StoredTurn | undefined> {
    const place = checkTurn(key, turnId);
    const answer = this.#calls.group('turn', place, turnGroup(turnId));
    return this.#turnOf(key, turnId, isPending(answer) ? await answer : answer);
  }

  async append(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Promise<number> {
    const place = checkAppend(key, entries, options);
    const { turnId, expectedVersion, lease, release = false, metadata, end, spent, closes, after } = options;
    const hang =
      after === undefined ? undefined : await this.#branches.hang(key, place, after, expectedVersion + 1);
    const fields = this.#contents.fields(metadata, { closes });
    const answer = this.#calls.write('append', place, {
      group: { id: turnGroup(turnId), from: 0 },
      token: lease?.token,
      version: expectedVersion,
      rows: this.#contents.rows(entries, end, after === undefined ? undefined : { after, kept: hang?.kept }),
      after: hang?.position,
      head: hang?.position,
      fields: hang === undefined ? fields : { ...hang.fields, ...fields },
      sums: end && sumsOf(spent ?? end, 1),
      drop: closes === undefined ? undefined : [stepGroup(closes)],
      bump: true,
      release,
    });
    const written = isPending(answer) ? await answer : answer;
    if (written.refused !== 'group') return versionOf(key, written, expectedVersion);
    // A stored turn never changes, so it can be read after the write.
    if (end?.leaseToken !== undefined) {
      const stored = this.#turnOf(key, turnId, await this.#calls.group('append', place, turnGroup(turnId)));
      checkSameRun(key, end, stored?.end);
    }
    return written.version;
  }

  record(key: SessionKey, turnId: string, steps: readonly Step[], options: RecordOptions): Promise<number> {
    return this.#steps.record(key, turnId, steps, options);
  }

  steps(key: SessionKey, turnId: string): Promise<StoredStep[]> {
    return this.#steps.steps(key, turnId);
  }

  async branches(key: SessionKey): Promise<Branch[]> {
    return this.#branches.list(key, checkSessionKey(key));
  }

  async update(
    key: SessionKey,
    metadata: Readonly<Record<string, unknown>>,
    options: { expectedVersion: number },
  ): Promise<number> {
    const place = checkUpdate(key, metadata, options);
    const { expectedVersion } = options;
    const answer = this.#calls.write('update', place, {
      version: expectedVersion,
      rows: [],
      fields: this.#contents.fields(metadata),
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
      const answer = this.#calls.call('spend', () => this.#driver.spent(this.#calls.idOf(owner)));
      return readSums({ owner, id: '' }, isPending(answer) ? await answer : answer);
    }
    const answer = this.#calls.call('spend', () => this.#driver.load(this.#calls.placeOf({ owner, id }), 0));
    const loaded = isPending(answer) ? await answer : answer;
    return readSums({ owner, id }, loaded?.sums ?? {});
  }

  async list(options: ListOptions): Promise<SessionPage> {
    const { owner, limit, after } = checkList(options, this.#name);
    const text = after === undefined ? '' : this.#calls.idOf(after);
    const answer = this.#calls.call('list', () =>
      this.#driver.list(this.#calls.idOf(owner), text, limit + 1),
    );
    const found = isPending(answer) ? await answer : answer;
    const sessions = found.slice(0, limit).map(({ id, version, updatedAt }) => ({
      owner,
      id: this.#rawIds ? id : decodeId(id),
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
        : this.#calls.call('fork', () =>
            this.#driver.copy?.(this.#calls.placeOf(from), this.#calls.placeOf(to), {
              messages,
              without: NOT_COPIED,
              cut: (row, count) => this.#contents.cut(key, row, count),
            }),
          );
    const copied = isPending(answer) ? await answer : answer;
    if (copied !== true) throw noSessionError(key);
    return to;
  }

  async delete(key: SessionKey): Promise<void> {
    const place = this.#calls.placeOf(checkSessionKey(key));
    await this.#calls.call('delete', () => this.#driver.delete(place));
  }

  async forget(owner: string): Promise<number> {
    checkOwner(owner);
    return this.#calls.call('forget', () => this.#driver.forget(this.#calls.idOf(owner)));
  }

  async lease(key: SessionKey, ttlMs: number, { takeOver = false }: LeaseOptions = {}): Promise<Lease> {
    const place = this.#calls.placeOf(checkLease(key, ttlMs));
    const answer = this.#calls.call(
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
      this.#calls.call(doing, () => this.#driver.hold(place, token, ms)),
    );
  }

  async close(): Promise<void> {
    await this.#calls.call('close', () => this.#driver.close());
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Forks a session if the driver has no `copy`. */
  async #copy(key: SessionKey, from: Place, to: Place, messages: number): Promise<boolean> {
    const loaded = await this.#calls.call('fork', () =>
      this.#driver.load(this.#calls.placeOf(from), Number.POSITIVE_INFINITY),
    );
    if (loaded === undefined) return false;
    this.#contents.check(key, loaded);
    const kept = Object.entries(loaded.fields).filter(
      ([name]) => !NOT_COPIED.some((prefix) => name.startsWith(prefix)),
    );
    const fields = Object.fromEntries(kept);
    const rows = firstRows(loaded.rows, messages, (row, count) => this.#contents.cut(key, row, count));
    try {
      await this.#calls.write('fork', to, { version: 0, rows, fields, bump: true, release: false });
    } catch (error) {
      // The copy may have been stored, and nobody else knows its id.
      this.#ignore(async () => this.#driver.delete(this.#calls.placeOf(to)));
      throw error;
    }
    return true;
  }

  #turnOf(key: SessionKey, turnId: string, rows: readonly StoredRow<Content>[]): StoredTurn | undefined {
    const [first] = rows;
    if (first === undefined) return undefined;
    return { turnId, ...this.#contents.turn(key, rows), version: first.version };
  }

  /** Starts something whose result and failure do not matter. */
  #ignore(run: () => Promise<unknown>): void {
    run().catch(() => undefined);
  }
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
