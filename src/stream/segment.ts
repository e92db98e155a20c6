import { SluiceError } from '../errors.ts';
import { middlewareError } from '../middleware-error.ts';
import type { Partial } from '../partial.ts';
import { guarded, kindOfThrown } from '../kit/thrown.ts';
import type { Outcome } from '../outcome.ts';
import { noOwner } from './owner.ts';
import type { MaybePromise, StreamOwner } from './owner.ts';
import type { Reader, ReadQueue } from './read-queue.ts';
import type { StreamSource } from './source.ts';
import type { MapStamp, Stamp } from './stamp.ts';
import { checkTap } from './tap.ts';
import type { CallTap, ChunkTap, StreamEnd, Tap } from './tap.ts';
import { warnIfUnread } from './unread-result.ts';

/** The stream that a tap was added to. */
export interface TappedStream {
  /** Who adds its taps: the layer above. */
  readonly tappedBy: string;
}

/** What a segment opens into: something to read, or the segment of another stream, which joins the chain. */
export type OpenedAs<C, R> = StreamSource<C, R> | Segment<C, R>;

/** What happens to chunks that still wait for a reader when a stream ends early. */
export type Waiting = 'keep' | 'drop';

/** What a filter makes of a chunk that it does not let through. An object, because V8 compares chunks with it faster than with a symbol. */
export const DROPPED: object = Object.freeze({ dropped: true });

/** Of chunks that nothing of a chain has seen, not even its stamp. */
export const UNSEEN = -1;

/** Reads one source for all segments of a chain. The only implementation is `Pump`. */
export interface Chain<C, R> {
  readonly queue: ReadQueue<C, R>;
  /** Gives its chunks to readers: no other segment hands it on. */
  readonly outermost: Segment<C, R>;
  /** Whose stream may read the chain; undefined if another stream reads it as its source. */
  consumer: Segment<C, R> | undefined;
  /** Whether it has been asked for a chunk, or has ended. */
  readonly started: boolean;
  /** Whether it is being ended early. */
  readonly isStopped: boolean;
  /** The next chunk, or the end. */
  next(): Promise<IteratorResult<C, R>>;
  /** Answers a reader when there is something, after those who came before it. */
  wait(reader: Reader<C, R>): void;
  /** Asks the source, unless that is under way. */
  read(): void;
  /** Ends the chain early; resolves when everything is cleaned up. */
  stop(at: Segment<C, R>, error: SluiceError, waiting: Waiting): MaybePromise<void>;
  /** Called by each segment when it has ended. */
  segmentEnded(segment: Segment<C, R>, end: StreamEnd<R>): void;
  /** Whether all its chunks are copies that the runtime made, so that it may write on them. */
  readonly copies: boolean;
  /** The number of the chunk that was stamped last. */
  readonly lastNumber: number | undefined;
  /** Gives everything to a chain that goes on with it; undefined if a read is under way or it is not open. */
  handOver(): HandOver<C, R> | undefined;
}

/** What one chain leaves to another. */
export interface HandOver<C, R> {
  segments: readonly Segment<C, R>[];
  source: StreamSource<C, R>;
  /** Chunks that were read ahead. */
  unread: readonly C[];
  /** How many of the chain's steps have seen them, or {@link UNSEEN}. */
  steps: number;
}

interface Collector<R> {
  partial(): Partial;
  sign(end: StreamEnd<R>): StreamEnd<R>;
}

/** Method signatures, so that a stream of a narrow reply is a stream of a wide one. */
interface Deferred<R> {
  promise: Promise<R>;
  resolve(this: void, reply: R): void;
  reject(this: void, error: unknown): void;
}

const NONE: readonly never[] = [];

/**
 * One stream's part of a chain: what it opens into, its taps or its change, and how it ended. A chain is a row of segments, each of
 * which only hands on the next one.
 */
export abstract class Segment<C, R> {
  readonly owner: StreamOwner;
  /** Whose body or source this is, for errors and warnings. */
  readonly name: string;
  /** Who adds the taps: the layer above. */
  readonly tappedBy: string;
  /** Replaced, not added to: `push()` makes room for sixteen more. */
  taps: readonly (ChunkTap<C> | Tap<C, R>)[] = NONE;
  /** Made on first use, and only for the outermost segment: those that join get its chain. */
  chain: Chain<C, R> | undefined;
  end: StreamEnd<R> | undefined;
  collector: Collector<R> | undefined;
  #result: Deferred<R> | undefined;
  #unread: Disposable | undefined;

  constructor(owner: StreamOwner = noOwner(), name = 'stream', tappedBy = name) {
    this.owner = owner;
    this.name = name;
    this.tappedBy = tappedBy;
  }

  // Hooks of the kinds of segment.

  /** Makes what is read. Called once, at the first read. */
  abstract open(): MaybePromise<OpenedAs<C, R>>;

  /** What a map or a filter makes of each chunk, before the taps see it; {@link DROPPED} if nothing. */
  get change(): ((this: void, chunk: never) => unknown) | undefined {
    return undefined;
  }

  /** Whether the chunks that its source or body gives are stamped. */
  isStamped(): boolean {
    return false;
  }

  /** Whose those chunks are. Asked when it is open, and only if it stamps them. */
  get stamp(): Stamp | undefined {
    return undefined;
  }

  /** Whose the chunks are that a map makes of this stream's. */
  get stampAbove(): MapStamp | undefined {
    return undefined;
  }

  /** Whether to read on although nobody waits. */
  wantsMore(_buffered: number): boolean {
    return false;
  }

  /** Whether it wants to know when the source of its chain is asked. */
  watchesSource(): boolean {
    return false;
  }

  /** Called before each read of the source, if it watches that: only for the innermost segment of a chain that does. */
  asksSource(): void {}

  /**
   * Changes the end that came from below, before the taps learn of it, or gives the segment of a stream to go on with. May take its time. Never rejects.
   */
  conclude(end: StreamEnd<R>): MaybePromise<StreamEnd<R> | Segment<C, R>> {
    return end;
  }

  /** Tells a body, at once, that its stream is over. */
  signal(_error: SluiceError): void {}

  /** Ends what this segment's body has opened besides the stream that it returned. */
  closeOtherRuns(_error: SluiceError): MaybePromise<void> {}

  /** Frees what it would have read. Called when it is closed before its first read. */
  closeUnread(_error: SluiceError): MaybePromise<void> {}

  /** Its end, if that is decided already, so that a close can no longer change it. */
  get decidedEnd(): StreamEnd<R> | undefined {
    return undefined;
  }

  /** Called once at the end; what it returns is what the taps hear. */
  beforeTaps(end: StreamEnd<R>): StreamEnd<R> {
    return this.collector?.sign(end) ?? end;
  }

  /** Called once, after the taps have been told. */
  afterTaps(_end: StreamEnd<R>): void {}

  // State.

  get started(): boolean {
    return this.end !== undefined || this.chain?.started === true;
  }

  /** Whether another stream reads this one. */
  get isHandedOn(): boolean {
    return this.chain !== undefined && this.chain.consumer !== this;
  }

  get result(): Promise<R> {
    if (this.#result !== undefined) return this.#result.promise;
    const result = Promise.withResolvers<R>();
    result.promise.catch(() => undefined); // nobody has to read it
    this.#result = result;
    this.#unread = warnIfUnread(() => this.#isRead);
    this.#settleResult();
    return result.promise;
  }

  /** Whether somebody reads it or has read it, or there is nothing more to read. */
  get #isRead(): boolean {
    if (this.end !== undefined || this.isHandedOn) return true;
    return this.chain?.queue.wasRead === true || this.chain?.queue.hasReader === true;
  }

  addTap(tap: ChunkTap<C> | Tap<C, R>): void {
    checkTap(tap);
    if (typeof tap === 'object' && tap.call !== undefined) this.addCallTap(this, tap);
    this.taps = this.taps.concat(tap);
  }

  /** Adds a tap that sees calls, of this stream or of a view of it. Throws for a stream below which no call is made. */
  addCallTap(_on: TappedStream, _tap: CallTap['tap']): void {
    const advice = 'no call is made below it. Tap the streams of next() and run().';
    throw new SluiceError(
      'middleware',
      `tap({ call }) was called on a stream that a layer made itself, but ${advice}`,
    );
  }

  outcomeOf(error: SluiceError): Outcome {
    if (error.code !== 'aborted') return 'failed';
    return this.owner.interrupted ? 'interrupted' : 'cancelled';
  }

  // The end.

  /** Ends the chain here: this segment and those above it with `error`, those below as `aborted`. Resolves when all is cleaned up. */
  stop(error: SluiceError, waiting: Waiting): MaybePromise<void> {
    if (this.chain !== undefined) return this.chain.stop(this, error, waiting);
    if (this.end !== undefined) return;
    this.settle({ outcome: this.outcomeOf(error), error });
    return this.closeUnread(error);
  }

  /** Ends a stream that a body returned too late. It counts as started, so that its taps learn of the end. */
  endLate(error: SluiceError): MaybePromise<void> {
    if (this.started) return this.stop(error, 'drop');
    this.finish({ outcome: this.outcomeOf(error), error });
    return this.closeUnread(error);
  }

  /** Tells the taps of the end, once. */
  finish(came: StreamEnd<R>): void {
    // A stop may overtake an end that is still being concluded: the first to get here tells the taps.
    if (this.end !== undefined) return;
    const end = this.beforeTaps(came);
    for (const tap of this.taps) {
      if (typeof tap === 'function' || tap.end === undefined) continue;
      guarded(
        () => tap.end?.(end),
        (thrown) =>
          this.owner.warn(
            `A tap of "${this.tappedBy}" threw ${kindOfThrown(thrown)} at the end of its stream.`,
          ),
      );
    }
    this.end = end;
    this.afterTaps(end);
    this.settle(end);
  }

  /** Records the end and tells the taps nothing, as for a stream that was never read. */
  settle(end: StreamEnd<R>): void {
    this.end = end;
    this.chain?.segmentEnded(this, end);
    this.#settleResult();
  }

  #settleResult(): void {
    if (this.#result === undefined || this.end === undefined) return;
    this.#unread?.[Symbol.dispose]();
    if (this.end.error !== undefined) this.#result.reject(this.end.error);
    else this.#result.resolve(replyOf(this.end));
  }
}

/** Throws if `by` cannot hand on a stream, since another stream reads it, or because it was read to its end. `did`: what the layer did with it. */
export function requireUnread<C, R>(segment: Segment<C, R>, by: Segment<C, R>, did: string): void {
  if (segment.isHandedOn || segment.chain === by.chain) {
    const advice = 'return each stream of next() once.';
    throw middlewareError(by.name, `${did} a stream that is handed on already: ${advice}`);
  }
  if (segment.end !== undefined && segment.chain?.queue.wasRead === true) {
    const advice = 'return it unread, or yield its chunks from an async generator.';
    throw middlewareError(by.name, `${did} a stream that it had read to its end: ${advice}`);
  }
}

/** The reply of a good end. It is undefined only if `R` says so. */
export function replyOf<R>(end: StreamEnd<R>): R;
export function replyOf(end: StreamEnd<unknown>): unknown {
  return end.reply;
}

/** A stream of something to read. */
export class SourceSegment<C, R> extends Segment<C, R> {
  readonly #opener: () => MaybePromise<OpenedAs<C, R>>;

  constructor(opener: () => MaybePromise<OpenedAs<C, R>>) {
    super();
    this.#opener = opener;
  }

  override open(): MaybePromise<OpenedAs<C, R>> {
    return this.#opener();
  }
}
