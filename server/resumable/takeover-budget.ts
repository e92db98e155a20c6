/** How many takeovers there are without any success, again after a minute without one. */
const FLOOR = 5;
const QUIET_MS = 60_000;
/** A run that completes adds one tenth of a takeover, up to what 100 of them add. Counted in tenths, because tenths have no exact sum. */
const UNIT = 10;
const MOST = FLOOR * UNIT + 100;

/**
 * How often a process takes over turns that have been taken over before. The first takeover of a turn only replaces what the dead process did. Each further one is a retry: a turn that
 * ends its processes, or a log that is away again and again, must not multiply what providers are asked. A token bucket, as that of `retry()`.
 */
export class TakeoverBudget {
  #left = FLOOR * UNIT;
  #takenAt = Number.NEGATIVE_INFINITY;

  /** Takes one. False: there is none left. */
  take(): boolean {
    const now = performance.now();
    if (now - this.#takenAt >= QUIET_MS) this.#left = Math.max(this.#left, FLOOR * UNIT);
    if (this.#left < UNIT) return false;
    this.#left -= UNIT;
    this.#takenAt = now;
    return true;
  }

  /** What was taken was not used: another process was faster. */
  giveBack(): void {
    this.#left = Math.min(MOST, this.#left + UNIT);
  }

  /** A run has completed. */
  succeeded(): void {
    this.#left = Math.min(MOST, this.#left + 1);
  }
}
