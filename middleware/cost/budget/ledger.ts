import { storeCall } from '../../../src/index.ts';
import { rounded } from '../usd.ts';

/**
 * Counts money under names. One atomic step is all it can: a budget is kept by adding first and looking at the sum, never by
 * looking first.
 */
export interface Ledger {
  /**
   * Adds US dollars to a counter, or takes them back where negative, and answers with its new value. A new counter starts at 0; it may be
   * forgotten after `expiresAtMs`, in milliseconds since the epoch.
   */
  add(counter: string, usd: number, expiresAtMs: number): number | Promise<number>;
}

/** A ledger of the caller's that rejects if it gives no answer in time. */
export function timedLedger(ledger: Ledger, timeoutMs: number | undefined): Ledger {
  return {
    add(...given) {
      const sum = ledger.add(...given);
      return typeof sum === 'number' ? sum : storeCall('ledger.add', () => sum, { timeoutMs });
    },
  };
}

/** Counters in this process's memory. They are dropped when their time is over. */
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
    // What is added and taken back leaves nothing.
    const sum = rounded((this.#counters.get(counter)?.usd ?? 0) + usd);
    if (sum === 0) {
      this.#counters.delete(counter);
      return 0;
    }
    this.#counters.set(counter, { usd: sum, expiresAtMs });
    if (this.#counters.size >= this.#sweepAt) this.#sweep();
    return sum;
  }

  /** Runs each time the number of counters has doubled, so that its cost stays small. */
  #sweep(): void {
    const now = this.#now();
    for (const [counter, { expiresAtMs }] of this.#counters) {
      if (expiresAtMs <= now) this.#counters.delete(counter);
    }
    this.#sweepAt = Math.max(1_000, this.#counters.size * 2);
  }
}
