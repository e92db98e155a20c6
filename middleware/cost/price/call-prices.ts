import type { Call, CallEnd, ExecutionContext, Usage } from '../../../src/index.ts';
import { callListener, estimateInputTokens, estimateTokens } from '../../../src/kit/index.ts';
import type { CostEvent } from '../options.ts';
import type { PriceTable } from './price-table.ts';

/** The prices of the calls of one execution. */
export class CallPrices {
  readonly #context: ExecutionContext;
  readonly #table: PriceTable;
  readonly #key: string;
  readonly #onCost: ((event: CostEvent) => void) | undefined;

  /** `key` says whose money it is. `onCost` is called at the end of each call. */
  constructor(
    context: ExecutionContext,
    table: PriceTable,
    key: string,
    onCost: ((event: CostEvent) => void) | undefined,
  ) {
    this.#context = context;
    this.#table = table;
    this.#key = key;
    this.#onCost = onCost;
  }

  /** What a usage of a call costs, in US dollars; `asked` is the model that the call was made for. Undefined if no price is known. */
  usd(call: Call, usage: Usage, asked: string | undefined): number | undefined {
    const { cost, note } = this.#table.price(call, usage, asked);
    if (note !== undefined) this.#context.log.warn(note);
    return cost.totalUsd;
  }

  /** Sets the cost of a call that has ended, and reports it. */
  settle(call: Call, { usage }: CallEnd, asked: string | undefined): void {
    const { cost, warning, note } = this.#table.price(call, billed(call, usage), asked);
    call.cost = cost;
    if (warning !== undefined) this.#context.warn(warning);
    if (note !== undefined) this.#context.log.warn(note);
    callListener(this.#context, 'cost: onCost', () =>
      this.#onCost?.({
        cost,
        usage,
        call,
        provider: call.provider,
        model: call.model,
        executionId: this.#context.id,
        key: this.#key,
      }),
    );
  }
}

/** A server that sent output and reports none does not count it. An estimate is closer than 0. */
function billed(call: Call, usage: Usage): Usage {
  if (usage.outputTokens > 0 || call.outputCharacters === 0) return usage;
  const outputTokens = estimateTokens(call.outputCharacters);
  const inputTokens = usage.inputTokens > 0 ? usage.inputTokens : estimateInputTokens(call.request);
  return { ...usage, inputTokens, outputTokens, totalTokens: inputTokens + outputTokens, estimated: true };
}
