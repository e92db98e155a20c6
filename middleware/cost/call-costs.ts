import {
  SluiceError,
  isSluiceError,
  type Call,
  type CallEnd,
  type CallObserver,
  type ExecutionContext,
  type Usage,
} from '../../src/index.ts';
import { estimateInputTokens, estimateTokens, kindOfThrown } from '../../src/kit/index.ts';
import { Hold, budgetError, counterOf, describe, type Budget } from './budget.ts';
import { MemoryLedger, type Ledger } from './ledger.ts';
import { Meter } from './meter.ts';
import type { CostSettings } from './options.ts';
import type { PriceTable } from './price-table.ts';
import { OwnerLedger, SessionLedger, spentOf } from './spent.ts';

/** Prices and budgets for the calls of one execution. */
export class CallCosts {
  readonly #context: ExecutionContext;
  readonly #settings: CostSettings;
  readonly #table: PriceTable;
  readonly #key: string;
  readonly #budgets: readonly { budget: Budget; key: string; ledger: Ledger }[];
  readonly #owners: OwnerLedger[] = [];

  constructor(context: ExecutionContext, settings: CostSettings, table: PriceTable, shared: Ledger) {
    this.#context = context;
    this.#settings = settings;
    this.#table = table;
    this.#key = settings.key?.(context) ?? '';
    const own = settings.budgets.length === 0 ? shared : new MemoryLedger(settings.now);
    this.#budgets = settings.budgets.flatMap((budget) => this.#kept(budget, shared, own));
    if (this.#owners.length > 0) context.onEnd(() => (stored) => this.#release(stored));
  }

  /** A budget with what it is kept by; none where it does not hold for this execution. */
  #kept(budget: Budget, shared: Ledger, own: Ledger): { budget: Budget; key: string; ledger: Ledger }[] {
    const { store, storeTimeoutMs: timeoutMs, unknownPrice, now } = this.#settings;
    const { session } = this.#context;
    switch (budget.per) {
      case 'execution':
        return [{ budget, key: '', ledger: own }];
      case 'day':
      case 'month':
        return [{ budget, key: budget.key?.(this.#context) ?? this.#key, ledger: shared }];
      case 'session':
      case 'owner': {
        if (session === undefined || store === undefined) return [];
        const { owner, id } = session;
        const isSession = budget.per === 'session';
        const allowUnknown = unknownPrice === 'allow';
        const spent = spentOf(store, isSession ? { owner, id } : { owner }, { allowUnknown, timeoutMs });
        if (isSession) return [{ budget, key: '', ledger: new SessionLedger(own, spent) }];
        const ledger = new OwnerLedger(shared, spent, now);
        this.#owners.push(ledger);
        return [{ budget, key: owner, ledger }];
      }
    }
  }

  /** What the store could not take stays with the ledger for as long as that keeps it. */
  #release(stored: boolean): void {
    if (!stored) return;
    for (const ledger of this.#owners) ledger.release().catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    this.#context.log.error('the ledger of a budget failed', { error: kindOfThrown(error) });
  }

  /** Reserves of the budgets for a new call, which waits for an asynchronous ledger. Throws `budget`: the call is not made then. */
  watch(call: Call): CallObserver {
    const asked = call.model;
    if (this.#budgets.length === 0) return { end: (ended) => this.#end(call, asked, ended) };
    const meter = new Meter(call, (usage) => this.#usd(call, usage, asked));
    const { holds, ready } = this.#reserve(call, meter);
    const over = (hold: Hold): void => this.#context.interrupt(`The ${describe(hold.budget)} is used up.`);
    return {
      ready,
      chunk() {
        if (!meter.due) return;
        const usedUsd = meter.read();
        let room = Infinity;
        for (const hold of holds) {
          if (!hold.cover(usedUsd, meter.blockUsd)) {
            over(hold);
            return;
          }
          room = Math.min(room, hold.room(usedUsd));
        }
        meter.next(room);
      },
      end: (ended) => {
        try {
          this.#end(call, asked, ended);
        } finally {
          for (const hold of holds) hold.settle(call.cost?.totalUsd);
        }
      },
    };
  }

  #reserve(call: Call, meter: Meter): { holds: Hold[]; ready: Promise<void> | undefined } {
    const { now, reserveOutputTokens, unknownPrice } = this.#settings;
    const inputUsd = meter.read();
    const outputTokens = Math.min(call.request.parameters.maxTokens ?? Infinity, reserveOutputTokens);
    const outputUsd = meter.outputUsd(outputTokens);
    if (!meter.known && unknownPrice === 'refuse') {
      call.cost = { status: 'exact', totalUsd: 0 };
      const name = `${call.provider ?? 'unknown'}/${call.model ?? '*'}`;
      const mend = `give cost({ prices: { '${name}': { input, output } } }), or unknownPrice: 'allow'`;
      throw new SluiceError('budget', `No price is known for "${name}", so no budget can be kept: ${mend}.`, {
        retryable: false,
      });
    }
    const holds: Hold[] = [];
    const asked: Promise<Error | undefined>[] = [];
    for (const { budget, key, ledger } of this.#budgets) {
      const hold = new Hold(
        budget,
        counterOf(budget, key, now()),
        ledger,
        () => this.#context.interrupt(`The ${describe(budget)} is used up.`),
        (error) => this.#failed(error),
      );
      holds.push(hold);
      const fits = hold.reserve(inputUsd, outputUsd);
      if (fits === false) {
        refuse(call, holds);
        throw budgetError(budget);
      }
      if (fits !== true) asked.push(refusalOf(budget, fits));
    }
    return { holds, ready: asked.length === 0 ? undefined : this.#allGranted(call, holds, asked) };
  }

  async #allGranted(
    call: Call,
    holds: readonly Hold[],
    asked: readonly Promise<Error | undefined>[],
  ): Promise<void> {
    const refusal = (await Promise.all(asked)).find((one) => one !== undefined);
    if (refusal === undefined) return;
    refuse(call, holds);
    throw refusal;
  }

  #end(call: Call, asked: string | undefined, { usage }: CallEnd): void {
    const { cost, warning, note } = this.#table.price(call, billed(call, usage), asked);
    call.cost = cost;
    if (warning !== undefined) this.#context.warn(warning);
    if (note !== undefined) this.#context.log.warn(note);
    this.#settings.onCost?.({
      cost,
      usage,
      call,
      provider: call.provider,
      model: call.model,
      executionId: this.#context.id,
      key: this.#key,
    });
  }

  #usd(call: Call, usage: Usage, asked: string | undefined): number | undefined {
    const { cost, note } = this.#table.price(call, usage, asked);
    if (note !== undefined) this.#context.log.warn(note);
    return cost.totalUsd;
  }
}

/** Of a call that is not made nothing is held. */
function refuse(call: Call, holds: readonly Hold[]): void {
  for (const hold of holds) hold.settle(0);
  call.cost = { status: 'exact', totalUsd: 0 };
}

/** Why a budget does not grant what a call asks for, if so. */
async function refusalOf(budget: Budget, fits: Promise<boolean>): Promise<Error | undefined> {
  try {
    return (await fits) ? undefined : budgetError(budget);
  } catch (cause) {
    if (isSluiceError(cause)) return cause;
    return new SluiceError('store', 'The ledger of a budget failed: the call was not made.', { cause });
  }
}

/** A server that reports no output for what it has sent does not know: an estimate is nearer than nothing. */
function billed(call: Call, usage: Usage): Usage {
  if (usage.outputTokens > 0 || call.outputCharacters === 0) return usage;
  const outputTokens = estimateTokens(call.outputCharacters);
  const inputTokens = usage.inputTokens > 0 ? usage.inputTokens : estimateInputTokens(call.request);
  return { ...usage, inputTokens, outputTokens, totalTokens: inputTokens + outputTokens, estimated: true };
}
