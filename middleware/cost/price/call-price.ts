import type { Call, Cost, ExecutionContext, Usage } from '../../../src/index.ts';
import type { NamedOnce } from './named-once.ts';
import type { Priced, PriceTable } from './price-table.ts';

/** What prices are made of. */
export interface Prices {
  table: PriceTable;
  /** The models without a price that have been logged. */
  noted: NamedOnce;
}

/** The price of one call. */
export class CallPrice {
  readonly #context: ExecutionContext;
  readonly #prices: Prices;
  readonly #call: Call;
  /** The model that it was made for. */
  readonly #asked: string | undefined;

  constructor(context: ExecutionContext, prices: Prices, call: Call) {
    this.#context = context;
    this.#prices = prices;
    this.#call = call;
    this.#asked = call.model;
  }

  /** What a usage of the call costs, for budgets and for the end. */
  of(usage: Usage): Priced {
    const priced = this.#prices.table.price(this.#call, usage, this.#asked);
    this.#note(priced);
    return priced;
  }

  /** Sets the cost of the call at its end. A cost that a layer further in has set stays, unless it is unknown. */
  settle(usage: Usage): Priced {
    const call = this.#call;
    const { cost } = call;
    const isSet = cost !== undefined && cost.status !== 'unknown';
    if (isSet) return { cost, heldUsd: cost.totalUsd, warnings: [] };
    const priced = this.of(usage);
    call.cost = priced.cost;
    for (const warning of priced.warnings) this.#context.warn(warning);
    return priced;
  }

  /** The cost so far of a call that still runs. */
  soFar(usage: Usage): Cost {
    return this.#prices.table.price(this.#call, usage, this.#asked).cost;
  }

  #note({ nameless }: Priced): void {
    if (nameless === undefined || !this.#prices.noted.isNew(nameless)) return;
    const advice = `give cost({ prices: { '${nameless}': { input, output } } })`;
    this.#context.log.warn(`no price is known for "${nameless}", so its cost is unknown: ${advice}`);
  }
}
