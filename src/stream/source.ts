import type { SluiceError } from '../errors.ts';

// A global symbol, so that an end made by another copy of the package in the same process is known, too.
const END = Symbol.for('sluice.end');

/** The end of a source, with its reply. Make one with {@link end}. */
export class End<R> {
  readonly reply: R;
  readonly [END] = true;

  constructor(reply: R) {
    this.reply = reply;
  }
}

/** What `pull()` returns when there are no more chunks. */
export function end<R>(reply: R): End<R> {
  return new End(reply);
}

/** A batch of chunks, such as those of one network read; or the end. */
export type Pulled<C, R> = readonly C[] | End<R>;

/** Whether a pull returned the end. */
export function isEnd<C, R>(pulled: Pulled<C, R>): pulled is End<R> {
  return pulled instanceof End || isEndOfAnotherCopy(pulled);
}

function isEndOfAnotherCopy(pulled: unknown): boolean {
  return !Array.isArray(pulled) && typeof pulled === 'object' && pulled !== null && END in pulled;
}

/** What a stream reads from: the form for providers and others that have batches. */
export interface BatchSource<C, R> {
  /** The next batch, or `end(reply)`. Called again only when the last call has settled. Rejects when the source fails. */
  pull(): Pulled<C, R> | Promise<Pulled<C, R>>;
  /**
   * Ends the source early and frees what it holds. A pending `pull()` should settle soon; its answer is dropped. Called at most once,
   * and not after the end or a failure.
   */
  close(error: SluiceError): void | Promise<void>;
}

/** Everything that {@link sourceOf} can read. */
export type Readable<C, R> = Iterable<C> | AsyncIterable<C, R | undefined | void> | ReadableStream<C>;

/** Reads an array as one batch, and anything else chunk by chunk. `reply` is the reply of a source that has none of its own. */
export function sourceOf<C, R>(readable: Readable<C, R>, reply: R): BatchSource<C, R> {
  if (Array.isArray(readable)) return new ArraySource<C, R>(readable, reply);
  if (readable instanceof ReadableStream) return new ReaderSource(readable.getReader(), reply);
  if (Symbol.asyncIterator in readable) return new IteratorSource(readable[Symbol.asyncIterator](), reply);
  return new IteratorSource(readable[Symbol.iterator](), reply);
}

class ArraySource<C, R> implements BatchSource<C, R> {
  #chunks: readonly C[];
  readonly #reply: R;

  constructor(chunks: readonly C[], reply: R) {
    this.#chunks = chunks;
    this.#reply = reply;
  }

  pull(): Pulled<C, R> {
    const chunks = this.#chunks;
    if (chunks.length === 0) return end(this.#reply);
    this.#chunks = [];
    return chunks.slice();
  }

  close(): void {
    this.#chunks = [];
  }
}

class IteratorSource<C, R> implements BatchSource<C, R> {
  readonly #iterator: AsyncIterator<C, R | undefined | void> | Iterator<C, R | undefined | void>;
  readonly #reply: R;

  constructor(
    iterator: AsyncIterator<C, R | undefined | void> | Iterator<C, R | undefined | void>,
    reply: R,
  ) {
    this.#iterator = iterator;
    this.#reply = reply;
  }

  async pull(): Promise<Pulled<C, R>> {
    const result = await this.#iterator.next();
    return result.done === true ? end(result.value ?? this.#reply) : [result.value];
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

class ReaderSource<C, R> implements BatchSource<C, R> {
  readonly #reader: ReadableStreamDefaultReader<C>;
  readonly #reply: R;

  constructor(reader: ReadableStreamDefaultReader<C>, reply: R) {
    this.#reader = reader;
    this.#reply = reply;
  }

  async pull(): Promise<Pulled<C, R>> {
    const result = await this.#reader.read();
    return result.done ? end(this.#reply) : [result.value];
  }

  close(error: SluiceError): Promise<void> {
    return this.#reader.cancel(error);
  }
}

/** Hears what a source has. */
export interface Receiver<C, R> {
  pulled(this: void, pulled: Pulled<C, R>): void;
  failed(this: void, error: unknown): void;
}

/** A source that answers by a call instead of a promise, which is faster on a hot path. Otherwise as {@link BatchSource}. */
export interface PushSource<C, R> {
  /** Calls `pulled` or `failed` of the receiver, once, at once or later. Called again only when the last call was answered. */
  request(receiver: Receiver<C, R>): void;
  close(error: SluiceError): void | Promise<void>;
}

/** One read of a push source, as a promise. */
export function pullFrom<C, R>(source: PushSource<C, R>): Promise<Pulled<C, R>> {
  return new Promise((resolve, reject) => source.request({ pulled: resolve, failed: reject }));
}

/** What the runtime needs of an async generator. */
export interface GeneratorLike<C, R> {
  next(): Promise<IteratorResult<C, R>>;
  return(): Promise<IteratorResult<C, R>>;
}

/** The async generator of a middleware as a source. The stream that reads it calls its `next()`. */
export class GeneratorSource<C, R> {
  readonly body: GeneratorLike<C, R>;

  constructor(body: GeneratorLike<C, R>) {
    this.body = body;
  }

  /** Runs the `finally` blocks of a suspended body. A read under way comes first: a generator answers in order. */
  async close(): Promise<void> {
    const result = await this.body.return();
    if (result.done !== true) throw new Error('it yields in a finally block');
  }
}

/** What a generator gave, as a read of a source. */
export function pulledOf<C, R>(result: IteratorResult<C, R>): Pulled<C, R> {
  return result.done === true ? end(result.value) : [result.value];
}

/** A failure before there is a source. It comes as the first read's, like any other. */
export function failedSource<C, R>(error: SluiceError): BatchSource<C, R> {
  return { pull: () => Promise.reject(error), close: () => undefined };
}

/** All that a stream can read. */
export type StreamSource<C, R> = BatchSource<C, R> | PushSource<C, R> | GeneratorSource<C, R>;
