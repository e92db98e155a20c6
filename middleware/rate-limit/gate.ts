import { isSluiceError } from '../../src/index.ts';
import { Timer } from '../../src/kit/index.ts';
import { Learned } from './learned.ts';
import { queueFull, rateLimited } from './refusals.ts';
import { Reservation, type Budgets, type Shortage, type TakenFromBoth } from './reservation.ts';
import { storeError } from './shared.ts';
import { Waiter, type Entrant } from './waiter.ts';

/** How many requests the queue takes beyond its size before it is known whether they have to wait at all. */
const MAX_UNSEEN = 1_000;

/** After so many milliseconds without an answer of the limiter the next request of the queue is looked at. */
const SLOW_MS = 100;

/** From so many models on, what is known of models that may be asked freely again is dropped. */
const MANY_MODELS = 64;

/** What a request has taken that takes nothing. */
const NOTHING: TakenFromBoth = { request: undefined, tokens: undefined };

/** Limits of one gate, apart from its windows. */
export interface GateSettings {
  maxConcurrentRequests?: number | undefined;
  maxWaitMs: number;
  maxQueue: number;
  storeTimeoutMs: number;
}

/**
 * The queue of one key: first in, first out, so a large request is never overtaken, except by requests to a model that need not be waited for, and
 * while a limiter is slow to answer for it. There is one timer.
 */
export class Gate {
  readonly #budgets: Budgets;
  readonly #settings: GateSettings;
  readonly #onIdle: (gate: Gate) => void;
  readonly #queue = new Set<Waiter>();
  /** What is known of the limits of each model. */
  readonly #learned = new Map<string, Learned>();
  #running = 0;
  /** How many requests a shared limiter is asked for. */
  #asking = 0;
  /** How many reservations are not settled. */
  #reserved = 0;
  /** How often something was given back. */
  #eased = 0;
  #passing = false;
  #again = false;
  #blocked = false;
  /** Whether the shared limiter failed, or did not answer in time, when it was asked last. */
  #storeFails = false;
  readonly #timer = new Timer(() => this.#wake());

  constructor(budgets: Budgets, settings: GateSettings, onIdle: (gate: Gate) => void) {
    this.#budgets = budgets;
    this.#settings = settings;
    this.#onIdle = onIdle;
  }

  /** Whether it holds nothing and can be dropped. */
  get idle(): boolean {
    if (this.#queue.size + this.#running + this.#reserved + this.#asking > 0 || !this.#budgets.empty)
      return false;
    return [...this.#learned.values()].every(({ faded }) => faded);
  }

  /** What is known of the limits of a model. `name` tells it from all others. */
  learnedOf(name: string): Learned {
    const known = this.#learned.get(name);
    if (known !== undefined) return known;
    if (this.#learned.size >= MANY_MODELS)
      for (const [other, { faded }] of this.#learned) if (faded) this.#learned.delete(other);
    const learned = new Learned();
    this.#learned.set(name, learned);
    return learned;
  }

  /**
   * Waits until the request may be sent. It then holds a permit until `leave()`. Rejects with `rate_limited`, `queue_full`, `store`, or the reason
   * of the signal.
   */
  enter(entrant: Entrant): Promise<Reservation> {
    return this.#wait(entrant, false);
  }

  /** Waits, in the same queue, only for what is known of the model: for a call whose model was not known before. It holds nothing. */
  async pass(entrant: Entrant): Promise<void> {
    (await this.#wait(entrant, true)).cancel();
  }

  /** Gives the permit back. */
  leave(): void {
    this.#running--;
    this.#ease();
  }

  /** Makes a reservation for a call that does not wait, such as a retry below this layer. */
  force(tokens: number, onError: (error: unknown) => void): Reservation {
    return this.#reservation(this.#budgets.force(tokens), onError);
  }

  #wait(entrant: Entrant, forModelOnly: boolean): Promise<Reservation> {
    const { maxQueue, maxWaitMs, storeTimeoutMs } = this.#settings;
    const room = this.#blocked ? maxQueue : maxQueue + MAX_UNSEEN;
    if (this.#queue.size >= room) return Promise.reject(queueFull(maxQueue));
    const waiter = new Waiter(entrant, { maxWaitMs, storeTimeoutMs, forModelOnly });
    this.#queue.add(waiter);
    this.#wake();
    if (this.#queue.has(waiter)) waiter.listen(() => this.#left(waiter));
    return waiter.admitted;
  }

  #ease(): void {
    this.#eased++;
    this.#wake();
  }

  /** Looks again at who may pass. */
  #wake(): void {
    this.#again = true;
    if (this.#passing) return;
    this.#passing = true;
    this.#timer.stop();
    let nextAtMs = Infinity;
    while (this.#again) {
      this.#again = false;
      nextAtMs = this.#pass();
    }
    this.#passing = false;
    if (nextAtMs !== Infinity) this.#timer.start(Math.max(0, nextAtMs - Date.now()));
    else if (this.idle) this.#onIdle(this);
  }

  /** Lets pass who may, refuses who waits in vain. Returns when to look again; `Infinity`: when something is given back. */
  #pass(): number {
    const now = Date.now();
    const paused = new Set<Learned>();
    let nextAtMs = Infinity;
    let isSlow = false;
    this.#blocked = false;
    for (const waiter of this.#queue) {
      if (waiter.askedAtMs !== undefined) {
        isSlow = now >= waiter.askedAtMs + SLOW_MS;
        if (isSlow) continue;
        nextAtMs = Math.min(nextAtMs, waiter.askedAtMs + SLOW_MS);
        break;
      }
      if ((isSlow || this.#storeFails) && this.#isOver(waiter, now)) continue;
      const { learned } = waiter.entrant;
      if (learned !== undefined && paused.has(learned)) continue;
      const shortage = this.#try(waiter, now);
      if (waiter.askedAtMs !== undefined) {
        nextAtMs = Math.min(nextAtMs, now + SLOW_MS);
        break;
      }
      if (shortage === undefined) continue;
      if (this.#refusedFor(waiter, shortage, now)) continue;
      const { waitMs = Infinity } = shortage;
      nextAtMs = Math.min(nextAtMs, now + waitMs, waiter.expiresAtMs);
      this.#blocked = true;
      if (shortage.ofModel !== true || learned === undefined) break;
      paused.add(learned);
    }
    if (this.#blocked) this.#keepSize();
    return nextAtMs;
  }

  /** Refuses a request whose time is over while the limiter does not answer. */
  #isOver(waiter: Waiter, now: number): boolean {
    if (!this.#budgets.isShared || now < waiter.askedUntilMs || this.#asking === 0) return false;
    this.#queue.delete(waiter);
    waiter.refuse(storeError(new Error('The limiter did not answer for the requests before this one.')));
    return true;
  }

  /** Lets a request pass, or asks the shared limiter about it, or returns what is missing. */
  #try(waiter: Waiter, now: number): (Shortage & { ofModel?: boolean }) | undefined {
    const { maxConcurrentRequests = Infinity } = this.#settings;
    const { tokens, learned } = waiter.entrant;
    const learnedMs = learned?.waitMs(tokens) ?? 0;
    if (learnedMs > 0) return { waitMs: learnedMs, mayEase: false, ofModel: true };
    if (waiter.forModelOnly) {
      this.#queue.delete(waiter);
      learned?.spend(tokens);
      waiter.admit(this.#reservation(NOTHING, waiter.entrant.onError));
      return undefined;
    }
    if (this.#running + this.#asking >= maxConcurrentRequests) return { waitMs: undefined, mayEase: true };
    const { short } = waiter;
    if (short?.eased === this.#eased && now < short.untilMs)
      return { ...short.shortage, waitMs: short.untilMs - now };
    const taken = this.#budgets.takeHere(tokens);
    if ('waitMs' in taken) return taken;
    if (this.#budgets.isShared) void this.#ask(waiter, taken, now);
    else this.#admit(waiter, taken);
    return undefined;
  }

  /** Asks the shared limiter. In the meantime the request may leave the queue: what it then gets is given back. */
  async #ask(waiter: Waiter, taken: TakenFromBoth, now: number): Promise<void> {
    const { storeTimeoutMs } = this.#settings;
    const eased = this.#eased;
    waiter.askedAtMs = now;
    this.#asking++;
    const leftMs = Math.max(waiter.askedUntilMs - now, SLOW_MS);
    let shortage: Shortage | undefined;
    try {
      shortage = await this.#budgets.takeThere(taken, Math.min(storeTimeoutMs, leftMs));
      this.#storeFails = false;
    } catch (error) {
      this.#storeFails = true;
      this.#queue.delete(waiter);
      waiter.refuse(isSluiceError(error) ? error : storeError(error));
      shortage = { waitMs: undefined, mayEase: false };
    }
    this.#asking--;
    waiter.askedAtMs = undefined;
    if (shortage !== undefined)
      waiter.short = { shortage, untilMs: Date.now() + (shortage.waitMs ?? 0), eased };
    else if (this.#queue.has(waiter)) this.#admit(waiter, taken);
    else this.#reservation(taken, waiter.entrant.onError).cancel();
    this.#wake();
  }

  #admit(waiter: Waiter, taken: TakenFromBoth): void {
    const { tokens, learned, onError } = waiter.entrant;
    this.#queue.delete(waiter);
    this.#running++;
    learned?.spend(tokens);
    waiter.admit(this.#reservation(taken, onError));
  }

  /** Refuses a request if no wait within its time would help. */
  #refusedFor(waiter: Waiter, { waitMs, mayEase }: Shortage, now: number): boolean {
    const eases = mayEase && this.#running + this.#reserved + this.#asking > 0;
    const isHopeless = now + (waitMs ?? Infinity) > waiter.hopelessAtMs && !eases;
    if (now < waiter.expiresAtMs && !isHopeless) return false;
    this.#queue.delete(waiter);
    waiter.refuse(rateLimited(waitMs === undefined ? undefined : Math.ceil(waitMs)));
    return true;
  }

  /** Refuses the newest requests beyond the size of the queue. */
  #keepSize(): void {
    const { maxQueue } = this.#settings;
    if (this.#queue.size <= maxQueue) return;
    for (const waiter of [...this.#queue].slice(maxQueue)) {
      if (waiter.askedAtMs !== undefined) continue;
      this.#queue.delete(waiter);
      waiter.refuse(queueFull(maxQueue));
    }
  }

  #left(waiter: Waiter): void {
    this.#queue.delete(waiter);
    this.#wake();
  }

  #reservation(taken: TakenFromBoth, onError: (error: unknown) => void): Reservation {
    this.#reserved++;
    return new Reservation(this.#budgets, taken, onError, () => {
      this.#reserved--;
      this.#ease();
    });
  }
}
