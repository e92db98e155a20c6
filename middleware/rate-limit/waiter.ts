import type { ExecutionContext, SluiceError } from '../../src/index.ts';
import { onAbort } from '../../src/kit/index.ts';
import type { Learned } from './learned.ts';
import type { Reservation, Shortage } from './reservation.ts';

/** A request that wants to pass the gate. */
export interface Entrant {
  /** Tokens that it reserves. */
  tokens: number;
  /** What is known of the limits of the model that it most likely asks; undefined if nothing is. */
  learned: Learned | undefined;
  /** Its signal is read only if the request has to wait. */
  context: Pick<ExecutionContext, 'signal' | 'deadline'>;
  /** Called if the store fails later, when the reservation is settled. */
  onError: (error: unknown) => void;
}

/** How long a request may wait, in milliseconds. */
interface WaiterSettings {
  maxWaitMs: number;
  storeTimeoutMs: number;
  forModelOnly: boolean;
}

/** The least time that a limiter has to answer, in milliseconds, also if requests may wait for less. */
const LEAST_STORE_MS = 250;

/** A request in the queue of a gate. All times are milliseconds since the epoch. */
export class Waiter {
  readonly entrant: Entrant;
  /** When its wait ends at the latest. */
  readonly expiresAtMs: number;
  /** When a shared limiter must have answered. */
  readonly askedUntilMs: number;
  /** Since when a shared limiter is asked for it; undefined: it is not. */
  askedAtMs: number | undefined;
  /** What that limiter said, until when it holds, and how often the gate had been eased then. */
  short: { shortage: Shortage; untilMs: number; eased: number } | undefined;
  /** Whether it waits only for what is known of the limits of its model. */
  readonly forModelOnly: boolean;
  readonly admitted: Promise<Reservation>;
  readonly #settled = Promise.withResolvers<Reservation>();
  #listening: Disposable | undefined;

  constructor(entrant: Entrant, { maxWaitMs, storeTimeoutMs, forModelOnly }: WaiterSettings) {
    this.entrant = entrant;
    this.forModelOnly = forModelOnly;
    const now = Date.now();
    this.expiresAtMs = now + maxWaitMs;
    this.askedUntilMs = now + (maxWaitMs === 0 ? storeTimeoutMs : Math.max(maxWaitMs, LEAST_STORE_MS));
    this.admitted = this.#settled.promise;
  }

  /** When no wait makes sense any more: its own time or that of its execution is over. */
  get hopelessAtMs(): number {
    return Math.min(this.expiresAtMs, this.entrant.context.deadline ?? Infinity);
  }

  /** Ends its wait, with the reason, when its signal aborts. */
  listen(leave: () => void): void {
    this.#listening ??= onAbort(this.entrant.context.signal, (reason) => {
      leave();
      this.#settled.reject(reason);
    });
  }

  admit(reservation: Reservation): void {
    this.#listening?.[Symbol.dispose]();
    this.#settled.resolve(reservation);
  }

  refuse(error: SluiceError): void {
    this.#listening?.[Symbol.dispose]();
    this.#settled.reject(error);
  }
}
