/** How many notes are kept before those are dropped that are not fresh. */
const MOST = 1_000;

/** Which readers this process has noted in the database, and for how long that is enough. */
export class Notes {
  readonly #fresh = new Map<string, { seen: number; watch: number }>();

  /** Whether a reader has to be noted: a quarter of the time that was noted has passed, or it is to be noted for longer, or it waits now. */
  isDue(name: string, seenMs: number, watches: boolean): boolean {
    const now = performance.now();
    const noted = this.#fresh.get(name);
    if (noted === undefined) return true;
    return noted.seen < now + 0.75 * seenMs || (watches && noted.watch <= now);
  }

  add(name: string, seenMs: number, watches: boolean, watchMs: number): void {
    const now = performance.now();
    const before = this.#fresh.get(name);
    // It moves to the end of the order.
    this.#fresh.delete(name);
    this.#fresh.set(name, {
      seen: Math.max(before?.seen ?? 0, now + seenMs),
      watch: watches ? now + 0.25 * watchMs : (before?.watch ?? 0),
    });
    if (this.#fresh.size > MOST) this.#drop(now);
  }

  #drop(now: number): void {
    for (const [name, { seen, watch }] of this.#fresh)
      if (Math.max(seen, watch) <= now) this.#fresh.delete(name);
    for (const [name] of this.#fresh) {
      if (this.#fresh.size <= MOST) return;
      this.#fresh.delete(name);
    }
  }
}
