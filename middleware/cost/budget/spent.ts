import { SluiceError, storeCall, type SpendScope, type StateStore } from '../../../src/index.ts';
import type { Ledger } from './ledger.ts';
import { rounded } from '../usd.ts';

/** The method of a session store that budgets need. */
export type SpendStore = Pick<StateStore, 'spend'>;

/** Returns how many US dollars were spent so far. */
type Spent = () => Promise<number>;

const HOUR_MS = 3_600_000;

/** How to ask a store. */
export interface SpentOptions {
  /** Whether an unknown sum counts as 0. */
  allowUnknown: boolean;
  timeoutMs: number | undefined;
}

/** Asks a store what was spent. The sum is unknown if the price of a turn was. Then calls are refused with `budget`, unless `allowUnknown` is set. */
export function spentOf(
  store: SpendStore,
  scope: SpendScope,
  { allowUnknown, timeoutMs }: SpentOptions,
): Spent {
  return async () => {
    const { totalUsd } = (await storeCall('spend', () => store.spend(scope), { timeoutMs })).cost;
    if (totalUsd !== undefined) return totalUsd;
    if (allowUnknown) return 0;
    const whose = scope.id === undefined ? 'owner' : 'session';
    const advice = "give cost() the prices of all models, or unknownPrice: 'allow'";
    throw new SluiceError('budget', `What the ${whose} has spent so far is not known: ${advice}.`, {
      retryable: false,
    });
  };
}

/**
 * The ledger of a session's budget in one execution. The turns of a session run one after the other, so what was spent before does not change
 * while a turn runs.
 */
export class SessionLedger implements Ledger {
  readonly #own: Ledger;
  readonly #spent: Spent;
  #before: Promise<number> | undefined;

  /** `own` counts this execution. */
  constructor(own: Ledger, spent: Spent) {
    this.#own = own;
    this.#spent = spent;
  }

  async add(counter: string, usd: number, expiresAtMs: number): Promise<number> {
    const sum = this.#own.add(counter, usd, expiresAtMs);
    this.#before ??= this.#spent();
    try {
      return (await sum) + (await this.#before);
    } catch (error) {
      // The next call asks again.
      this.#before = undefined;
      throw error;
    }
  }
}

/**
 * The ledger of an owner's budget in one execution. What the owner's running turns hold and have used is counted in the shared ledger until it is in
 * the store. The ledger is read before the store, so an amount that moves from one to the other in between is counted twice, not missed.
 *
 * There is a counter for each hour. The counters of the hours before and after are read with it. So what a crashed process has left expires after two
 * hours.
 */
export class OwnerLedger implements Ledger {
  readonly #shared: Ledger;
  readonly #spent: Spent;
  readonly #now: () => number;
  readonly #added = new Map<string, number>();

  constructor(shared: Ledger, spent: Spent, now: () => number) {
    this.#shared = shared;
    this.#spent = spent;
    this.#now = now;
  }

  async add(counter: string, usd: number): Promise<number> {
    const hour = Math.floor(this.#now() / HOUR_MS);
    const expiresAtMs = (hour + 3) * HOUR_MS;
    const shares = this.#sharesOf(counter, usd, hour);
    const near = [hour, hour - 1, hour + 1].map((one) => nameOf(counter, one));
    for (const [name, share] of shares) this.#added.set(name, rounded((this.#added.get(name) ?? 0) + share));
    const add = async (name: string): Promise<number> =>
      this.#shared.add(name, shares.get(name) ?? 0, expiresAtMs);
    const older = [...shares.keys()].filter((name) => !near.includes(name));
    const [running] = await Promise.all([Promise.all(near.map(add)), Promise.all(older.map(add))]);
    return running.reduce((sum, one) => sum + one, await this.#spent());
  }

  /**
   * Which counters an amount goes to. What is taken back comes from those that it was added to, the newest first: a counter below 0 would
   * outlive what it belongs to, and add money to the budget.
   */
  #sharesOf(counter: string, usd: number, hour: number): Map<string, number> {
    const now = nameOf(counter, hour);
    if (usd >= 0) return new Map([[now, usd]]);
    const shares = new Map<string, number>();
    let left = -usd;
    for (const [name, added] of [...this.#added].reverse()) {
      const share = name.startsWith(`${counter} `) ? Math.min(left, added) : 0;
      if (share <= 0) continue;
      shares.set(name, -share);
      left = rounded(left - share);
    }
    return left > 0 ? shares.set(now, rounded((shares.get(now) ?? 0) - left)) : shares;
  }

  /** Takes this execution's amounts out of the shared ledger, because the store has them. */
  async release(): Promise<void> {
    const expiresAtMs = (Math.floor(this.#now() / HOUR_MS) + 3) * HOUR_MS;
    const added = [...this.#added];
    this.#added.clear();
    const back = async ([name, usd]: [string, number]): Promise<void> => {
      if (usd !== 0) await this.#shared.add(name, -usd, expiresAtMs);
    };
    await Promise.all(added.map(back));
  }
}

function nameOf(counter: string, hour: number): string {
  return `${counter} ${hour}`;
}
