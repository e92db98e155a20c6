/**
 * Names a session. The core has checked owner and id: at most 1,024 bytes of well-formed text, the id not empty. They contain no NUL, unless the driver
 * asks for ids as they are (see `rawIds` of `defineStore`). Two are the same if their bytes are.
 */
export interface Place {
  readonly owner: string;
  readonly id: string;
}

/** Named counters. A driver only ever adds to them; one that was never added to is absent, and counts as 0. */
export type Sums = Readonly<Record<string, number>>;

/**
 * One piece of what is stored. `Content` is a text, unless the store was made for something else: a driver never looks into it.
 */
export interface Row<Content = string> {
  /** How many messages it holds. No `load` reads a row of weight 0: it is found by its group alone. */
  readonly weight: number;
  readonly content: Content;
}

/** A row as the driver has stored it. */
export interface StoredRow<Content = string> extends Row<Content> {
  /** Names the row within its session, from 1. A later row of weight has a larger one. 0 is allowed for rows of weight 0. */
  readonly position: number;
  /** The version of the session after the write. */
  readonly version: number;
  /** When it was written, by the clock of the driver, in milliseconds since the epoch. */
  readonly at: number;
}

/**
 * One conditional write. The driver checks the conditions in the order in which they are listed here, in one step with the changes. If one does
 * not hold, nothing is changed.
 */
export interface Write<Content = string> {
  /** Condition: the group has exactly `from` rows. The rows of this write are added to it. A group has rows of weight or rows without. */
  readonly group?: { readonly id: string; readonly from: number } | undefined;
  /** Condition: the token of the newest lease, whether it was given back or not. */
  readonly token?: number | undefined;
  /** Condition: that lease was not given back. It may have expired. Looked at together with `token`, and refused as such. */
  readonly held?: boolean | undefined;
  /** Condition: the version of the session. 0: there is no session, or it is only leased. */
  readonly version?: number | undefined;
  /** Condition: the clock of the driver is not past this time, in milliseconds since the epoch. */
  readonly before?: number | undefined;
  /** Rows to store. A row of weight follows the one before it. The last of them becomes the head. */
  readonly rows: readonly Row<Content>[];
  /** The position of the row that the first row of weight follows. 0: none. Default: the head. */
  readonly after?: number | undefined;
  /** The position that becomes the head, if no row of weight is stored. */
  readonly head?: number | undefined;
  /** Values by name, to be set; those that are undefined are removed. */
  readonly fields?: Readonly<Record<string, Content | undefined>> | undefined;
  /** Added to the sums of the session and to those of its owner. */
  readonly sums?: Sums | undefined;
  /** Groups to delete, of rows without weight. */
  readonly drop?: readonly string[] | undefined;
  /** Whether the version grows by one. */
  readonly bump: boolean;
  /** Whether the lease is given back. */
  readonly release: boolean;
}

/** The conditions of a {@link Write}. */
export type Condition = 'group' | 'token' | 'version' | 'before';

/** The result of a {@link Write}. */
export interface Written {
  /** The first condition that did not hold. Undefined: the write is stored. */
  readonly refused?: Condition | undefined;
  /** The version after the write; if it was refused, the one that was found. */
  readonly version: number;
  /** The token of the newest lease; 0 if there was none. */
  readonly token: number;
}

/** A session as a driver reads it. */
export interface Loaded<Content = string> {
  readonly version: number;
  /** How many messages there are on the way from the beginning to the head. */
  readonly messages: number;
  /** The position of the newest row of that way; 0 if there is none. */
  readonly head: number;
  readonly fields: Readonly<Record<string, Content>>;
  readonly sums: Sums;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Absent if it does not expire. */
  readonly expiresAt?: number | undefined;
  /** The newest rows of that way which hold the messages that were asked for, oldest first. The first may hold more than that. */
  readonly rows: readonly StoredRow<Content>[];
}

/** How a driver copies a session: see `copy` of {@link StoreDriver}. */
export interface Copy<Content = string> {
  /** The maximum number of messages to copy. Infinity: all. */
  readonly messages: number;
  /** Fields whose names begin with one of these texts are left out. */
  readonly without: readonly string[];
  /** The content of a row of which only the first messages are copied. */
  cut(this: void, row: StoredRow<Content>, messages: number): Content;
}

/** An answer, or a promise of one. */
export type Awaitable<T> = T | Promise<T>;

/**
 * A database, as `defineStore` uses it.
 *
 * - Every verb is atomic, and a `write` is stored as a whole or not at all.
 * - The clock is the database's. It decides on leases, on `before` and on expiry.
 * - An answer is a snapshot: later writes do not change it.
 * - An expired session does not exist for any verb. A write, a lease and a renewal extend its life, at least to the end of its lease;
 *   a read does not.
 * - A session that is only leased has version 0: `load` and `list` do not see it, `forget` deletes it.
 * - The numbers of a group are unique in the database itself: two writes of one number must not both be stored.
 * - A driver throws what its database throws. `defineStore` makes a `store` error of it.
 */
export interface StoreDriver<Content = string> {
  /**
   * Reads a session with the rows that hold the newest `last` messages: Infinity for all, 0 for none. `from`: the way to this position is read
   * in place of the way to the head. Undefined if nothing is stored (version 0).
   */
  load(place: Place, last: number, from?: number): Awaitable<Loaded<Content> | undefined>;
  /** The rows of a group in their order. Empty if there is no such group or no such session. */
  group(place: Place, id: string): Awaitable<readonly StoredRow<Content>[]>;
  /** Stores a write, or says which condition does not hold. */
  write(place: Place, write: Write<Content>): Awaitable<Written>;
  /**
   * Leases a session for so many milliseconds. The token is larger than any before, also if the session was deleted or has expired in between.
   * Undefined if another has the lease, unless `takeOver` is set.
   */
  lease(place: Place, ms: number, takeOver: boolean): Awaitable<{ token: number; until: number } | undefined>;
  /**
   * Makes a lease end so many milliseconds from now, and answers with that time; 0 ms releases the lease. Undefined if the token is
   * not that of the newest lease, or if it was given back.
   */
  hold(place: Place, token: number, ms: number): Awaitable<number | undefined>;
  /** The sums of an owner. They are kept when its sessions are gone. */
  spent(owner: string): Awaitable<Sums>;
  /** The stored sessions whose ids come after a text, in an order of the driver's own; `''` comes before all. */
  list(
    owner: string,
    after: string,
    limit: number,
  ): Awaitable<readonly { id: string; version: number; updatedAt: number }[]>;
  /** Deletes a session with its rows, its fields and its lease. */
  delete(place: Place): Awaitable<void>;
  /** Deletes everything of an owner. Answers with the number of stored sessions. */
  forget(owner: string): Awaitable<number>;
  /**
   * Optional. Copies rows and fields of the way to the head to a new session at version 1, which has spent nothing and knows no groups. False if
   * there is nothing to copy. Without it the core loads the session and writes the copy, in two steps.
   */
  copy?(from: Place, to: Place, copy: Copy<Content>): Awaitable<boolean>;
  close(): Awaitable<void>;
}

/** What the conditions of a {@link Write} are compared with. */
export interface Found {
  /** The version of the session; 0 if there is none. */
  readonly version: number;
  /** The token of the newest lease; 0 if there was none. */
  readonly token: number;
  /** Whether the newest lease was not given back; it may have expired. */
  readonly held: boolean;
  /** How many rows the group of the write has. */
  readonly size: number;
  /** The time, in milliseconds since the epoch. */
  readonly now: number;
}

/** The first condition of a write that does not hold; undefined if all hold. For drivers that check them by hand. */
export function refusal<Content>(
  { group, token, held = false, version, before }: Write<Content>,
  found: Found,
): Condition | undefined {
  if (group !== undefined && group.from !== found.size) return 'group';
  if (token !== undefined && token !== found.token) return 'token';
  if (held && !found.held) return 'token';
  if (version !== undefined && version !== found.version) return 'version';
  if (before !== undefined && found.now > before) return 'before';
  return undefined;
}

/** Fields with the changes of a write; both stay as they are. For drivers that merge by hand. */
export function changed<Content>(
  fields: Readonly<Record<string, Content>>,
  changes: Readonly<Record<string, Content | undefined>> | undefined,
): Readonly<Record<string, Content>> {
  if (changes === undefined) return fields;
  const merged = { ...fields };
  for (const [name, content] of Object.entries(changes)) {
    if (content === undefined) Reflect.deleteProperty(merged, name);
    else merged[name] = content;
  }
  return merged;
}

/** The rows that hold the first messages. `cut` makes the content of a row of which only a part is needed. For drivers that copy sessions. */
export function firstRows<Content>(
  rows: readonly StoredRow<Content>[],
  messages: number,
  cut: Copy<Content>['cut'],
): Row<Content>[] {
  const first: Row<Content>[] = [];
  let left = messages;
  for (const row of rows) {
    if (left <= 0) break;
    if (row.weight <= left) first.push({ weight: row.weight, content: row.content });
    else first.push({ weight: left, content: cut(row, left) });
    left -= row.weight;
  }
  return first;
}
