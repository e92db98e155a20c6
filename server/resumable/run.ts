import type { SluiceError } from '../../src/index.ts';
import type { ExecutionChunk } from '../../src/index.ts';
import type { Appended, ChunkLog, LoggedStart, OpenedOwner, StreamKey } from '../log/chunk-log.ts';
import type { PipelineStream } from '../stream/live.ts';
import type { SentChunk, SentEnd } from '../stream/parts.ts';
import { endOfError, endOfResult } from '../stream/sent-end.ts';
import { HANDED_OVER, endOfStopped, handedOverError, shutdownError, stoppedError } from './ends.ts';
import { LogWriter } from './log-writer.ts';
import { callsIn } from './void-calls.ts';

/** What a {@link Run} is made of. */
export interface RunSetup {
  log: ChunkLog;
  key: StreamKey;
  start: LoggedStart;
  opened: OpenedOwner;
  storeWaitMs: number;
  coalesceMs: number;
  /** 0: it runs to its end. */
  orphanMs: number;
  /** Whether its end has the spans of the execution. */
  keepsTrace: boolean;
  /** Called once, when it is over. Must not throw. */
  ended(this: void, end: SentEnd): void;
  /** Makes the stream of the execution. May throw. */
  stream(this: void): PipelineStream;
}

/** A turn that runs in this process, apart from those who read it. Its chunks go into the log; its readers get them from there. */
export class Run {
  readonly key: StreamKey;
  readonly start: LoggedStart;
  readonly startedAt: number;
  readonly writer: LogWriter;
  /** Resolves when it is over. Never rejects. */
  readonly finished: Promise<void>;
  readonly #setup: RunSetup;
  #stream: PipelineStream | undefined;
  #isHandedOver = false;
  /** Why it ends before its stream does. */
  #ending: SluiceError | undefined;
  /** The numbers that another run before this one has used, until they are voided. */
  #before: number[];
  #next: number;
  #readers = 0;
  #leftAt = performance.now();

  constructor(setup: RunSetup) {
    const { log, key, start, opened, storeWaitMs, coalesceMs } = setup;
    this.#setup = setup;
    this.key = key;
    this.start = start;
    this.startedAt = opened.startedAt;
    this.#next = opened.next;
    this.#before = [];
    this.writer = new LogWriter({
      ...{ log, opened, storeWaitMs, coalesceMs },
      appended: (appended) => this.#heard(appended),
      lost: (error) => this.#end(error),
    });
    const unwatch = log.watch(key, 'stop', () => this.writer.renew());
    this.finished = this.#run().finally(unwatch);
  }

  /** A reader in this process is here, until the returned function is called. */
  enter(): () => void {
    this.#readers++;
    let isHere = true;
    return () => {
      if (!isHere) return;
      isHere = false;
      this.#readers--;
      this.#leftAt = performance.now();
    };
  }

  /** Gives its turn up because its process shuts down: another process may go on with it. Nothing of it is stored here. */
  handOver(): void {
    this.#isHandedOver = true;
    this.#end(handedOverError());
  }

  /** Ends it because its process shuts down. */
  shutDown(): void {
    this.#end(shutdownError());
  }

  async #run(): Promise<void> {
    const end = await this.#toEnd();
    // It may have ended by itself in the meantime.
    if (this.#isHandedOver && end.error?.code === 'lease_lost') await this.writer.release();
    else if (this.writer.lost === undefined) await this.writer.finish(end);
    this.#setup.ended(end);
  }

  async #toEnd(): Promise<SentEnd> {
    const { opened, log, key, storeWaitMs } = this.#setup;
    try {
      if (opened.stop !== undefined) return endOfStopped(opened.stop, 'owner');
      if (opened.next > 0) this.#before = await callsIn(log, key, storeWaitMs);
      return { ...(await this.#read()), by: 'owner' };
    } catch (error) {
      return { ...endOfError(error), by: 'owner' };
    }
  }

  /** Reads the execution to its end, which comes when the turn is stored. */
  async #read(): Promise<SentEnd> {
    const stream = this.#setup.stream();
    this.#stream = stream;
    if (this.#ending !== undefined) stream.abort(this.#ending);
    try {
      for (;;) {
        const batch = await stream.read();
        if (batch === undefined) break;
        this.#take(batch);
        if (!this.writer.hasRoom) await this.writer.until(() => this.writer.hasRoom);
      }
    } catch (error) {
      return endOfError(error);
    }
    // What an earlier run has said does not stand, also if this one had nothing to say.
    this.#take([]);
    const result = await stream.result;
    const end = endOfResult(result);
    return this.#setup.keepsTrace ? { ...end, trace: result.trace } : end;
  }

  #take(batch: readonly ExecutionChunk[]): void {
    const chunks: SentChunk[] = [];
    if (this.#before.length > 0 && batch[0]?.type !== 'done') this.#void(chunks);
    for (const chunk of batch) {
      if (chunk.type === 'done') continue;
      const index = this.#next++;
      chunks.push(chunk.index === index ? chunk : { ...chunk, index });
    }
    if (chunks.length > 0) this.writer.add(chunks);
  }

  /** The numbers of a run begin at 1 again, so what an earlier run has said is voided first. It goes with the first chunk: a run that fails before has voided nothing. */
  #void(chunks: SentChunk[]): void {
    const calls = this.#before;
    this.#before = [];
    const { takeovers, released } = this.#setup.opened;
    const reason = released === true ? HANDED_OVER : takeovers > 0 ? 'owner_lost' : 'again';
    chunks.push({ type: 'reset', from: 0, calls, reason, call: 0, index: this.#next++ });
  }

  #heard({ stop, unreadMs }: Appended): void {
    const { orphanMs } = this.#setup;
    if (stop !== undefined) this.#end(stoppedError(stop));
    else if (orphanMs > 0 && Math.min(unreadMs, this.#unreadMs) > orphanMs)
      this.#end(stoppedError('orphaned'));
  }

  /** For how long nobody in this process has read it. */
  get #unreadMs(): number {
    return this.#readers > 0 ? 0 : performance.now() - this.#leftAt;
  }

  /** What was read ahead is still delivered, because the session stores it, too. */
  #end(error: SluiceError): void {
    if (this.#ending !== undefined) return;
    this.#ending = error;
    this.#stream?.abort(error);
  }
}
