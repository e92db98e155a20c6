import { end } from '../../../src/index.ts';
import type { PushSource, Receiver, Reply, SluiceError, StreamChunk } from '../../../src/index.ts';

/** How some work ends: with a reply, which is the last or is followed by the next one, or with an error. */
export type WorkEnd = { readonly reply: Reply; readonly isLast: boolean } | { readonly error: unknown };

/** Who does the work. */
interface Worker {
  /** Called at the first read. */
  begin(this: void): void;
  /** Called if the work is cut short. Resolves when nothing of it goes on. */
  close(this: void, error: SluiceError): Promise<void>;
}

/** How many chunks of progress may wait for the reader. More are dropped. */
const MAX_WAITING = 1_000;

/** What is done between two replies, as the source of a stream. It gives what is said meanwhile, and ends with the work. */
export class Work implements PushSource<StreamChunk, Reply> {
  readonly #worker: Worker;
  #hasBegun = false;
  #receiver: Receiver<StreamChunk, Reply> | undefined;
  /** Chunks that wait for a reader. */
  #out: StreamChunk[] = [];
  /** What comes after them. */
  #end: WorkEnd | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Whether another reply follows. */
  get isFollowed(): boolean {
    return this.#end !== undefined && 'isLast' in this.#end && !this.#end.isLast;
  }

  request(receiver: Receiver<StreamChunk, Reply>): void {
    this.#receiver = receiver;
    if (this.#hasBegun) {
      this.#deliver();
      return;
    }
    this.#hasBegun = true;
    this.#worker.begin();
  }

  close(error: SluiceError): Promise<void> {
    this.#receiver = undefined;
    return this.#worker.close(error);
  }

  say(chunks: readonly StreamChunk[]): void {
    if (chunks.length === 0) return;
    this.#out.push(...chunks);
    this.#deliver();
  }

  /** Says what need not come: it is left out if the reader is slow. */
  mention(chunk: StreamChunk): void {
    if (this.#out.length < MAX_WAITING) this.say([chunk]);
  }

  /** The first end counts. */
  end(end: WorkEnd): void {
    this.#end ??= end;
    this.#deliver();
  }

  /** Gives what waits to who waits for it. */
  #deliver(): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    if (this.#out.length > 0) {
      this.#receiver = undefined;
      receiver.pulled(this.#out.splice(0));
    } else if (this.#end !== undefined) {
      this.#receiver = undefined;
      if ('error' in this.#end) receiver.failed(this.#end.error);
      else receiver.pulled(end(this.#end.reply));
    }
  }
}
