import { SluiceError } from '../../src/index.ts';

/** Options for a limiter of rate-limiter-flexible: points of each key in each window. */
export interface LimiterOptions {
  keyPrefix: string;
  points: number;
  /** Length of a window in seconds. */
  duration: number;
}

/** What a limiter resolves to, and what it rejects with if there are not enough points: `RateLimiterRes`. */
export interface LimiterAnswer {
  /** Milliseconds until the key's window is over. */
  readonly msBeforeNext: number;
}

/** The part of rate-limiter-flexible's `RateLimiterAbstract` that is used. Each call is atomic. */
export interface Limiter {
  consume(key: string, points: number): Promise<LimiterAnswer>;
  penalty(key: string, points: number): Promise<LimiterAnswer>;
  reward(key: string, points: number): Promise<LimiterAnswer>;
}

/** Points taken from a window. They come back by themselves when the window ends. */
export interface TakenPoints {
  points: number;
  /** Milliseconds since the epoch. */
  untilMs: number;
}

/**
 * During so many milliseconds before the end of a window nothing is given back. If the store ran the command late, it would give the points to the
 * next window, which would then let more than the limit pass.
 */
const CLOSING_MS = 1_000;

/** Takes points from a key's window. All amounts are whole numbers, because stores count in integers. */
export class Windows {
  readonly #limiter: Limiter;

  constructor(limiter: Limiter) {
    this.#limiter = limiter;
  }

  /** Takes points, or returns the milliseconds until there may be enough. Throws `store`. */
  async take(key: string, points: number): Promise<TakenPoints | number> {
    try {
      return takenUntilEnd(points, await this.#limiter.consume(key, points));
    } catch (rejected) {
      if (!isAnswer(rejected)) throw storeError(rejected);
      // A limiter counts first and compares then, so what did not fit was counted, too.
      await this.#change(key, takenUntilEnd(points, rejected), -points);
      return Math.max(1, rejected.msBeforeNext);
    }
  }

  /** Takes points even if there are not enough. Throws `store`. */
  async force(key: string, points: number): Promise<TakenPoints> {
    try {
      return takenUntilEnd(points, await this.#limiter.penalty(key, points));
    } catch (error) {
      throw storeError(error);
    }
  }

  /** Changes what was taken, while its window lasts. Throws `store`. */
  async settle(key: string, taken: TakenPoints, points: number): Promise<void> {
    await this.#change(key, taken, points - taken.points);
  }

  async #change(key: string, { untilMs }: TakenPoints, points: number): Promise<void> {
    const leftMs = untilMs - Date.now();
    if (points === 0 || leftMs <= (points < 0 ? CLOSING_MS : 0)) return;
    try {
      if (points > 0) await this.#limiter.penalty(key, points);
      else await this.#limiter.reward(key, -points);
    } catch (error) {
      throw storeError(error);
    }
  }
}

function takenUntilEnd(points: number, { msBeforeNext }: LimiterAnswer): TakenPoints {
  return { points, untilMs: Date.now() + msBeforeNext };
}

function isAnswer(value: unknown): value is LimiterAnswer {
  return (
    typeof value === 'object' &&
    value !== null &&
    'msBeforeNext' in value &&
    typeof value.msBeforeNext === 'number'
  );
}

function storeError(cause: unknown): SluiceError {
  return new SluiceError('store', 'The store of the rate limit failed.', { cause });
}
