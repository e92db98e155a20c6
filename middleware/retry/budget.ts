import type { Call } from '../../src/index.ts';

/** How many retries the executions of a pipeline may make together. */
export interface RetryBudgetOptions {
  /** How many retries each successful call adds. Default: 0.1, so that retries are at most a tenth of the traffic. */
  ratio?: number | undefined;
  /** How many retries there are without any success, again after a minute without a failure. Default: 5, or `maxRetries` if that is more. */
  floor?: number | undefined;
}

/** After so long without a failure, and without a retry that is still to come, the floor is there again. */
const QUIET_MS = 60_000;

/** From how many successes the budget collects retries. */
const COLLECTED_FROM = 100;

/** Counts in thousandths of a retry, because tenths have no exact sum. */
const UNIT = 1_000;

/**
 * A token bucket for retries. Each retry takes one, each success adds a share of one, so that a server that fails is not asked several times as
 * often as before. It starts with `floor` and holds what 100 successes add on top of that: among any 100 executions that fail, at most 15 are retries
 * by default.
 *
 * The idea is that of retry throttling in gRPC (https://github.com/grpc/proposal/blob/master/A6-client-retries.md#throttling-retry-attempts-and-hedged-rpcs)
 * and of `RetryBudget` in Finagle (https://twitter.github.io/finagle/guide/Clients.html#retries), whose floor is a rate per second.
 */
export class RetryBudget {
  readonly #perSuccess: number;
  readonly #floor: number;
  readonly #most: number;
  /** The calls that have been counted: several `retry()` of one stack hear of the same call. */
  readonly #counted = new WeakSet<Call>();
  #left: number;
  #quietAtMs = Infinity;

  constructor({ ratio, floor }: { ratio: number; floor: number }) {
    this.#perSuccess = Math.round(ratio * UNIT);
    this.#floor = floor * UNIT;
    this.#most = this.#floor + COLLECTED_FROM * this.#perSuccess;
    this.#left = this.#floor;
  }

  /** A call has completed. */
  succeeded(call: Call): void {
    if (this.#counted.has(call)) return;
    this.#counted.add(call);
    this.#left = Math.min(this.#most, this.#left + this.#perSuccess);
  }

  /** An attempt has failed. */
  failed(): void {
    const now = Date.now();
    if (now >= this.#quietAtMs) this.#left = Math.max(this.#left, this.#floor);
    this.#busyUntil(now);
  }

  /** Takes one retry that is made in so many milliseconds. False if none is left. */
  take(delayMs: number): boolean {
    if (this.#left < UNIT) return false;
    this.#left -= UNIT;
    this.#busyUntil(Date.now() + delayMs);
    return true;
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
