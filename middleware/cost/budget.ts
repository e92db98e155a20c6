import { SluiceError, type ExecutionContext } from '../../src/index.ts';
import type { Ledger } from './ledger.ts';
import { rounded } from './rates.ts';

/** A limit on money. */
export interface Budget {
  /** In US dollars. */
  usd: number;
  /** Days and months are those of UTC. */
  per: 'execution' | 'day' | 'month';
  /** Whose budget it is, such as the tenant's id; each key has a budget of its own. Default: the `key` of `cost()`. */
  key?: ((context: ExecutionContext) => string) | undefined;
  /** Its name in errors and reasons, and of its counters. Two budgets of one period need two names where they share a key. */
  name?: string | undefined;
}

/** A counter and until when it counts. */
export interface Counter {
  name: string;
  expiresAtMs: number;
}

const DAY_MS = 86_400_000;

/** The counter of a budget for a key at a time. */
export function counterOf(budget: Budget, key: string, nowMs: number): Counter {
  const name = budget.name ?? '';
  if (budget.per === 'execution') {
    return { name: JSON.stringify(['execution', name]), expiresAtMs: Number.MAX_SAFE_INTEGER };
  }
  const now = new Date(nowMs);
  const iso = now.toISOString();
  const isDay = budget.per === 'day';
  const period = iso.slice(0, isDay ? 'yyyy-mm-dd'.length : 'yyyy-mm'.length);
  const end = isDay
    ? Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1)
    : Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
  // A call that began in the period settles behind its end.
  return { name: JSON.stringify([budget.per, name, key, period]), expiresAtMs: end + DAY_MS };
}

/** Says which budget it is, without its key: that may be a person. */
export function describe(budget: Budget): string {
  const name = budget.name === undefined ? '' : ` "${budget.name}"`;
  return `budget${name} of $${budget.usd} per ${budget.per}`;
}

/** The error of a call or an execution that a budget refuses. */
export function budgetError(budget: Budget): SluiceError {
  return new SluiceError('budget', `The ${describe(budget)} is used up.`, { retryable: false });
}

/**
 * What one call holds of one budget: reserved before it starts, widened while it streams, settled to what it cost. The sum of all
 * that is held and spent passes the limit only by what a call turns out to have used.
 */
export class Hold {
  readonly budget: Budget;
  readonly #counter: Counter;
  readonly #ledger: Ledger;
  readonly #onLate: (hold: Hold) => void;
  readonly #onError: (error: unknown) => void;
  #heldUsd = 0;
  /** The counter's last known value. */
  #totalUsd = 0;
  #open = true;

  /** `onLate`: an asynchronous ledger has answered that the limit is passed. `onError`: it has failed. */
  constructor(
    budget: Budget,
    counter: Counter,
    ledger: Ledger,
    onLate: (hold: Hold) => void,
    onError: (error: unknown) => void,
  ) {
    this.budget = budget;
    this.#counter = counter;
    this.#ledger = ledger;
    this.#onLate = onLate;
    this.#onError = onError;
  }

  /**
   * Reserves what the input costs, and of what the output may cost as much as is left. False, and nothing held, where nothing is left
   * beyond the input.
   */
  reserve(inputUsd: number, outputUsd: number): boolean {
    this.#add(inputUsd + outputUsd, inputUsd);
    const fits = this.#trim(inputUsd);
    if (!fits) this.settle(0);
    return fits;
  }

  /**
   * Widens the hold, where the call has used it up, by as much of a further block as is left. False where nothing is left.
   */
  cover(usedUsd: number, blockUsd: number): boolean {
    const restUsd = this.room(usedUsd);
    if (restUsd > 0 || (restUsd === 0 && blockUsd === 0)) return true;
    this.#add(blockUsd - restUsd, usedUsd);
    return this.#trim(usedUsd);
  }

  /** How much more the call may use before the hold must be widened. */
  room(usedUsd: number): number {
    return rounded(this.#heldUsd - usedUsd);
  }

  /** Ends the hold with what the call cost; undefined keeps what is held, as nobody knows better. */
  settle(usd: number | undefined): void {
    if (!this.#open) return;
    this.#open = false;
    if (usd !== undefined && usd !== this.#heldUsd) this.#add(usd - this.#heldUsd, usd);
  }

  /** Gives back what does not fit. */
  #trim(neededUsd: number): boolean {
    const over = rounded(this.#totalUsd - this.budget.usd);
    if (over <= 0) return true;
    if (over >= rounded(this.#heldUsd - neededUsd)) return false;
    this.#add(-over, neededUsd);
    return true;
  }

  #add(change: number, neededUsd: number): void {
    const usd = rounded(change);
    this.#heldUsd = rounded(this.#heldUsd + usd);
    const sum = this.#ledger.add(this.#counter.name, usd, this.#counter.expiresAtMs);
    if (typeof sum === 'number') {
      this.#totalUsd = sum;
      return;
    }
    sum.then((total) => this.#heard(total, neededUsd), this.#onError);
  }

  #heard(totalUsd: number, neededUsd: number): void {
    this.#totalUsd = totalUsd;
    if (this.#open && !this.#trim(neededUsd)) this.#onLate(this);
  }
}
