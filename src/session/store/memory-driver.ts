import type { PlainContent } from './contents.ts';
import { changed, firstRows, refusal } from './driver.ts';
import type { Copy, Loaded, Place, StoreDriver, StoredRow, Sums, Write, Written } from './driver.ts';
import { addSums } from './sums.ts';

/** Bounds of the in-memory store. */
export interface MemoryStoreOptions {
  /** A session expires if it is not appended to, updated or leased for so many milliseconds. Default: 1 hour. */
  ttlMs?: number;
  /** The maximum number of sessions. Those unused for the longest time are dropped first. Default: 1,000. */
  maxSessions?: number;
  /** The maximum number of owners whose spend is kept. The one that has spent nothing for the longest time is dropped first. Default: 10,000. */
  maxOwners?: number;
}

interface KeptRow extends StoredRow<PlainContent> {
  /** The position of the row before it; 0: there is none. */
  readonly parent: number;
  /** How many messages there are up to and with it. */
  readonly through: number;
}

interface Kept extends Place {
  readonly createdAt: number;
  /** The rows of weight. The position of a row is its index here, counted from 1. */
  readonly rows: KeptRow[];
  /** The array of a group is never changed, because it may have been given to a caller. */
  readonly groups: Map<string, readonly KeptRow[]>;
  /** Replaced as a whole, for the same reason. */
  fields: Readonly<Record<string, PlainContent>>;
  sums: Sums;
  head: number;
  /** 0: it is only leased so far. */
  version: number;
  updatedAt: number;
  expiresAt: number;
  /** The token of the newest lease. */
  token: number;
  leasedUntil: number;
}

const NO_ROWS: readonly KeptRow[] = [];

/** Sessions in this process's memory: see `MemoryStore`. */
export class MemoryDriver implements StoreDriver<PlainContent> {
  readonly #options: Required<MemoryStoreOptions>;
  /** In order of last use, the least recently used first. */
  readonly #sessions = new Map<string, Kept>();
  readonly #owners = new Map<string, Sums>();
  /** One counter for all sessions, so that tokens keep growing when a session is deleted and created again. */
  #tokens = 0;

  constructor(options: Required<MemoryStoreOptions>) {
    this.#options = options;
  }

  load(place: Place, last: number, from?: number): Loaded<PlainContent> | undefined {
    const kept = this.#use(place, Date.now());
    if (kept === undefined || kept.version === 0) return undefined;
    const { version, fields, sums, createdAt, updatedAt, expiresAt } = kept;
    const head = from ?? kept.head;
    const rows: KeptRow[] = [];
    let left = last;
    let row = kept.rows[head - 1];
    const messages = row?.through ?? 0;
    for (; row !== undefined && left > 0; row = kept.rows[row.parent - 1]) {
      rows.push(row);
      left -= row.weight;
    }
    return { version, messages, head, fields, sums, createdAt, updatedAt, expiresAt, rows: rows.reverse() };
  }

  group(place: Place, id: string): readonly KeptRow[] {
    return this.#use(place, Date.now())?.groups.get(id) ?? NO_ROWS;
  }

  write(place: Place, write: Write<PlainContent>): Written {
    const { group, fields, sums, drop } = write;
    const now = Date.now();
    const known = this.#use(place, now);
    const { version = 0, token = 0, leasedUntil = 0 } = known ?? {};
    const members = group && known?.groups.get(group.id);
    const refused = refusal(write, {
      version,
      token,
      held: leasedUntil > 0,
      size: members?.length ?? 0,
      now,
    });
    if (refused !== undefined) return { refused, version, token };
    const kept = known ?? this.#begin(place, now);
    if (write.bump) kept.version++;
    const rows = addRows(kept, write, now);
    if (group !== undefined) kept.groups.set(group.id, members === undefined ? rows : [...members, ...rows]);
    if (drop !== undefined) for (const id of drop) kept.groups.delete(id);
    kept.fields = changed(kept.fields, fields);
    if (sums !== undefined) this.#spend(kept, sums);
    if (write.release) kept.leasedUntil = 0;
    kept.updatedAt = now;
    this.#keep(kept, now);
    return { version: kept.version, token };
  }

  lease(place: Place, ms: number, takeOver: boolean): { token: number; until: number } | undefined {
    const now = Date.now();
    const kept = this.#use(place, now) ?? this.#begin(place, now);
    if (kept.leasedUntil > now && !takeOver) return undefined;
    kept.token = ++this.#tokens;
    kept.leasedUntil = now + ms;
    this.#keep(kept, now);
    return { token: kept.token, until: kept.leasedUntil };
  }

  hold(place: Place, token: number, ms: number): number | undefined {
    const now = Date.now();
    const kept = this.#use(place, now);
    if (kept?.token !== token || kept.leasedUntil === 0) return undefined;
    kept.leasedUntil = ms === 0 ? 0 : now + ms;
    if (ms > 0) this.#keep(kept, now);
    return kept.leasedUntil;
  }

  spent(owner: string): Sums {
    return this.#owners.get(owner) ?? {};
  }

  list(owner: string, after: string, limit: number): Kept[] {
    return this.#stored(owner)
      .filter(({ id }) => id > after)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit);
  }

  delete(place: Place): void {
    this.#sessions.delete(nameOf(place));
  }

  forget(owner: string): number {
    const stored = this.#stored(owner).length;
    for (const [name, kept] of this.#sessions) if (kept.owner === owner) this.#sessions.delete(name);
    this.#owners.delete(owner);
    return stored;
  }

  copy(from: Place, to: Place, { messages, without, cut }: Copy<PlainContent>): boolean {
    const loaded = this.load(from, Number.POSITIVE_INFINITY);
    if (loaded === undefined) return false;
    const fields = Object.entries(loaded.fields).filter(
      ([name]) => !without.some((prefix) => name.startsWith(prefix)),
    );
    const rows = firstRows(loaded.rows, messages, cut);
    this.write(to, { rows, fields: Object.fromEntries(fields), bump: true, release: false });
    return true;
  }

  close(): void {
    this.#sessions.clear();
    this.#owners.clear();
  }

  #spend(kept: Kept, added: Sums): void {
    kept.sums = addSums(kept.sums, added);
    const sum = addSums(this.spent(kept.owner), added);
    // Moves it to the end of the order.
    this.#owners.delete(kept.owner);
    this.#owners.set(kept.owner, sum);
    const [oldest] = this.#owners.keys();
    if (oldest !== undefined && this.#owners.size > this.#options.maxOwners) this.#owners.delete(oldest);
  }

  /** Extends the life of the session by its whole time to live, at least until its lease ends. */
  #keep(kept: Kept, now: number): void {
    kept.expiresAt = Math.max(now + this.#options.ttlMs, kept.leasedUntil);
  }

  /** The session, moved to the end of the order of use. */
  #use(place: Place, now: number): Kept | undefined {
    const name = nameOf(place);
    const kept = this.#sessions.get(name);
    if (kept === undefined) return undefined;
    this.#sessions.delete(name);
    if (kept.expiresAt <= now) return undefined;
    this.#sessions.set(name, kept);
    return kept;
  }

  #begin({ owner, id }: Place, now: number): Kept {
    this.#evict(now);
    const kept: Kept = {
      owner,
      id,
      createdAt: now,
      rows: [],
      groups: new Map(),
      fields: {},
      sums: {},
      head: 0,
      version: 0,
      updatedAt: now,
      expiresAt: now + this.#options.ttlMs,
      token: 0,
      leasedUntil: 0,
    };
    this.#sessions.set(nameOf(kept), kept);
    return kept;
  }

  #stored(owner: string): Kept[] {
    const now = Date.now();
    return [...this.#sessions.values()].filter(
      (kept) => kept.owner === owner && kept.version > 0 && kept.expiresAt > now,
    );
  }

  /** Drops expired sessions at the front, then the least recently used ones until there is room for one more. */
  #evict(now: number): void {
    for (const [name, kept] of this.#sessions) {
      if (kept.expiresAt > now) {
        if (this.#sessions.size < this.#options.maxSessions) return;
        if (kept.leasedUntil > now) continue;
      }
      this.#sessions.delete(name);
    }
  }
}

/** Stores the rows of a write, and moves the head. Answers with the rows. */
function addRows(kept: Kept, { rows, after, head }: Write<PlainContent>, at: number): readonly KeptRow[] {
  let parent = after ?? kept.head;
  // Not with push: an array that grows reserves room for 17 elements.
  const stored = rows.map(({ weight, content }): KeptRow => {
    const through = (kept.rows[parent - 1]?.through ?? 0) + weight;
    const position = weight === 0 ? 0 : kept.rows.length + 1;
    const row = { weight, content, version: kept.version, at, position, parent, through };
    if (weight > 0) parent = kept.head = kept.rows.push(row);
    return row;
  });
  if (head !== undefined && !rows.some(({ weight }) => weight > 0)) kept.head = head;
  return stored;
}

/** Owner and id as one text that is unique to the pair. */
function nameOf({ owner, id }: Place): string {
  return `${owner.length}:${owner}${id}`;
}
