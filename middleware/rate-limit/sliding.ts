/** Length of the window in milliseconds. */
const WINDOW_MS = 60_000;

/** Points that were taken at one time. */
export interface TakenHere {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  points: number;
}

/**
 * The points that were taken in the last minute, in this process. The window slides: in any 60 seconds, wherever they begin, no more than the limit
 * is taken, apart from what `force()` adds.
 */
export class SlidingWindow {
  readonly #limit: number;
  /** The oldest first. Those before `#first` have left the window. */
  #taken: TakenHere[] = [];
  #first = 0;
  #sum = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether nothing that was taken in the last minute counts. */
  get empty(): boolean {
    this.#forget();
    return this.#sum === 0;
  }

  /** Takes points, or returns the milliseconds until there may be enough. */
  take(points: number): TakenHere | number {
    this.#forget();
    return this.#sum + points <= this.#limit ? this.force(points) : this.#waitMs(points);
  }

  /** Takes points even if there are not enough. */
  force(points: number): TakenHere {
    const taken = { atMs: Date.now(), points };
    this.#taken.push(taken);
    this.#sum += points;
    return taken;
  }

  /** Corrects what was taken, if it is still in the window. */
  settle(taken: TakenHere, points: number): void {
    if (!isInside(taken)) return;
    this.#sum += points - taken.points;
    taken.points = points;
  }

  /** The time until enough of the oldest points have left the window. */
  #waitMs(points: number): number {
    let over = this.#sum + points - this.#limit;
    let last = Date.now();
    for (let at = this.#first; at < this.#taken.length && over > 0; at++) {
      const taken = this.#taken[at];
      if (taken === undefined || taken.points === 0) continue;
      over -= taken.points;
      last = taken.atMs;
    }
    return Math.max(1, last + WINDOW_MS - Date.now());
  }

  #forget(): void {
    for (let oldest = this.#taken[this.#first]; oldest !== undefined; oldest = this.#taken[this.#first]) {
      if (isInside(oldest)) break;
      this.#sum -= oldest.points;
      // Nothing is corrected any more.
      oldest.points = 0;
      this.#first++;
    }
    if (this.#first < 100 || this.#first * 2 < this.#taken.length) return;
    this.#taken = this.#taken.slice(this.#first);
    this.#first = 0;
  }
}

function isInside({ atMs }: TakenHere): boolean {
  return Date.now() - atMs < WINDOW_MS;
}
