import type { Call } from '../../src/index.ts';

/** How many retries the executions of a pipeline may make together. */
export interface RetryBudgetOptions {
  /** How many retries each successful call adds, up to what 100 calls add. Default: 0.1, so that retries are at most a tenth of the traffic. */
  ratio?: number | undefined;
  /** How many retries there are without any success, again after a minute without a failure. Default: 5, or `maxRetries` if that is more. */
  floor?: number | undefined;
}

/** After so long without a failure, and without a retry that is still to come, the floor is there again. */
const QUIET_MS = 60_000;

/** Counts in thousandths of a retry, because tenths have no exact sum. */
const UNIT = 1_000;

/**
 * A token bucket for retries. Each retry takes one, each success adds some or a share of one, so that a server that fails is not asked several times as
 * often as before. It starts with `floor` and never holds more than `most`.
 *
 * The idea is that of retry throttling in gRPC (https://github.com/grpc/proposal/blob/master/A6-client-retries.md#throttling-retry-attempts-and-hedged-rpcs)
 * and of `RetryBudget` in Finagle (https://twitter.github.io/finagle/guide/Clients.html#retries), whose floor is a rate per second.
 */
export class RetryBudget {
  readonly #perSuccess: number;
  readonly #floor: number;
  readonly #most: number;
  /** The span of the call that was counted last: several `retry()` of one stack see the same end of a call, one after the other. */
  #lastCounted: string | undefined;
  #left: number;
  #quietAtMs = Infinity;

  constructor({ perSuccess, floor, most }: { perSuccess: number; floor: number; most: number }) {
    this.#perSuccess = Math.round(perSuccess * UNIT);
    this.#floor = floor * UNIT;
    this.#most = Math.round(most * UNIT);
    this.#left = this.#floor;
  }

  /** Takes one retry from each budget that is made in so many milliseconds, or none if one of them has none left. */
  static take(budgets: readonly RetryBudget[], delayMs: number): boolean {
    if (budgets.some((budget) => budget.#left < UNIT)) return false;
    for (const budget of budgets) {
      budget.#left -= UNIT;
      budget.#busyUntil(Date.now() + delayMs);
    }
    return true;
  }

  /** A call has completed. */
  succeeded(call: Call): void {
    const { id } = call.span.span;
    if (id === this.#lastCounted) return;
    this.#lastCounted = id;
    this.#left = Math.min(this.#most, this.#left + this.#perSuccess);
  }

  /** An attempt has failed. */
  failed(): void {
    const now = Date.now();
    if (now >= this.#quietAtMs) this.#left = Math.max(this.#left, this.#floor);
    this.#busyUntil(now);
  }

  /** A retry that was taken is not made. */
  giveBack(): void {
    this.#left = Math.min(this.#most, this.#left + UNIT);
  }

  #busyUntil(atMs: number): void {
    const quietAtMs = atMs + QUIET_MS;
    if (this.#quietAtMs === Infinity || quietAtMs > this.#quietAtMs) this.#quietAtMs = quietAtMs;
  }
}
