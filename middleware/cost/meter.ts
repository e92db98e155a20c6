import { estimateInputTokens, estimateTokens, noUsage, type Call, type Usage } from '../../src/index.ts';

/** How many characters may pass before the budgets are looked at again. */
const CHARACTERS_PER_LOOK = 1_000;
/** As in `estimateTokens`. */
const CHARACTERS_PER_TOKEN = 4;

/** What one running call has cost so far, looked at now and then. */
export class Meter {
  readonly #call: Call;
  readonly #price: (usage: Usage) => number | undefined;
  readonly #inputTokens: number;
  #nextAt = 0;
  #seen: Usage | undefined;
  /** Whether there is a price at all. */
  known = true;
  usdPerCharacter: number;

  constructor(call: Call, price: (usage: Usage) => number | undefined) {
    this.#call = call;
    this.#price = price;
    this.#inputTokens = estimateInputTokens(call.request);
    this.usdPerCharacter = this.outputUsd(1_000) / (1_000 * CHARACTERS_PER_TOKEN);
  }

  /** Whether enough has come since the last look. Asked at every chunk. */
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

  /** What so many tokens of output cost beside the input. */
  outputUsd(outputTokens: number): number {
    const input = { ...noUsage(), inputTokens: this.#inputTokens };
    return this.#usd({ ...input, outputTokens }) - this.#usd(input);
  }

  /** Sets the next look: where the room ends, and now and then before. */
  next(roomUsd: number): void {
    const characters = this.usdPerCharacter > 0 ? Math.ceil(roomUsd / this.usdPerCharacter) : Infinity;
    this.#nextAt = this.#call.outputCharacters + Math.max(1, Math.min(CHARACTERS_PER_LOOK, characters));
  }

  #usd(usage: Usage): number {
    const usd = this.#price({ ...usage, totalTokens: usage.inputTokens + usage.outputTokens });
    if (usd === undefined) this.known = false;
    return usd ?? 0;
  }
}
