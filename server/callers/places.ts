import type { Logger } from '../../src/index.ts';
import { findSluiceError } from '../../src/index.ts';
import { newId } from '../../src/kit/index.ts';
import type { CallerCounter, CountedLimits } from './counter.ts';

/** How long a place is held without a renewal: so long a caller waits for the places of a process that has died. In milliseconds. */
const LEASE_MS = 60_000;

/** The places of this process, which are renewed while their streams are open. */
export class Places {
  readonly #counter: CallerCounter;
  readonly #leaseMs: number;
  readonly #log: Logger;
  readonly #held = new Set<Place>();
  readonly #leaving = new Set<Promise<void>>();
  #renewals: ReturnType<typeof setInterval> | undefined;
  /** What the ids of its places begin with, and how many there were: together they are unique over all processes. Workers allow no random number where a module starts. */
  #process: string | undefined;
  #count = 0;

  constructor(counter: CallerCounter, log: Logger) {
    this.#counter = counter;
    this.#leaseMs = counter.isShared === false ? Number.POSITIVE_INFINITY : LEASE_MS;
    this.#log = log;
  }

  /** A place that is not held yet. */
  of(caller: string, limits: CountedLimits): Place {
    this.#process ??= newId();
    return new Place(`${this.#process}.${this.#count++}`, caller, limits, this.#leaseMs, this);
  }

  /** From now on it is renewed. */
  hold(place: Place): void {
    this.#held.add(place);
    if (this.#leaseMs === LEASE_MS) this.#renewals ??= setInterval(() => this.#renew(), LEASE_MS / 3);
  }

  /** Gives it back. */
  leave(place: Place): void {
    if (!this.#held.delete(place)) return;
    if (this.#held.size === 0) {
      clearInterval(this.#renewals);
      this.#renewals = undefined;
    }
    const done = this.#asked(() => this.#counter.leave(place.caller, place.id));
    if (done === undefined) return;
    this.#leaving.add(done);
    void done.then(() => this.#leaving.delete(done));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  #renew(): void {
    for (const { caller, id, limits, leaseMs } of this.#held)
      // A place that was lost meanwhile is taken again if there is one. The stream goes on in any case.
      void this.#asked(() => this.#counter.hold(caller, id, limits, leaseMs));
  }

  /** Asks the counter. Whatever it throws, at once or later, is written to the log. Undefined: it has answered at once. */
  #asked(ask: () => boolean | void | PromiseLike<boolean | void>): Promise<void> | undefined {
    try {
      const answer = ask();
      if (typeof answer !== 'object') return undefined;
      return Promise.resolve(answer).then(
        () => undefined,
        (error: unknown) => this.#failed(error),
      );
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  #failed(error: unknown): void {
    this.#log.warn('the counter of callers does not answer', { code: findSluiceError(error)?.code });
  }
}

/** A place of a caller: one of the streams that it may have open. */
export class Place {
  readonly id: string;
  readonly leaseMs: number;
  readonly caller: string;
  readonly limits: CountedLimits;
  readonly #places: Places;
  #isTaken = false;

  constructor(id: string, caller: string, limits: CountedLimits, leaseMs: number, places: Places) {
    this.id = id;
    this.caller = caller;
    this.limits = limits;
    this.leaseMs = leaseMs;
    this.#places = places;
  }

  hold(): void {
    this.#places.hold(this);
  }

  /** A stream has it from now on, and gives it back by calling what is returned. */
  take(): () => void {
    this.#isTaken = true;
    return () => this.#places.leave(this);
  }

  /** The request is over: gives the place back, unless a stream has it. */
  end(): void {
    if (!this.#isTaken) this.#places.leave(this);
  }
}
