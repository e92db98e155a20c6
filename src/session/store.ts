import type { Message, ToolCallPart } from '../messages.ts';
import type { Outcome } from '../result.ts';
import type { Cost, Usage } from '../usage.ts';

/** A session's name: an id, or an id of one owner (tenant or user). Two owners' ids never meet. */
export type SessionKey = string | { owner: string; id: string };

/** One appended piece of a session. */
export interface SessionEntry {
  message: Message;
  /** What the turn that it belongs to cost; on the last entry of a turn. */
  usage?: Usage;
  cost?: Cost;
  outcome?: Outcome;
}

/** A session as it is loaded. */
export interface SessionState {
  owner: string;
  id: string;
  messages: Message[];
  /** Tool calls that wait for approval. */
  pending: ToolCallPart[];
  metadata: Record<string, unknown>;
  /** Sum over all turns so far. */
  usage: Usage;
  cost: Cost;
  /** Grows with every change. */
  version: number;
  createdAt: number;
  updatedAt: number;
}

/** The right to append to a session, for a time. */
export interface Lease {
  /** Grows with every lease of the session: a store refuses an append with an older one. */
  readonly token: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  renew(ttlMs: number): Promise<void>;
  release(): Promise<void>;
}

/** How an append is guarded. */
export interface AppendOptions {
  /** The version that the writer saw; another one is a `conflict`. */
  expectedVersion: number;
  /** The same part of the same turn twice is stored once. */
  turnId: string;
  lease?: Lease | undefined;
}

/** What `list` answers. */
export interface SessionPage {
  sessions: { owner: string; id: string; version: number; updatedAt: number }[];
  /** Give it to the next `list`; absent on the last page. */
  cursor?: string;
}

/** Where sessions live. Every method rejects with a `SluiceError` of code `store`, `conflict` or `lease_lost`. */
export interface StateStore {
  load(key: SessionKey, options?: { last?: number }): Promise<SessionState | undefined>;
  /** Atomic, and idempotent by `turnId`. Resolves to the new version. */
  append(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Promise<number>;
  /** Merges into the session's metadata; a key set to undefined is removed. Resolves to the new version. */
  update(
    key: SessionKey,
    metadata: Record<string, unknown>,
    options: { expectedVersion: number },
  ): Promise<number>;
  list(options: { owner: string; limit?: number; cursor?: string }): Promise<SessionPage>;
  /** Copies a session, or its first `at` messages, under a new id of the same owner. */
  fork(key: SessionKey, at?: number): Promise<{ owner: string; id: string }>;
  delete(key: SessionKey): Promise<void>;
  /** Deletes every session of an owner; resolves to their number. */
  forget(owner: string): Promise<number>;
  lease(key: SessionKey, ttlMs: number): Promise<Lease>;
  close(): Promise<void>;
}

/** A key in its long form. */
export function sessionKey(key: SessionKey): { owner: string; id: string } {
  return typeof key === 'string' ? { owner: '', id: key } : { owner: key.owner, id: key.id };
}
