import { SluiceError } from '../errors.ts';
import { end } from './source.ts';
import type { Pulled } from './source.ts';
import type { StreamEnd } from './tap.ts';

const NO_CHUNK =
  "A middleware gave a chunk that is undefined: give chunks such as { type: 'content', content: 'text' }.";

const NOTHING: readonly never[] = [];

/** Somebody who waits for the next chunk, or for the next batch. */
export interface Reader<C, R> {
  chunk?(result: IteratorResult<C, R>): void;
  batch?(batch: Pulled<C, R>): void;
  reject(error: unknown): void;
}

/** The reading end of a stream: chunks that wait for a reader, or readers that wait for a chunk, in order. */
export class ReadQueue<C, R> {
  #buffer: readonly C[] = NOTHING;
  /** The buffer where it is one of its own, not a batch that somebody gave: more can be added without a copy. */
  #own: C[] | undefined;
  #at = 0;
  /** Who waits longest; nearly always the only one, so that no list is needed. */
  #waiter: Reader<C, R> | undefined;
  #others: Reader<C, R>[] | undefined;
  #closed = false;
  #taken = false;
  #ending: StreamEnd<R> | undefined;
  /** Unset where there is none: a closed iterator answers `{ done: true, value: undefined }`, which its type cannot say. */
  #reply!: R;

  /** Chunks that wait. */
  get size(): number {
    return this.#buffer.length - this.#at;
  }

  /** Whether somebody has read a chunk and kept it. */
  get taken(): boolean {
    return this.#taken;
  }

  /** Whether somebody waits. */
  get awaited(): boolean {
    return this.#waiter !== undefined;
  }

  /** The next chunk, if it is there and nobody asked before. */
  take(): C | undefined {
    if (this.#waiter !== undefined) return undefined;
    const chunk = this.#buffer[this.#at];
    if (chunk === undefined) return undefined;
    this.#at++;
    this.#taken = true;
    return chunk;
  }

  put(batch: readonly C[]): void {
    const empty = this.size === 0;
    const waiter = this.#waiter;
    if (empty && waiter?.batch !== undefined && batch[0] !== undefined && !this.#closed) {
      // All of it to the one who waits for it, past the buffer.
      this.#waiter = this.#others?.shift();
      this.#taken = true;
      waiter.batch(batch);
      return;
    }
    if (empty) this.#set(batch);
    else this.#add(batch);
    this.#serve();
  }

  /** Gives a batch back, to be read again. */
  unread(batch: readonly C[]): void {
    this.#set(batch.concat(this.#rest()));
    this.#taken = false;
    this.#serve();
  }

  clear(): void {
    this.#set(NOTHING);
  }

  /** All that waits, for another outlet. */
  hand(): readonly C[] {
    const rest = this.#rest();
    this.clear();
    return rest;
  }

  wait(waiter: Reader<C, R>): void {
    if (this.#waiter === undefined) this.#waiter = waiter;
    else (this.#others ??= []).push(waiter);
    this.#serve();
  }

  /** For a reader that has asked before all who wait. */
  waitFirst(waiter: Reader<C, R>): void {
    if (this.#waiter !== undefined) (this.#others ??= []).unshift(this.#waiter);
    this.#waiter = waiter;
    this.#serve();
  }

  /** The reader wants no more: those who wait hear that it is done. */
  close(): void {
    this.#closed = true;
    this.clear();
    this.#serve();
  }

  /** The stream has ended: readers hear of it behind the chunks that wait. */
  settle(ending: StreamEnd<R>): void {
    this.#ending = ending;
    if (ending.reply !== undefined) this.#reply = ending.reply;
    this.#serve();
  }

  /** The reply, or nothing where the stream was closed before its end. */
  get reply(): R {
    return this.#reply;
  }

  get #error(): SluiceError | undefined {
    return this.#closed ? undefined : this.#ending?.error;
  }

  #serve(): void {
    while (this.#waiter !== undefined) {
      const chunk = this.#buffer[this.#at];
      const over = this.#ending !== undefined || this.#closed;
      const empty = this.size === 0;
      if (empty && !over) return;
      const waiter = this.#waiter;
      this.#waiter = this.#others?.shift();
      if (chunk === undefined && !empty) {
        this.#at++;
        waiter.reject(new SluiceError('middleware', NO_CHUNK));
      } else if (chunk === undefined) {
        this.#answerEnd(waiter);
      } else if (waiter.chunk !== undefined) {
        this.#at++;
        this.#taken = true;
        waiter.chunk({ done: false, value: chunk });
      } else {
        this.#taken = true;
        waiter.batch?.(this.hand());
      }
    }
  }

  #answerEnd(waiter: Reader<C, R>): void {
    if (this.#error !== undefined) waiter.reject(this.#error);
    else if (waiter.chunk !== undefined) waiter.chunk({ done: true, value: this.reply });
    else waiter.batch?.(end(this.reply));
  }

  #set(buffer: readonly C[]): void {
    this.#buffer = buffer;
    this.#at = 0;
    this.#own = undefined;
  }

  #add(batch: readonly C[]): void {
    // Copied where what has been taken is more than what waits: linear in all, and nothing taken is held for long.
    if (this.#own === undefined || this.#at > this.size) {
      const own = [...this.#rest()];
      this.#set(own);
      this.#own = own;
    }
    for (const chunk of batch) this.#own.push(chunk);
  }

  #rest(): readonly C[] {
    return this.#at === 0 ? this.#buffer : this.#buffer.slice(this.#at);
  }
}
