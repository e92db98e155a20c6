import { isSluiceError } from '../errors.ts';
import type { SluiceError } from '../errors.ts';
import { abortReason } from '../kit/abort.ts';
import { Timer } from '../kit/timer.ts';
import { delay } from '../kit/wait.ts';
import type { OnBusy } from './session-queue.ts';
import { storeCall } from './store/store-call.ts';
import type { SessionKey } from './store/store.ts';
import type { TimedLease, TimedStore } from './store/timed-store.ts';

/** The duration of a lease in milliseconds. A turn renews it after a third of that time. After a crash it ends soon. */
const LEASE_MS = 15_000;
/** The time between renewals, and the timeout of each: a renewal that hangs must not prevent the next one. */
const RENEW_MS = LEASE_MS / 3;
/** The wait after a failed renewal. */
const RENEW_AGAIN_MS = 1_000;
/** The first and the longest wait before a session that another process has leased is requested again. */
const POLL_MS = [5, 250] as const;
/** How long the end of a turn waits for a running renewal, and then for the release of its lease. */
const RELEASE_MS = 1_000;

/** A lease that is renewed until it is released. */
export class TurnLease {
  /** The lease itself. Its calls have deadlines. */
  readonly timed: TimedLease;
  /** When it was asked for, by the monotonic clock of this process, and when it was granted, by the clock of the store. */
  readonly #askedAt: number;
  readonly #grantedAt: number;
  /** When it expires, by the monotonic clock of this process. */
  #until: number;
  readonly #timer = new Timer(() => {
    this.#renewing = this.#renew();
  });
  #renewing: Promise<void> = Promise.resolve();
  #released: Promise<void> | undefined;
  /** Set when another turn has taken the session, or the session was deleted. */
  lost: SluiceError | undefined;
  readonly #onLost: (error: SluiceError) => void;

  /** `onLost` is called once, if another turn has taken the session. */
  constructor(lease: TimedLease, leasedAt: number, onLost: (error: SluiceError) => void) {
    this.timed = lease;
    this.#onLost = onLost;
    this.#until = leasedAt + LEASE_MS;
    this.#askedAt = leasedAt;
    this.#grantedAt = lease.expiresAt - LEASE_MS;
    this.#timer.start(RENEW_MS);
  }

  /** The time by the clock of the store, in milliseconds since the epoch. It may be ahead by as long as the store took to grant the lease. */
  get storeTime(): number {
    return this.#grantedAt + performance.now() - this.#askedAt;
  }

  /** Milliseconds until it expires; 0 if it has expired. */
  get leftMs(): number {
    return Math.max(0, this.#until - performance.now());
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

  async #renew(): Promise<void> {
    const asked = performance.now();
    let nextMs = RENEW_MS;
    try {
      await this.timed.within(RENEW_MS).renew(LEASE_MS);
      this.#until = asked + LEASE_MS;
    } catch (error) {
      if (isSluiceError(error) && error.code === 'lease_lost') {
        // Not if the append that is under way has released it.
        if (this.#released !== undefined) return;
        this.lost = error;
        this.#onLost(error);
        return;
      }
      // The store failed. The reply goes on: the session belongs to this turn until somebody else takes it.
      nextMs = RENEW_AGAIN_MS;
    }
    if (this.#released === undefined) this.#timer.start(nextMs);
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

/** Leases a session. If another process has it: waits, takes it over, or rejects with `session_busy`. */
export async function takeLease(
  store: TimedStore,
  key: SessionKey,
  onBusy: OnBusy,
  signal: AbortSignal,
  onLost: (error: SluiceError) => void,
): Promise<TurnLease> {
  const options = onBusy === 'supersede' ? { takeOver: true } : {};
  const [from, most] = POLL_MS;
  for (let waitMs: number = from; ; waitMs = Math.min(2 * waitMs, most)) {
    if (signal.aborted) throw abortReason(signal);
    const asked = performance.now();
    try {
      return new TurnLease(await store.lease(key, LEASE_MS, options), asked, onLost);
    } catch (error) {
      if (onBusy !== 'queue' || !isSluiceError(error) || error.code !== 'session_busy') throw error;
    }
    // A random part of the wait, so that many waiting processes do not ask at the same moments.
    await delay(waitMs * (0.5 + Math.random() / 2), signal);
  }
}
