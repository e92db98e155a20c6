import { noUsage, type Call, type Usage } from '../../../src/index.ts';
import { estimateInputTokens, estimateTokens } from '../../../src/kit/index.ts';
import type { CallPrice } from '../price/call-price.ts';
import { rounded } from '../usd.ts';

/** How many characters may be received before the budgets are checked again. */
const CHARACTERS_PER_CHECK = 1_000;
const TOKENS_PER_CHECK = estimateTokens(CHARACTERS_PER_CHECK);

/** Estimates what one running call has cost so far, at no less than the best price that is known. */
export class Meter {
  readonly #call: Call;
  readonly #price: CallPrice;
  readonly #inputTokens: number;
  #nextAt = 0;
  #seen: Usage | undefined;
  #blockUsd = 0;
  /** Whether a price is known. */
  readonly known: boolean;
  /** What has no price although the model has one. */
  readonly unpriced: string | undefined;

  constructor(call: Call, price: CallPrice) {
    this.#call = call;
    this.#price = price;
    this.#inputTokens = estimateInputTokens(call.request);
    const priced = price.of(this.#with(noUsage(), 1));
    this.known = priced.heldUsd !== undefined;
    this.unpriced = priced.unpriced;
  }

  /** Whether the budgets must be checked again. Read at every chunk. */
  get due(): boolean {
    return this.#call.outputCharacters >= this.#nextAt || this.#call.usage !== this.#seen;
  }

  /** What the characters between two checks cost, as of the last read: the price may have changed since the call began. */
  get blockUsd(): number {
    return this.#blockUsd;
  }

  read(): number {
    const { usage } = this.#call;
    this.#seen = usage;
    const usedUsd = this.#usd(this.#usage(0));
    this.#blockUsd = rounded(this.#usd(this.#usage(TOKENS_PER_CHECK)) - usedUsd);
    return usedUsd;
  }

  /** What so many more tokens of output cost. */
  outputUsd(outputTokens: number): number {
    return this.#usd(this.#usage(outputTokens)) - this.#usd(this.#usage(0));
  }

  /** Sets the next check: before `roomUsd` is used up, and after `CHARACTERS_PER_CHECK` at the latest. */
  next(roomUsd: number): void {
    const share = this.#blockUsd > 0 ? Math.min(1, roomUsd / this.#blockUsd) : 1;
    this.#nextAt = this.#call.outputCharacters + Math.max(1, Math.ceil(share * CHARACTERS_PER_CHECK));
  }

  #usage(more: number): Usage {
    const { usage, outputCharacters } = this.#call;
    const outputTokens = Math.max(usage?.outputTokens ?? 0, estimateTokens(outputCharacters));
    return this.#with(usage ?? noUsage(), outputTokens + more);
  }

  #with(usage: Usage, outputTokens: number): Usage {
    const inputTokens = usage.inputTokens > 0 ? usage.inputTokens : this.#inputTokens;
    return { ...usage, inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
  }

  #usd(usage: Usage): number {
    return this.#price.of(usage).heldUsd ?? 0;
  }
}
