import { rounded } from '../usd.ts';
import type { Budget, Counter } from './budget.ts';
import type { Ledger } from './ledger.ts';
import type { UnknownSums } from './unknown-sums.ts';

/** What a call holds a part of. */
export interface Held {
  budget: Budget;
  counter: Counter;
  ledger: Ledger;
  /** Where it is noted that the sum of the counter is not known. */
  unknown: UnknownSums;
}

/**
 * What one call holds of one budget. It is reserved before the call starts, extended while the call streams, and corrected to what the call cost at
 * its end. So the sum of what is held and spent passes the limit only by what a call used beyond its hold.
 */
export class Hold {
  readonly budget: Budget;
  readonly #counter: Counter;
  readonly #ledger: Ledger;
  readonly #unknown: UnknownSums;
  readonly #onLate: (hold: Hold) => void;
  readonly #onError: (error: unknown) => void;
  #heldUsd = 0;
  #open = true;

  /** `onLate` is called if an asynchronous ledger reports, while the call streams, that the limit is passed; `onError` if it fails then. */
  constructor(
    { budget, counter, ledger, unknown }: Held,
    onLate: (hold: Hold) => void,
    onError: (error: unknown) => void,
  ) {
    this.budget = budget;
    this.#counter = counter;
    this.#ledger = ledger;
    this.#unknown = unknown;
    this.#onLate = onLate;
    this.#onError = onError;
  }

  /** What of the counter has no price; undefined if all has one. */
  get unpriced(): string | undefined {
    return this.#unknown.of(this.#counter.name);
  }

  /**
   * Reserves what the input costs, and as much of what the output may cost as is left. Returns false and holds nothing if nothing is left for the
   * output. With an asynchronous ledger it returns a promise, which rejects if the ledger fails.
   */
  reserve(inputUsd: number, outputUsd: number): boolean | Promise<boolean> {
    const sum = this.#add(inputUsd + outputUsd);
    return typeof sum === 'number' ? this.#granted(sum, inputUsd) : this.#grantedLater(sum, inputUsd);
  }

  /**
   * If the call has used up the hold, extends it by as much of `blockUsd` as is left. Returns false if nothing is left.
   */
  cover(usedUsd: number, blockUsd: number): boolean {
    if (!this.#open) return false;
    const restUsd = this.room(usedUsd);
    if (restUsd > 0 || (restUsd === 0 && blockUsd === 0)) return true;
    const sum = this.#add(blockUsd - restUsd);
    if (typeof sum === 'number') return this.#trim(sum, usedUsd);
    sum.then((total) => {
      if (this.#open && !this.#trim(total, usedUsd)) this.#onLate(this);
    }, this.#onError);
    return true;
  }

  /** How much more the call may use before the hold must be extended. */
  room(usedUsd: number): number {
    return rounded(this.#heldUsd - usedUsd);
  }

  /**
   * Ends the hold with what the call cost. Undefined keeps what is held, because no price is known. `unpriced` is what of the call has no price: the
   * sum of the counter is not known, then.
   */
  settle(usd: number | undefined, unpriced?: string): void {
    if (!this.#open) return;
    if (unpriced !== undefined) this.#unknown.add(this.#counter.name, unpriced, this.#counter.expiresAtMs);
    this.#open = false;
    if (usd !== undefined && usd !== this.#heldUsd) this.#change(usd - this.#heldUsd);
  }

  #granted(totalUsd: number, inputUsd: number): boolean {
    const fits = this.#trim(totalUsd, inputUsd);
    if (!fits) this.settle(0);
    return fits;
  }

  async #grantedLater(sum: Promise<number>, inputUsd: number): Promise<boolean> {
    try {
      return this.#granted(await sum, inputUsd);
    } catch (error) {
      // Nobody knows whether it was counted. If it was not, giving it back would add money to the budget.
      this.#open = false;
      throw error;
    }
  }

  /** Gives back what does not fit. Returns false if less than what is needed would be left. */
  #trim(totalUsd: number, neededUsd: number): boolean {
    const over = rounded(totalUsd - this.budget.usd);
    if (over <= 0) return true;
    if (over >= rounded(this.#heldUsd - neededUsd)) return false;
    this.#change(-over);
    return true;
  }

  /** A change whose sum is not needed. If others have passed the limit in the meantime, they give it back. */
  #change(usd: number): void {
    const sum = this.#add(usd);
    if (typeof sum !== 'number') sum.catch(this.#onError);
  }

  #add(change: number): number | Promise<number> {
    const usd = rounded(change);
    this.#heldUsd = rounded(this.#heldUsd + usd);
    return this.#ledger.add(this.#counter.name, usd, this.#counter.expiresAtMs);
  }
}
