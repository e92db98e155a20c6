/* eslint max-lines: ['error', 600] -- start, reading and end are the states of one machine, and each must know of the others */
import { abortedError } from '../errors.ts';
import type { SluiceError } from '../errors.ts';
import { asSluiceError, middlewareError } from '../middleware-error.ts';
import type { Outcome } from '../result.ts';
import type { Deferred, Early, Forced, Handlers, Opened } from './core-types.ts';
import { FusedTaps } from './fused-taps.ts';
import { GeneratorReads } from './generator-reads.ts';
import type { Reading } from './generator-reads.ts';
import { ReadQueue } from './read-queue.ts';
import type { Reader } from './read-queue.ts';
import { GeneratorSource, isEnd } from './source.ts';
import type { PushSource, BatchSource, Pulled } from './source.ts';
import { bound } from './tap.ts';
import type { BoundTap, Look, StreamEnd, Tap } from './tap.ts';
import { andThen, bounded, closing, standaloneHost } from './teardown.ts';
import type { Host, MaybePromise } from './teardown.ts';

const NONE: readonly never[] = [];

/**
 * The machine under every stream: it starts, reads and ends. A stream whose body only hands another stream on is fused with it: both share one
 * source, and one loop runs the taps of both. `#inner` and `#adopter` are the two sides of that; the outermost one (`#top`) reads for all.
 */
export abstract class StreamCore<C, R> {
  readonly #host: Host;
  /** Whose body or source this is, for errors and warnings. */
  readonly #name: string;
  /** Who added the taps: the layer above. */
  readonly #owner: string;

  #phase: 'idle' | 'opening' | 'open' | 'ended' = 'idle';
  #opening: Promise<void> | undefined;
  #source: BatchSource<C, R> | PushSource<C, R> | undefined;
  #inner: StreamCore<C, R> | undefined;
  #adopter: StreamCore<C, R> | undefined;

  /** A new list for each that is added: push() makes room for sixteen more. */
  #taps: readonly BoundTap<C, R>[] = NONE;
  /** The taps of the chain so far, this stream's last. */
  #fusedTaps: FusedTaps<C, R, StreamCore<C, R>> | undefined;

  /** What a stream that was handed on after its start had read ahead. */
  #early: Early<C> | undefined;

  #madeQueue: ReadQueue<C, R> | undefined;
  #madeHandlers: Handlers<C, R> | undefined;
  #pulling = false;
  /** The short ways to read the source where it is a generator, made on first use. */
  #reads: GeneratorReads<C, R> | undefined;
  #forced: Forced<C, R> | undefined;
  #tearing: Promise<void> | undefined;
  /** Whether the source has come to its end or failed: it is not closed then. */
  #dry = false;
  /** Set where a tap forced the end: settles when the teardown behind the current chunk is over. */
  #cut: PromiseWithResolvers<void> | undefined;
  #ending: StreamEnd<R> | undefined;
  #result: Deferred<R> | undefined;

  /** For the runtime. @internal */
  protected constructor(host: Host = standaloneHost(), name = 'stream', owner = name) {
    this.#host = host;
    this.#name = name;
    this.#owner = owner;
  }

  /** Whether it has ended, with everything below it. */
  get ended(): boolean {
    return this.#ending !== undefined;
  }

  /** What it ended with; undefined before the end and where it failed. */
  get reply(): R | undefined {
    return this.#ending?.reply;
  }

  /** Settles at the end: with the reply, or with the error. Reading it neither starts the stream nor makes it run ahead. */
  get result(): Promise<R> {
    if (this.#result === undefined) {
      this.#result = Promise.withResolvers<R>();
      this.#result.promise.catch(() => undefined); // nobody has to read it
      this.#settleResult();
    }
    return this.#result.promise;
  }

  /** The next chunk, or the end with the reply. Concurrent calls are answered in order. Rejects with the stream's `SluiceError`. */
  next(): Promise<IteratorResult<C, R>> {
    const reads = this.#reads;
    return reads?.ready === true ? reads.hop() : this.#nextInOrder();
  }

  #nextInOrder(): Promise<IteratorResult<C, R>> {
    const chunk = this.#queue.take();
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk });
    const source = this.#source;
    if (source instanceof GeneratorSource && this.#fused.timeless && this.#quiet) {
      this.#reads ??= new GeneratorReads(source.body, this.#reading());
      return this.#reads.fly();
    }
    return new Promise(this.#on.queue);
  }

  /** The next batch, or the end. @internal */
  protected pull(): Promise<Pulled<C, R>> {
    return new Promise((resolve, reject) => this.#wait({ batch: resolve, reject }));
  }

  /** Starts the stream. Settles when its first chunk is there or it has ended well; rejects with its error. Consumes nothing. */
  async ready(): Promise<void> {
    if (this.#queue.size > 0) return;
    const batch = await this.pull();
    if (!isEnd(batch)) this.#queue.unread(batch);
  }

  /** Ends the stream: a pending `next()` answers done, everything below is aborted. Resolves when the cleanup is over. Idempotent. */
  async close(reason?: unknown): Promise<void> {
    if (this.#ending !== undefined) {
      this.#queue.clear();
      return;
    }
    this.#queue.close();
    await this.force(this.closeError(reason), false);
  }

  /** The async-iterator protocol's way to say `close()`, as `break` does. */
  async return(): Promise<IteratorResult<C, R>> {
    await this.close();
    return { done: true, value: this.#queue.reply };
  }

  /** Ends this attempt with an error, from a tap or a timer; what was received before is still delivered. Never throws. */
  abort(error: SluiceError): void {
    void this.force(asSluiceError(error, this.#owner), true);
  }

  // ---- Hooks for the kinds of stream ----

  /** Makes what is read; called at the first pull. @internal */
  protected abstract open(): MaybePromise<Opened<C, R>>;

  /** Called with the end that the source came to, before taps hear of it; may change it and may take its time. @internal */
  protected conclude(ending: StreamEnd<R>): MaybePromise<StreamEnd<R>> {
    return ending;
  }

  /** Tells everything below, at once, that it is over. @internal */
  protected signal(error: SluiceError): void {
    this.#inner?.signal(error);
  }

  /** Ends what this stream's body has opened beside what it returned. @internal */
  protected closeOthers(_error: SluiceError): MaybePromise<void> {}

  /** Called once at the end of a started stream, before the taps hear of it; what it returns is what they hear. @internal */
  protected ending(ending: StreamEnd<R>): StreamEnd<R> {
    return ending;
  }

  /** Called once, when the taps have heard of the end. @internal */
  protected finished(_ending: StreamEnd<R>): void {}

  /** Whether to read on although nobody waits. @internal */
  protected wantsMore(_buffered: number): boolean {
    return false;
  }

  /** The error that a `close()` ends the stream with. @internal */
  protected closeError(reason: unknown): SluiceError {
    return abortedError(reason, 'The stream was closed before its end.');
  }

  // ---- What they may use ----

  /** Whether it has been pulled. @internal */
  protected get started(): boolean {
    return this.#phase !== 'idle';
  }

  /** Whose taps these are. @internal */
  protected get owner(): string {
    return this.#owner;
  }

  /** What it needs of its execution. @internal */
  protected get host(): Host {
    return this.#host;
  }

  /** Whether `outer` hands this stream on as its own. @internal */
  protected isFusedInto(outer: StreamCore<C, R>): boolean {
    return this.#adopter === outer;
  }

  /** Adds a tap before or behind the others. @internal */
  protected addTap(tap: Look<C> | Tap<C, R>, where: 'first' | 'last'): void {
    const mine = bound(tap);
    this.#taps = where === 'first' ? [mine].concat(this.#taps) : this.#taps.concat(mine);
  }

  /** Reads on, as for a read-ahead. @internal */
  protected readOn(): void {
    this.#kick();
  }

  /** Ends the stream early; resolves when it is torn down. `keep`: what is buffered is still delivered. @internal */
  protected force(error: SluiceError, keep: boolean): MaybePromise<void> {
    const top = this.#top;
    if (top.#ending !== undefined) return;
    if (top.#forced !== undefined) return top.#tearing ?? top.#cut?.promise;
    top.#forced = { at: this, error };
    top.#leaveShortWay();
    if (!keep) top.#queue.clear();
    if (top.#fused.running) {
      // A tap called: the loop tears down behind the current chunk.
      top.#fused.stopped = true;
      top.#cut = Promise.withResolvers();
      return top.#cut.promise;
    }
    return top.#tearDown();
  }

  /** The reading end for sources over a stream. @internal */
  static pullFrom<C, R>(stream: StreamCore<C, R>): Promise<Pulled<C, R>> {
    return stream.pull();
  }

  /** The reading end for asked sources over a stream. @internal */
  static waitOn<C, R>(stream: StreamCore<C, R>, waiter: Reader<C, R>): void {
    stream.#wait(waiter);
  }

  /** The closing end for sources over a stream. @internal */
  static forceOn<C, R>(stream: StreamCore<C, R>, error: SluiceError): MaybePromise<void> {
    return stream.force(error, false);
  }

  // ---- Reading ----

  // Made on first use: of a chain of fused streams only the outermost one reads.

  get #queue(): ReadQueue<C, R> {
    if (this.#madeQueue === undefined) {
      this.#madeQueue = new ReadQueue();
      if (this.#ending !== undefined) this.#madeQueue.settle(this.#ending);
    }
    return this.#madeQueue;
  }

  get #fused(): FusedTaps<C, R, StreamCore<C, R>> {
    this.#fusedTaps ??= new FusedTaps();
    return this.#fusedTaps;
  }

  get #on(): Handlers<C, R> {
    this.#madeHandlers ??= this.#makeHandlers();
    return this.#madeHandlers;
  }

  #makeHandlers(): Handlers<C, R> {
    return {
      queue: (resolve, reject) => this.#wait({ chunk: resolve, reject }),
      pulled: (pulled) => {
        if (this.#accept(pulled)) this.#kick();
      },
      failed: (error) => this.#fail(error),
      tapFailed: ({ at = this, thrown }) => {
        this.#forced ??= { at, error: asSluiceError(thrown, at.#owner) };
      },
    };
  }

  #reading(): Reading<C, R> {
    const { pulled, failed } = this.#on;
    return {
      plain: () => this.#ending === undefined && this.#forced === undefined && this.#fused.idle,
      pulled,
      failed,
      first: (waiter) => this.#enqueue(waiter),
      late: (late, waiter) => {
        const asked = this.#pulling;
        this.#queue.waitFirst(waiter);
        this.#accept(late);
        // A read that came behind this one is still under way.
        if (asked) this.#pulling = true;
      },
      lateFailure: (error, waiter) => {
        this.#queue.waitFirst(waiter);
        this.#fail(error);
      },
    };
  }

  /** Whether nothing is under way that a read would have to queue behind. */
  get #quiet(): boolean {
    return (
      this.#reads?.busy !== true &&
      !this.#queue.awaited &&
      !this.#pulling &&
      this.#forced === undefined &&
      this.#ending === undefined
    );
  }

  get #top(): StreamCore<C, R> {
    return this.#adopter === undefined ? this : this.#adopter.#top;
  }

  get #base(): StreamCore<C, R> {
    return this.#inner === undefined ? this : this.#inner.#base;
  }

  /** Puts a reader that was on a short way among the others, first: what its read brings is taken in like any other. */
  #leaveShortWay(): void {
    const waiter = this.#reads?.leave();
    if (waiter !== undefined) this.#enqueue(waiter);
  }

  #enqueue(waiter: Reader<C, R>): void {
    this.#pulling = true;
    this.#queue.wait(waiter);
  }

  #wait(waiter: Reader<C, R>): void {
    this.#leaveShortWay();
    this.#queue.wait(waiter);
    if (this.#queue.awaited) this.#kick();
  }

  #kick(): void {
    if (this.#pulling || this.#ending !== undefined || this.#forced !== undefined) return;
    this.#pulling = true;
    if (this.#phase === 'idle') {
      const started = this.#start();
      if (started instanceof Promise) this.#opening = started.then(() => this.#opened());
      else this.#opened();
      return;
    }
    if (this.#early !== undefined && !this.#takeEarly(this.#early)) return;
    const source = this.#source;
    if (!this.#toldOfPull() || source === undefined) return;
    if ('request' in source) {
      source.request(this.#on);
      return;
    }
    let pulled: MaybePromise<Pulled<C, R>>;
    // A loop, so that a source that answers at once does not pile up calls.
    do {
      this.#pulling = true;
      try {
        pulled = source.pull();
      } catch (error) {
        this.#fail(error);
        return;
      }
      if (pulled instanceof Promise) {
        pulled.then(this.#on.pulled, this.#on.failed);
        return;
      }
    } while (this.#accept(pulled) && this.#toldOfPull());
  }

  /** Tells those who measure waiting; false where one of them ended the stream. */
  #toldOfPull(): boolean {
    this.#fused.pull(this.#on.tapFailed);
    if (!this.#isForced()) return true;
    void this.#tearDown();
    return false;
  }

  #opened(): void {
    this.#opening = undefined;
    this.#pulling = false;
    this.#kick();
  }

  /** Takes in what was read ahead, which some of the taps have seen; true where more is to be read. */
  #takeEarly({ batch, seenBy }: Early<C>): boolean {
    this.#early = undefined;
    if (!this.#accept(batch, seenBy)) return false;
    this.#pulling = true;
    return true;
  }

  /** Takes in what was read; true where more is to be read. */
  #accept(pulled: Pulled<C, R>, seenBy = 0): boolean {
    if (this.#forced !== undefined || this.#ending !== undefined) return false;
    // Until all of it is handed on: a reader that asks at once for more is heard at the end, not in the midst.
    this.#pulling = true;
    if (isEnd(pulled)) {
      this.#dry = true;
      void this.#settle({ outcome: 'completed', reply: pulled.reply });
      return false;
    }
    const batch = this.#fused.size === seenBy ? pulled : this.#look(pulled, seenBy);
    if (batch.length > 0) this.#queue.put(batch);
    this.#pulling = false;
    if (!this.#isForced()) return this.#queue.awaited || this.wantsMore(this.#queue.size);
    void this.#tearDown();
    return false;
  }

  /** Asked again after the taps ran: one of them may have ended the stream. */
  #isForced(): boolean {
    return this.#forced !== undefined;
  }

  #look(batch: readonly C[], seenBy: number): readonly C[] {
    return this.#fused.run(batch, this.#host, this.#on.tapFailed, seenBy);
  }

  #fail(error: unknown): void {
    if (this.#forced !== undefined || this.#ending !== undefined) return;
    this.#pulling = true;
    this.#dry = true;
    const mine = asSluiceError(error, this.#base.#name);
    void this.#settle({ outcome: this.#outcomeOf(mine), error: mine });
  }

  #outcomeOf(error: SluiceError): Outcome {
    if (error.code !== 'aborted') return 'failed';
    return this.#host.halted ? 'interrupted' : 'cancelled';
  }

  // ---- Start ----

  #start(): MaybePromise<void> {
    this.#phase = 'opening';
    let opened: MaybePromise<Opened<C, R>>;
    try {
      opened = this.open();
    } catch (error) {
      this.#failStart(error);
      return;
    }
    if (!(opened instanceof Promise)) return this.#attach(opened);
    return opened.then(
      (late) => this.#attach(late),
      (error: unknown) => this.#failStart(error),
    );
  }

  /** A failure before there is a source: it comes as the first pull's. */
  #failStart(error: unknown): void {
    if (this.#phase === 'opening') this.#phase = 'open';
    const mine = asSluiceError(error, this.#name);
    this.#source = { pull: () => Promise.reject(mine), close: () => undefined };
  }

  #attach(opened: Opened<C, R>): MaybePromise<void> {
    const forced = this.#top.#forced;
    if (forced !== undefined) return this.#discard(opened, abortedError(forced.error));
    if (opened instanceof StreamCore) return this.#adopt(opened);
    this.#phase = 'open';
    this.#source = opened;
    this.#fused.add(this.#taps, this);
  }

  /** Forwards another stream: it is fused with this one, unless somebody waits for a read of it or it has ended: then it is read as it is. */
  #adopt(inner: StreamCore<C, R>): MaybePromise<void> {
    if (inner.#adopter !== undefined || inner === this) {
      const mend = 'return each stream of next() once.';
      this.#failStart(middlewareError(this.#name, `returned a stream that is handed on already: ${mend}`));
      return;
    }
    if (inner.ended && inner.#queue.taken) {
      const mend = 'return it unread, or yield its chunks from an async generator.';
      this.#failStart(middlewareError(this.#name, `returned a stream that it had read to its end: ${mend}`));
      return;
    }
    const started = inner.#phase !== 'idle';
    if (started && (inner.#phase !== 'open' || !inner.#quiet)) return this.#attach(asSource(inner));
    this.#inner = inner;
    inner.#adopter = this;
    return andThen(started ? undefined : inner.#start(), () => {
      if (this.#phase === 'ended') return;
      this.#phase = 'open';
      this.#source = inner.#source;
      this.#fusedTaps = inner.#fused;
      this.#early = started ? inner.#handEarly() : inner.#early;
      this.#fused.add(this.#taps, this);
    });
  }

  /** What it has read ahead, for the stream that it is handed on as. */
  #handEarly(): Early<C> | undefined {
    return this.#queue.size === 0 ? this.#early : { batch: this.#queue.hand(), seenBy: this.#fused.size };
  }

  /** What a body returned when its time was over: it counts as started, so its taps hear of the end. */
  #discard(opened: Opened<C, R>, error: SluiceError): MaybePromise<void> {
    if (!(opened instanceof StreamCore)) return bounded(this.#host, this.#name, closing(opened, error));
    if (opened.#phase === 'idle') opened.#phase = 'open';
    return opened.force(error, false);
  }

  // ---- The end ----

  /** The source's own end, or failure: told to every stream of the chain, innermost first. */
  #settle(ending: StreamEnd<R>): MaybePromise<void> {
    const inner = this.#inner;
    return andThen(inner === undefined ? undefined : inner.#settle(ending), () => {
      const below = inner === undefined ? ending : (inner.#ending ?? ending);
      return andThen(this.conclude(below), (mine) => this.#finish(mine));
    });
  }

  #tearDown(): MaybePromise<void> {
    const forced = this.#forced;
    if (forced === undefined || this.#tearing !== undefined) return this.#tearing;
    if (this.#phase === 'idle') {
      // Never pulled: no body ran, so no tap hears of it.
      this.#phase = 'ended';
      this.#settleQueue({ outcome: this.#outcomeOf(forced.error), error: forced.error });
      return;
    }
    forced.at.signal(abortedError(forced.error));
    this.#tearing = this.#unwind(forced).then(() => this.#cut?.resolve());
    return this.#tearing;
  }

  /** The wire first, then the bodies and taps of the chain, innermost first. */
  async #unwind(forced: Forced<C, R>): Promise<void> {
    const below = abortedError(forced.error);
    const source = this.#dry ? undefined : (this.#source ?? this.#base.#source);
    if (source !== undefined && !(source instanceof GeneratorSource)) {
      await bounded(this.#host, this.#base.#name, closing(source, below));
    }
    let error = below;
    for (const stream of this.#chain()) {
      if (stream === forced.at) error = forced.error;
      await stream.closeOthers(below);
      if (stream.#inner === undefined) {
        if (source instanceof GeneratorSource)
          await bounded(this.#host, stream.#name, closing(source, below));
        if (this.#opening !== undefined) await bounded(this.#host, stream.#name, this.#opening);
      }
      stream.#finish({ outcome: this.#outcomeOf(error), error });
    }
  }

  /** The fused streams, innermost first. */
  #chain(): StreamCore<C, R>[] {
    return this.#inner === undefined ? [this] : [...this.#inner.#chain(), this];
  }

  #finish(came: StreamEnd<R>): void {
    // A teardown may come while an end is still being concluded: the first to get here tells the taps.
    if (this.#ending !== undefined) return;
    this.#phase = 'ended';
    const ending = this.ending(came);
    for (const tap of this.#taps) {
      try {
        tap.end?.(ending);
      } catch (error) {
        const kind = error instanceof Error ? error.name : 'a value that is no Error';
        this.#host.warn(`A tap of "${this.#owner}" threw ${kind} at the end of its stream.`);
      }
    }
    this.#ending = ending;
    this.finished(ending);
    this.#settleQueue(ending);
  }

  #settleQueue(ending: StreamEnd<R>): void {
    this.#ending = ending;
    this.#madeQueue?.settle(ending);
    this.#settleResult();
  }

  #settleResult(): void {
    if (this.#result === undefined || this.#ending === undefined) return;
    if (this.#ending.error !== undefined) this.#result.reject(this.#ending.error);
    else this.#result.resolve(this.#queue.reply);
  }
}

/** A started stream as a source. */
function asSource<C, R>(stream: StreamCore<C, R>): PushSource<C, R> {
  return {
    request: ({ pulled, failed }) => StreamCore.waitOn(stream, { batch: pulled, reject: failed }),
    close: (error) => StreamCore.forceOn(stream, error),
  };
}
