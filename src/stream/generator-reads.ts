import type { Reader } from './read-queue.ts';
import { end } from './source.ts';
import type { GeneratorLike, Pulled } from './source.ts';

/** A generator that has answered so many reads is trusted to answer the next one: see docs/decisions/0010-a-trusted-generator-stays-trusted.md. */
const TRUSTED_READS = 64;

/** Where the shortest way stands. Disturbed: somebody came in between while a read was under way on it. */
const Hop = { Off: 0, Ready: 1, UnderWay: 2, Disturbed: 3 } as const;
type Hop = (typeof Hop)[keyof typeof Hop];

/** What these reads need of their stream. */
export interface Reading<C, R> {
  /** Whether what is read goes on as it is: the stream is neither ended nor about to be, and nobody looks at chunks. */
  plain(this: void): boolean;
  /** Takes in what a reader that queues already has waited for. */
  pulled(this: void, pulled: Pulled<C, R>): void;
  failed(this: void, error: unknown): void;
  /** Lets a reader wait before all others. */
  first(this: void, waiter: Reader<C, R>): void;
  /** Takes in what the first of all who wait has asked for; a later read may be under way. */
  late(this: void, pulled: Pulled<C, R>, waiter: Reader<C, R>): void;
  lateFailure(this: void, error: unknown, waiter: Reader<C, R>): void;
}

/**
 * The short ways to read a generator one by one, past the queue of its stream: with a promise of our own, which can be rejected when the body never
 * comes back, and once the body is trusted by one hop behind its own.
 */
export class GeneratorReads<C, R> {
  readonly #body: GeneratorLike<C, R>;
  readonly #reading: Reading<C, R>;
  /** Reads that had a promise of their own. */
  #reads = 0;
  #hop: Hop = Hop.Off;
  /** Who waits on a read that has a promise of its own. */
  #flyer: Reader<C, R>['chunk'] | undefined;
  #flyerFails: Reader<C, R>['reject'] | undefined;

  constructor(body: GeneratorLike<C, R>, reading: Reading<C, R>) {
    this.#body = body;
    this.#reading = reading;
  }

  /** Whether the shortest way is free. */
  get ready(): boolean {
    return this.#hop === Hop.Ready;
  }

  /** Whether a read is under way. */
  get busy(): boolean {
    return this.#flyer !== undefined || this.#hop !== Hop.Off;
  }

  /** A read by one hop. */
  hop(): Promise<IteratorResult<C, R>> {
    this.#hop = Hop.UnderWay;
    return this.#body.next().then(this.#on.landed, this.#on.crashed);
  }

  /** A read with a promise of its own. */
  fly(): Promise<IteratorResult<C, R>> {
    const read = new Promise(this.#on.take);
    this.#body.next().then(this.#on.arrived, this.#on.thrown);
    return read;
  }

  /** Whoever else reads, or ends the stream, is answered in order. What it gives is a reader to queue before them. */
  leave(): Reader<C, R> | undefined {
    if (this.#hop === Hop.Ready) this.#hop = Hop.Off;
    else if (this.#hop === Hop.UnderWay) this.#hop = Hop.Disturbed;
    const chunk = this.#flyer;
    const reject = this.#flyerFails;
    if (chunk === undefined || reject === undefined) return undefined;
    this.#flyer = undefined;
    return { chunk, reject };
  }

  readonly #on: Landings<C, R> = {
    take: (resolve, reject) => {
      this.#flyer = resolve;
      this.#flyerFails = reject;
    },
    arrived: (result) => {
      const answer = this.#flyer;
      if (answer !== undefined && result.done !== true && this.#reading.plain()) {
        this.#flyer = undefined;
        if (++this.#reads >= TRUSTED_READS) this.#hop = Hop.Ready;
        answer(result);
        return;
      }
      this.#queueFlyer();
      this.#reading.pulled(pulledOf(result));
    },
    thrown: (error) => {
      this.#queueFlyer();
      this.#reading.failed(error);
    },
    landed: (result) => {
      if (this.#hop === Hop.UnderWay && result.done !== true) {
        this.#hop = Hop.Ready;
        return result;
      }
      this.#hop = Hop.Off;
      if (result.done !== true && this.#reading.plain()) return result;
      return new Promise((resolve, reject) =>
        this.#reading.late(pulledOf(result), { chunk: resolve, reject }),
      );
    },
    crashed: (error) =>
      new Promise((resolve, reject) => {
        this.#hop = Hop.Off;
        this.#reading.lateFailure(error, { chunk: resolve, reject });
      }),
  };

  #queueFlyer(): void {
    const flyer = this.leave();
    if (flyer !== undefined) this.#reading.first(flyer);
  }
}

// Method signatures, so that the reads of a narrow chunk type are reads of a wide one.
interface Landings<C, R> {
  take(this: void, resolve: (result: IteratorResult<C, R>) => void, reject: (error: unknown) => void): void;
  arrived(this: void, result: IteratorResult<C, R>): void;
  thrown(this: void, error: unknown): void;
  landed(this: void, result: IteratorResult<C, R>): IteratorResult<C, R> | Promise<IteratorResult<C, R>>;
  crashed(this: void, error: unknown): Promise<IteratorResult<C, R>>;
}

function pulledOf<C, R>(result: IteratorResult<C, R>): Pulled<C, R> {
  return result.done === true ? end(result.value) : [result.value];
}
