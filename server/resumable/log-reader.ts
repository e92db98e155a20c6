import { SluiceError } from '../../src/index.ts';
import { Timer } from '../../src/kit/index.ts';
import type { ChunkLog, Entry, LoggedStart, Page, StreamKey } from '../log/chunk-log.ts';
import { PAGE_CHUNKS } from '../log/retention.ts';
import { chunksOfSnapshot } from '../log/snapshot.ts';
import type { SentItem, SentStream } from '../stream/sent-stream.ts';
import type { SentStart } from '../stream/parts.ts';
import { logCall } from './log-call.ts';
import type { Outages } from './outages.ts';
import type { Run } from './run.ts';

/** How long a reader waits for a log that has less than the reader, in milliseconds: its run gives it again. */
export const AHEAD_MS = 3_000;

/** What readers of one server share. */
export interface ReaderHost {
  readonly log: ChunkLog;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly storeWaitMs: number;
  readonly outages: Outages;
  /** How long a reader counts as present after a read. */
  readonly presentMs: number;
  /** The run of a stream, if it is in this process. */
  runOf(this: void, key: StreamKey): Run | undefined;
  /** The lease of a stream is over: ends it, or goes on with it. */
  ownerLost(this: void, key: StreamKey, page: Page): Promise<void>;
  /** Whether this process goes on with no turn any more. */
  isClosing(this: void): boolean;
}

/**
 * One reader of a stream in a log. It asks for pages, so a slow one holds one page, and it counts as present while it asks. If the run is in this process, it gets the newest
 * chunks from there.
 */
export class LogReader implements SentStream {
  readonly #host: ReaderHost;
  readonly #key: StreamKey;
  #page: Page | undefined;
  /** What is left of a snapshot, and how many chunks the reader has behind it. */
  #trimmed: ReturnType<typeof chunksOfSnapshot> | undefined;
  #trimmedTo = 0;
  #hasStarted = false;
  /** How many chunks it has. */
  #after = 0;
  #aheadSince: number | undefined;
  #isOver = false;
  /** Set between a wake and the next read. */
  #isWoken = false;
  #wake: (() => void) | undefined;
  #run: Run | undefined;
  #leaveRun: (() => void) | undefined;
  #unwatch: (() => void) | undefined;

  /** `page`: the first one, if it was read already. */
  constructor(host: ReaderHost, key: StreamKey, page?: Page) {
    this.#host = host;
    this.#key = key;
    this.#page = page;
  }

  async next(): Promise<SentItem[] | undefined> {
    while (!this.#isOver) {
      this.#isWoken = false;
      const items = this.#fromRun() ?? (await this.#fromLog());
      if (Array.isArray(items) && items.length > 0) {
        if (this.#isOver) this.#leave();
        return items;
      }
      if (!Array.isArray(items)) await this.#wait(items.waitMs);
    }
    this.#leave();
    return undefined;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#leave();
    this.#wake?.();
  }

  // A run in this process.

  /** What is new, or how long to wait. Undefined if the log has to be asked. */
  #fromRun(): SentItem[] | { waitMs: number } | undefined {
    const run = this.#joinRun();
    if (run === undefined) return undefined;
    const { tail, ended } = run.writer;
    if (!this.#hasStarted) {
      // Which resets came before is not known here.
      if (tail.next > 0 || this.#page !== undefined) return undefined;
      return [this.#start(run.start, run.startedAt)];
    }
    const entries = tail.behind(this.#after);
    if (entries === undefined) return undefined;
    const items = this.#itemsOf(entries);
    if (ended !== undefined && this.#after === tail.next) {
      items.push({ type: 'end', end: ended.end, position: this.#after + 1, at: ended.at });
      this.#isOver = true;
    }
    return items.length > 0 ? items : { waitMs: Number.POSITIVE_INFINITY };
  }

  #joinRun(): Run | undefined {
    if (this.#run?.writer.lost !== undefined) this.#leave();
    if (this.#run === undefined) {
      const run = this.#host.runOf(this.#key);
      if (run === undefined) return undefined;
      this.#leave();
      this.#run = run;
      const leave = run.enter();
      const unlisten = run.writer.listen(this.#onWake);
      // A function that is assigned to a property right away is never young: see docs/decisions/0009-what-the-collector-sees.md.
      const leaveRun = (): void => {
        leave();
        unlisten();
      };
      this.#leaveRun = leaveRun;
    }
    return this.#run;
  }

  // The log.

  async #fromLog(): Promise<SentItem[] | { waitMs: number }> {
    if (this.#run === undefined) this.#unwatch ??= this.#host.log.watch(this.#key, 'chunks', this.#onWake);
    if (this.#trimmed !== undefined) return this.#fromSnapshot(this.#trimmed);
    const page = await this.#read();
    if (this.#isOver) return [];
    const items: SentItem[] = [];
    if (!this.#hasStarted) items.push(this.#start(page.start, page.startedAt, page));
    if (page.first > this.#after && page.next > this.#after) {
      if (page.snapshot === undefined) throw droppedError();
      this.#trimmed = chunksOfSnapshot(page.snapshot, this.#after);
      this.#trimmedTo = page.first;
      return items;
    }
    items.push(...this.#itemsOf(page.entries));
    if (page.end !== undefined && this.#after === page.next) {
      items.push({ type: 'end', end: page.end, position: page.next + 1, at: page.endedAt ?? 0 });
      this.#isOver = true;
    }
    if (items.length > 0) return items;
    return this.#nothingNew(page);
  }

  /** The next chunks of a snapshot. Each time the log hears that the reader is there. */
  async #fromSnapshot(trimmed: ReturnType<typeof chunksOfSnapshot>): Promise<SentItem[]> {
    const { log, presentMs, storeWaitMs } = this.#host;
    const read = () => log.read(this.#key, { after: Number.MAX_SAFE_INTEGER, presentMs });
    await logCall('read', read, storeWaitMs);
    const items: SentItem[] = [];
    while (items.length < PAGE_CHUNKS) {
      const { value: next, done } = trimmed.next();
      if (done === true) {
        this.#trimmed = undefined;
        this.#after = Math.max(this.#after, this.#trimmedTo);
        break;
      }
      const { chunk, at } = next;
      // A run in this process may have given it meanwhile.
      if (chunk.index < this.#after) continue;
      items.push({ type: 'chunk', chunk, position: chunk.index + 1, at, trimmed: true });
      this.#after = chunk.index + 1;
    }
    return items;
  }

  async #read(): Promise<Page> {
    const first = this.#page;
    this.#page = undefined;
    if (first !== undefined) return first;
    const { log, presentMs, storeWaitMs, outages } = this.#host;
    const read = () => log.read(this.#key, { after: this.#after, presentMs });
    const answer = await logCall('read', read, storeWaitMs);
    outages.note(answer);
    const { value: page } = answer;
    if (page !== undefined) return page;
    throw this.#hasStarted ? goneError() : noStreamError(this.#key);
  }

  async #nothingNew(page: Page): Promise<SentItem[] | { waitMs: number }> {
    this.#checkAhead(page);
    const { graceMs, leaseMs, outages } = this.#host;
    if (page.end !== undefined) return { waitMs: Math.min(AHEAD_MS / 10, leaseMs) };
    // This process has given it up, too, or will not take it: whoever reads goes on at another one.
    if (page.released === true && this.#host.isClosing()) this.#isOver = true;
    if (this.#isOver) return { waitMs: 0 };
    const leftMs = page.released === true ? 0 : Math.max(page.leaseLeftMs + graceMs, outages.leftMs);
    if (leftMs > 0) return { waitMs: Math.min(leftMs + 1, leaseMs) };
    await this.#host.ownerLost(this.#key, page);
    // Somebody else may be about to do it.
    return { waitMs: this.#host.runOf(this.#key) === undefined ? Math.min(50, leaseMs / 10) : 0 };
  }

  /** A log that was killed may have lost its newest chunks. */
  #checkAhead(page: Page): void {
    if (this.#after <= page.next) {
      this.#aheadSince = undefined;
      return;
    }
    this.#aheadSince ??= performance.now();
    if (performance.now() - this.#aheadSince >= AHEAD_MS) throw goneError();
  }

  // Both.

  #start(start: LoggedStart, startedAt: number, page?: Page): SentItem {
    this.#hasStarted = true;
    const resets = page?.resets ?? [];
    return { type: 'start', start: sentStart(start, startedAt), resets, count: page?.next ?? 0 };
  }

  #itemsOf(entries: readonly Entry[]): SentItem[] {
    const items: SentItem[] = [];
    for (const { from, at, chunks } of entries) {
      for (let place = Math.max(0, this.#after - from); place < chunks.length; place++) {
        const chunk = chunks[place];
        if (chunk !== undefined) items.push({ type: 'chunk', chunk, position: from + place + 1, at });
      }
      this.#after = Math.max(this.#after, from + chunks.length);
    }
    return items;
  }

  readonly #onWake = (): void => {
    this.#isWoken = true;
    this.#wake?.();
  };

  async #wait(ms: number): Promise<void> {
    if (this.#isWoken || this.#isOver || ms <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    using timer = new Timer(resolve);
    timer.start(ms);
    await promise;
    this.#wake = undefined;
  }

  #leave(): void {
    this.#leaveRun?.();
    this.#unwatch?.();
    this.#leaveRun = this.#unwatch = this.#run = undefined;
  }
}

/** What a client may see of a start. */
function sentStart(logged: LoggedStart, startedAt: number): SentStart {
  const { turnId, session, name, model } = logged;
  return {
    turnId,
    ...(session !== undefined && { session }),
    ...(name !== undefined && { name }),
    ...(model !== undefined && { model }),
    startedAt,
  };
}

/** The error of a stream that the log does not have. */
function noStreamError({ id }: StreamKey): SluiceError {
  return new SluiceError('not_found', `There is no stream "${id}" of this owner.`);
}

function goneError(): SluiceError {
  return new SluiceError('store', 'The log has lost the stream.', { retryable: false });
}

function droppedError(): SluiceError {
  return new SluiceError(
    'truncated',
    'The stream is too large for the log, which has lost chunks that this reader does not have. Read the session instead.',
    { retryable: false },
  );
}
