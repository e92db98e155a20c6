import { Accumulator } from './accumulator.ts';
import type { StreamChunk } from './chunks.ts';
import { SluiceError, abortedError } from './errors.ts';
import { asSluiceError } from './middleware-error.ts';
import type { Partial } from './partial.ts';
import type { Reply } from './request.ts';
import type { Outcome } from './result.ts';
import { GeneratorSource, end, isEnd, sourceOf } from './source.ts';
import type { BatchSource, Pulled, Readable } from './source.ts';
import { andThen, bounded, standaloneHost } from './teardown.ts';
import type { Host, MaybePromise } from './teardown.ts';

/** How a stream ended. `reply` where it completed, `error` where it did not. */
export interface StreamEnd<R> {
  outcome: Outcome;
  reply?: R | undefined;
  error?: SluiceError | undefined;
}

/** Looks at a stream: `chunk` at every chunk, `end` exactly once for every started stream. Both are synchronous. */
export interface Tap<C, R> {
  chunk?(chunk: C): void;
  end?(end: StreamEnd<R>): void;
}

/** What a stream opens into: something to read, or another stream that it forwards. */
export type Opened<C, R> = BatchSource<C, R> | Stream<C, R>;

type Look<C> = NonNullable<Tap<C, unknown>['chunk']>;

// Method signatures, so that a stream of a narrow chunk type is a stream of a wide one.
interface Handlers<C, R> {
  flight(result: IteratorResult<C, R>): IteratorResult<C, R> | Promise<IteratorResult<C, R>>;
  thrown(error: unknown): Promise<IteratorResult<C, R>>;
  pulled(pulled: Pulled<C, R>): void;
  failed(error: unknown): void;
}

interface Collector<R> {
  partial(): Partial;
  sign(ending: StreamEnd<R>): StreamEnd<R>;
}

interface Waiter<C, R> {
  chunk?(result: IteratorResult<C, R>): void;
  batch?(batch: Pulled<C, R>): void;
  reject(error: unknown): void;
}

/** Why a stream ends early. Streams below `at` see `aborted`, `at` itself and those above it see `error`. */
interface Forced<C, R> {
  at: Stream<C, R>;
  error: SluiceError;
}

/**
 * A pull-style, lazy, single-consumer stream of chunks `C` that ends with a reply `R`.
 *
 * Nothing happens before the first pull. Inside it reads whole batches and runs the taps of all layers over them in one loop; layers that only
 * hand a stream on are fused into it. This file is over the usual length because start, reading and teardown share one state.
 */
export class Stream<C, R> implements AsyncIterableIterator<C, R>, AsyncDisposable {
  readonly #opener: () => MaybePromise<Opened<C, R>>;
  readonly #host: Host;
  /** Whose body or source this is, for errors and warnings. */
  readonly #name: string;
  /** Who added the taps: the layer above. */
  readonly #owner: string;

  #phase: 'idle' | 'opening' | 'open' | 'ended' = 'idle';
  #opening: Promise<void> | undefined;
  #source: BatchSource<C, R> | undefined;
  #generator: GeneratorSource<C, R> | undefined;
  /** The stream that this one forwards, and the one that forwards this. */
  #inner: Stream<C, R> | undefined;
  #adopter: Stream<C, R> | undefined;

  #taps: Tap<C, R>[] | undefined;
  /** The chunk functions of all fused taps, inner first, and whose they are. */
  #looks: Look<C>[] = [];
  #lookers: Stream<C, R>[] = [];

  #buffer: readonly C[] = [];
  #at = 0;
  #waiters: Waiter<C, R>[] = [];
  #pulling = false;
  #processing = false;
  #forced: Forced<C, R> | undefined;
  #tearing: Promise<void> | undefined;
  /** Set where a tap forced the end: settles when the teardown behind the current chunk is over. */
  #cut: PromiseWithResolvers<void> | undefined;
  #closedByReader = false;
  #ending: StreamEnd<R> | undefined;
  #collector: Collector<R> | undefined;
  #result: PromiseWithResolvers<R> | undefined;

  /** Use {@link Stream.from} or {@link Stream.fromSource}; this is for the runtime. */
  protected constructor(opener: () => MaybePromise<Opened<C, R>>, host: Host = standaloneHost(), name = 'stream', owner = name) {
    this.#opener = opener;
    this.#host = host;
    this.#name = name;
    this.#owner = owner;
  }

  /**
   * A stream of an array (as one batch), any iterable or a `ReadableStream`. Its reply is what the iterator returns, else `reply`.
   */
  static from<C, R = undefined>(readable: Readable<C, R>): Stream<C, R | undefined>;
  static from<C, R>(readable: Readable<C, R>, reply: R): Stream<C, R>;
  static from<C, R>(readable: Readable<C, R>, reply?: R): Stream<C, R | undefined> {
    return new Stream<C, R | undefined>(() => sourceOf<C, R | undefined>(readable, reply));
  }

  /** A stream of batches; the function form is called at the first pull. */
  static fromSource<C, R>(source: BatchSource<C, R> | (() => BatchSource<C, R>)): Stream<C, R> {
    return new Stream(typeof source === 'function' ? source : () => source);
  }

  /** Whether it has ended, with everything below it. */
  get ended(): boolean {
    return this.#ending !== undefined;
  }

  /** What it ended with; undefined before the end and where it failed. */
  get reply(): R | undefined {
    return this.#ending?.reply;
  }

  /** What it let through so far, after `collect()`. */
  get partial(): Partial | undefined {
    return this.#collector?.partial();
  }

  /** Settles at the end: with the reply, or with the error. Reading it neither starts the stream nor makes it run ahead. */
  get result(): Promise<R> {
    if (this.#result === undefined) {
      this.#result = Promise.withResolvers<R>();
      this.#result.promise.catch(() => undefined);
      this.#settleResult();
    }
    return this.#result.promise;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * The next chunk, or the end with the reply. Concurrent calls are answered in order. Rejects with the stream's `SluiceError`.
   */
  next(): Promise<IteratorResult<C, R>> {
    const chunk = this.#buffer[this.#at];
    if (chunk !== undefined && this.#waiters.length === 0) {
      this.#at++;
      if (this.#generator === undefined) this.#host.buffered = this.#buffer.length - this.#at;
      return Promise.resolve({ done: false, value: chunk });
    }
    const source = this.#generator;
    if (
      source !== undefined &&
      this.#host.buffered > 0 &&
      this.#waiters.length === 0 &&
      !this.#pulling &&
      this.#forced === undefined &&
      this.#ending === undefined
    ) {
      // The short way: the generator's read is answered from memory, so one hop is enough. Otherwise it may wait for long, and a
      // reader must be freed even when the body ignores its signal: then a promise of our own is worth its price.
      const flight = source.generator.next();
      source.flights++;
      source.flight = flight;
      return flight.then(this.#on.flight, this.#on.thrown);
    }
    return new Promise((resolve, reject) => this.#wait({ chunk: resolve, reject }));
  }

  /** The next batch of chunks; undefined at the end, when `reply` is set. For layers that handle whole reads. */
  read(): Promise<readonly C[] | undefined> {
    return this.pull().then((pulled) => (isEnd(pulled) ? undefined : pulled));
  }

  /** As a source of another stream. */
  protected pull(): Promise<Pulled<C, R>> {
    return new Promise((resolve, reject) => this.#wait({ batch: resolve, reject }));
  }

  /** Starts the stream. Settles when its first chunk is there or it has ended well; rejects with its error. Consumes nothing. */
  async ready(): Promise<void> {
    if (this.#at < this.#buffer.length) return;
    const batch = await this.pull();
    if (isEnd(batch)) return;
    this.#buffer = batch.concat(this.#buffer.slice(this.#at));
    this.#at = 0;
    this.#serve();
  }

  /**
   * Ends the stream: a pending `next()` answers done, everything below is aborted. Resolves when the cleanup is over. Idempotent.
   */
  async close(reason?: unknown): Promise<void> {
    if (this.#ending !== undefined) {
      this.#buffer = [];
      return;
    }
    this.#closedByReader = true;
    const waiters = this.#waiters.splice(0);
    for (const waiter of waiters) this.#answerEnd(waiter);
    await this.force(this.closeError(reason), false);
  }

  /** The async-iterator protocol's way to say `close()`, as `break` does. */
  async return(): Promise<IteratorResult<C, R>> {
    await this.close();
    return { done: true, value: this.#replyOrNothing };
  }

  /** Ends this attempt with an error, from a tap or a timer; what was received before is still delivered. Never throws. */
  abort(error: SluiceError): void {
    void this.force(error, true);
  }

  /** Looks at every chunk, and at the end. Returns this same stream; costs next to nothing. Add taps before the first pull. */
  tap(tap: ((chunk: C) => void) | Tap<C, R>): this {
    if (this.#phase !== 'idle') {
      throw new SluiceError('middleware', `tap() came after the stream had started: add taps before the first pull.`);
    }
    this.#addTap(tap);
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
        ending.reply === undefined ? ending : { ...ending, reply: { ...ending.reply, message: accumulator.message() } },
    };
    return this;
  }

  // ---- Hooks for the runtime's own streams ----

  /** Makes what is read; called at the first pull. */
  protected open(): MaybePromise<Opened<C, R>> {
    return this.#opener();
  }

  /** A tap before all others, added while the stream opens. */
  protected tapFirst(tap: Tap<C, R>): void {
    this.#taps = [tap, ...(this.#taps ?? [])];
  }

  /** Called with the end that the source came to, before taps hear of it; may change it and may take its time. */
  protected conclude(ending: StreamEnd<R>): MaybePromise<StreamEnd<R>> {
    return ending;
  }

  /** Tells everything below, at once, that it is over. */
  protected signal(error: SluiceError): void {
    this.#inner?.signal(error);
  }

  /** Ends what this stream's body has opened beside what it returned. */
  protected closeOthers(_error: SluiceError): MaybePromise<void> {}

  /** Whether `outer` hands this stream on as its own. */
  protected isFusedInto(outer: Stream<C, R>): boolean {
    return this.#adopter === outer;
  }

  /** Called once at the end of a started stream, before the taps hear of it. */
  protected ending(_ending: StreamEnd<R>): void {}

  /** Called once, when the taps have heard of the end. */
  protected finished(_ending: StreamEnd<R>): void {}

  /** Whether to read on although nobody waits. */
  protected wantsMore(_buffered: number): boolean {
    return false;
  }

  /** Whether it has been pulled. */
  protected get started(): boolean {
    return this.#phase !== 'idle';
  }

  /** The error that a `close()` ends the stream with. */
  protected closeError(reason: unknown): SluiceError {
    return abortedError(reason, 'The stream was closed before its end.');
  }

  /** Reads on, as for a read-ahead. */
  protected readOn(): void {
    this.#kick();
  }

  /** Ends the stream early; resolves when it is torn down. `keep`: what is buffered is still delivered. */
  protected force(error: SluiceError, keep: boolean): MaybePromise<void> {
    const top = this.#top;
    if (top.#ending !== undefined) return;
    if (top.#forced !== undefined) return top.#tearing;
    top.#forced = { at: this, error };
    if (!keep) {
      top.#buffer = [];
      top.#at = 0;
    }
    if (top.#processing) {
      // A tap called: the loop tears down behind the current chunk.
      top.#cut = Promise.withResolvers();
      return top.#cut.promise;
    }
    return top.#tearDown();
  }

  // ---- Reading ----

  get #forcedError(): SluiceError | undefined {
    const top = this.#top;
    return top.#forced === undefined ? undefined : top.#forced.error;
  }

  get #top(): Stream<C, R> {
    let top: Stream<C, R> = this;
    while (top.#adopter !== undefined) top = top.#adopter;
    return top;
  }

  get #replyOrNothing(): R {
    // A closed iterator answers `{ done: true, value: undefined }`, which its type cannot say.
    const nothing: { reply?: R } = { reply: this.#ending?.reply };
    return nothing.reply!;
  }

  readonly #on: Handlers<C, R> = {
    flight: (result) => {
      const source = this.#generator;
      if (source !== undefined) source.flights--;
      if (this.#forced === undefined && result.done !== true && this.#looks.length === 0) return result;
      // Not a plain chunk: on by the common way.
      return new Promise((resolve, reject) => {
        this.#waiters.push({ chunk: resolve, reject });
        this.#accept(result.done === true ? end(result.value) : [result.value]);
      });
    },
    thrown: (error) => {
      const source = this.#generator;
      if (source !== undefined) source.flights--;
      return new Promise((resolve, reject) => {
        this.#waiters.push({ chunk: resolve, reject });
        this.#fail(error);
      });
    },
    pulled: (pulled) => this.#accept(pulled),
    failed: (error) => this.#fail(error),
  };

  #wait(waiter: Waiter<C, R>): void {
    this.#waiters.push(waiter);
    this.#serve();
    if (this.#waiters.length > 0) this.#kick();
  }

  /** Answers those who wait, as far as there is something to answer with. */
  #serve(): void {
    while (this.#waiters.length > 0) {
      const chunk = this.#buffer[this.#at];
      if (chunk === undefined && this.#ending === undefined && !this.#closedByReader) return;
      const waiter = this.#waiters.shift();
      if (waiter === undefined) return;
      if (chunk === undefined) {
        this.#answerEnd(waiter);
      } else if (waiter.chunk !== undefined) {
        this.#at++;
        if (this.#generator === undefined) this.#host.buffered = this.#buffer.length - this.#at;
        waiter.chunk({ done: false, value: chunk });
      } else {
        const rest = this.#at === 0 ? this.#buffer : this.#buffer.slice(this.#at);
        this.#buffer = [];
        this.#at = 0;
        waiter.batch?.(rest);
      }
    }
  }

  #answerEnd(waiter: Waiter<C, R>): void {
    const error = this.#closedByReader ? undefined : this.#ending?.error;
    if (error !== undefined) waiter.reject(error);
    else if (waiter.chunk !== undefined) waiter.chunk({ done: true, value: this.#replyOrNothing });
    else waiter.batch?.(end(this.#replyOrNothing));
  }

  #kick(): void {
    if (this.#pulling || this.#ending !== undefined || this.#forced !== undefined) return;
    if (this.#phase === 'idle') {
      this.#pulling = true;
      const started = this.#start();
      if (started instanceof Promise) {
        this.#opening = started.then(() => this.#opened());
        return;
      }
      this.#opened();
      return;
    }
    if (this.#source === undefined) return;
    this.#pulling = true;
    let pulled: MaybePromise<Pulled<C, R>>;
    try {
      pulled = this.#source.pull();
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (pulled instanceof Promise) pulled.then(this.#on.pulled, this.#on.failed);
    else this.#accept(pulled);
  }

  #opened(): void {
    this.#opening = undefined;
    if (this.#forced !== undefined || this.#ending !== undefined) return;
    this.#pulling = false;
    this.#kick();
  }

  #accept(pulled: Pulled<C, R>): void {
    if (this.#forced !== undefined || this.#ending !== undefined) return;
    if (isEnd(pulled)) {
      this.#pulling = true;
      void this.#settle({ outcome: 'completed', reply: pulled.reply });
      return;
    }
    const batch = this.#looks.length === 0 ? pulled : this.#look(pulled);
    this.#pulling = false;
    if (batch.length > 0) {
      if (this.#at >= this.#buffer.length) this.#buffer = batch;
      else this.#buffer = this.#buffer.slice(this.#at).concat(batch);
      this.#at = 0;
      if (this.#generator === undefined) this.#host.buffered = this.#buffer.length;
      this.#serve();
    }
    // A tap may have ended the stream while it looked.
    if (this.#isForced()) void this.#tearDown();
    else if (this.#waiters.length > 0 || this.wantsMore(this.#buffer.length - this.#at)) this.#kick();
  }

  #isForced(): boolean {
    return this.#forced !== undefined;
  }

  /** Runs the taps over a batch, chunk by chunk; cuts it behind the chunk at which a tap ended the stream or the execution. */
  #look(batch: readonly C[]): readonly C[] {
    const looks = this.#looks;
    const halted = this.#host.halted;
    let seen = 0;
    let tap = 0;
    this.#processing = true;
    try {
      for (const chunk of batch) {
        for (tap = 0; tap < looks.length; tap++) looks[tap]?.(chunk);
        seen++;
        if (this.#forced !== undefined || (!halted && this.#host.halted)) break;
      }
    } catch (error) {
      const at = this.#lookers[tap] ?? this;
      this.#forced ??= { at, error: asSluiceError(error, at.#owner) };
    }
    this.#processing = false;
    return seen === batch.length ? batch : batch.slice(0, seen);
  }

  #fail(error: unknown): void {
    if (this.#forced !== undefined || this.#ending !== undefined) return;
    this.#pulling = true;
    const mine = asSluiceError(error, this.#base.#name);
    void this.#settle({ outcome: this.#outcomeOf(mine), error: mine });
  }

  get #base(): Stream<C, R> {
    let base: Stream<C, R> = this;
    while (base.#inner !== undefined) base = base.#inner;
    return base;
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
    if (opened instanceof Promise) {
      return opened.then(
        (late) => this.#attach(late),
        (error: unknown) => this.#failStart(error),
      );
    }
    return this.#attach(opened);
  }

  /** A failure before there is a source; the outermost stream settles for all. */
  #failStart(error: unknown): void {
    if (this.#phase === 'opening') this.#phase = 'open';
    this.#source = { pull: () => Promise.reject(asSluiceError(error, this.#name)), close: () => undefined };
  }

  #attach(opened: Opened<C, R>): MaybePromise<void> {
    if (this.#top.#forced !== undefined) return this.#discard(opened);
    if (opened instanceof Stream) return this.#adopt(opened);
    this.#phase = 'open';
    this.#source = opened;
    if (opened instanceof GeneratorSource) this.#generator = opened;
    this.#addLooks(this);
  }

  /** Forwards another stream: an unstarted one is fused with this one, a started one is read as it is. */
  #adopt(inner: Stream<C, R>): MaybePromise<void> {
    if (inner.#adopter !== undefined || inner === this) {
      this.#failStart(new Error('a stream was returned twice'));
      return;
    }
    if (inner.#phase !== 'idle') return this.#attach(new StreamSource(inner, (batch) => batch));
    this.#inner = inner;
    inner.#adopter = this;
    return andThen(inner.#start(), () => {
      if (this.#phase === 'ended') return;
      this.#phase = 'open';
      this.#source = inner.#source;
      this.#generator = inner.#generator;
      this.#looks = inner.#looks;
      this.#lookers = inner.#lookers;
      this.#addLooks(this);
    });
  }

  #addTap(tap: Look<C> | Tap<C, R>): void {
    const own: Tap<C, R> =
      typeof tap === 'function'
        ? { chunk: tap }
        : { ...(tap.chunk && { chunk: tap.chunk.bind(tap) }), ...(tap.end && { end: tap.end.bind(tap) }) };
    (this.#taps ??= []).push(own);
  }

  #addLooks(stream: Stream<C, R>): void {
    for (const tap of stream.#taps ?? []) {
      if (tap.chunk === undefined) continue;
      this.#looks.push(tap.chunk);
      this.#lookers.push(stream);
    }
  }

  /** What a body returned when its time was over: it counts as started, so its taps hear of the end. */
  #discard(opened: Opened<C, R>): MaybePromise<void> {
    const error = abortedError(this.#forcedError);
    if (!(opened instanceof Stream)) return bounded(this.#host, this.#name, opened.close(error));
    if (opened.#phase !== 'idle') return opened.force(error, false);
    opened.#phase = 'open';
    return opened.force(error, false);
  }

  // ---- The end ----

  /** The source's own end, or failure: told to every stream of the chain, innermost first. */
  #settle(ending: StreamEnd<R>): MaybePromise<void> {
    const inner = this.#inner;
    const settled = inner === undefined ? undefined : inner.#settle(ending);
    return andThen(settled, () =>
      andThen(this.conclude(inner === undefined ? ending : (inner.#ending ?? ending)), (mine) => {
        this.#finish(mine);
      }),
    );
  }

  async #unwind(): Promise<void> {
    const forced = this.#forced;
    if (forced === undefined) return;
    const chain: Stream<C, R>[] = [];
    for (let at: Stream<C, R> | undefined = this; at !== undefined; at = at.#inner) chain.unshift(at);
    const below = abortedError(forced.error);
    const source = this.#source ?? this.#base.#source;
    if (source !== undefined && !(source instanceof GeneratorSource)) {
      await bounded(this.#host, this.#base.#name, closing(source, below));
    }
    let error = below;
    for (const stream of chain) {
      if (stream === forced.at) error = forced.error;
      await stream.closeOthers(below);
      if (stream === chain[0]) {
        if (source instanceof GeneratorSource) await bounded(this.#host, stream.#name, closing(source, below));
        if (this.#opening !== undefined) await bounded(this.#host, stream.#name, this.#opening);
      }
      if (stream.#ending === undefined) stream.#finish({ outcome: this.#outcomeOf(error), error });
    }
  }

  #tearDown(): MaybePromise<void> {
    const forced = this.#forced;
    if (forced === undefined || this.#tearing !== undefined) return this.#tearing;
    if (this.#phase === 'idle') {
      this.#phase = 'ended';
      this.#ending = { outcome: this.#outcomeOf(forced.error), error: forced.error };
      this.#settleResult();
      this.#serve();
      return;
    }
    forced.at.signal(abortedError(forced.error));
    this.#tearing = this.#unwind().then(() => this.#cut?.resolve());
    return this.#tearing;
  }

  #finish(came: StreamEnd<R>): void {
    this.#phase = 'ended';
    const ending = this.#collector?.sign(came) ?? came;
    this.#ending = ending;
    this.ending(ending);
    for (const tap of this.#taps ?? []) {
      try {
        tap.end?.(ending);
      } catch (error) {
        const kind = error instanceof Error ? error.name : 'a value that is no Error';
        this.#host.warn(`A tap of "${this.#owner}" threw ${kind} at the end of its stream.`);
      }
    }
    this.finished(ending);
    this.#settleResult();
    if (this.#adopter === undefined) this.#serve();
  }

  #settleResult(): void {
    if (this.#result === undefined || this.#ending === undefined) return;
    if (this.#ending.error !== undefined) this.#result.reject(this.#ending.error);
    else this.#result.resolve(this.#replyOrNothing);
  }

  #derive<D>(change: (batch: readonly C[]) => readonly D[]): Stream<D, R> {
    return new Stream<D, R>(() => new StreamSource(this, change), this.#host, this.#owner);
  }

  /** The reading end for {@link StreamSource}. */
  static pullFrom<C, R>(stream: Stream<C, R>): Promise<Pulled<C, R>> {
    return stream.pull();
  }

  /** The closing end for {@link StreamSource}. */
  static forceOn<C, R>(stream: Stream<C, R>, error: SluiceError): MaybePromise<void> {
    return stream.force(error, false);
  }
}

function closing<C, R>(source: BatchSource<C, R>, error: SluiceError): MaybePromise<void> {
  try {
    return source.close(error);
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

/** A stream as the source of another one, its batches changed on the way. */
class StreamSource<C, D, R> implements BatchSource<D, R> {
  readonly #stream: Stream<C, R>;
  readonly #change: (batch: readonly C[]) => readonly D[];

  constructor(stream: Stream<C, R>, change: (batch: readonly C[]) => readonly D[]) {
    this.#stream = stream;
    this.#change = change;
  }

  async pull(): Promise<Pulled<D, R>> {
    for (;;) {
      const pulled = await Stream.pullFrom(this.#stream);
      if (isEnd(pulled)) return pulled;
      const changed = this.#change(pulled);
      if (changed.length > 0) return changed;
    }
  }

  close(error: SluiceError): MaybePromise<void> {
    return Stream.forceOn(this.#stream, error);
  }
}
