import * as z from 'zod';
import { SluiceError } from '../errors.ts';
import { parseOptions } from '../options.ts';
import { sessionKey } from './store.ts';
import type {
  AppendOptions,
  Lease,
  SessionEntry,
  SessionKey,
  SessionPage,
  SessionState,
  StateStore,
} from './store.ts';
import { noUsage, sumCost, sumUsage } from '../usage.ts';

/** Bounds of the in-memory store. */
export interface MemoryStoreOptions {
  /** Sessions unused for so long are dropped, in milliseconds. Default: 1 hour. */
  maxAgeMs?: number;
  /** Most sessions kept; the longest unused go first. Default: 1,000. */
  maxSessions?: number;
}

const schema = z.strictObject({
  maxAgeMs: z.number().min(0).default(3_600_000),
  maxSessions: z.int().min(1).default(1_000),
});

interface Kept {
  state: SessionState;
  turns: Set<string>;
  /** The newest lease's. */
  token: number;
  leasedUntil: number;
  usedAt: number;
}

/**
 * Sessions in this process's memory, bounded by age and count. A session under a lease is never evicted. What goes in and comes out is copied.
 */
export class MemoryStore implements StateStore {
  readonly #maxAgeMs: number;
  readonly #maxSessions: number;
  /** In order of last use, the longest unused first. */
  readonly #sessions = new Map<string, Kept>();
  #forks = 0;
  /** One count for all sessions: a lease of a session that was deleted is older than any of its successor's. */
  #tokens = 0;

  constructor(options: MemoryStoreOptions = {}) {
    const { maxAgeMs, maxSessions } = parseOptions('MemoryStore options', schema, options);
    this.#maxAgeMs = maxAgeMs;
    this.#maxSessions = maxSessions;
  }

  async load(key: SessionKey, options: { last?: number } = {}): Promise<SessionState | undefined> {
    const kept = this.#use(key);
    if (kept === undefined || kept.state.version === 0) return undefined;
    const { messages, ...rest } = kept.state;
    const window =
      options.last === undefined ? messages : messages.slice(Math.max(0, messages.length - options.last));
    return structuredClone({ ...rest, messages: window });
  }

  async append(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Promise<number> {
    const { state, turns, token } = this.#ensure(key);
    if (turns.has(options.turnId)) return state.version;
    if (options.lease !== undefined && options.lease.token !== token) {
      throw new SluiceError('lease_lost', `The lease of session "${state.id}" went to another writer.`);
    }
    if (state.version !== options.expectedVersion) {
      throw new SluiceError(
        'conflict',
        `Session "${state.id}" is at version ${state.version}, not ${options.expectedVersion}: load it again.`,
      );
    }
    for (const entry of structuredClone(entries)) {
      state.messages.push(entry.message);
      if (entry.usage !== undefined) state.usage = sumUsage([state.usage, entry.usage]);
      if (entry.cost !== undefined) state.cost = sumCost([state.cost, entry.cost]);
    }
    turns.add(options.turnId);
    return this.#touch(state);
  }

  async update(
    key: SessionKey,
    metadata: Record<string, unknown>,
    options: { expectedVersion: number },
  ): Promise<number> {
    const { state } = this.#ensure(key);
    if (state.version !== options.expectedVersion) {
      throw new SluiceError(
        'conflict',
        `Session "${state.id}" is at version ${state.version}, not ${options.expectedVersion}: load it again.`,
      );
    }
    const entries = Object.entries({ ...state.metadata, ...structuredClone(metadata) });
    state.metadata = Object.fromEntries(entries.filter(([, value]) => value !== undefined));
    return this.#touch(state);
  }

  async list(options: { owner: string; limit?: number; cursor?: string }): Promise<SessionPage> {
    const limit = options.limit ?? 100;
    const all = [...this.#sessions.values()]
      .map(({ state }) => state)
      .filter((state) => state.owner === options.owner && state.version > 0)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .filter((state) => options.cursor === undefined || state.id > options.cursor);
    const page = all.slice(0, limit);
    const last = page.at(-1);
    return {
      sessions: page.map(({ owner, id, version, updatedAt }) => ({ owner, id, version, updatedAt })),
      ...(all.length > limit && last !== undefined && { cursor: last.id }),
    };
  }

  async fork(key: SessionKey, at?: number): Promise<{ owner: string; id: string }> {
    const kept = this.#use(key);
    const { owner, id } = sessionKey(key);
    if (kept === undefined || kept.state.version === 0)
      throw new SluiceError('not_found', `There is no session "${id}" to fork.`);
    let copy = { owner, id: `${id}~${++this.#forks}` };
    while (this.#sessions.has(nameOf(copy))) copy = { owner, id: `${id}~${++this.#forks}` };
    const fork = this.#ensure(copy);
    fork.state = {
      ...structuredClone(kept.state),
      ...copy,
      messages: structuredClone(kept.state.messages.slice(0, at)),
      version: 1,
    };
    return copy;
  }

  async delete(key: SessionKey): Promise<void> {
    this.#sessions.delete(nameOf(key));
  }

  async forget(owner: string): Promise<number> {
    const mine = [...this.#sessions].filter(([, { state }]) => state.owner === owner);
    for (const [name] of mine) this.#sessions.delete(name);
    return mine.length;
  }

  async lease(key: SessionKey, ttlMs: number): Promise<Lease> {
    const kept = this.#ensure(key);
    if (kept.leasedUntil > Date.now()) {
      throw new SluiceError('session_busy', `Session "${kept.state.id}" is in use.`, { retryable: true });
    }
    const token = ++this.#tokens;
    kept.token = token;
    kept.leasedUntil = Date.now() + ttlMs;
    return {
      token,
      get expiresAt() {
        return kept.leasedUntil;
      },
      async renew(ms) {
        if (kept.token !== token) throw new SluiceError('lease_lost', 'The lease went to another writer.');
        kept.leasedUntil = Date.now() + ms;
      },
      async release() {
        if (kept.token === token) kept.leasedUntil = 0;
      },
    };
  }

  async close(): Promise<void> {
    this.#sessions.clear();
  }

  #touch(state: SessionState): number {
    state.version++;
    state.updatedAt = Date.now();
    return state.version;
  }

  /** The session, moved to the end of the order of use. */
  #use(key: SessionKey): Kept | undefined {
    const name = nameOf(key);
    const kept = this.#sessions.get(name);
    if (kept === undefined) return undefined;
    if (this.#expired(kept)) {
      this.#sessions.delete(name);
      return undefined;
    }
    kept.usedAt = Date.now();
    this.#sessions.delete(name);
    this.#sessions.set(name, kept);
    return kept;
  }

  #ensure(key: SessionKey): Kept {
    const known = this.#use(key);
    if (known !== undefined) return known;
    this.#evict();
    const now = Date.now();
    const state: SessionState = {
      ...sessionKey(key),
      messages: [],
      pending: [],
      metadata: {},
      usage: noUsage(),
      cost: { status: 'exact', totalUsd: 0 },
      version: 0,
      createdAt: now,
      updatedAt: now,
    };
    const kept: Kept = { state, turns: new Set(), token: 0, leasedUntil: 0, usedAt: now };
    this.#sessions.set(nameOf(key), kept);
    return kept;
  }

  #expired(kept: Kept): boolean {
    const now = Date.now();
    return kept.leasedUntil <= now && now - kept.usedAt > this.#maxAgeMs;
  }

  /** Drops what is too old, then the longest unused until there is room for one more. */
  #evict(): void {
    for (const [name, kept] of this.#sessions) if (this.#expired(kept)) this.#sessions.delete(name);
    for (const [name, kept] of this.#sessions) {
      if (this.#sessions.size < this.#maxSessions) return;
      if (kept.leasedUntil <= Date.now()) this.#sessions.delete(name);
    }
  }
}

/** Owner and id as one text that no other pair has. */
function nameOf(key: SessionKey): string {
  const { owner, id } = sessionKey(key);
  return `${owner.length}:${owner}${id}`;
}
