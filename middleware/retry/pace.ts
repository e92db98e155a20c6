/** How far retries are kept apart at least, and how much of chance is added, in milliseconds. */
const GAP_MS = 55;
const JITTER_MS = 45;

/** How much later than told the last one of many comes back at most, in milliseconds. Beyond that they are spread over this time at random. */
const LONGEST_MS = 5_000;

/**
 * Keeps apart the executions that a server has told to come back, often all at the same moment. None comes back earlier than it was told. The first
 * one comes back when it was told, each further one 55 to 100 ms after the one before it.
 */
export class Pace {
  #lastAtMs = 0;

  /** The wait of the next execution that is told to wait so many milliseconds. */
  waitMs(toldMs: number): number {
    const now = Date.now();
    const laterMs = this.#lastAtMs + GAP_MS + Math.random() * JITTER_MS - (now + toldMs);
    if (laterMs <= 0) return toldMs;
    return Math.ceil(toldMs + (laterMs <= LONGEST_MS ? laterMs : Math.random() * LONGEST_MS));
  }

  /** An execution comes back after this wait. */
  take(waitMs: number): void {
    this.#lastAtMs = Math.max(this.#lastAtMs, Date.now() + waitMs);
  }
}
