import * as z from 'zod';
import { option, parseOptions } from '../../src/kit/index.ts';
import type { SentChunk, SentEnd } from '../stream/parts.ts';
import { checkStreamKey } from './check-key.ts';
import type { Appended, ChunkLog, LoggedStart, Opened, OpenOptions, Page, ReadOptions } from './chunk-log.ts';
import type { UnownedOptions } from './chunk-log.ts';
import type { StreamKey, StreamLease } from './chunk-log.ts';
import { KeptStream } from './kept-stream.ts';
import { leaseLost, otherFingerprint, sessionOf } from './refusals.ts';
import { DEFAULT_STREAM_BYTES, DEFAULT_TTL_MS, TOMBSTONE_MS } from './retention.ts';
import { Watchers, nameOf } from './watchers.ts';
import type { Watched } from './watchers.ts';

/** Options of {@link memoryLog}. */
export interface MemoryLogOptions {
  /** How long a stream is kept after its end, in milliseconds. Default: 300,000 (5 minutes). */
  ttlMs?: number;
  /** The maximum number of streams. Those that ended first are dropped first; one that runs is never dropped. Default: 10,000. */
  maxStreams?: number;
  /** The maximum size of all streams, in bytes, as estimated. Those that ended first are dropped first; one that runs is never dropped. Default: 64 MiB. */
  maxBytes?: number;
  /** The maximum size of one stream, in bytes, as estimated. Its oldest chunks are dropped first. Default: 8 MiB. */
  maxStreamBytes?: number;
}

const schema = z.strictObject({
  ttlMs: option.milliseconds().default(DEFAULT_TTL_MS),
  maxStreams: option.count(1).default(10_000),
  maxBytes: option.count(1).default(64 * 1024 * 1024),
  maxStreamBytes: option.count(1).default(DEFAULT_STREAM_BYTES),
});

/** How often streams whose owner died are looked for, in milliseconds. */
const SWEEP_MS = 60_000;

/**
 * Keeps streams in this process's memory, bounded by age, count and size. Readers on other processes do not see them, and they are gone with the process: for one process, for tests,
 * and behind a balancer that sends a client to the same process each time.
 *
 * Throws `invalid_options`.
 */
export function memoryLog(options: MemoryLogOptions = {}): ChunkLog {
  return new MemoryLog(parseOptions('memoryLog()', schema, options));
}

class MemoryLog implements ChunkLog {
  readonly isShared = false;
  readonly #options: z.output<typeof schema>;
  readonly #running = new Map<string, KeptStream>();
  /** In the order of their ends. */
  readonly #ended = new Map<string, KeptStream>();
  /** Stops of streams that are not open yet, in the order of their times. */
  readonly #tombstones = new Map<string, { reason: string; until: number }>();
  /** The running streams of each session, in the order in which they were opened. */
  readonly #sessions = new Map<string, Map<string, KeptStream>>();
  readonly #watchers = new Watchers();
  #bytes = 0;
  /** One counter for all streams: a token that was given once never comes back, also if its stream is dropped. */
  #tokens = 0;
  #sweptAt = Date.now();

  constructor(options: z.output<typeof schema>) {
    this.#options = options;
  }

  async open(key: StreamKey, start: LoggedStart, options: OpenOptions): Promise<Opened> {
    const now = Date.now();
    const { leaseMs, takeOver = false, graceMs = 0, again = false } = options;
    const found = this.#find(key, now);
    if (found !== undefined && found.start.fingerprint !== start.fingerprint) throw otherFingerprint();
    if (found?.end !== undefined) {
      if (!again) return { as: 'ended', end: found.end };
      found.reopen();
    } else if (found !== undefined && !(takeOver && found.isUnowned(graceMs, now))) {
      return { as: 'reader' };
    }
    const stream = found ?? this.#begin(key, start, now);
    const released = stream.isReleased ? { released: true as const } : {};
    stream.own(++this.#tokens, leaseMs, now);
    this.#run(stream);
    this.#watchers.wake(key, 'chunks');
    const { token, next, startedAt, takeovers, stop } = stream;
    const opened = {
      as: 'owner' as const,
      held: { key, token, leaseMs },
      next,
      startedAt,
      takeovers,
      ...released,
    };
    return stop === undefined ? opened : { ...opened, stop };
  }

  async append(
    held: StreamLease,
    from: number,
    chunks: readonly SentChunk[],
    end?: SentEnd,
  ): Promise<Appended> {
    const now = Date.now();
    const stream = this.#owned(held, now);
    if (stream.end !== undefined) {
      if (end === undefined) throw leaseLost('ended');
      return stream.answer(now);
    }
    stream.leasedUntil = now + held.leaseMs;
    if (from > stream.next) return stream.answer(now);
    const before = stream.bytes;
    stream.add(from, chunks, now);
    stream.trim(this.#options.maxStreamBytes);
    this.#bytes += stream.bytes - before;
    if (end !== undefined) this.#close(stream, end, now);
    if (chunks.length > 0 || end !== undefined) this.#watchers.wake(held.key, 'chunks');
    return stream.answer(now);
  }

  async read(key: StreamKey, { after, most, presentMs }: ReadOptions): Promise<Page | undefined> {
    const now = Date.now();
    const stream = this.#find(key, now);
    if (presentMs !== undefined) stream?.see(now + presentMs);
    return stream?.page(after, most, now);
  }

  async stop(key: StreamKey, reason: string): Promise<'pending' | 'stopped' | 'unknown'> {
    const now = Date.now();
    const stream = this.#find(key, now);
    if (stream === undefined) {
      this.#bury(key, reason, now);
      return 'unknown';
    }
    if (stream.end !== undefined) return 'stopped';
    stream.stop ??= reason;
    this.#watchers.wake(key, 'stop');
    return 'pending';
  }

  async release(held: StreamLease): Promise<void> {
    const now = Date.now();
    const stream = this.#owned(held, now);
    if (stream.end !== undefined) throw leaseLost('ended');
    stream.release(++this.#tokens, now);
    this.#watchers.wake(held.key, 'chunks');
  }

  async settle(key: StreamKey, end: SentEnd, { graceMs }: { graceMs: number }): Promise<boolean> {
    const now = Date.now();
    const stream = this.#find(key, now);
    if (stream?.isUnowned(graceMs, now) !== true) return false;
    stream.token = ++this.#tokens;
    this.#close(stream, end, now);
    this.#watchers.wake(key, 'chunks');
    return true;
  }

  watch(key: StreamKey, what: Watched, wake: () => void): () => void {
    return this.#watchers.add(key, what, wake);
  }

  async running(session: StreamKey): Promise<string[]> {
    const now = Date.now();
    const streams = this.#sessions.get(nameOf(session))?.values() ?? [];
    return [...streams]
      .filter((stream) => this.#find(stream.key, now) !== undefined)
      .map(({ key }) => key.id);
  }

  async unowned({ graceMs, most }: UnownedOptions): Promise<StreamKey[]> {
    const now = Date.now();
    return [...this.#running.values()]
      .filter((stream) => stream.isUnowned(graceMs, now) && this.#find(stream.key, now) === stream)
      .sort((a, b) => a.leasedUntil - b.leasedUntil)
      .slice(0, most)
      .map(({ key }) => key);
  }

  async forget(owner: string): Promise<void> {
    for (const streams of [this.#running, this.#ended])
      for (const stream of streams.values())
        if (stream.key.owner === owner) {
          this.#drop(stream);
          this.#watchers.wake(stream.key, 'chunks');
        }
  }

  async close(): Promise<void> {
    for (const kept of [this.#running, this.#ended, this.#tombstones, this.#sessions, this.#watchers])
      kept.clear();
    this.#bytes = 0;
  }

  #find(key: StreamKey, now: number): KeptStream | undefined {
    checkStreamKey(key);
    const name = nameOf(key);
    const stream = this.#running.get(name) ?? this.#ended.get(name);
    if (stream === undefined || stream.keptUntil(this.#options.ttlMs) > now) return stream;
    this.#drop(stream);
    return undefined;
  }

  /** The stream of its owner. Throws `lease_lost`. */
  #owned({ key, token }: StreamLease, now: number): KeptStream {
    const stream = this.#find(key, now);
    if (stream === undefined) throw leaseLost('gone');
    if (stream.token !== token) throw leaseLost('owner');
    return stream;
  }

  #begin(key: StreamKey, start: LoggedStart, now: number): KeptStream {
    this.#sweep(now);
    const stream = new KeptStream(key, start, now);
    const name = nameOf(key);
    const tombstone = this.#tombstones.get(name);
    this.#tombstones.delete(name);
    if (tombstone !== undefined && tombstone.until > now) stream.stop = tombstone.reason;
    return stream;
  }

  #run(stream: KeptStream): void {
    const name = nameOf(stream.key);
    this.#ended.delete(name);
    this.#running.set(name, stream);
    const session = sessionOf(stream.start);
    if (session === undefined) return;
    const streams = this.#sessions.get(nameOf(session));
    if (streams === undefined) this.#sessions.set(nameOf(session), new Map([[name, stream]]));
    else streams.set(name, stream);
  }

  #close(stream: KeptStream, end: SentEnd, now: number): void {
    this.#leave(stream);
    this.#ended.set(nameOf(stream.key), stream);
    stream.close(end, now);
    this.#makeRoom(now);
  }

  #drop(stream: KeptStream): void {
    this.#leave(stream);
    this.#ended.delete(nameOf(stream.key));
    this.#bytes -= stream.bytes;
  }

  /** It does not run any more. */
  #leave(stream: KeptStream): void {
    const name = nameOf(stream.key);
    this.#running.delete(name);
    const session = sessionOf(stream.start);
    const streams = session === undefined ? undefined : this.#sessions.get(nameOf(session));
    if (session === undefined || streams?.get(name) !== stream) return;
    streams.delete(name);
    if (streams.size === 0) this.#sessions.delete(nameOf(session));
  }

  #bury(key: StreamKey, reason: string, now: number): void {
    this.#buriedUntil(now);
    const name = nameOf(key);
    if (this.#tombstones.has(name)) return;
    this.#tombstones.set(name, { reason, until: now + TOMBSTONE_MS });
  }

  /** Drops the stops that waited long enough, and the oldest ones if there are too many. */
  #buriedUntil(now: number): void {
    for (const [name, { until }] of this.#tombstones) {
      if (until > now && this.#tombstones.size < this.#options.maxStreams) return;
      this.#tombstones.delete(name);
    }
  }

  /** Drops streams whose owner died and that nobody has looked for since, now and then. */
  #sweep(now: number): void {
    this.#makeRoom(now);
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    for (const { key } of [...this.#running.values()]) this.#find(key, now);
  }

  /** Drops ended streams that are too old or too many. */
  #makeRoom(now: number): void {
    const { ttlMs, maxStreams, maxBytes } = this.#options;
    for (const stream of this.#ended.values()) {
      const streams = this.#running.size + this.#ended.size;
      if (stream.keptUntil(ttlMs) > now && streams < maxStreams && this.#bytes <= maxBytes) return;
      this.#drop(stream);
    }
  }
}
