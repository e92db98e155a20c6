import {
  SluiceError,
  estimateInputTokens,
  estimateTokens,
  type Call,
  type CallEnd,
  type CallObserver,
  type ExecutionContext,
  type Usage,
} from '../../src/index.ts';
import { Hold, budgetError, counterOf, describe, type Budget } from './budget.ts';
import { MemoryLedger, type Ledger } from './ledger.ts';
import { Meter } from './meter.ts';
import type { CostSettings } from './options.ts';
import type { PriceTable } from './price-table.ts';

/** Prices and budgets for the calls of one execution. */
export class CallCosts {
  readonly #context: ExecutionContext;
  readonly #settings: CostSettings;
  readonly #table: PriceTable;
  readonly #shared: Ledger;
  readonly #key: string;
  readonly #budgets: readonly { budget: Budget; key: string; ledger: Ledger }[];

  constructor(context: ExecutionContext, settings: CostSettings, table: PriceTable, shared: Ledger) {
    this.#context = context;
    this.#settings = settings;
    this.#table = table;
    this.#shared = shared;
    this.#key = settings.key?.(context) ?? '';
    const { budgets } = settings;
    const own = budgets.some(({ per }) => per === 'execution') ? new MemoryLedger(settings.now) : shared;
    this.#budgets = budgets.map((budget) => ({
      budget,
      key: budget.key?.(context) ?? this.#key,
      ledger: budget.per === 'execution' ? own : shared,
    }));
  }

  /**
   * Looks at the budgets of an asynchronous ledger before anything is sent, so that one that is used up refuses the execution. A synchronous
   * one needs no look: each call asks it.
   */
  ready(): Promise<void> | undefined {
    const now = this.#settings.now();
    const looks = this.#budgets.map(({ budget, key, ledger }) => {
      const { name, expiresAtMs } = counterOf(budget, key, now);
      const sum = ledger === this.#shared ? ledger.add(name, 0, expiresAtMs) : 0;
      return typeof sum === 'number' ? undefined : { budget, sum };
    });
    const asked = looks.filter((look) => look !== undefined);
    return asked.length === 0 ? undefined : this.#look(asked);
  }

  /** Reserves of the budgets for a new call. Throws `budget`: the call is not made then. */
  watch(call: Call): CallObserver {
    const asked = call.model;
    if (this.#budgets.length === 0) return { end: (ended) => this.#end(call, asked, ended) };
    const meter = new Meter(call, (usage) => this.#usd(call, usage, asked));
    const holds = this.#reserve(call, meter);
    const over = (hold: Hold): void => this.#context.interrupt(`The ${describe(hold.budget)} is used up.`);
    return {
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

  #reserve(call: Call, meter: Meter): Hold[] {
    const { now, reserveOutputTokens, unknownPrice } = this.#settings;
    const inputUsd = meter.read();
    const outputTokens = Math.min(call.request.parameters.maxTokens ?? Infinity, reserveOutputTokens);
    const outputUsd = meter.outputUsd(outputTokens);
    const holds: Hold[] = [];
    if (!meter.known && unknownPrice === 'refuse') {
      call.cost = { status: 'exact', totalUsd: 0 };
      const name = `${call.provider ?? 'unknown'}/${call.model ?? '*'}`;
      const mend = `give cost({ prices: { '${name}': { input, output } } }), or unknownPrice: 'allow'`;
      throw new SluiceError('budget', `No price is known for "${name}", so no budget can be kept: ${mend}.`, {
        retryable: false,
      });
    }
    for (const { budget, key, ledger } of this.#budgets) {
      const hold = new Hold(
        budget,
        counterOf(budget, key, now()),
        ledger,
        () => this.#context.interrupt(`The ${describe(budget)} is used up.`),
        (error) => this.#context.log.error('the ledger of a budget failed', { error: nameOf(error) }),
      );
      if (!hold.reserve(inputUsd, outputUsd)) {
        for (const other of holds) other.settle(0);
        call.cost = { status: 'exact', totalUsd: 0 };
        throw budgetError(budget);
      }
      holds.push(hold);
    }
    return holds;
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

  async #look(asked: readonly { budget: Budget; sum: Promise<number> }[]): Promise<void> {
    const sums = await Promise.all(asked.map(({ sum }) => sum)).catch((cause: unknown) => {
      throw new SluiceError('store', 'The ledger of a budget failed: nothing was sent.', { cause });
    });
    asked.forEach(({ budget }, index) => {
      if ((sums[index] ?? 0) >= budget.usd) throw budgetError(budget);
    });
  }
}

/** A server that reports no output for what it has sent does not know: an estimate is nearer than nothing. */
function billed(call: Call, usage: Usage): Usage {
  if (usage.outputTokens > 0 || call.outputCharacters === 0) return usage;
  const outputTokens = estimateTokens(call.outputCharacters);
  const inputTokens = usage.inputTokens > 0 ? usage.inputTokens : estimateInputTokens(call.request);
  return { ...usage, inputTokens, outputTokens, totalTokens: inputTokens + outputTokens, estimated: true };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
