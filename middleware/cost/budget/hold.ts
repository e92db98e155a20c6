import { rounded } from '../usd.ts';
import type { Budget, Counter } from './budget.ts';
import type { Ledger } from './ledger.ts';

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
  #open = true;

  /** `onLate`: an asynchronous ledger has answered, while the call streams, that the limit is passed. `onError`: it has failed then. */
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
   * beyond the input. A promise, where the ledger is asynchronous; it rejects where that fails.
   */
  reserve(inputUsd: number, outputUsd: number): boolean | Promise<boolean> {
    const sum = this.#add(inputUsd + outputUsd);
    return typeof sum === 'number' ? this.#granted(sum, inputUsd) : this.#grantedLater(sum, inputUsd);
  }

  /**
   * Widens the hold, where the call has used it up, by as much of a further block as is left. False where nothing is left.
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

  /** How much more the call may use before the hold must be widened. */
  room(usedUsd: number): number {
    return rounded(this.#heldUsd - usedUsd);
  }

  /** Ends the hold with what the call cost; undefined keeps what is held, as nobody knows better. */
  settle(usd: number | undefined): void {
    if (!this.#open) return;
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
      // Whether it was counted is not known: to give it back could be a present.
      this.#open = false;
      throw error;
    }
  }

  /** Gives back what does not fit. */
  #trim(totalUsd: number, neededUsd: number): boolean {
    const over = rounded(totalUsd - this.budget.usd);
    if (over <= 0) return true;
    if (over >= rounded(this.#heldUsd - neededUsd)) return false;
    this.#change(-over);
    return true;
  }

  /** A change whose sum says nothing new: what others have added meanwhile is theirs to give back. */
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
