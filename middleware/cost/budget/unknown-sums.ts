/** From how many counters on those that have expired are dropped. */
const SWEEP_AT = 1_000;

/**
 * The counters whose sums are not known, because something that they counted has no price. Each with what that was. Known to this process only:
 * a ledger holds sums alone.
 */
export class UnknownSums {
  readonly #counters = new Map<string, { what: string; expiresAtMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(counter: string, what: string, expiresAtMs: number): void {
    if (this.#counters.size >= SWEEP_AT) this.#sweep();
    this.#counters.set(counter, { what, expiresAtMs });
  }

  /** What has no price of what a counter counts; undefined if all has one. */
  of(counter: string): string | undefined {
    const found = this.#counters.get(counter);
    return found !== undefined && this.#now() < found.expiresAtMs ? found.what : undefined;
  }

  #sweep(): void {
    const now = this.#now();
    for (const [counter, { expiresAtMs }] of this.#counters) {
      if (expiresAtMs <= now) this.#counters.delete(counter);
    }
  }
}
