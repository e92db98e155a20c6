import { calcPrice, type ModelPrice } from '@pydantic/genai-prices';
import type { Call, Cost, Usage } from '../../../src/index.ts';
import { offersHostedTools } from './hosted-tools.ts';
import { amountsOf, scaled } from './rates.ts';

/** US dollars per million tokens. If cached and cache-write tokens have no price, they cost as much as other input. */
export interface TokenPrices {
  input: number;
  output: number;
  cacheRead?: number | undefined;
  cacheWrite?: number | undefined;
}

/** Prices of a model, and its prices in other service tiers than the standard one. */
export interface ModelPrices extends TokenPrices {
  tiers?: Record<string, TokenPrices> | undefined;
}

/** A cost, and messages about it. */
export interface Priced {
  cost: Cost;
  /** For the warnings of the execution: why the cost is not exact. */
  warning?: string | undefined;
  /** For the log, once per model. */
  note?: string | undefined;
}

interface Quote {
  prices: ModelPrice;
  tiers?: ReadonlyMap<string, ModelPrice> | undefined;
  /** Whether the price belongs to the model asked for, not to the one that answered. */
  estimated?: boolean;
}

/** Names of tiers at the list price. */
const STANDARD_TIERS: ReadonlySet<string> = new Set([
  '',
  'default',
  'standard',
  'standard_only',
  'auto',
  'on_demand',
]);

/**
 * Tiers at half the list price. They are not in the list, so their costs are estimates.
 * Sources: https://platform.openai.com/docs/guides/flex-processing, https://platform.claude.com/docs/en/build-with-claude/batch-processing
 */
const HALF_PRICE_TIERS: ReadonlySet<string> = new Set(['openai/flex', 'openai/batch', 'anthropic/batch']);

/** Model names may come from requests, so the number of remembered look-ups is limited. */
const MAX_REMEMBERED = 500;
/** Some prices depend on the hour of the day. */
const REMEMBERED_MS = 60_000;

/** The embedded model runs in this process. */
const FREE: ModelPrice = { input_mtok: 0, output_mtok: 0 };

/**
 * Prices by provider and model: first those of the options, then the list in genai-prices. Nothing is fetched. A look-up in the list takes about
 * 50 us, so its result is kept for a minute.
 */
export class PriceTable {
  readonly #own = new Map<string, { prices: ModelPrice; tiers: Map<string, ModelPrice> }>([
    ['demo/*', { prices: FREE, tiers: new Map() }],
  ]);
  readonly #aliases: ReadonlyMap<string, string>;
  readonly #now: () => number;
  readonly #listed = new Map<string, { prices: ModelPrice | undefined; untilMs: number }>();

  /** Names that have been logged as unknown. */
  readonly #noted = new Set<string>();

  /** `own`: prices by `model`, `provider/model` or `provider/*`. `aliases`: a provider's name in the list, by its name here. */
  constructor(own: Record<string, ModelPrices>, aliases: Record<string, string>, now: () => number) {
    for (const [name, { tiers, ...prices }] of Object.entries(own)) {
      const byTier = Object.entries(tiers ?? {}).map(([tier, its]) => [tier, modelPrice(its)] as const);
      this.#own.set(name.toLowerCase(), { prices: modelPrice(prices), tiers: new Map(byTier) });
    }
    this.#aliases = new Map(Object.entries(aliases));
    this.#now = now;
  }

  /** The cost of a usage of a call; `asked` is the model that it was made for. */
  price(call: Call, usage: Usage, asked: string | undefined): Priced {
    const { provider, model } = call;
    if (usage.totalTokens === 0 && usage.outputTokens === 0 && call.outputCharacters === 0) {
      // The call was refused or never answered: nothing is billed.
      return { cost: { status: usage.estimated === true ? 'estimated' : 'exact', totalUsd: 0 } };
    }
    const quote = this.#quote(provider, model, asked);
    if (quote === undefined) return this.#unknown(provider, model);
    const tier = call.serviceTier ?? '';
    const atTier = quote.tiers?.get(tier);
    const half = HALF_PRICE_TIERS.has(`${this.#listName(provider)}/${tier}`);
    if (atTier === undefined && !half && !STANDARD_TIERS.has(tier)) {
      const advice = `give cost() a price with tiers: { '${tier}': { input, output } }`;
      return {
        cost: { status: 'unknown' },
        warning: `No price is known for the service tier "${tier}" of model "${model}": ${advice}.`,
      };
    }
    const amounts = amountsOf(usage, atTier ?? quote.prices);
    if (amounts === undefined) return this.#unknown(provider, model);
    // A free model costs 0, even if its usage is an estimate.
    if (Object.values(atTier ?? quote.prices).every((usd) => usd === 0)) {
      return { cost: { status: 'exact', ...amounts } };
    }
    const halved = atTier === undefined && half;
    const unmetered =
      this.#listName(provider) === 'openai' && offersHostedTools(call.request, provider ?? '');
    const estimated = usage.estimated === true || quote.estimated === true || halved || unmetered;
    return {
      cost: { status: estimated ? 'estimated' : 'exact', ...(halved ? scaled(amounts, 0.5) : amounts) },
      ...(halved && {
        warning: `The tier "${tier}" of model "${model}" is assumed to cost half the list price.`,
      }),
    };
  }

  #unknown(provider: string | undefined, model: string | undefined): Priced {
    const name = `${provider ?? 'unknown'}/${model ?? '*'}`;
    if (this.#noted.has(name) || this.#noted.size >= MAX_REMEMBERED) return { cost: { status: 'unknown' } };
    this.#noted.add(name);
    const advice = `give cost({ prices: { '${name}': { input, output } } })`;
    return {
      cost: { status: 'unknown' },
      note: `no price is known for "${name}", so its cost is unknown: ${advice}`,
    };
  }

  /** The name of a provider in the list. */
  #listName(provider: string | undefined): string | undefined {
    return provider === undefined ? undefined : (this.#aliases.get(provider) ?? provider);
  }

  #quote(
    provider: string | undefined,
    model: string | undefined,
    asked: string | undefined,
  ): Quote | undefined {
    const own = this.#ownPrice(provider, model) ?? this.#ownPrice(provider, asked);
    if (own !== undefined) return own;
    const prices = this.#listPrice(provider, model);
    if (prices !== undefined) return { prices };
    const near = asked === model ? undefined : this.#listPrice(provider, asked);
    return near === undefined ? undefined : { prices: near, estimated: true };
  }

  #ownPrice(provider: string | undefined, model: string | undefined): Quote | undefined {
    const names = [`${provider}/${model}`, model ?? '', `${provider}/*`];
    for (const name of names) {
      const own = this.#own.get(name.toLowerCase());
      if (own !== undefined) return own;
    }
    return undefined;
  }

  #listPrice(provider: string | undefined, model: string | undefined): ModelPrice | undefined {
    const providerId = this.#listName(provider);
    if (providerId === undefined || model === undefined) return undefined;
    const name = `${providerId}\n${model}`;
    const now = this.#now();
    const known = this.#listed.get(name);
    if (known !== undefined && now < known.untilMs) return known.prices;
    if (this.#listed.size >= MAX_REMEMBERED) this.#listed.clear();
    const nothing = { input_tokens: 0, output_tokens: 0 };
    const found = calcPrice(nothing, model, { providerId, timestamp: new Date(now) });
    const prices = found?.model_price;
    this.#listed.set(name, { prices, untilMs: now + REMEMBERED_MS });
    return prices;
  }
}

function modelPrice(prices: TokenPrices): ModelPrice {
  return {
    input_mtok: prices.input,
    output_mtok: prices.output,
    ...(prices.cacheRead !== undefined && { cache_read_mtok: prices.cacheRead }),
    ...(prices.cacheWrite !== undefined && { cache_write_mtok: prices.cacheWrite }),
  };
}
