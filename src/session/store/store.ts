import type { Message } from '../../messages.ts';
import type { FinishReason } from '../../request.ts';
import type { Outcome } from '../../outcome.ts';
import type { Cost, Usage } from '../../usage.ts';
import type { Spent, Step, StoredStep } from '../steps/step.ts';

/**
 * A session's name: an id, or an id of one owner (tenant or user). Two owners' ids never meet. Both are data: any well-formed text of
 * at most 512 UTF-8 bytes, the id not empty. An id alone belongs to the owner `''`.
 */
export type SessionKey = string | { owner: string; id: string };

/** One appended message. `message.partial` marks a reply that was cut short. */
export interface SessionEntry {
  message: Message;
}

/** How a turn ended; stored with its last append. */
export interface TurnEnd {
  outcome: Outcome;
  /** Why it was interrupted or cancelled. */
  reason?: string | undefined;
  finishReason?: FinishReason | undefined;
  /** The sum over all calls of the turn. */
  usage: Usage;
  cost: Cost;
  model?: string | undefined;
  provider?: string | undefined;
  /** The fencing token of the lease that the turn ran under: it tells two runs of one turn apart. */
  leaseToken?: number | undefined;
}

/** One append, as it was stored. */
export interface StoredTurn {
  turnId: string;
  messages: Message[];
  /** The ids of the messages. */
  ids: string[];
  /** The id of the message that it was told to follow: see `after` of an append. */
  after?: string | undefined;
  end?: TurnEnd | undefined;
  /** The session's version after the append. */
  version: number;
}

/** A session as it is loaded. Times are milliseconds since the epoch. */
export interface SessionState {
  owner: string;
  id: string;
  /** All messages, or the newest of them: see `last`. */
  messages: Message[];
  /**
   * The ids of these messages, if they were asked for. An id names a message within its session, and never changes. The message before it in this list is the one that
   * it follows.
   */
  ids?: string[] | undefined;
  /** How many messages there are in total on the way that was loaded. */
  messageCount: number;
  /**
   * The id of the open turn: one that has steps and is not closed. It died, was cut short or waits for a decision. Set by the first record of the turn, in
   * the same step, and removed by the append that `closes` it. An open turn belongs to the message that was the newest one when another branch was begun or selected:
   * it is told only where that message is the newest one again. If several turns are open there, it is the one whose first step has the newest lease.
   */
  open?: string | undefined;
  metadata: Record<string, unknown>;
  /** Sum over all turns so far. */
  usage: Usage;
  /** Sum over all turns so far. It is unknown if one of them is unknown, and estimated if one of them is estimated. */
  cost: Cost;
  /** Turns that have ended: appends with an `end`. */
  turns: number;
  /** Grows by one with every append and update. */
  version: number;
  createdAt: number;
  updatedAt: number;
  /** When it expires unless it is used before; absent without a `ttlMs`. */
  expiresAt?: number | undefined;
}

/** What to load of a session. */
export interface LoadOptions {
  /** Only the newest n messages, at a cost that does not grow with the session; 0: none. Default: all. */
  last?: number | undefined;
  /** Whether the ids of the messages are given. Default: false. */
  ids?: boolean | undefined;
  /** The id of a message: the way to it is loaded, with it as the newest one. Default: the head. An id that the session does not have is `not_found`. */
  leaf?: string | undefined;
}

/** One branch of a session: a way from its first message to one that nothing follows. */
export interface Branch {
  /** The id of its newest message: for `leaf` of a load, and to select it. */
  id: string;
  /** The id of the message that the first message of its own follows. `''`: it begins with the first message of the session. */
  parent: string;
  /** How many messages there are on the way to its end. */
  messageCount: number;
  /** When its newest message was stored. */
  updatedAt: number;
  /** Whether it is the one that is loaded and that the next turn follows. */
  isHead: boolean;
  /** Its open turn: see `open` of {@link SessionState}. */
  open?: string | undefined;
}

/** What was spent so far: by one session or by an owner. */
export interface Spend {
  usage: Usage;
  cost: Cost;
  turns: number;
}

/** The right to append to a session for a limited time. The end of an `await using` scope releases it. */
export interface Lease extends AsyncDisposable {
  /** Grows with every lease of the session, even if the session is deleted in between. A store refuses an append with an older one. */
  readonly token: number;
  /** Milliseconds since the epoch, by the clock of the store. */
  readonly expiresAt: number;
  /** Makes the lease end `ttlMs` from now. Rejects with `lease_lost` if it was released, or if another has taken the session. */
  renew(ttlMs: number): Promise<void>;
  /** Ends the lease. Does nothing if another has taken the session. */
  release(): Promise<void>;
}

/** How a session is leased. */
export interface LeaseOptions {
  /** Takes the session at once from whoever has it. Their appends and renewals are refused from then on. Default: false. */
  takeOver?: boolean | undefined;
}

/** The conditions of an append, and what it stores besides messages. */
export interface AppendOptions {
  /** The version that the writer has read. If the session has another one, the append fails with `conflict`. */
  expectedVersion: number;
  /**
   * The same id twice is stored once: the second append resolves to the version now and changes nothing, whatever lease and version it
   * has. Only if `end` has a `leaseToken` and the stored end has another one, it is refused as `lease_lost`. Well-formed text of 1 to 512 UTF-8 bytes.
   */
  turnId: string;
  /**
   * The id of the message that the first of these messages follows; `''`: it is the first of its branch. The newest of them becomes the head. What followed that message
   * before stays as a branch of its own. Without messages, that message becomes the head. Default: the head. An id that the session does not have is `not_found`.
   *
   * A turn that is open at the head stays open there, and is told again when that branch is selected.
   */
  after?: string | undefined;
  /** A stale lease is refused as `lease_lost`: one with an older token, or one of a session that was deleted since. */
  lease?: Lease | undefined;
  /** Releases the lease in the same step, if the append succeeds. Default: false. */
  release?: boolean | undefined;
  /** Merged into the session's metadata; a key set to undefined is removed. Plain data, as JSON has it. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Adds its usage and cost to the sums of the session and of the owner. */
  end?: TurnEnd | undefined;
  /** Added to the sums in place of the usage and the cost of `end`: what the steps of the turn have not added yet. Needs `end`. */
  spent?: Spent | undefined;
  /** The id of an open turn, whose steps are deleted in the same step: its messages take their place. Needs `lease`. Does nothing if the turn is not open. */
  closes?: string | undefined;
}

/** The conditions of a record, and what it stores besides steps. */
export interface RecordOptions {
  /**
   * The number of the first step, counted from 0. Steps that the same lease has stored under these numbers are skipped: a record can be sent again. A number
   * that another lease has used, and a gap, are a `conflict`.
   */
  from: number;
  /** A stale lease is refused as `lease_lost`, whatever else is wrong. So is one that was given back, unless the record is stored already. */
  lease: Lease;
  /** Added to the sums of the session and of the owner, once, with the first of these steps. The number of turns does not grow. */
  spent?: Spent | undefined;
  /** Merged into the session's metadata, as in an append. Only then does the version grow by one. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /**
   * A time in milliseconds since the epoch. If the clock of the store is past it, the record is refused as `conflict`. A record that is stored already
   * is skipped at any time.
   */
  before?: number | undefined;
  /** Releases the lease in the same step, if the record succeeds. Default: false. */
  release?: boolean | undefined;
}

/** Options of `list`. */
export interface ListOptions {
  owner: string;
  /** The maximum number of sessions on a page. Default: 100. */
  limit?: number | undefined;
  /** The cursor of the page before, unchanged. A cursor that this store did not make for this owner is `invalid_options`. */
  cursor?: string | undefined;
}

/** A page of a list. */
export interface SessionPage {
  sessions: { owner: string; id: string; version: number; updatedAt: number }[];
  /** Pass it to the next `list`; absent on the last page. */
  cursor?: string | undefined;
}

/** Whose spend to read: that of a session, or without an id that of the owner. */
export interface SpendScope {
  owner: string;
  id?: string | undefined;
}

/**
 * Where sessions live. `stateStoreContract` of `sluice/testing` is its suite.
 *
 * Every method rejects with a `SluiceError`: `invalid_options` for a bad key or option, `conflict`, `lease_lost`, `session_busy`, and
 * `store` for the rest: retryable if the database failed, not retryable if what it holds cannot be read. What goes in and comes
 * out is copied, as JSON would.
 *
 * A store with a `ttlMs` drops a session that was not appended to, updated, recorded in or leased for that time, but never while it is leased.
 */
export interface StateStore extends AsyncDisposable {
  /** Undefined if there is no such session. */
  load(key: SessionKey, options?: LoadOptions): Promise<SessionState | undefined>;
  /** The append with this turn id; undefined if there is none. */
  turn(key: SessionKey, turnId: string): Promise<StoredTurn | undefined>;
  /**
   * Stores all of it or nothing, once per `turnId`. Resolves to the new version. The first append, at version 0, creates the session.
   * `entries` may be empty if metadata, end or after is given.
   */
  append(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Promise<number>;
  /**
   * Stores steps of a turn under its lease, all of them or nothing: they are numbered without a gap, and each number is stored once. Resolves to
   * the version, which stays as it is unless metadata is given.
   *
   * The turn is open from its first step on, until an append `closes` it. Append its input first: `load` does not show a session to which nothing
   * was appended. The caller closes an open turn before it begins another one: the store does not check that.
   */
  record(key: SessionKey, turnId: string, steps: readonly Step[], options: RecordOptions): Promise<number>;
  /** The steps of an open turn, in order. Empty if the turn is not open. */
  steps(key: SessionKey, turnId: string): Promise<StoredStep[]>;
  /**
   * The branches of a session, in the order in which they were made. One of them has the head. Empty if there are no messages or no such session. An open turn that belongs
   * to a message in the middle of a branch is listed as a branch of its own, which ends there.
   */
  branches(key: SessionKey): Promise<Branch[]>;
  /** Merges into the session's metadata; a key set to undefined is removed. Resolves to the new version. */
  update(
    key: SessionKey,
    metadata: Readonly<Record<string, unknown>>,
    options: { expectedVersion: number },
  ): Promise<number>;
  /**
   * What was spent, without reading messages. The spend of an owner is kept when its sessions are deleted or expire. An exact zero if
   * nothing was spent.
   */
  spend(scope: SpendScope): Promise<Spend>;
  /** The sessions of an owner, each once, in an order that the store chooses. */
  list(options: ListOptions): Promise<SessionPage>;
  /**
   * Copies the way to the head of a session, or its first `at` messages, under a new id of the same owner: messages and metadata, but no other branch, no open turn and
   * no steps. The messages get new ids. The copy begins at version 1, has spent nothing and knows no turn ids. Rejects with `not_found` if there is nothing to copy.
   */
  fork(key: SessionKey, at?: number): Promise<{ owner: string; id: string }>;
  /** Deletes a session with its branches and steps. Appends and records under older leases are refused. Does nothing if there is no such session. */
  delete(key: SessionKey): Promise<void>;
  /** Deletes everything of an owner: sessions, turns, steps, leases and spend. Resolves to the number of its sessions. */
  forget(owner: string): Promise<number>;
  /** Rejects with `session_busy`, retryable, if another has the lease. A session does not have to exist to be leased. */
  lease(key: SessionKey, ttlMs: number, options?: LeaseOptions): Promise<Lease>;
  close(): Promise<void>;
}
