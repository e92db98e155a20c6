import { isSluiceError } from '../errors.ts';
import type { SluiceError } from '../errors.ts';
import { abortReason } from '../kit/abort.ts';
import { Timer } from '../kit/timer.ts';
import { delay } from '../kit/wait.ts';
import type { OnBusy } from './session-queue.ts';
import { storeCall } from './store-call.ts';
import type { SessionKey } from './store.ts';
import type { TimedLease, TimedStore } from './timed-store.ts';

/** How long a lease runs: it outlives a turn that renews it by a third of that, and ends soon after a crash. In milliseconds. */
const LEASE_MS = 15_000;
/** How often it is renewed, and how long a renewal may take: one that hangs must not keep the next from being tried. */
const RENEW_MS = LEASE_MS / 3;
/** How soon a renewal that failed is tried again. */
const RENEW_AGAIN_MS = 1_000;
/** How often a session that another process has is asked for: from, and at most. */
const POLL_MS = [5, 250] as const;
/** How long the end of a turn waits for a renewal that is under way, and then for its lease to be given back. */
const RELEASE_MS = 1_000;

/** A lease that is renewed until it is released. */
export class HeldLease {
  readonly lease: TimedLease;
  /** By this process's clock, which only ever goes on. */
  #until: number;
  readonly #timer = new Timer(() => {
    this.#renewing = this.#renew();
  });
  #renewing: Promise<void> = Promise.resolve();
  #released: Promise<void> | undefined;
  readonly #lost: (error: SluiceError) => void;

  /** `lost` is told once, when another has the session. */
  constructor(lease: TimedLease, leasedAt: number, lost: (error: SluiceError) => void) {
    this.lease = lease;
    this.#lost = lost;
    this.#until = leasedAt + LEASE_MS;
    this.#timer.start(RENEW_MS);
  }

  /** How long it runs if it is not renewed, in milliseconds; 0: it has run out. */
  get leftMs(): number {
    return Math.max(0, this.#until - performance.now());
  }

  /** Says that it was given back with an append. A renewal under way is refused, or came before. */
  wasReleased(): void {
    this.#timer.stop();
    this.#released ??= Promise.resolve();
  }

  /** Gives it back. Never rejects: a lease that cannot be given back ends by itself. */
  release(): Promise<void> {
    this.#released ??= this.#releaseOnce();
    return this.#released;
  }

  async #renew(): Promise<void> {
    const asked = performance.now();
    let nextMs = RENEW_MS;
    try {
      await this.lease.within(RENEW_MS).renew(LEASE_MS);
      this.#until = asked + LEASE_MS;
    } catch (error) {
      if (isSluiceError(error) && error.code === 'lease_lost') {
        if (this.#released === undefined) this.#lost(error);
        return;
      }
      // The store failed. That cuts no reply: while nobody else takes the session, it stays this turn's.
      nextMs = RENEW_AGAIN_MS;
    }
    if (this.#released === undefined) this.#timer.start(nextMs);
  }

  async #releaseOnce(): Promise<void> {
    this.#timer.stop();
    try {
      // A renewal that overtakes the release would keep the session busy. For one that hangs the release does not wait.
      await storeCall('renew', () => this.#renewing, { timeoutMs: RELEASE_MS }).catch(() => undefined);
      await this.lease.within(RELEASE_MS).release();
    } catch {
      // It ends by itself.
    }
  }
}

/** Leases a session. While another process has it: waits, takes it over, or rejects with `session_busy`. */
export async function holdLease(
  store: TimedStore,
  key: SessionKey,
  onBusy: OnBusy,
  signal: AbortSignal,
  lost: (error: SluiceError) => void,
): Promise<HeldLease> {
  const options = onBusy === 'supersede' ? { takeOver: true } : {};
  const [from, most] = POLL_MS;
  for (let waitMs: number = from; ; waitMs = Math.min(2 * waitMs, most)) {
    if (signal.aborted) throw abortReason(signal);
    const asked = performance.now();
    try {
      return new HeldLease(await store.lease(key, LEASE_MS, options), asked, lost);
    } catch (error) {
      if (onBusy !== 'queue' || !isSluiceError(error) || error.code !== 'session_busy') throw error;
    }
    // Between the half and the whole, so that many who wait do not ask in step.
    await delay(waitMs * (0.5 + Math.random() / 2), signal);
  }
}
