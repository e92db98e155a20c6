import { abortedError } from '../errors.ts';
import type { SluiceError } from '../errors.ts';
import { asSluiceError } from '../middleware-error.ts';
import { cleanUpInOrder, endLate } from './clean-up.ts';
import { conclude } from './conclude.ts';
import type { EndingChain } from './conclude.ts';
import { andThen } from './owner.ts';
import type { MaybePromise } from './owner.ts';
import { ReadQueue } from './read-queue.ts';
import type { Reader } from './read-queue.ts';
import { Segment, UNSEEN } from './segment.ts';
import type { Chain, HandOver, OpenedAs, Waiting } from './segment.ts';
import { GeneratorSource, failedSource, isEnd, pulledOf } from './source.ts';
import type { BatchSource, GeneratorLike, Pulled, PushSource, Receiver, StreamSource } from './source.ts';
import { SourceOverStream } from './source-over-stream.ts';
import { Steps } from './steps.ts';
import type { StreamEnd } from './tap.ts';

/** How many chunks a generator gives before its own promises go to its reader: see docs/decisions/0017-one-pump-a-chain.md. */
const TRUSTED_AFTER = 64;

/** Why a chain ends early. */
interface Stop<C, R> {
  at: Segment<C, R>;
  error: SluiceError;
  /** Settles when everything is cleaned up. */
  over: PromiseWithResolvers<void>;
}

/** What the source and the readers call. Method signatures, so that a stream of a narrow chunk type is a stream of a wide one. */
interface Handlers<C, R> extends Receiver<C, R> {
  enqueue(
    this: void,
    resolve: (result: IteratorResult<C, R>) => void,
    reject: (error: unknown) => void,
  ): void;
  result(this: void, result: IteratorResult<C, R>): void;
}

/** A generator that has earned trust, and what becomes of its promises. */
interface Trusted<C, R> {
  body: GeneratorLike<C, R>;
  answered(this: void, result: IteratorResult<C, R>): IteratorResult<C, R> | Promise<IteratorResult<C, R>>;
  failed(this: void, error: unknown): Promise<IteratorResult<C, R>>;
}

/** The chain that a segment is part of; made when it is first asked for. */
export function chainOf<C, R>(segment: Segment<C, R>): Chain<C, R> {
  segment.chain ??= new Pump(segment);
  return segment.chain;
}

/**
 * Reads one source for a chain of streams, each of which only hands on the next one. It opens the chain, asks the source, runs the taps
 * and changes of all segments over what comes, keeps what waits for a reader, and ends the segments in order.
 */
class Pump<C, R> implements Chain<C, R>, EndingChain<C, R> {
  readonly queue = new ReadQueue<C, R>();
  readonly outermost: Segment<C, R>;
  consumer: Segment<C, R> | undefined;
  /** Outermost first, which is the order in which they open. */
  segments: Segment<C, R>[];
  #steps = new Steps<C, R>();
  #source: StreamSource<C, R> | undefined;
  /** The segment of a call, to be told when the source is asked. */
  #reading: Segment<C, R> | undefined;
  #state: 'idle' | 'opening' | 'open' | 'ended' = 'idle';
  #opening: Promise<void> | undefined;
  /** Whether the source has been asked, or its answer is being handed on. */
  #asked = false;
  /** Whether the source has ended or failed. It is not closed then. */
  #sourceEnded = false;
  #stop: Stop<C, R> | undefined;
  #cleaningUp = false;
  /** How many chunks of a generator went to their readers without a batch around them. */
  #directAnswers = 0;
  #trusted: Trusted<C, R> | undefined;

  constructor(outermost: Segment<C, R>) {
    this.outermost = outermost;
    this.consumer = outermost;
    this.segments = [outermost];
    if (outermost.end !== undefined) this.segmentEnded(outermost, outermost.end);
  }

  get started(): boolean {
    return this.#state !== 'idle';
  }

  get isStopped(): boolean {
    return this.#stop !== undefined;
  }

  get copies(): boolean {
    return this.#steps.copies;
  }

  get lastNumber(): number | undefined {
    return this.#steps.lastNumber;
  }

  get #innermost(): Segment<C, R> {
    return this.segments.at(-1) ?? this.outermost;
  }

  /** Whether nothing is under way that a read would have to wait for. */
  // A method: V8 asks for a private getter in its runtime, where code is not optimized.
  #isQuiet(): boolean {
    return this.#state === 'open' && !this.#asked && this.#stop === undefined && !this.queue.hasReader;
  }

  // Reading.

  next(): Promise<IteratorResult<C, R>> {
    const chunk = this.queue.take();
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk });
    const trusted = this.#trusted;
    if (trusted !== undefined && this.#isQuiet() && this.queue.size === 0) {
      this.#asked = true;
      this.#reading?.asksSource();
      return trusted.body.next().then(trusted.answered, trusted.failed);
    }
    return new Promise(this.#on.enqueue);
  }

  wait(reader: Reader<C, R>): void {
    this.queue.wait(reader);
    if (this.queue.hasReader) this.read();
  }

  read(): void {
    if (this.#asked || this.#state === 'ended' || this.#stop !== undefined) return;
    this.#asked = true;
    if (this.#state === 'idle') {
      this.#start();
      return;
    }
    // A loop, so that sources that answer at once do not pile up calls.
    while (this.#source !== undefined && this.#tellWaitTaps() && this.#ask(this.#source)) this.#asked = true;
  }

  /** Whether the source has answered at once and more is to be read. */
  #ask(source: StreamSource<C, R>): boolean {
    if (source instanceof GeneratorSource) source.body.next().then(this.#on.result, this.#on.failed);
    else if ('request' in source) source.request(this.#on);
    else return this.#pull(source);
    return false;
  }

  #pull(source: BatchSource<C, R>): boolean {
    let pulled: MaybePromise<Pulled<C, R>>;
    try {
      pulled = source.pull();
    } catch (error) {
      this.#fail(error);
      return false;
    }
    if (!(pulled instanceof Promise)) return this.#receive(pulled);
    pulled.then(this.#on.pulled, this.#on.failed);
    return false;
  }

  readonly #on: Handlers<C, R> = {
    enqueue: (resolve, reject) => this.wait({ chunk: resolve, reject }),
    pulled: (pulled) => {
      if (this.#receive(pulled)) this.read();
    },
    result: (result) => {
      const wantsMore = this.#answer(result) ? this.#wantsMore() : this.#receive(pulledOf(result));
      if (wantsMore) this.read();
    },
    failed: (error) => this.#fail(error),
  };

  /** Tells those who measure waiting; false if one of them ended the chain. */
  #tellWaitTaps(): boolean {
    this.#reading?.asksSource();
    if (!this.#steps.hasWaitTaps) return true;
    this.#steps.tellWaitTaps();
    return !this.#stoppedBySteps();
  }

  /** Hands on what was read; true if more is to be read. The first `from` steps have seen it. */
  #receive(pulled: Pulled<C, R>, from: number = UNSEEN): boolean {
    if (this.#stop !== undefined || this.#state === 'ended') return false;
    // Until all of it is handed on, so that a reader that asks for more meanwhile is heard at the end.
    this.#asked = true;
    if (isEnd(pulled)) {
      this.#sourceEnded = true;
      conclude<C, R>(this, { outcome: 'completed', reply: pulled.reply });
      return this.#goesOn();
    }
    const batch = this.#steps.isSeen(pulled, from)
      ? pulled
      : this.#steps.run(pulled, this.outermost.owner, from);
    if (batch.length > 0) this.queue.add(batch);
    this.#asked = false;
    return !this.#stoppedBySteps() && this.#wantsMore();
  }

  #wantsMore(): boolean {
    return this.queue.hasReader || this.outermost.wantsMore(this.queue.size);
  }

  /** Asked after steps ran: one of them may have thrown, or ended the chain. Then cleans up. */
  #stoppedBySteps(): boolean {
    const { failure } = this.#steps;
    if (failure !== undefined && this.#stop === undefined) {
      const { segment: at, thrown } = failure;
      this.#stop = { at, error: asSluiceError(thrown, at.tappedBy), over: Promise.withResolvers() };
    }
    if (this.#stop === undefined) return false;
    this.#cleanUp(this.#stop);
    return true;
  }

  #fail(error: unknown): void {
    if (this.#stop !== undefined || this.#state === 'ended') return;
    this.#asked = true;
    this.#sourceEnded = true;
    const mine = asSluiceError(error, this.#innermost.name);
    conclude<C, R>(this, { outcome: this.#innermost.outcomeOf(mine), error: mine });
  }

  // Reading a generator.

  /** A chunk that no step sees goes to the reader that waits, in the result object of the generator. */
  #answer(result: IteratorResult<C, R>): boolean {
    if (result.done === true || this.#steps.size > 0 || this.#state !== 'open' || this.#stop !== undefined)
      return false;
    const mine = this.#steps.stamped(result);
    if (mine === undefined || !this.queue.answer(mine)) return false;
    this.#asked = false;
    if (++this.#directAnswers === TRUSTED_AFTER) this.#trust();
    return true;
  }

  /** Until then each reader gets a promise of ours, which can be settled if the generator never comes back. */
  #trust(): void {
    const { stamp, hasWaitTaps } = this.#steps;
    if (!(this.#source instanceof GeneratorSource) || stamp === undefined || hasWaitTaps) return;
    this.#trusted = {
      body: this.#source.body,
      answered: (result) => {
        this.#asked = false;
        if (result.done === true || this.#stop !== undefined || this.#state !== 'open')
          return this.#inQueue(() => this.#on.pulled(pulledOf(result)));
        const mine = stamp.passes(result.value) ? result : this.#steps.stamped(result);
        if (mine === undefined) return this.#inQueue(() => this.#receive([result.value]));
        if (this.#wantsMore()) this.read();
        return mine;
      },
      failed: (error) => this.#inQueue(() => this.#fail(error)),
    };
  }

  /** For an end, and for what comes after a stop: the reader hears what those who wait hear. */
  #inQueue(take: () => void): Promise<IteratorResult<C, R>> {
    return new Promise((resolve, reject) => {
      this.queue.wait({ chunk: resolve, reject });
      take();
    });
  }

  // The start.

  #start(): void {
    this.#state = 'opening';
    const opened = this.#open(this.outermost);
    if (opened instanceof Promise) this.#opening = opened.then(() => this.#opened());
    else this.#opened();
  }

  #opened(): void {
    this.#opening = undefined;
    this.#asked = false;
    this.read();
  }

  #open(segment: Segment<C, R>): MaybePromise<void> {
    let opened: MaybePromise<OpenedAs<C, R>>;
    try {
      opened = segment.open();
    } catch (error) {
      opened = failedSource(asSluiceError(error, segment.name));
    }
    if (!(opened instanceof Promise)) return this.#attach(segment, opened);
    return opened.then(
      (late) => this.#attach(segment, late),
      (error: unknown) => this.#attach(segment, failedSource(asSluiceError(error, segment.name))),
    );
  }

  #attach(by: Segment<C, R>, opened: OpenedAs<C, R>): MaybePromise<void> {
    if (this.#stop !== undefined) return endLate(by, opened, abortedError(this.#stop.error));
    if (!(opened instanceof Segment)) return this.#startReading(opened);
    if (!opened.started) {
      this.segments.push(opened);
      opened.chain = this;
      return this.#open(opened);
    }
    const left = opened.chain?.handOver();
    if (left === undefined) this.#startReading(sourceOver(opened));
    else this.#goOn(left);
  }

  #startReading(source: StreamSource<C, R>): void {
    if (this.#state === 'ended') return;
    this.#state = 'open';
    this.#source = source;
    this.#reading = this.segments.findLast((segment) => segment.watchesSource());
    this.#steps.load(this.segments);
  }

  handOver(): HandOver<C, R> | undefined {
    if (!this.#isQuiet() || this.#source === undefined) return undefined;
    const unread = this.queue.takeAll();
    return { segments: this.segments, source: this.#source, unread, steps: this.#steps.seen };
  }

  #goOn({ segments, source, unread, steps }: HandOver<C, R>): void {
    for (const segment of segments) {
      segment.chain = this;
      this.segments.push(segment);
    }
    this.#startReading(source);
    if (unread.length > 0) this.#receive(unread, steps);
  }

  // The end.

  /** Opens another stream in place of what has ended below segment number `at`. If the chain was stopped meanwhile, that stream is ended. */
  follow(next: Segment<C, R>, at: number): void {
    const by = this.segments[at] ?? this.outermost;
    if (this.#stop === undefined) {
      this.segments = this.segments.slice(0, at + 1);
      this.#source = undefined;
      this.#sourceEnded = false;
      this.#steps = new Steps();
      this.#directAnswers = 0;
      this.#trusted = undefined;
      this.#state = 'opening';
    }
    const opened = this.#attach(by, next);
    if (opened instanceof Promise) this.#opening = opened.then(() => this.#opened());
    else this.#asked = false;
  }

  endedLate(): void {
    if (this.#goesOn()) this.read();
  }

  /** Whether, after an end, another stream is open and wanted. */
  #goesOn(): boolean {
    return this.#state === 'open' && !this.#sourceEnded && this.#stop === undefined && this.#wantsMore();
  }

  stop(at: Segment<C, R>, error: SluiceError, waiting: Waiting): MaybePromise<void> {
    // A segment that others have followed has left the chain.
    if (this.#state === 'ended' || !this.segments.includes(at)) return;
    if (this.#stop !== undefined) return this.#stop.over.promise;
    const stop: Stop<C, R> = { at, error, over: Promise.withResolvers() };
    this.#stop = stop;
    if (waiting === 'drop') this.queue.clear();
    // If a step called, the loop over the steps cleans up after the current chunk.
    if (this.#steps.running) this.#steps.stopped = true;
    else this.#cleanUp(stop);
    return stop.over.promise;
  }

  #cleanUp({ at, error, over }: Stop<C, R>): void {
    if (this.#cleaningUp) return;
    this.#cleaningUp = true;
    if (this.#state === 'idle') {
      // Never read: no body ran, so no tap is told.
      this.outermost.settle({ outcome: this.outermost.outcomeOf(error), error });
      void andThen(this.outermost.closeUnread(error), over.resolve);
      return;
    }
    const segments = this.segments;
    const below = abortedError(error);
    for (const segment of segments.slice(segments.indexOf(at))) segment.signal(below);
    const source = this.#sourceEnded ? undefined : this.#source;
    void cleanUpInOrder({ segments, source, opening: this.#opening, at, error }).then(over.resolve);
  }

  segmentEnded(segment: Segment<C, R>, ended: StreamEnd<R>): void {
    if (segment !== this.outermost) return;
    this.#state = 'ended';
    this.queue.end(ended);
  }
}

/** A stream as the source of another one. From the first read on, nobody else may read the stream. */
export function sourceOver<C, R>(segment: Segment<C, R>): PushSource<C, R> {
  return new SourceOverStream(segment, chainOf);
}
