import { Accumulator } from '../accumulator.ts';
import type { ExecutionChunk, StreamChunk } from '../chunks.ts';
import { SluiceError } from '../errors.ts';
import type { Partial } from '../partial.ts';
import type { Reply } from '../request.ts';
import { StreamCore } from './core.ts';
import type { Opened } from './core-types.ts';
import { StreamSource } from './derived.ts';
import { handle } from './handle.ts';
import type { HandleOptions, Handler } from './handle.ts';
import { linesOf } from './lines.ts';
import { isEnd, sourceOf } from './source.ts';
import type { PushSource, BatchSource, Readable } from './source.ts';
import type { Look, StreamEnd, Tap } from './tap.ts';
import { TextSource } from './text-source.ts';
import type { TextChunk } from './text-source.ts';
import { Tee } from './tee.ts';
import type { Branches, TeeOptions } from './tee.ts';
import type { Host, MaybePromise } from './teardown.ts';
import { ThrottleSource, checkThrottle } from './throttle.ts';

/**
 * A pull-style, lazy, single-consumer stream of chunks `C` that ends with a reply `R`.
 *
 * Nothing happens before the first pull, and nothing is read while nobody asks. Read it with `for await`, or with `next()` and `close()`.
 */
export class Stream<C, R> extends StreamCore<C, R> implements AsyncIterableIterator<C, R>, AsyncDisposable {
  readonly #opener: () => MaybePromise<Opened<C, R>>;
  #collector: Collector<R> | undefined;

  /** For the runtime; use {@link Stream.from} or {@link Stream.fromSource}. */
  protected constructor(
    opener: () => MaybePromise<Opened<C, R>>,
    host?: Host,
    name?: string,
    owner?: string,
  ) {
    super(host, name, owner);
    this.#opener = opener;
  }

  /** A stream of an array (as one batch), any iterable or a `ReadableStream`. Its reply is what the iterator returns, else `reply`. */
  static from<C, R = undefined>(readable: Readable<C, R>): Stream<C, R | undefined>;
  static from<C, R>(readable: Readable<C, R>, reply: R): Stream<C, R>;
  static from<C, R>(readable: Readable<C, R>, reply?: R): Stream<C, R | undefined> {
    const valid = typeof readable === 'object' && readable !== null;
    if (
      !valid ||
      !(Symbol.iterator in readable || Symbol.asyncIterator in readable || 'getReader' in readable)
    ) {
      throw new SluiceError(
        'invalid_options',
        'Stream.from() takes an array, an iterable, an async iterable or a ReadableStream.',
      );
    }
    return new Stream<C, R | undefined>(() => sourceOf<C, R | undefined>(readable, reply));
  }

  /** A stream of batches; the function form is called at the first pull. */
  static fromSource<C, R>(source: Source<C, R> | (() => Source<C, R>)): Stream<C, R> {
    return new Stream(typeof source === 'function' ? source : () => source);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<C, R> {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The next batch of chunks; undefined at the end, when `reply` is set. For layers that handle whole reads. */
  async read(): Promise<readonly C[] | undefined> {
    const pulled = await this.pull();
    return isEnd(pulled) ? undefined : pulled;
  }

  // ---- Inside and outside ----

  /** Looks at every chunk, and at the end. Returns this same stream; costs next to nothing. Add taps before the first pull. */
  tap(tap: Look<C> | Tap<C, R>): this {
    if (this.started) {
      throw new SluiceError(
        'middleware',
        'tap() came after the stream had started: add taps before the first pull.',
      );
    }
    this.addTap(tap, 'last');
    return this;
  }

  /** A stream of what `change` makes of each chunk. */
  map<D>(change: (chunk: C) => D): Stream<D, R> {
    return this.#derive((batch) => batch.map((chunk) => change(chunk)));
  }

  /** A stream of the chunks that `keep` lets pass. */
  filter(keep: (chunk: C) => boolean): Stream<C, R> {
    return this.#derive((batch) => batch.filter((chunk) => keep(chunk)));
  }

  /** Keeps what the stream lets through: `partial` at any time, `message` on its reply. */
  collect(this: Stream<StreamChunk, Reply>): Stream<StreamChunk, Reply> {
    if (this.#collector !== undefined) return this;
    const accumulator = new Accumulator();
    this.tap((chunk) => accumulator.add(chunk));
    this.#collector = {
      partial: () => accumulator.partial(),
      sign: (ending) =>
        ending.reply === undefined
          ? ending
          : { ...ending, reply: { ...ending.reply, message: accumulator.message() } },
    };
    return this;
  }

  /** What it let through so far, after `collect()`; always there on the stream of an execution. */
  get partial(): Partial | undefined {
    return this.#collector?.partial();
  }

  // ---- Outside ----

  /** The pieces of the answer's text. No piece begins or ends within a character. */
  textStream(this: Stream<TextChunk, R>): Stream<string, R> {
    return new Stream(() => new TextSource(this), this.host, this.owner);
  }

  /** The whole text of the answer, after resets. Reads the stream to its end. */
  async text(this: Stream<TextChunk, R>): Promise<string> {
    const accumulator = new Accumulator();
    for await (const chunk of this) if (chunk.type !== 'done') accumulator.add(chunk);
    return accumulator.content;
  }

  /** The answer's lines, without their ends (LF or CRLF). Blank lines are kept, and so is a last line that has no end. */
  lines(this: Stream<TextChunk, R>): Stream<string, R> {
    const text = this.textStream();
    return new Stream(() => linesOf(text));
  }

  /**
   * Joins pieces of text that come within `ms` milliseconds of each other into one chunk. Nothing is dropped or reordered: what is held is let go by the
   * timer, before a chunk of another kind, and at the end.
   */
  throttle(this: Stream<ExecutionChunk, R>, ms: number): Stream<ExecutionChunk, R> {
    checkThrottle(ms);
    return new Stream(() => new ThrottleSource(this, ms));
  }

  /** Splits the stream into `n` independent ones. Each gets its own copies; the last to close closes this one. */
  tee<N extends number = 2>(n?: N, options?: TeeOptions): Branches<Stream<C, R>, N>;
  tee(n = 2, options: TeeOptions = {}): Stream<C, R>[] {
    const tee = new Tee<C, R>(this, n, options);
    return tee.sources.map((source) => new Stream(() => source));
  }

  /**
   * Reads the stream to its end, calling the handlers. Resolves to the reply; rejects with the error where there is no `onError` to take it. A handler that throws
   * ends the stream.
   */
  handle(
    this: Stream<ExecutionChunk, R>,
    handler: Handler<R>,
    options?: HandleOptions,
  ): Promise<R | undefined> {
    return handle(this, handler, options);
  }

  /** As a web stream; cancelling it closes this one. */
  toReadableStream(): ReadableStream<C> {
    return new ReadableStream<C>(
      {
        pull: async (controller) => {
          const result = await this.next();
          if (result.done === true) controller.close();
          else controller.enqueue(result.value);
        },
        cancel: (reason) => this.close(reason),
      },
      { highWaterMark: 0 },
    );
  }

  // ---- For the runtime ----

  /** What it was made with. @internal */
  protected override open(): MaybePromise<Opened<C, R>> {
    return this.#opener();
  }

  /** With what was collected. @internal */
  protected override ending(ending: StreamEnd<R>): StreamEnd<R> {
    return this.#collector === undefined ? ending : this.#collector.sign(ending);
  }

  #derive<D>(change: (batch: readonly C[]) => readonly D[]): Stream<D, R> {
    return new Stream<D, R>(() => new StreamSource(this, change), this.host, this.owner);
  }
}

type Source<C, R> = BatchSource<C, R> | PushSource<C, R>;

interface Collector<R> {
  partial(): Partial;
  sign(ending: StreamEnd<R>): StreamEnd<R>;
}
