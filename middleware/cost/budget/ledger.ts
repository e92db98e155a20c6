import { storeCall } from '../../../src/index.ts';
import { rounded } from '../usd.ts';

/**
 * Counts money under names. Its only operation is one atomic step: to keep a budget, an amount is added first and the sum is compared then.
 */
export interface Ledger {
  /**
   * Adds US dollars to a counter (takes them back if the amount is negative) and returns the new value. A new counter starts at 0. It may be
   * dropped after `expiresAtMs`, in milliseconds since the epoch.
   */
  add(counter: string, usd: number, expiresAtMs: number): number | Promise<number>;
}

/** A ledger whose promises reject with `store` if there is no answer in time. */
export function timedLedger(ledger: Ledger, timeoutMs: number | undefined): Ledger {
  return {
    add(...given) {
      const sum = ledger.add(...given);
      return typeof sum === 'number' ? sum : storeCall('ledger.add', () => sum, { timeoutMs });
    },
  };
}

/** Keeps the counters in the memory of this process. They are dropped after they have expired. */
export class MemoryLedger implements Ledger {
  readonly #counters = new Map<string, { usd: number; expiresAtMs: number }>();
  readonly #now: () => number;
  #sweepAt = 1_000;

  /** `now`: the clock, in milliseconds since the epoch. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** How many counters it holds. */
  get size(): number {
    return this.#counters.size;
  }

  add(counter: string, usd: number, expiresAtMs: number): number {
    // An amount that is taken back leaves no counter.
    const sum = rounded((this.#counters.get(counter)?.usd ?? 0) + usd);
    if (sum === 0) {
      this.#counters.delete(counter);
      return 0;
    }
    this.#counters.set(counter, { usd: sum, expiresAtMs });
    if (this.#counters.size >= this.#sweepAt) this.#sweep();
    return sum;
  }

  /** Drops expired counters. It runs each time the number of counters has doubled, so it takes little time. */
  #sweep(): void {
    const now = this.#now();
    for (const [counter, { expiresAtMs }] of this.#counters) {
      if (expiresAtMs <= now) this.#counters.delete(counter);
    }
    this.#sweepAt = Math.max(1_000, this.#counters.size * 2);
  }
}
