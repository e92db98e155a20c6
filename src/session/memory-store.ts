import * as z from 'zod';
import { SluiceError } from '../errors.ts';
import type { Message, ToolCallPart } from '../messages.ts';
import { parseOptions } from '../options.ts';
import { jsonCopy } from '../plain-data.ts';
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
import { listCursor } from './list-cursor.ts';
import { addTurn, mergeMetadata, noSpend } from './spend.ts';
import { conflictError, leaseLostError, noSessionError, sessionBusyError } from './store-errors.ts';
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
  TurnEnd,
} from './store.ts';

/** Bounds of the in-memory store. */
export interface MemoryStoreOptions {
  /** A session that is neither appended to, updated nor leased for so long is gone, in milliseconds. Default: 1 hour. */
  ttlMs?: number;
  /** Most sessions kept; the longest unused go first. Default: 1,000. */
  maxSessions?: number;
  /** Most owners whose spend is kept; the one that has spent nothing for the longest time goes first. Default: 10,000. */
  maxOwners?: number;
}

/** What cursors say who made them. */
const STORE = 'memory';

const schema = z.strictObject({
  ttlMs: z.number().min(1).default(3_600_000),
  maxSessions: z.int().min(1).default(1_000),
  maxOwners: z.int().min(1).default(10_000),
});

/** One append: its messages are those from `from` to before `to`. */
interface KeptTurn {
  from: number;
  to: number;
  end: TurnEnd | undefined;
  version: number;
}

interface Kept {
  readonly owner: string;
  readonly id: string;
  readonly createdAt: number;
  readonly turns: Map<string, KeptTurn>;
  messages: Message[];
  pending: ToolCallPart[];
  metadata: Record<string, unknown>;
  spend: Spend;
  /** 0: it is only leased so far. */
  version: number;
  updatedAt: number;
  expiresAt: number;
  /** The newest lease's. */
  token: number;
  leasedUntil: number;
}

/** Sessions in this process's memory, bounded by age and count. A session under a lease is never evicted. */
export class MemoryStore implements StateStore {
  readonly #options: Required<MemoryStoreOptions>;
  /** In order of last use, the longest unused first. */
  readonly #sessions = new Map<string, Kept>();
  readonly #owners = new Map<string, Spend>();
  /** One count for all sessions: a lease of a session that was deleted is older than any of its successor's. */
  #tokens = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.#options = parseOptions('MemoryStore options', schema, options);
  }

  async load(
    key: SessionKey,
    options: { last?: number | undefined } = {},
  ): Promise<SessionState | undefined> {
    const kept = this.#stored(checkLoad(key, options));
    if (kept === undefined) return undefined;
    const { owner, id, messages, pending, metadata, spend, version, createdAt, updatedAt, expiresAt } = kept;
    const from = options.last === undefined ? 0 : Math.max(0, messages.length - options.last);
    return {
      ...jsonCopy({ owner, id, pending, metadata, ...spend, version, createdAt, updatedAt, expiresAt }),
      messages: messages.slice(from).map((message) => jsonCopy(message)),
      messageCount: messages.length,
    };
  }

  async turn(key: SessionKey, turnId: string): Promise<StoredTurn | undefined> {
    const kept = this.#stored(checkTurn(key, turnId));
    const turn = kept?.turns.get(turnId);
    if (kept === undefined || turn === undefined) return undefined;
    const { from, to, end, version } = turn;
    return jsonCopy({ turnId, messages: kept.messages.slice(from, to), end, version });
  }

  async append(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Promise<number> {
    const place = checkAppend(key, entries, options);
    const { turnId, expectedVersion, lease, release, metadata, pending, end } = options;
    const known = this.#use(place);
    const same = known?.turns.get(turnId);
    if (known !== undefined && same !== undefined) {
      checkSameRun(key, end, same.end);
      return known.version;
    }
    if (lease !== undefined && lease.token !== known?.token) throw leaseLostError(key);
    const version = known?.version ?? 0;
    if (version !== expectedVersion) throw conflictError(key, version, expectedVersion);
    // All is copied before anything is changed.
    const added = storable(() => entries.map(({ message }) => jsonCopy(message)));
    const change = storable(() => jsonCopy({ pending, end }));
    const merged = metadata === undefined ? undefined : copyMerged(known?.metadata, metadata);
    const kept = known ?? this.#begin(place);
    const from = kept.messages.length;
    for (const message of added) kept.messages.push(message);
    if (change.pending !== undefined) kept.pending = [...change.pending];
    if (merged !== undefined) kept.metadata = merged;
    if (change.end !== undefined) this.#spent(kept, change.end);
    if (release === true) kept.leasedUntil = 0;
    this.#touch(kept);
    kept.turns.set(turnId, { from, to: kept.messages.length, end: change.end, version: kept.version });
    return kept.version;
  }

  async update(
    key: SessionKey,
    metadata: Readonly<Record<string, unknown>>,
    options: { expectedVersion: number },
  ): Promise<number> {
    const place = checkUpdate(key, metadata, options);
    const known = this.#use(place);
    const version = known?.version ?? 0;
    if (version !== options.expectedVersion) throw conflictError(key, version, options.expectedVersion);
    const merged = copyMerged(known?.metadata, metadata);
    const kept = known ?? this.#begin(place);
    kept.metadata = merged;
    this.#touch(kept);
    return kept.version;
  }

  async spend(scope: SpendScope): Promise<Spend> {
    checkSpend(scope);
    const { owner, id } = scope;
    const spend = id === undefined ? this.#owners.get(owner) : this.#stored({ owner, id })?.spend;
    return jsonCopy(spend ?? noSpend());
  }

  async list(options: ListOptions): Promise<SessionPage> {
    const { owner, limit, after } = checkList(options, STORE);
    const mine = this.#sessionsOf(owner)
      .filter(({ id }) => after === undefined || id > after)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const page = mine.slice(0, limit);
    const last = page.at(-1);
    return {
      sessions: page.map(({ id, version, updatedAt }) => ({ owner, id, version, updatedAt })),
      ...(last !== undefined && mine.length > limit && { cursor: listCursor(STORE, owner, last.id) }),
    };
  }

  async fork(key: SessionKey, at?: number): Promise<{ owner: string; id: string }> {
    const { owner } = checkFork(key, at);
    const kept = this.#stored(checkSessionKey(key));
    if (kept === undefined) throw noSessionError(key);
    const copy = { owner, id: crypto.randomUUID() };
    const fork = this.#begin(copy);
    fork.messages = jsonCopy(kept.messages.slice(0, at));
    fork.metadata = jsonCopy(kept.metadata);
    if (fork.messages.length === kept.messages.length) fork.pending = jsonCopy(kept.pending);
    this.#touch(fork);
    return copy;
  }

  async delete(key: SessionKey): Promise<void> {
    this.#sessions.delete(nameOf(checkSessionKey(key)));
  }

  async forget(owner: string): Promise<number> {
    checkOwner(owner);
    const stored = this.#sessionsOf(owner).length;
    for (const [name, kept] of this.#sessions) if (kept.owner === owner) this.#sessions.delete(name);
    this.#owners.delete(owner);
    return stored;
  }

  async lease(key: SessionKey, ttlMs: number, options: LeaseOptions = {}): Promise<Lease> {
    const place = checkLease(key, ttlMs);
    const kept = this.#use(place) ?? this.#begin(place);
    if (kept.leasedUntil > Date.now() && options.takeOver !== true) throw sessionBusyError(key);
    const token = ++this.#tokens;
    kept.token = token;
    let released = false;
    // Given back with an append, it has no end. Of a session whose time is over no lease is left either.
    const mine = (): boolean =>
      !released && kept.token === token && kept.leasedUntil > 0 && this.#use(place) === kept;
    const hold = (ms: number): void => {
      kept.leasedUntil = Date.now() + ms;
      this.#keep(kept);
    };
    hold(ttlMs);
    return {
      token,
      get expiresAt() {
        return kept.leasedUntil;
      },
      async renew(ms) {
        checkLease(key, ms);
        if (!mine()) throw leaseLostError(key);
        hold(ms);
      },
      async release() {
        if (mine()) kept.leasedUntil = 0;
        released = true;
      },
    };
  }

  async close(): Promise<void> {
    this.#sessions.clear();
    this.#owners.clear();
  }

  #spent(kept: Kept, end: TurnEnd): void {
    kept.spend = addTurn(kept.spend, end);
    const sum = addTurn(this.#owners.get(kept.owner) ?? noSpend(), end);
    this.#owners.delete(kept.owner);
    this.#owners.set(kept.owner, sum);
    const [oldest] = this.#owners.keys();
    if (oldest !== undefined && this.#owners.size > this.#options.maxOwners) this.#owners.delete(oldest);
  }

  #touch(kept: Kept): void {
    kept.version++;
    kept.updatedAt = Date.now();
    this.#keep(kept);
  }

  /** Puts the end off: by the whole time, and not before its lease ends. */
  #keep(kept: Kept): void {
    kept.expiresAt = Math.max(Date.now() + this.#options.ttlMs, kept.leasedUntil);
  }

  /** The session, if anything is stored in it. */
  #stored(place: { owner: string; id: string }): Kept | undefined {
    const kept = this.#use(place);
    return kept === undefined || kept.version === 0 ? undefined : kept;
  }

  /** The session, moved to the end of the order of use. */
  #use(place: { owner: string; id: string }): Kept | undefined {
    const name = nameOf(place);
    const kept = this.#sessions.get(name);
    if (kept === undefined) return undefined;
    this.#sessions.delete(name);
    if (kept.expiresAt <= Date.now()) return undefined;
    this.#sessions.set(name, kept);
    return kept;
  }

  #begin(place: { owner: string; id: string }): Kept {
    this.#evict();
    const now = Date.now();
    const kept: Kept = {
      ...place,
      createdAt: now,
      turns: new Map(),
      messages: [],
      pending: [],
      metadata: {},
      spend: noSpend(),
      version: 0,
      updatedAt: now,
      expiresAt: now + this.#options.ttlMs,
      token: 0,
      leasedUntil: 0,
    };
    this.#sessions.set(nameOf(place), kept);
    return kept;
  }

  #sessionsOf(owner: string): Kept[] {
    const now = Date.now();
    return [...this.#sessions.values()].filter(
      (kept) => kept.owner === owner && kept.version > 0 && kept.expiresAt > now,
    );
  }

  /** Drops those at the front that have expired, then the longest unused until there is room for one more. */
  #evict(): void {
    const now = Date.now();
    for (const [name, kept] of this.#sessions) {
      if (kept.expiresAt > now) {
        if (this.#sessions.size < this.#options.maxSessions) return;
        if (kept.leasedUntil > now) continue;
      }
      this.#sessions.delete(name);
    }
  }
}

/** Owner and id as one text that no other pair has. */
function nameOf({ owner, id }: { owner: string; id: string }): string {
  return `${owner.length}:${owner}${id}`;
}

function copyMerged(
  metadata: Readonly<Record<string, unknown>> = {},
  changes: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return storable(() => jsonCopy(mergeMetadata(metadata, changes)));
}

/** What JSON cannot say, such as a circle, cannot be stored. */
function storable<T>(copy: () => T): T {
  try {
    return copy();
  } catch (error) {
    throw new SluiceError('invalid_options', 'What is to be stored is no plain data: JSON cannot say it.', {
      cause: error,
    });
  }
}
