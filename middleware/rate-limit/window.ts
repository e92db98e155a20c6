import type { SharedWindow, TakenThere } from './shared.ts';
import { SlidingWindow, type TakenHere } from './sliding.ts';

/** What one request has taken from one window. */
export interface Taken {
  here: TakenHere;
  /** From the window that other processes share; undefined without one, or as long as it was not asked. */
  there: Promise<TakenThere> | undefined;
}

/**
 * One limit of one key: a window of this process that slides and, if a limiter was given, one that is shared with other processes. What passes must
 * fit into both.
 */
export class Window {
  readonly #key: string;
  readonly #here: SlidingWindow;
  readonly #there: SharedWindow | undefined;

  constructor(key: string, limit: number, there: SharedWindow | undefined) {
    this.#key = key;
    this.#here = new SlidingWindow(limit);
    this.#there = there;
  }

  /** Whether nothing was taken in this process in the last minute. */
  get empty(): boolean {
    return this.#here.empty;
  }

  /** Takes points in this process, or returns the milliseconds until there may be enough. */
  takeHere(points: number): Taken | number {
    const here = this.#here.take(points);
    return typeof here === 'number' ? here : { here, there: undefined };
  }

  /** Takes the same points from the shared window. Resolves to the milliseconds until there may be enough, or undefined. Throws `store`. */
  async takeThere(taken: Taken, ms: number): Promise<number | undefined> {
    if (this.#there === undefined) return undefined;
    const there = await this.#there.take(this.#key, taken.here.points, ms);
    if (typeof there === 'number') return there;
    taken.there = Promise.resolve(there);
    return undefined;
  }

  /** Takes points from both windows even if there are not enough. */
  force(points: number): Taken {
    const there = this.#there?.force(this.#key, points);
    // A failure is reported when the reservation ends.
    there?.catch(() => undefined);
    return { here: this.#here.force(points), there };
  }

  /** Corrects what was taken from both. What is undefined is done; a promise rejects with `store`. */
  settle(taken: Taken, points: number): Promise<void> | undefined {
    this.#here.settle(taken.here, points);
    return taken.there?.then((there) => this.#there?.settle(this.#key, there, points));
  }
}
