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
    const mine = nameOf(counter, hour);
    this.#added.set(mine, rounded((this.#added.get(mine) ?? 0) + usd));
    const running = await Promise.all([
      this.#shared.add(mine, usd, expiresAtMs),
      ...[hour - 1, hour + 1].map((near) => this.#shared.add(nameOf(counter, near), 0, expiresAtMs)),
    ]);
    return running.reduce((sum, one) => sum + one, await this.#spent());
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
