import { Accumulator } from '../accumulator.ts';
import type { ExecutionChunk, StreamChunk } from '../chunks.ts';
import { SluiceError, abortedError, kindOf } from '../errors.ts';
import { ignored, isThenable } from '../kit/thrown.ts';
import { asSluiceError } from '../middleware-error.ts';
import type { Partial } from '../partial.ts';
import type { Reply } from '../request.ts';
import { handle } from '../views/handle.ts';
import type { HandleOptions, Handler } from '../views/handle.ts';
import { PartialOutputSource } from '../views/partial-output.ts';
import { ElementSource } from '../views/elements.ts';
import type { OutputForms } from '../output/forms.ts';
import type { ArrayKey, DeepPartial, ElementAt, OutputTypes } from '../output/types.ts';
import { LineSource } from '../views/lines.ts';
import { checkTextOptions } from '../views/reset.ts';
import type { TextOptions } from '../views/reset.ts';
import { Tee } from '../views/tee.ts';
import type { Branches, TeeOptions } from '../views/tee.ts';
import { TextSource } from '../views/text-source.ts';
import type { TextChunk } from '../views/text-pieces.ts';
import { ThrottleSource, checkThrottle } from '../views/throttle.ts';
import type { MaybePromise, StreamOwner } from './owner.ts';
import { chainOf, sourceOver } from './pump.ts';
import { JoinedSegment } from './joined-segment.ts';
import { DROPPED, SourceSegment } from './segment.ts';
import type { Segment } from './segment.ts';
import { readElsewhereError } from './source-over-stream.ts';
import { end, isEnd, sourceOf } from './source.ts';
import type { BatchSource, PushSource, Pulled, Readable } from './source.ts';
import { lateTapError } from './tap.ts';
import type { ChunkTap, Tap } from './tap.ts';
import { ViewSegment } from './view-segment.ts';

/**
 * A pull-style, lazy, single-consumer stream of chunks `C` that ends with a reply `R`.
 *
 * Nothing happens before the first read. Read it with `for await`, or with `next()` and `close()`.
 */
export class Stream<C, R> implements AsyncIterableIterator<C, R>, AsyncDisposable {
  readonly #segment: Segment<C, R>;

  /** For the runtime; use {@link Stream.from} or {@link Stream.fromSource}. */
  protected constructor(segment: Segment<C, R>) {
    this.#segment = segment;
  }

  /** The stream of a segment. @internal */
  static over<C, R>(segment: Segment<C, R>): Stream<C, R> {
    return new Stream(segment);
  }

  /** The segment of a stream. @internal */
  static segmentOf<C, R>(stream: Stream<C, R>): Segment<C, R> {
    return stream.#segment;
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
    return new Stream(new SourceSegment(() => sourceOf<C, R | undefined>(readable, reply)));
  }

  /** A stream of batches. A function is called at the first read. */
  static fromSource<C, R>(source: Source<C, R> | (() => Source<C, R>)): Stream<C, R> {
    return new Stream(new SourceSegment(typeof source === 'function' ? source : () => source));
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<C, R> {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Whether it has ended, with everything below it. */
  get ended(): boolean {
    return this.#segment.end !== undefined;
  }

  /** What it ended with; undefined before the end, or if it failed. */
  get reply(): R | undefined {
    return this.#segment.end?.reply;
  }

  /** Settles at the end, with the reply or the error. It does not make the stream run. */
  get result(): Promise<R> {
    return this.#segment.result;
  }

  // Reading.

  /** The next chunk, or the end with the reply. Concurrent calls are answered in order. Rejects with the stream's `SluiceError`. */
  next(): Promise<IteratorResult<C, R>> {
    const segment = this.#segment;
    const chain = chainOf(segment);
    if (chain.consumer === segment) return chain.next();
    return this.#replyOfEnded().then((value) => ({ done: true, value }));
  }

  /** The next batch of chunks; undefined at the end, when `reply` is set. For layers that handle whole batches. */
  async read(): Promise<readonly C[] | undefined> {
    const pulled = await this.#pull();
    return isEnd(pulled) ? undefined : pulled;
  }

  /** Starts the stream. Resolves when the first chunk is there, or the end without one; rejects with the stream's error. Consumes nothing. */
  async ready(): Promise<void> {
    const { queue, consumer } = chainOf(this.#segment);
    if (consumer === this.#segment && queue.size > 0) return;
    const pulled = await this.#pull();
    if (!isEnd(pulled)) queue.putBack(pulled);
  }

  async #pull(): Promise<Pulled<C, R>> {
    const segment = this.#segment;
    const chain = chainOf(segment);
    if (chain.consumer !== segment) return end(await this.#replyOfEnded());
    return new Promise((resolve, reject) => chain.wait({ batch: resolve, reject }));
  }

  /** For a stream that another one reads: only its end can be told. */
  async #replyOfEnded(): Promise<R> {
    if (this.#segment.end === undefined) throw readElsewhereError();
    return this.#segment.result;
  }

  // Ending.

  /**
   * Ends the stream: a pending `next()` resolves to `done`, chunks that wait are dropped, everything below is aborted. Resolves when the cleanup is over. Idempotent. A short text
   * as the reason is the `reason` of the error.
   */
  async close(reason?: unknown): Promise<void> {
    const segment = this.#segment;
    const chain = chainOf(segment);
    if (segment.end !== undefined) {
      if (chain.consumer === segment) chain.queue.clear();
      return;
    }
    if (chain.outermost === segment) chain.queue.close();
    await segment.stop(this.closeError(reason), 'drop');
  }

  /** The same as `close()`, in the protocol of async iterators. `break` calls it. */
  async return(): Promise<IteratorResult<C, R>> {
    await this.close();
    return { done: true, value: chainOf(this.#segment).queue.reply };
  }

  /** Ends the stream with an error, as a tap or a timer may do. Chunks that came before are still delivered, unlike after a `close()` or the signal of an execution. Never throws. */
  abort(error: SluiceError): void {
    const segment = this.#segment;
    void segment.stop(asSluiceError(error, segment.tappedBy), 'keep');
  }

  /** The error that a `close()` ends the stream with. @internal */
  protected closeError(reason: unknown): SluiceError {
    return abortedError(reason, 'The stream was closed before its end.');
  }

  // For layers and consumers.

  /**
   * Sees every chunk, the end, and every model call that is made below. Returns the same stream, and costs next to nothing. Add taps before the
   * first read. Taps run in the order in which they were added, those of inner layers first; only `call` runs from the outermost to the innermost.
   */
  // Two signatures, and the function first: every function has a method `call`, and so would be taken for a tap of calls.
  tap(look: ChunkTap<C>): this;
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- see above
  tap(tap: Tap<C, R>): this;
  tap(tap: ChunkTap<C> | Tap<C, R>): this {
    if (this.#segment.started) throw lateTapError();
    this.#segment.addTap(tap);
    return this;
  }

  /** A stream of what `change` makes of each chunk. Read it in place of this one. */
  map<D>(change: (chunk: C) => D): Stream<D, R> {
    return new Stream(new JoinedSegment(this.#segment, change));
  }

  /** A stream of the chunks for which `keep` returns true. Read it in place of this one. */
  filter(keep: (chunk: C) => boolean): Stream<C, R> {
    return new Stream(
      new JoinedSegment(this.#segment, (chunk: C) => (answered(keep(chunk)) ? chunk : DROPPED)),
    );
  }

  /**
   * A stream that goes on with another one when this one has come to a good end. `follow` gets the reply and says what follows: a stream, another
   * reply to end with, or nothing. It is asked again at the end of each stream that it gives. An error ends the stream. Read it in place of this one.
   *
   * Chunks pass as fast as with a tap. A tap of calls on it sees those of this stream: tap the others where they are made.
   *
   * @example
   * const goOn = (reply: Reply) => (reply.finishReason === 'pause' ? next({ messages: [...messages, reply.message] }) : undefined);
   * return next().followedBy(goOn);
   */
  followedBy(follow: (reply: R) => Following<C, R> | PromiseLike<Following<C, R>>): Stream<C, R> {
    if (typeof follow !== 'function')
      throw new SluiceError('invalid_options', `followedBy() was given ${kindOf(follow)}: give a function.`);
    return new Stream(
      new JoinedSegment<C, C, R>(this.#segment, undefined, (reply) => followingOf(follow(reply))),
    );
  }

  /** Keeps what the stream gives: as `partial` at any time, and as `message` of its reply. */
  collect(this: Stream<StreamChunk, Reply>): Stream<StreamChunk, Reply> {
    if (this.#segment.collector !== undefined) return this;
    const accumulator = new Accumulator();
    this.tap((chunk) => accumulator.add(chunk));
    this.#segment.collector = {
      partial: () => accumulator.partial(),
      sign: (ended) =>
        ended.reply === undefined
          ? ended
          : { ...ended, reply: { ...ended.reply, message: accumulator.message() } },
    };
    return this;
  }

  /** What the stream has given so far. Set after `collect()`, and always on the stream of an execution. */
  get partial(): Partial | undefined {
    return this.#segment.collector?.partial();
  }

  // For consumers.

  /**
   * The pieces of the answer's text. A piece never begins or ends within a character. If a `reset` voids text that was delivered, the stream
   * ends with the error of the attempt, unless there is an `onReset`.
   */
  textStream(this: Stream<TextChunk, R>, options: TextOptions<string> = {}): Stream<string, R> {
    checkTextOptions('textStream', options);
    const segment = this.#segment;
    return new Stream(new ViewSegment(segment, new TextSource(sourceOver(segment), options)));
  }

  /** The whole text of the answer, after resets. Reads the stream to its end. */
  async text(this: Stream<TextChunk, R>): Promise<string> {
    const accumulator = new Accumulator();
    for await (const chunk of this) if (chunk.type !== 'done') accumulator.add(chunk);
    return accumulator.content;
  }

  /**
   * The answer's lines, without their ends (LF or CRLF). Blank lines are kept, and so is a last line that has no end. A `reset` has the same
   * effect as in `textStream()`.
   */
  lines(this: Stream<TextChunk, R>, options: TextOptions<string[]> = {}): Stream<string, R> {
    checkTextOptions('lines', options);
    const segment = Stream.segmentOf(this);
    return new Stream(new ViewSegment(segment, new LineSource(sourceOver(segment), options)));
  }

  /**
   * What has come of the output that the execution was asked for, each time that there is more. Strings grow, and everything else appears when it is complete. It is not checked:
   * the result has the checked one. What was given never changes; each value has all that came before.
   *
   * After a `reset` the next value has only what still stands, and so has one after a reply that calls a tool in the end: it was not the answer.
   *
   * A stream that no execution of this process gives, such as one of `Stream.from()`, is read as the JSON itself.
   */
  partialOutput<Written>(
    this: Stream<ExecutionChunk, R & OutputTypes<Written, unknown>>,
  ): Stream<DeepPartial<Written>, R>;
  partialOutput(this: Stream<ExecutionChunk, R>): Stream<unknown, R>;
  partialOutput(this: Stream<ExecutionChunk, R>): Stream<unknown, R> {
    const segment = Stream.segmentOf(this);
    const source = new PartialOutputSource(sourceOver(segment), formsOf('partialOutput', segment));
    return new Stream(new ViewSegment(segment, source));
  }

  /**
   * The elements of an array of the output, each when it is complete: of the array under `key`, or of the output itself if that is an array. Each is checked, and is what the schema
   * makes of it. One that does not match is left out; the execution then fails, or the model is asked again.
   *
   * A `reset` has the same effect as in `textStream()`.
   */
  elements<Written, Output, K extends ArrayKey<Output>>(
    this: Stream<ExecutionChunk, R & OutputTypes<Written, Output>>,
    key: K,
    options?: TextOptions<ElementAt<Output, K>[]>,
  ): Stream<ElementAt<Output, K>, R>;
  elements<Written, Element>(
    this: Stream<ExecutionChunk, R & OutputTypes<Written, readonly Element[]>>,
    options?: TextOptions<Element[]>,
  ): Stream<Element, R>;
  elements(
    this: Stream<ExecutionChunk, R>,
    ...given: [key: string, options?: TextOptions<never>] | [options?: TextOptions<never>]
  ): Stream<unknown, R> {
    const [key, options = {}] = typeof given[0] === 'string' ? [given[0], given[1]] : [undefined, given[0]];
    checkTextOptions('elements', options);
    const segment = Stream.segmentOf(this);
    const source = new ElementSource(sourceOver(segment), formsOf('elements', segment), key, options);
    return new Stream(new ViewSegment(segment, source));
  }

  /**
   * Joins pieces of text that come within `ms` milliseconds of each other into one chunk. Nothing is dropped or reordered. Text that is
   * held back is given when the time is over, before a chunk of another kind, and at the end.
   */
  throttle(this: Stream<ExecutionChunk, R>, ms: number): Stream<ExecutionChunk, R> {
    checkThrottle(ms);
    const segment = Stream.segmentOf(this);
    return new Stream(new ViewSegment(segment, new ThrottleSource(sourceOver(segment), ms)));
  }

  /** Splits the stream into `n` independent ones. Each gets its own copies. When the last one closes, this one closes. */
  tee<N extends number = 2>(n?: N, options?: TeeOptions): Branches<Stream<C, R>, N>;
  tee(n = 2, options: TeeOptions = {}): Stream<C, R>[] {
    const segment = this.#segment;
    const tee = new Tee<C, R>(sourceOver(segment), n, options);
    return tee.sources.map((source) => new Stream(new ViewSegment(segment, source)));
  }

  /**
   * Reads the stream to its end and calls the handlers. Resolves to the reply. Rejects with the error if there is no `onError`. A handler
   * that throws ends the stream.
   */
  handle(
    this: Stream<ExecutionChunk, R>,
    handler: Handler<R>,
    options?: HandleOptions,
  ): Promise<R | undefined> {
    return handle(this, handler, options);
  }

  /** The stream as a web stream. Cancelling that closes this one. */
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
}

/** How the text of an execution is read that was asked for an output. */
function formsOf(name: string, { owner }: { owner: StreamOwner }): OutputForms {
  if (owner.output !== undefined) return owner.output;
  throw new SluiceError(
    'invalid_options',
    `${name}(): no output was asked for: give the option output, a schema.`,
  );
}

type Source<C, R> = BatchSource<C, R> | PushSource<C, R>;

/** What follows the end of a stream: another stream, another reply to end with, or nothing. */
type Following<C, R> = Stream<C, R> | R | undefined | void;

/** Reads the answer of `followedBy()`, now or when it is there. */
function followingOf<C, R>(
  following: Following<C, R> | PromiseLike<Following<C, R>>,
): MaybePromise<Segment<C, R> | { reply: R } | undefined> {
  if (following === undefined) return undefined;
  if (following instanceof Stream) return Stream.segmentOf<C, R>(following);
  if (isThenable(following)) return Promise.resolve(following).then(followingOf);
  if (typeof following === 'object' && following !== null && Symbol.asyncIterator in following)
    throw new SluiceError(
      'invalid_options',
      'followedBy() was given an iterator to go on with: give a stream, as Stream.from() makes one.',
    );
  return { reply: following };
}

/** What the function of a filter says. An async one would keep everything. */
function answered(kept: unknown): boolean {
  if (!isThenable(kept)) return Boolean(kept);
  ignored(kept);
  throw new SluiceError(
    'invalid_options',
    'filter() was given an async function: give one that returns a boolean.',
  );
}
