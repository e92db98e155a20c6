import { SluiceError, isSluiceError } from '../../src/index.ts';
import { Timer, onAbort } from '../../src/kit/index.ts';
import { Learned } from './learned.ts';
import { Reservation, type Budgets } from './reservation.ts';

/** How many requests the queue takes beyond its size before it is known whether they have to wait at all. */
const MAX_UNSEEN = 1_000;

/** Limits of one gate, apart from its windows. */
export interface GateSettings {
  maxConcurrentRequests?: number | undefined;
  maxWaitMs: number;
  maxQueue: number;
}

/** A request that wants to pass the gate. */
export interface Entrant {
  /** Read only if the request has to wait. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly deadline: number | undefined;
}

interface Waiter {
  tokens: number;
  /** When its wait ends at the latest, and when its execution does; milliseconds since the epoch. */
  expiresAtMs: number;
  deadlineMs: number;
  onError: (error: unknown) => void;
  /** Leaves the queue when its signal aborts. */
  listen(): void;
  admit(reservation: Reservation): void;
  refuse(error: SluiceError): void;
}

/** Why the first request of the queue has to wait, and for how long if that is known. */
interface Shortage {
  waitMs: number | undefined;
  /** Whether it may end sooner, when running calls end. */
  mayEase: boolean;
}

/**
 * The queue of one key: first in, first out, so a large request is never overtaken. There is one timer, for the first request: the longest wait
 * is the same for all, so the first one is also the first to give up.
 */
export class Gate {
  readonly learned = new Learned();
  readonly #key: string;
  readonly #budgets: Budgets;
  readonly #settings: GateSettings;
  readonly #onIdle: (gate: Gate) => void;
  #queue: Waiter[] = [];
  #running = 0;
  /** How many reservations are not settled. */
  #reserved = 0;
  #pumping = false;
  #again = false;
  #blocked = false;
  readonly #timer = new Timer(() => this.#wake());

  constructor(key: string, budgets: Budgets, settings: GateSettings, onIdle: (gate: Gate) => void) {
    this.#key = key;
    this.#budgets = budgets;
    this.#settings = settings;
    this.#onIdle = onIdle;
  }

  /** Whether it holds nothing and can be dropped. */
  get idle(): boolean {
    return this.#queue.length === 0 && this.#running === 0 && this.#reserved === 0 && this.learned.faded;
  }

  /**
   * Waits until the request may be sent. It then holds a permit until `leave()`. Rejects with `rate_limited`, `queue_full`, `store`, or the reason
   * of the signal. `onError` is called if the store fails later, when the reservation is settled.
   */
  enter(tokens: number, entrant: Entrant, onError: (error: unknown) => void): Promise<Reservation> {
    const { maxQueue, maxWaitMs } = this.#settings;
    const room = this.#blocked ? maxQueue : maxQueue + MAX_UNSEEN;
    if (this.#queue.length >= room) return Promise.reject(queueFull(maxQueue));
    return new Promise((resolve, reject) => {
      let listening: Disposable | undefined;
      const waiter: Waiter = {
        tokens,
        expiresAtMs: Date.now() + maxWaitMs,
        deadlineMs: entrant.deadline ?? Infinity,
        onError,
        listen: () => {
          listening ??= onAbort(entrant.signal, (reason) => {
            this.#remove(waiter);
            reject(reason);
          });
        },
        admit(reservation) {
          listening?.[Symbol.dispose]();
          resolve(reservation);
        },
        refuse(error) {
          listening?.[Symbol.dispose]();
          reject(error);
        },
      };
      this.#queue.push(waiter);
      if (this.#queue.length === 1) this.#wake();
      else waiter.listen();
    });
  }

  /** Gives the permit back. */
  leave(): void {
    this.#running--;
    this.#wake();
  }

  /** Makes a reservation for a call that does not wait, such as a retry below this layer. */
  force(tokens: number, onError: (error: unknown) => void): Reservation {
    this.learned.spend(tokens);
    return this.#reservation(this.#budgets.force(this.#key, tokens), onError);
  }

  /** Checks again whether the first request can be sent. */
  #wake(): void {
    this.#again = true;
    if (!this.#pumping) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    this.#blocked = false;
    this.#timer.stop();
    while (this.#again) {
      this.#again = false;
      for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
        const shortage = await this.#try(first);
        if (shortage === undefined) continue;
        if (this.#again) break;
        if (!this.#waits(first, shortage)) continue;
        break;
      }
    }
    this.#pumping = false;
    if (this.idle) this.#onIdle(this);
  }

  /** Lets a request pass, or returns what is missing. Refuses it if the store fails. */
  async #try(first: Waiter): Promise<Shortage | undefined> {
    const { maxConcurrentRequests = Infinity } = this.#settings;
    if (this.#running >= maxConcurrentRequests) return { waitMs: undefined, mayEase: true };
    const waitMs = this.learned.waitMs(first.tokens);
    if (waitMs > 0) return { waitMs, mayEase: false };
    try {
      const taken = await this.#budgets.take(this.#key, first.tokens);
      if ('waitMs' in taken) return taken;
      const reservation = this.#reservation(Promise.resolve(taken), first.onError);
      if (this.#queue[0] !== first) {
        // It left the queue in the meantime.
        reservation.cancel();
        return undefined;
      }
      this.#queue.shift();
      this.#running++;
      this.learned.spend(first.tokens);
      first.admit(reservation);
    } catch (error) {
      this.#refuse(
        first,
        isSluiceError(error) ? error : new SluiceError('store', 'The rate limit failed.', { cause: error }),
      );
    }
    return undefined;
  }

  /** Whether the first request keeps waiting. It is refused if no wait within its time would help. */
  #waits(first: Waiter, { waitMs, mayEase }: Shortage): boolean {
    if (this.#queue[0] !== first) return false;
    const now = Date.now();
    const retryAtMs = waitMs === undefined ? Infinity : now + waitMs;
    const hopeless = retryAtMs > Math.min(first.expiresAtMs, first.deadlineMs) && !(mayEase && this.#mayEase);
    if (now >= first.expiresAtMs || hopeless) {
      this.#refuse(first, rateLimited(waitMs));
      return false;
    }
    first.listen();
    if (this.#queue[0] !== first) return false;
    this.#blocked = true;
    const { maxQueue } = this.#settings;
    while (this.#queue.length > maxQueue) this.#queue.pop()?.refuse(queueFull(maxQueue));
    this.#timer.start(Math.min(retryAtMs, first.expiresAtMs) - now);
    return true;
  }

  get #mayEase(): boolean {
    return this.#running > 0 || this.#reserved > 0;
  }

  #refuse(waiter: Waiter, error: SluiceError): void {
    this.#queue = this.#queue.filter((other) => other !== waiter);
    waiter.refuse(error);
  }

  #remove(waiter: Waiter): void {
    const wasFirst = this.#queue[0] === waiter;
    this.#queue = this.#queue.filter((other) => other !== waiter);
    if (wasFirst) this.#wake();
  }

  #reservation(taken: ReturnType<Budgets['force']>, onError: (error: unknown) => void): Reservation {
    this.#reserved++;
    return new Reservation(this.#budgets, this.#key, taken, onError, () => {
      this.#reserved--;
      this.#wake();
    });
  }
}

function rateLimited(retryAfterMs: number | undefined): SluiceError {
  const message = 'The rate limit left no room for the request within maxWaitMs: it was not sent.';
  return new SluiceError('rate_limited', message, { retryAfterMs });
}

function queueFull(maxQueue: number): SluiceError {
  const message = `The queue of the rate limit is full: ${maxQueue} requests wait for this key already.`;
  return new SluiceError('queue_full', message);
}
