import { SluiceError, abortedError } from '../errors.ts';
import { end } from './source.ts';
import type { Pulled } from './source.ts';
import type { StreamEnd } from './tap.ts';

/** The error for a reader that would get `undefined` as a chunk, which plain JavaScript can give. */
function undefinedChunkError(): SluiceError {
  const advice = "give chunks such as { type: 'content', content: 'text' }";
  return new SluiceError('middleware', `A middleware gave a chunk that is undefined: ${advice}.`);
}

const NOTHING: readonly never[] = [];

/** Waits for the next chunk, or for the next batch. */
export type Reader<C, R> = ChunkReader<C, R> | BatchReader<C, R>;

interface ChunkReader<C, R> {
  chunk(result: IteratorResult<C, R>): void;
  batch?: undefined;
  reject(error: unknown): void;
  forStream?: undefined;
}

/** Waits for the next batch. */
export interface BatchReader<C, R> {
  batch(batch: Pulled<C, R>): void;
  chunk?: undefined;
  reject(error: unknown): void;
  /** Another stream reads for itself. It gets a `close()` as an error: an end would look as if nothing were missing. */
  forStream?: boolean;
}

/** Chunks that wait for a reader, or readers that wait for a chunk, in order. */
export class ReadQueue<C, R> {
  #buffer: readonly C[] = NOTHING;
  /** The buffer, if it is a copy and not a batch that a source gave. More can be added to it. */
  #own: C[] | undefined;
  #at = 0;
  /** The first reader. Nearly always there is no other, and so no list. */
  #reader: Reader<C, R> | undefined;
  #laterReaders: Reader<C, R>[] | undefined;
  #closed = false;
  #wasRead = false;
  #end: StreamEnd<R> | undefined;
  /** Unset if there is none: a closed iterator answers `{ done: true, value: undefined }`, which its type cannot say. */
  #reply!: R;

  /** How many chunks wait. */
  get size(): number {
    return this.#buffer.length - this.#at;
  }

  /** Whether somebody has read a chunk and kept it. */
  get wasRead(): boolean {
    return this.#wasRead;
  }

  /** The chunk that was read last, if it was part of the batch that is being read. */
  get lastTaken(): C | undefined {
    return this.#at === 0 ? undefined : this.#buffer[this.#at - 1];
  }

  /** Whether a reader waits. */
  get hasReader(): boolean {
    return this.#reader !== undefined;
  }

  /** The next chunk, if there is one and no reader came before. */
  take(): C | undefined {
    if (this.#reader !== undefined) return undefined;
    const chunk = this.#buffer[this.#at];
    if (chunk === undefined) return undefined;
    this.#at++;
    this.#wasRead = true;
    return chunk;
  }

  /** Hands one chunk to the reader that waits for it, if no chunk came before; false if there is no such reader. */
  answer(result: IteratorYieldResult<C>): boolean {
    const reader = this.#reader;
    if (reader === undefined || result.value === undefined || this.size > 0 || this.#closed) return false;
    this.#reader = this.#laterReaders?.shift();
    this.#wasRead = true;
    if (reader.chunk !== undefined) reader.chunk(result);
    else reader.batch([result.value]);
    return true;
  }

  add(batch: readonly C[]): void {
    const empty = this.size === 0;
    const reader = this.#reader;
    if (empty && reader?.batch !== undefined && batch[0] !== undefined && !this.#closed) {
      // The whole batch goes to the reader that waits for it, past the buffer.
      this.#reader = this.#laterReaders?.shift();
      this.#wasRead = true;
      reader.batch(batch);
      return;
    }
    if (empty) this.#set(batch);
    else this.#append(batch);
    this.#serve();
  }

  /** Takes a batch back, to be read again. */
  putBack(batch: readonly C[]): void {
    this.#set(batch.concat(this.#rest()));
    this.#wasRead = false;
    this.#serve();
  }

  clear(): void {
    this.#set(NOTHING);
  }

  /** All chunks that wait. */
  takeAll(): readonly C[] {
    const rest = this.#rest();
    this.clear();
    return rest;
  }

  wait(reader: Reader<C, R>): void {
    if (this.#reader === undefined) this.#reader = reader;
    else (this.#laterReaders ??= []).push(reader);
    this.#serve();
  }

  /** The consumer wants no more: its readers are answered with `done`. */
  close(): void {
    this.#closed = true;
    this.clear();
    this.#serve();
  }

  /** The stream has ended: readers learn of it after the chunks that wait. */
  end(end: StreamEnd<R>): void {
    this.#end = end;
    if (end.reply !== undefined) this.#reply = end.reply;
    this.#serve();
  }

  /** The reply, or nothing if the stream was closed before its end. */
  get reply(): R {
    return this.#reply;
  }

  #serve(): void {
    while (this.#reader !== undefined) {
      const chunk = this.#buffer[this.#at];
      const reader = this.#reader;
      const isClosed = this.#closed && reader.forStream !== true;
      const empty = this.size === 0;
      if (empty && this.#end === undefined && !isClosed) return;
      this.#reader = this.#laterReaders?.shift();
      if (empty) {
        this.#answerEnd(reader, isClosed ? undefined : (this.#end?.error ?? this.#errorFor(reader)));
      } else if (chunk === undefined) {
        this.#at++;
        reader.reject(undefinedChunkError());
      } else if (reader.chunk !== undefined) {
        this.#at++;
        this.#wasRead = true;
        reader.chunk({ done: false, value: chunk });
      } else {
        this.#wasRead = true;
        reader.batch(this.takeAll());
      }
    }
  }

  /** A close dropped chunks that another stream would have read, even if the end was a good one. */
  #errorFor(reader: Reader<C, R>): SluiceError | undefined {
    return this.#closed && reader.forStream === true
      ? abortedError(undefined, 'The stream was closed.')
      : undefined;
  }

  #answerEnd(reader: Reader<C, R>, error: SluiceError | undefined): void {
    if (error !== undefined) reader.reject(error);
    else if (reader.chunk !== undefined) reader.chunk({ done: true, value: this.#reply });
    else reader.batch(end(this.#reply));
  }

  #set(buffer: readonly C[]): void {
    this.#buffer = buffer;
    this.#at = 0;
    this.#own = undefined;
  }

  #append(batch: readonly C[]): void {
    // Copied when more has been taken than waits: linear in all, and chunks that were taken are not held for long.
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
