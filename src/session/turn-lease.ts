import { isSluiceError } from '../errors.ts';
import type { SluiceError } from '../errors.ts';
import { abortReason } from '../kit/abort.ts';
import { Timer } from '../kit/timer.ts';
import { delay } from '../kit/wait.ts';
import type { OnBusy } from './session-queue.ts';
import { storeCall } from './store/store-call.ts';
import type { SessionKey } from './store/store.ts';
import type { TimedLease, TimedStore } from './store/timed-store.ts';

/** The default duration of a lease in milliseconds. A turn renews it after a third of that time. After a crash it ends soon. */
export const LEASE_MS = 15_000;
/** The longest wait after a failed renewal. */
const RENEW_AGAIN_MS = 1_000;
/** The first and the longest wait before a session that another process has leased is requested again. */
const POLL_MS = [5, 250] as const;
/**
 * Whoever takes a session over asks its store at least five times, one after the other, before it has brought a call to its end: for the lease, the session,
 * its steps, that the call begins, and its result. So an answer that took less than this many times the fastest one is not old.
 */
const SLOW = 3;
/** An answer that took less, in milliseconds, is not old, however fast the store is. */
const LEAST_SLOW_MS = 5;
/** How often a lease is confirmed for one write, if the answers stay slow. */
const CONFIRMATIONS = 3;
/** How long the end of a turn waits for a running renewal, and then for the release of its lease. */
const RELEASE_MS = 1_000;

/** A lease that is renewed until it is released. */
export class TurnLease {
  /** The lease itself. Its calls have deadlines. */
  readonly timed: TimedLease;
  readonly #leaseMs: number;
  /** The time between renewals, and the timeout of each: a renewal that hangs must not prevent the next one. */
  readonly #renewMs: number;
  /** When it was asked for, by the monotonic clock of this process, and when it was granted, by the clock of the store. */
  readonly #askedAt: number;
  readonly #grantedAt: number;
  /** When it expires, by the monotonic clock of this process. */
  #until: number;
  /** How long the newest answer to a write under it took, and the fastest, in milliseconds. */
  #tookMs: number;
  #fastestMs: number;
  readonly #timer = new Timer(() => {
    this.#renewing = this.#renew();
  });
  #renewing: Promise<void> = Promise.resolve();
  #released: Promise<void> | undefined;
  /** Set when another turn has taken the session, or the session was deleted. */
  lost: SluiceError | undefined;
  readonly #onLost: (error: SluiceError) => void;

  /** `onLost` is called once, if another turn has taken the session. */
  constructor(lease: TimedLease, leaseMs: number, leasedAt: number, onLost: (error: SluiceError) => void) {
    this.timed = lease;
    this.#leaseMs = leaseMs;
    this.#renewMs = leaseMs / 3;
    this.#onLost = onLost;
    this.#until = leasedAt + leaseMs;
    this.#tookMs = this.#fastestMs = performance.now() - leasedAt;
    this.#askedAt = leasedAt;
    this.#grantedAt = lease.expiresAt - leaseMs;
    this.#timer.start(this.#renewMs);
  }

  /** The time by the clock of the store, in milliseconds since the epoch. It may be ahead by as long as the store took to grant the lease. */
  get storeTime(): number {
    return this.#grantedAt + performance.now() - this.#askedAt;
  }

  /** Milliseconds until it expires; 0 if it has expired. */
  get leftMs(): number {
    return Math.max(0, this.#until - performance.now());
  }

  /** Called with each answer to a write under this lease. `sentAt`: when that was sent, by the monotonic clock. */
  answered(sentAt: number): void {
    this.#tookMs = performance.now() - sentAt;
    this.#fastestMs = Math.min(this.#fastestMs, this.#tookMs);
  }

  /**
   * Makes sure that the session still belongs to this turn, right before something follows from the write that was answered last. That answer says so, unless it came late: somebody may
   * have taken the session in the meantime. Then the store is asked again. Throws `lease_lost` if another turn has the session, and the error of a store that fails.
   */
  async confirm(): Promise<void> {
    for (let left = CONFIRMATIONS; left > 0 && this.#isLate; left--) await this.#renewOnce();
    if (this.lost !== undefined) throw this.lost;
  }

  /** Called after an append has released the lease. A renewal that is still running is rejected by the store. */
  wasReleased(): void {
    this.#timer.stop();
    this.#released ??= Promise.resolve();
  }

  /** Releases it. Never rejects: a lease that cannot be released expires by itself. */
  release(): Promise<void> {
    this.#released ??= this.#releaseOnce();
    return this.#released;
  }

  get #isLate(): boolean {
    return this.leftMs === 0 || this.#tookMs > Math.max(LEAST_SLOW_MS, SLOW * this.#fastestMs);
  }

  async #renew(): Promise<void> {
    let nextMs = this.#renewMs;
    try {
      await this.#renewOnce();
    } catch {
      // The store failed. The reply goes on: the session belongs to this turn until somebody else takes it.
      nextMs = Math.min(RENEW_AGAIN_MS, this.#renewMs);
    }
    if (this.#released === undefined && this.lost === undefined) this.#timer.start(nextMs);
  }

  /** Throws the error of a store that fails, and says so if the lease is lost. */
  async #renewOnce(): Promise<void> {
    const asked = performance.now();
    try {
      await this.timed.within(this.#renewMs).renew(this.#leaseMs);
      this.#until = Math.max(this.#until, asked + this.#leaseMs);
      this.answered(asked);
    } catch (error) {
      const isLost = isSluiceError(error) && error.code === 'lease_lost';
      // Not if the append that is under way has released it.
      if (isLost && this.#released === undefined && this.lost === undefined) {
        this.lost = error;
        this.#onLost(error);
      }
      throw error;
    }
  }

  async #releaseOnce(): Promise<void> {
    this.#timer.stop();
    try {
      // A renewal that arrives after the release would keep the session busy, so it comes first, unless it hangs.
      await storeCall('renew', () => this.#renewing, { timeoutMs: RELEASE_MS }).catch(() => undefined);
      await this.timed.within(RELEASE_MS).release();
    } catch {
      // It expires by itself.
    }
  }
}

/** What a lease is taken with. */
export interface LeaseRequest {
  readonly store: TimedStore;
  readonly key: SessionKey;
  readonly onBusy: OnBusy;
  readonly leaseMs: number;
  readonly signal: AbortSignal;
  /** Called once, if another turn has taken the session. */
  abort(this: void, error: SluiceError): void;
}

/** Leases a session. If another process has it: waits, takes it over, or rejects with `session_busy`. */
export async function takeLease({
  store,
  key,
  onBusy,
  leaseMs,
  signal,
  abort,
}: LeaseRequest): Promise<TurnLease> {
  const options = onBusy === 'supersede' ? { takeOver: true } : {};
  const [from, most] = POLL_MS;
  for (let waitMs: number = from; ; waitMs = Math.min(2 * waitMs, most)) {
    if (signal.aborted) throw abortReason(signal);
    const asked = performance.now();
    try {
      return new TurnLease(await store.lease(key, leaseMs, options), leaseMs, asked, abort);
    } catch (error) {
      if (onBusy !== 'queue' || !isSluiceError(error) || error.code !== 'session_busy') throw error;
    }
    // A random part of the wait, so that many waiting processes do not ask at the same moments.
    await delay(waitMs * (0.5 + Math.random() / 2), signal);
  }
}
