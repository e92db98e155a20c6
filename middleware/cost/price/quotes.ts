import { listedPrice, listedProviderAt, type ModelPrice } from './price-list.ts';
import type { Quote } from './tiers.ts';

/**
 * US dollars per million tokens, and per thousand web searches. Cached and cache-write tokens without a price cost as much as other input. Audio
 * and images without one do, too, but then the cost is an estimate.
 */
export interface TokenPrices {
  input: number;
  output: number;
  cacheRead?: number | undefined;
  cacheWrite?: number | undefined;
  /** Cache writes that are kept for an hour. */
  cacheWrite1h?: number | undefined;
  inputAudio?: number | undefined;
  outputAudio?: number | undefined;
  outputImage?: number | undefined;
  /** Per thousand searches. */
  webSearches?: number | undefined;
}

/** Prices of a model, and its prices in other service tiers than the standard one. */
export interface ModelPrices extends TokenPrices {
  tiers?: Record<string, TokenPrices> | undefined;
}

/** Whose price is asked for. */
export interface Asked {
  provider: string | undefined;
  /** The address of the server, if the provider's name does not say whose it is. */
  server: string | undefined;
  /** The model that answers. */
  model: string | undefined;
  /** The model that the call was made for. */
  asked: string | undefined;
}

/** Model names may come from requests, so the number of remembered look-ups is limited. */
const MAX_REMEMBERED = 500;
/** Some prices depend on the time of the day. Their limits are full minutes, so a price is remembered until the next one. */
const MINUTE_MS = 60_000;

/** What is remembered where the caller gave no price. */
const NONE = Symbol('none');

/** The embedded model runs in this process. */
const FREE: ModelPrice = { input_mtok: 0, output_mtok: 0 };

/** Prices by provider and model: first those of the options, then those of the list. A look-up in the list is remembered. */
export class Quotes {
  readonly #own = new Map<string, Quote>([['demo/*', { prices: FREE, isOwn: true }]]);
  readonly #aliases: ReadonlyMap<string, string>;
  readonly #now: () => number;
  readonly #listed = new Map<string, { prices: ModelPrice | undefined; untilMs: number }>();
  /** The caller's price, by provider and models. */
  readonly #found = new Map<string, Quote | typeof NONE>();
  readonly #servers = new Map<string, string | undefined>();

  /** `own`: prices by `model`, `provider/model` or `provider/*`. `aliases`: a provider's name in the list, by its name here. */
  constructor(own: Record<string, ModelPrices>, aliases: Record<string, string>, now: () => number) {
    for (const [name, { tiers, ...prices }] of Object.entries(own)) {
      const byTier = Object.entries(tiers ?? {}).map(([tier, its]) => [tier, modelPrice(its)] as const);
      const quote = { prices: modelPrice(prices), tiers: new Map(byTier), isOwn: true };
      this.#own.set(name.toLowerCase(), quote);
    }
    this.#aliases = new Map(Object.entries(aliases));
    this.#now = now;
  }

  /** The price of a model. Undefined if none is known. */
  quote({ provider, server, model, asked }: Asked): Quote | undefined {
    const own = this.#ownPrice(provider, model, asked);
    if (own !== undefined) return own;
    const listName = this.listName(provider, server);
    const prices = this.#listPrice(listName, model);
    if (prices !== undefined) return { prices };
    const near = asked === model ? undefined : this.#listPrice(listName, asked);
    return near === undefined ? undefined : { prices: near, isNear: true };
  }

  /** The name of a provider in the list. Undefined if its server belongs to nobody in the list. */
  listName(provider: string | undefined, server: string | undefined): string | undefined {
    if (provider === undefined) return undefined;
    const alias = this.#aliases.get(provider);
    if (alias !== undefined || server === undefined) return alias ?? provider;
    if (!this.#servers.has(server)) this.#servers.set(server, listedProviderAt(server));
    return this.#servers.get(server);
  }

  /** The caller's price: the most exact name first, and that of the model which answered before that of the one asked for. */
  #ownPrice(
    provider: string | undefined,
    model: string | undefined,
    asked: string | undefined,
  ): Quote | undefined {
    const key = `${provider}\n${model}\n${asked}`;
    const known = this.#found.get(key);
    if (known !== undefined) return known === NONE ? undefined : known;
    const names = [`${provider}/${model}`, model ?? '', `${provider}/${asked}`, asked ?? '', `${provider}/*`];
    const name = names.map((one) => one.toLowerCase()).find((one) => this.#own.has(one));
    const own = name === undefined ? undefined : this.#own.get(name);
    if (this.#found.size >= MAX_REMEMBERED) this.#found.clear();
    this.#found.set(key, own ?? NONE);
    return own;
  }

  #listPrice(listName: string | undefined, model: string | undefined): ModelPrice | undefined {
    if (listName === undefined || model === undefined) return undefined;
    const name = `${listName}\n${model}`;
    const now = this.#now();
    const known = this.#listed.get(name);
    if (known !== undefined && now < known.untilMs) return known.prices;
    if (this.#listed.size >= MAX_REMEMBERED) this.#listed.clear();
    const prices = listedPrice(listName, model, now);
    this.#listed.set(name, { prices, untilMs: (Math.floor(now / MINUTE_MS) + 1) * MINUTE_MS });
    return prices;
  }
}

/** The prices in the form of the list. */
function modelPrice(prices: TokenPrices): ModelPrice {
  const named = {
    input_mtok: prices.input,
    output_mtok: prices.output,
    cache_read_mtok: prices.cacheRead,
    cache_write_mtok: prices.cacheWrite,
    cache_write_1h_mtok: prices.cacheWrite1h,
    input_audio_mtok: prices.inputAudio,
    output_audio_mtok: prices.outputAudio,
    output_image_mtok: prices.outputImage,
    web_searches_kcount: prices.webSearches,
  };
  return Object.fromEntries(Object.entries(named).filter(([, price]) => price !== undefined));
}
