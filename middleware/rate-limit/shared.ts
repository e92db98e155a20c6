import { SluiceError } from '../../src/index.ts';
import { withDeadline } from '../../src/kit/index.ts';

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
export interface TakenThere {
  points: number;
  /** Milliseconds since the epoch. */
  untilMs: number;
}

/**
 * During so many milliseconds before the end of a window nothing is given back. If the store ran the command late, it would give the points to the
 * next window, which would then let more than the limit pass.
 */
const CLOSING_MS = 1_000;

/**
 * Takes points from a window that is shared with other processes. All amounts are whole numbers, because stores count in integers. Each call of the
 * limiter has a time limit, and fails with `store` whatever goes wrong with it: it throws, rejects, answers nonsense, or does not answer.
 */
export class SharedWindow {
  readonly #limiter: Limiter;
  readonly #timeoutMs: number;

  /** `timeoutMs`: for the calls that settle what was taken. */
  constructor(limiter: Limiter, timeoutMs: number) {
    this.#limiter = limiter;
    this.#timeoutMs = timeoutMs;
  }

  /** Takes points within so many milliseconds, or returns the milliseconds until there may be enough. Throws `store`. */
  async take(key: string, points: number, ms: number): Promise<TakenThere | number> {
    let tooLate = false;
    const asked = this.#call('consume', key, points);
    const giveBack = (answer: unknown): void => {
      // What did not fit was counted, too.
      if (tooLate && isAnswer(answer))
        this.#change(key, takenUntilEnd(points, answer), -points).catch(() => undefined);
    };
    asked.then(giveBack, giveBack);
    try {
      return takenUntilEnd(points, checked(await within(ms, asked)));
    } catch (rejected) {
      if (isAnswer(rejected)) {
        // A limiter counts first and compares then, so what did not fit was counted, too.
        this.#change(key, takenUntilEnd(points, rejected), -points).catch(() => undefined);
        return Math.max(1, rejected.msBeforeNext);
      }
      tooLate = true;
      throw storeError(rejected);
    }
  }

  /** Takes points even if there are not enough. Throws `store`. */
  async force(key: string, points: number): Promise<TakenThere> {
    return takenUntilEnd(points, await this.#answer('penalty', key, points));
  }

  /** Changes what was taken, while its window lasts. Throws `store`. */
  async settle(key: string, taken: TakenThere, points: number): Promise<void> {
    await this.#change(key, taken, points - taken.points);
  }

  async #change(key: string, { untilMs }: TakenThere, points: number): Promise<void> {
    const leftMs = untilMs - Date.now();
    if (points === 0 || leftMs <= (points < 0 ? CLOSING_MS : 0)) return;
    if (points > 0) await this.#answer('penalty', key, points);
    else await this.#answer('reward', key, -points);
  }

  async #answer(verb: keyof Limiter, key: string, points: number): Promise<LimiterAnswer> {
    try {
      return checked(await within(this.#timeoutMs, this.#call(verb, key, points)));
    } catch (error) {
      throw storeError(error);
    }
  }

  /** An async function, so that a limiter that throws rejects. */
  async #call(verb: keyof Limiter, key: string, points: number): Promise<unknown> {
    return this.#limiter[verb](key, points);
  }
}

function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  const error = (): Error => new Error(`The limiter did not answer within ${Math.round(ms)} ms.`);
  return withDeadline(answer, ms, { error });
}

function checked(answer: unknown): LimiterAnswer {
  if (isAnswer(answer)) return answer;
  throw new TypeError('The limiter answered without a number msBeforeNext.');
}

function takenUntilEnd(points: number, { msBeforeNext }: LimiterAnswer): TakenThere {
  return { points, untilMs: Date.now() + msBeforeNext };
}

function isAnswer(value: unknown): value is LimiterAnswer {
  if (typeof value !== 'object' || value === null || !('msBeforeNext' in value)) return false;
  return Number.isFinite(value.msBeforeNext);
}

/** The error if a limiter does not do its work. Retryable, but not by `retry()`: the time that a request may wait is used. */
export function storeError(cause: unknown): SluiceError {
  return new SluiceError(
    'store',
    'The limiter of the rate limit failed or did not answer in time: the request was not sent.',
    {
      phase: 'queue',
      cause,
    },
  );
}
