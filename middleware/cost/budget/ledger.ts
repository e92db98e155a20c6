import { storeCall } from '../../../src/index.ts';
import { kindOf } from '../../../src/kit/index.ts';
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

/**
 * A ledger that fails only by rejecting with `store`: if it throws, rejects, answers with something other than a sum, or does not answer in time. A sum
 * that is not a number would let every call pass.
 */
export function timedLedger(ledger: Ledger, timeoutMs: number | undefined): Ledger {
  return {
    add(...given) {
      let sum: unknown;
      try {
        sum = ledger.add(...given);
      } catch (thrown) {
        sum = Promise.reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
      }
      return isSum(sum) ? sum : storeCall('ledger.add', async () => checked(await sum), { timeoutMs });
    },
  };
}

function isSum(value: unknown): value is number {
  return Number.isFinite(value);
}

function checked(sum: unknown): number {
  if (isSum(sum)) return sum;
  throw new TypeError(
    `add() of the ledger answered with ${kindOf(sum)}: return the new sum as a finite number.`,
  );
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
