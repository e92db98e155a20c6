import { SluiceError, isSluiceError } from '../../src/index.ts';
import { Timer, delay } from '../../src/kit/index.ts';
import type { Appended, ChunkLog, OpenedOwner, StreamLease } from '../log/chunk-log.ts';
import type { SentChunk, SentEnd } from '../stream/parts.ts';
import { handedOverError } from './ends.ts';
import { logCall } from './log-call.ts';
import { Tail } from './tail.ts';

/** How many chunks may wait for the log before the model is not read any more. */
const MOST_WAITING = 256;

/** What a {@link LogWriter} needs. */
export interface WriterSetup {
  log: ChunkLog;
  opened: OpenedOwner;
  storeWaitMs: number;
  coalesceMs: number;
  /** Called after each append with what it gave. */
  appended(this: void, appended: Appended): void;
  /** Called once, if the stream has another owner or the log cannot be written: the run must end. */
  lost(this: void, error: SluiceError): void;
}

/**
 * Writes the chunks of one run into the log. One append is under way; what comes meanwhile goes with the next. It renews the lease while nothing comes. Whoever reads it gets only what
 * the log has.
 */
export class LogWriter {
  readonly tail: Tail;
  readonly #setup: WriterSetup;
  readonly #held: StreamLease;
  #waiting: SentChunk[] = [];
  #end: SentEnd | undefined;
  #ended: { end: SentEnd; at: number } | undefined;
  /** Set once it cannot write any more. */
  #lost: SluiceError | undefined;
  #isWriting = false;
  #writing: Promise<void> | undefined;
  #isRenewalDue = false;
  #appendedAt: number | undefined;
  readonly #renewal: Timer;
  readonly #listeners = new Set<() => void>();

  constructor(setup: WriterSetup) {
    this.#setup = setup;
    this.#held = setup.opened.held;
    this.tail = new Tail(setup.opened.next);
    this.#renewal = new Timer(() => this.renew());
    this.#renewal.start(this.#renewMs);
  }

  /** The end, as soon as the log has it, and when it was kept. */
  get ended(): { end: SentEnd; at: number } | undefined {
    return this.#ended;
  }

  /** Why nothing is written any more, if that is not because of the end. */
  get lost(): SluiceError | undefined {
    return this.#lost;
  }

  /** Whether more chunks may come. */
  get hasRoom(): boolean {
    return this.#waiting.length < MOST_WAITING || this.#lost !== undefined;
  }

  /** Calls `changed` after each append, and if the stream is lost. Returns a function that ends that. */
  listen(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => void this.#listeners.delete(changed);
  }

  /** Resolves when `is` says so. It is asked after each append, and when the stream is lost. */
  async until(is: () => boolean): Promise<void> {
    while (!is()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = this.listen(resolve);
      await promise;
      end();
    }
  }

  /** Adds chunks, whose indexes follow each other. */
  add(chunks: readonly SentChunk[]): void {
    if (this.#lost !== undefined) return;
    for (const chunk of chunks) this.#waiting.push(chunk);
    this.#start();
  }

  /** Renews the lease, which also tells what others want of the run. */
  renew(): void {
    this.#isRenewalDue = true;
    this.#start();
  }

  /**
   * Gives the stream up, for another process. What waits is dropped: its run is to be void. If the log does not answer, others find out when the lease is over.
   */
  async release(): Promise<void> {
    if (this.#lost !== undefined || this.#ended !== undefined) return;
    await this.leave();
    const { log, storeWaitMs } = this.#setup;
    await logCall('release', () => log.release(this.#held), storeWaitMs).catch(() => undefined);
    this.#tell();
  }

  /** Writes nothing any more, so that the lease runs out. What waits is dropped. */
  async leave(): Promise<void> {
    this.#lost ??= handedOverError();
    this.#waiting = [];
    this.#renewal.stop();
    await this.#writing;
  }

  /** Writes what waits, and the end. Resolves when the log has it, or when it cannot be written. */
  async finish(end: SentEnd): Promise<void> {
    this.#end = end;
    this.#start();
    await this.until(() => this.#ended !== undefined || this.#lost !== undefined);
  }

  get #renewMs(): number {
    return this.#held.leaseMs / 3;
  }

  #start(): void {
    if (this.#isWriting || this.#lost !== undefined || this.#ended !== undefined) return;
    this.#isWriting = true;
    this.#writing = this.#write();
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0 || this.#end !== undefined || this.#isRenewalDue) {
        await this.#coalesced();
        await this.#append();
        if (this.#ended !== undefined) break;
      }
    } catch (error) {
      this.#lose(isSluiceError(error) ? error : writeFailed(error));
    }
    this.#isWriting = false;
    if (this.#lost === undefined && this.#ended === undefined) this.#renewal.start(this.#renewMs);
    else this.#renewal.stop();
  }

  /** The first append is made at once, and an end does not wait. */
  async #coalesced(): Promise<void> {
    const { coalesceMs } = this.#setup;
    if (coalesceMs === 0 || this.#appendedAt === undefined || this.#end !== undefined) return;
    await delay(this.#appendedAt + coalesceMs - performance.now());
  }

  async #append(): Promise<void> {
    const chunks = this.#waiting;
    const end = this.#end;
    this.#waiting = [];
    this.#isRenewalDue = false;
    const from = this.tail.next;
    const { value, tries } = await this.#call(from, chunks, end);
    this.#appendedAt = performance.now();
    const isKept = value.next >= from + chunks.length;
    const appended = isKept ? value : await this.#giveAgain(value, chunks, end);
    if (chunks.length > 0) {
      const entry = { from, epoch: this.#held.token, at: appended.at, chunks };
      this.tail.add(entry, isKept && tries === 1);
    }
    if (end !== undefined) this.#ended = { end, at: appended.at };
    this.#setup.appended(appended);
    this.#tell();
  }

  /** The log has lost its newest chunks: it gets them from this process. */
  async #giveAgain({ next }: Appended, chunks: SentChunk[], end: SentEnd | undefined): Promise<Appended> {
    for (let has = next; ;) {
      const kept = has === this.tail.next ? [] : this.tail.chunksFrom(has);
      if (kept === undefined) throw tooMuchLost(has);
      const { value } = await this.#call(has, [...kept, ...chunks], end);
      if (value.next >= this.tail.next + chunks.length) return value;
      has = value.next;
    }
  }

  #call(from: number, chunks: readonly SentChunk[], end: SentEnd | undefined) {
    const { log, storeWaitMs } = this.#setup;
    return logCall('append', () => log.append(this.#held, from, chunks, end), storeWaitMs);
  }

  #lose(error: SluiceError): void {
    this.#lost = error;
    this.#waiting = [];
    this.#setup.lost(error);
    this.#tell();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function writeFailed(cause: unknown): SluiceError {
  return new SluiceError('store', 'The log of the stream could not be written (see the cause).', { cause });
}

function tooMuchLost(next: number): SluiceError {
  return new SluiceError(
    'lease_lost',
    `The log has lost more chunks than are kept to give them again: it has ${next}.`,
  );
}
