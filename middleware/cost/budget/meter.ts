import { noUsage, type Call, type Usage } from '../../../src/index.ts';
import { estimateInputTokens, estimateTokens } from '../../../src/kit/index.ts';

/** How many characters may be received before the budgets are checked again. */
const CHARACTERS_PER_CHECK = 1_000;

/** Estimates what one running call has cost so far. */
export class Meter {
  readonly #call: Call;
  readonly #price: (usage: Usage) => number | undefined;
  readonly #inputTokens: number;
  #nextAt = 0;
  #seen: Usage | undefined;
  /** Whether a price is known. */
  known = true;
  /** What the characters between two checks cost. */
  readonly blockUsd: number;

  constructor(call: Call, price: (usage: Usage) => number | undefined) {
    this.#call = call;
    this.#price = price;
    this.#inputTokens = estimateInputTokens(call.request);
    this.blockUsd = this.outputUsd(estimateTokens(CHARACTERS_PER_CHECK));
  }

  /** Whether the budgets must be checked again. Read at every chunk. */
  get due(): boolean {
    return this.#call.outputCharacters >= this.#nextAt || this.#call.usage !== this.#seen;
  }

  read(): number {
    const { usage, outputCharacters } = this.#call;
    this.#seen = usage;
    const inputTokens = usage?.inputTokens ?? this.#inputTokens;
    const outputTokens = Math.max(usage?.outputTokens ?? 0, estimateTokens(outputCharacters));
    return this.#usd({ ...(usage ?? noUsage()), inputTokens, outputTokens });
  }

  /** What so many tokens of output cost, without the input. */
  outputUsd(outputTokens: number): number {
    const input = { ...noUsage(), inputTokens: this.#inputTokens };
    return this.#usd({ ...input, outputTokens }) - this.#usd(input);
  }

  /** Sets the next check: before `roomUsd` is used up, and after `CHARACTERS_PER_CHECK` at the latest. */
  next(roomUsd: number): void {
    const share = this.blockUsd > 0 ? Math.min(1, roomUsd / this.blockUsd) : 1;
    this.#nextAt = this.#call.outputCharacters + Math.max(1, Math.ceil(share * CHARACTERS_PER_CHECK));
  }

  #usd(usage: Usage): number {
    const usd = this.#price({ ...usage, totalTokens: usage.inputTokens + usage.outputTokens });
    if (usd === undefined) this.known = false;
    return usd ?? 0;
  }
}
