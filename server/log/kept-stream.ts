import type { SentChunk, SentEnd } from '../stream/parts.ts';
import type { Appended, Entry, LoggedStart, Page, SnapshotRun, StreamKey } from './chunk-log.ts';
import { Resets } from './resets.ts';
import { PAGE_CHUNKS, RUNNING_TTL_MS, TRIM_TO } from './retention.ts';
import { sizeOfAll, sizeOfSnapshot } from './size-of.ts';
import { snapshotOf } from './snapshot.ts';

/** One stream in memory. Whether something is allowed is decided by the log. */
export class KeptStream {
  readonly key: StreamKey;
  readonly start: LoggedStart;
  readonly startedAt: number;
  token = 0;
  takeovers = -1;
  stop: string | undefined;
  end: SentEnd | undefined;
  endedAt: number | undefined;
  leasedUntil = 0;
  /** Its owner has given it up. */
  isReleased = false;
  #entries: Entry[] = [];
  /** About how much memory its entries take, in bytes. */
  #entryBytes = 0;
  /** What was dropped. Undefined: it was too large. */
  #snapshot: readonly SnapshotRun[] | undefined = [];
  #snapshotBytes = 0;
  #next = 0;
  #seenUntil = 0;
  readonly #resets = new Resets();

  constructor(key: StreamKey, start: LoggedStart, now: number) {
    this.key = key;
    this.start = start;
    this.startedAt = now;
  }

  get next(): number {
    return this.#next;
  }

  /** About how much memory its chunks take, in bytes. */
  get bytes(): number {
    return this.#entryBytes + this.#snapshotBytes;
  }

  /** A new owner begins, with a token that no owner has had. */
  own(token: number, leaseMs: number, now: number): void {
    this.token = token;
    if (!this.isReleased) this.takeovers++;
    this.isReleased = false;
    this.leasedUntil = now + leaseMs;
    this.#seenUntil = Math.max(this.#seenUntil, now);
  }

  /** Opens it for a further run. */
  reopen(): void {
    this.end = this.endedAt = this.stop = undefined;
    this.takeovers = -1;
  }

  /** Its owner gives it up. */
  release(token: number, now: number): void {
    this.token = token;
    this.isReleased = true;
    this.leasedUntil = now;
  }

  /** Whether nobody has owned it for so long. */
  isUnowned(graceMs: number, now: number): boolean {
    return this.end === undefined && (this.isReleased || this.leasedUntil + graceMs <= now);
  }

  /** Adds those of the chunks that are not there yet. `from` must not be more than `next`. */
  add(from: number, chunks: readonly SentChunk[], now: number): void {
    const missing = from === this.#next ? chunks : chunks.slice(this.#next - from);
    if (missing.length === 0) return;
    this.#entries.push({ from: this.#next, epoch: this.token, at: now, chunks: missing });
    this.#next += missing.length;
    this.#entryBytes += sizeOfAll(missing);
    for (const chunk of missing) this.#resets.add(chunk);
  }

  close(end: SentEnd, now: number): void {
    this.end = end;
    this.endedAt = now;
  }

  /** Drops the oldest entries if they are larger than that, and keeps a snapshot of them that is not. The newest is kept in any case. */
  trim(maxBytes: number): void {
    if (this.#entryBytes <= maxBytes) return;
    let count = 0;
    for (; count < this.#entries.length - 1 && this.#entryBytes > maxBytes * TRIM_TO; count++)
      this.#entryBytes -= sizeOfAll(this.#entries[count]?.chunks ?? []);
    const dropped = this.#entries.slice(0, count);
    this.#entries = this.#entries.slice(count);
    if (this.#snapshot === undefined || count === 0) return;
    this.#snapshot = snapshotOf(this.#snapshot, dropped);
    this.#snapshotBytes = sizeOfSnapshot(this.#snapshot);
    if (this.#snapshotBytes <= maxBytes) return;
    this.#snapshot = undefined;
    this.#snapshotBytes = 0;
  }

  /** A reader is here until then. */
  see(until: number): void {
    this.#seenUntil = Math.max(this.#seenUntil, until);
  }

  answer(now: number): Appended {
    const { next, stop } = this;
    const unreadMs = Math.max(0, now - this.#seenUntil);
    return stop === undefined ? { next, at: now, unreadMs } : { next, at: now, unreadMs, stop };
  }

  page(after: number, most: number = PAGE_CHUNKS, now: number): Page {
    const { start, startedAt, next, token, takeovers, stop, end, endedAt } = this;
    const entries: Entry[] = [];
    for (let at = this.#behind(after), given = 0; given < most; at++) {
      const entry = this.#entries[at];
      if (entry === undefined) break;
      entries.push(entry);
      given = entry.from + entry.chunks.length - after;
    }
    const first = this.#entries[0]?.from ?? next;
    return {
      start,
      startedAt,
      entries,
      first,
      ...(after < first && this.#snapshot !== undefined && { snapshot: this.#snapshot }),
      next,
      resets: [...this.#resets.list],
      token,
      takeovers,
      leaseLeftMs: this.leasedUntil - now,
      ...(this.isReleased && end === undefined && { released: true }),
      ...(stop !== undefined && { stop }),
      ...(end !== undefined && { end }),
      ...(endedAt !== undefined && { endedAt }),
    };
  }

  /** When it is dropped, in milliseconds since the epoch. */
  keptUntil(ttlMs: number): number {
    return this.endedAt === undefined ? this.leasedUntil + RUNNING_TTL_MS : this.endedAt + ttlMs;
  }

  /** The place of the first entry that has chunks behind `after` of them. */
  #behind(after: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && entry.from + entry.chunks.length <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
