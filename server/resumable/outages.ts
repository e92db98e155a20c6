import type { LogAnswer } from './log-call.ts';

/** How many leases the owners of streams get at most, if the log fails again and again. */
const MOST_LEASES = 3;

/**
 * When the log was away. A lease that ran out meanwhile says nothing about its owner, who could not renew it: the owner gets the time of a lease to come back, and only then its
 * stream counts as left.
 */
export class Outages {
  readonly #leaseMs: number;
  readonly #graceMs: number;
  #firstAt = Number.NEGATIVE_INFINITY;
  #overAt = Number.NEGATIVE_INFINITY;

  constructor(options: { leaseMs: number; graceMs: number }) {
    this.#leaseMs = options.leaseMs;
    this.#graceMs = options.graceMs;
  }

  /** Takes note of how the log has answered. */
  note({ tries, tookMs }: LogAnswer<unknown>): void {
    if (tries === 1 && tookMs < this.#leaseMs / 2) return;
    const now = performance.now();
    if (now - this.#overAt > MOST_LEASES * this.#leaseMs) this.#firstAt = now;
    this.#overAt = now;
  }

  /** How long owners still have, in milliseconds. 0 if the log was not away. */
  get leftMs(): number {
    const until = Math.min(
      this.#overAt + this.#leaseMs + this.#graceMs,
      this.#firstAt + MOST_LEASES * this.#leaseMs,
    );
    return Math.max(0, until - performance.now());
  }
}
