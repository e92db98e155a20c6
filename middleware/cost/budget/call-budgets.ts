import { SluiceError, isSluiceError, type Call, type ExecutionContext } from '../../../src/index.ts';
import { answerOf, kindOfThrown } from '../../../src/kit/index.ts';
import type { CostSettings } from '../options.ts';
import type { CallPrice } from '../price/call-price.ts';
import type { Priced } from '../price/price-table.ts';
import { budgetError, counterOf, describe, unknownSumError, type Budget } from './budget.ts';
import { Hold } from './hold.ts';
import { MemoryLedger, type Ledger } from './ledger.ts';
import { Meter } from './meter.ts';
import { OwnerLedger, SessionLedger, spentOf } from './spent.ts';
import { UnknownSums } from './unknown-sums.ts';

/** A budget of one execution: its key, and the ledger that counts it. */
interface CountedBudget {
  budget: Budget;
  key: string;
  ledger: Ledger;
  unknown: UnknownSums;
}

/** What one call holds of the budgets. */
export interface CallHold {
  /** The call waits for it. It rejects if a budget refuses the call. Undefined: the budgets have granted it already. */
  ready: Promise<void> | undefined;
  /** To be called at each chunk. Interrupts the execution if the call has used up a budget. */
  chunk: () => void;
  /** Ends the hold with what the call cost. */
  settle(priced: Priced): void;
}

/** Sums of money, and which of them are not known. */
export interface Counters {
  ledger: Ledger;
  unknown: UnknownSums;
}

/** Keeps the budgets for the calls of one execution. */
export class CallBudgets {
  readonly #context: ExecutionContext;
  readonly #settings: CostSettings;
  readonly #key: string;
  readonly #budgets: readonly CountedBudget[];
  readonly #owners: OwnerLedger[] = [];

  /** `shared` counts the budgets of days, months and owners. `key` says whose budgets of days and months they are if they have no key of their own. */
  constructor(context: ExecutionContext, settings: CostSettings, shared: Counters, key: string) {
    this.#context = context;
    this.#settings = settings;
    this.#key = key;
    const own = { ledger: new MemoryLedger(settings.now), unknown: new UnknownSums(settings.now) };
    this.#budgets = settings.budgets.flatMap((budget) => this.#counted(budget, shared, own));
    if (this.#owners.length > 0) context.onEnd(() => (stored) => this.#release(stored));
  }

  /**
   * Reserves what a new call may cost. Throws `budget` if a budget refuses the call, or if its price is not known. With an asynchronous ledger
   * `ready` rejects instead.
   */
  hold(call: Call, price: CallPrice): CallHold {
    const meter = new Meter(call, price);
    const { holds, ready } = this.#reserve(call, meter);
    return {
      ready,
      chunk: () => {
        if (!meter.due) return;
        const usedUsd = meter.read();
        let room = Infinity;
        for (const hold of holds) {
          if (!hold.cover(usedUsd, meter.blockUsd)) {
            this.#interrupt(hold.budget);
            return;
          }
          room = Math.min(room, hold.room(usedUsd));
        }
        meter.next(room);
      },
      settle: (priced) => {
        const unpriced = this.#settings.unknownPrice === 'refuse' ? unpricedOf(call, priced) : undefined;
        for (const hold of holds) hold.settle(priced.heldUsd, unpriced);
      },
    };
  }

  /** A budget with the ledger that counts it; none if the budget does not apply to this execution. */
  #counted(budget: Budget, shared: Counters, own: Counters): CountedBudget[] {
    const { store, storeTimeoutMs: timeoutMs, unknownPrice, now } = this.#settings;
    const { session } = this.#context;
    switch (budget.per) {
      case 'execution':
        return [{ budget, key: '', ...own }];
      case 'day':
      case 'month':
        return [{ budget, key: this.#keyOf(budget), ...shared }];
      case 'session':
      case 'owner': {
        if (session === undefined || store === undefined) return [];
        const { owner, id } = session;
        const isSession = budget.per === 'session';
        const allowUnknown = unknownPrice === 'allow';
        const spent = spentOf(store, isSession ? { owner, id } : { owner }, { allowUnknown, timeoutMs });
        if (isSession) return [{ budget, key: '', ...own, ledger: new SessionLedger(own.ledger, spent) }];
        const ledger = new OwnerLedger(shared.ledger, spent, now);
        this.#owners.push(ledger);
        return [{ budget, key: owner, ledger, unknown: shared.unknown }];
      }
    }
  }

  /** Whose budget it is. */
  #keyOf({ key }: Budget): string {
    return key === undefined
      ? this.#key
      : answerOf('cost(): budgets.key', () => key(this.#context), 'string');
  }

  /** If the turn was not stored, what it spent stays in the ledger for as long as the ledger keeps it. */
  #release(stored: boolean): void {
    if (!stored) return;
    for (const ledger of this.#owners) ledger.release().catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    this.#context.log.error('the ledger of a budget failed', { error: kindOfThrown(error) });
  }

  #interrupt(budget: Budget): void {
    this.#context.interrupt(`The ${describe(budget)} is used up.`);
  }

  #reserve(call: Call, meter: Meter): { holds: Hold[]; ready: Promise<void> | undefined } {
    const { now, reserveOutputTokens, unknownPrice } = this.#settings;
    const inputUsd = meter.read();
    const outputTokens = Math.min(call.request.parameters.maxTokens ?? Infinity, reserveOutputTokens);
    const outputUsd = meter.outputUsd(outputTokens);
    if (unknownPrice === 'refuse' && (!meter.known || meter.unpriced !== undefined)) {
      call.cost = { status: 'exact', totalUsd: 0 };
      throw unpricedError(call, meter.unpriced);
    }
    const holds: Hold[] = [];
    const asked: Promise<Error | undefined>[] = [];
    for (const { budget, key, ledger, unknown } of this.#budgets) {
      const hold = new Hold(
        { budget, counter: counterOf(budget, key, now()), ledger, unknown },
        () => this.#interrupt(budget),
        (error) => this.#failed(error),
      );
      const { unpriced } = hold;
      const fits = unpriced === undefined && hold.reserve(inputUsd, outputUsd);
      holds.push(hold);
      if (fits === false) {
        refuse(call, holds);
        throw unpriced === undefined ? budgetError(budget) : unknownSumError(budget, unpriced);
      }
      if (fits !== true) asked.push(refusalOf(budget, fits));
    }
    return { holds, ready: asked.length === 0 ? undefined : allGranted(call, holds, asked) };
  }
}

async function allGranted(
  call: Call,
  holds: readonly Hold[],
  asked: readonly Promise<Error | undefined>[],
): Promise<void> {
  const refusal = (await Promise.all(asked)).find((one) => one !== undefined);
  if (refusal === undefined) return;
  refuse(call, holds);
  throw refusal;
}

/** A call that is not made holds nothing, and costs nothing. */
function refuse(call: Call, holds: readonly Hold[]): void {
  for (const hold of holds) hold.settle(0);
  call.cost = { status: 'exact', totalUsd: 0 };
}

function unpricedError(call: Call, unpriced: string | undefined): SluiceError {
  const name = `${call.provider ?? 'unknown'}/${call.model ?? '*'}`;
  const what = unpriced === undefined ? `"${name}"` : `the ${unpriced} of "${name}"`;
  const [, tier] = /"(.*)"/.exec(unpriced ?? '') ?? [];
  const price =
    tier === undefined ? '{ input, output }' : `{ input, output, tiers: { '${tier}': { input, output } } }`;
  const advice = `give cost({ prices: { '${name}': ${price} } }), or unknownPrice: 'allow'`;
  return new SluiceError('budget', `No price is known for ${what}, so no budget can be kept: ${advice}.`, {
    retryable: false,
  });
}

/** What of a call that has ended has no price; undefined if all has one. */
function unpricedOf({ provider, model }: Call, { unpriced, nameless }: Priced): string | undefined {
  if (unpriced !== undefined) return `${unpriced} of "${provider}/${model}"`;
  return nameless === undefined ? undefined : `model "${nameless}"`;
}

/** Why a budget does not grant what a call asks for; undefined if it grants it. */
async function refusalOf(budget: Budget, fits: Promise<boolean>): Promise<Error | undefined> {
  try {
    return (await fits) ? undefined : budgetError(budget);
  } catch (cause) {
    if (isSluiceError(cause)) return cause;
    return new SluiceError('store', 'The ledger of a budget failed: the call was not made.', { cause });
  }
}
