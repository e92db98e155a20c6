import type { Call, Cost, Usage } from '../../../src/index.ts';
import { rounded } from '../usd.ts';
import { offersHostedTools } from './hosted-tools.ts';
import { partsOf, type UsagePart } from './iterations.ts';
import { unknownFields } from './known-fields.ts';
import { modeOf, type Mode } from './mode.ts';
import type { Asked, Quotes } from './quotes.ts';
import { amountsOf, sumAmounts, unpricedParts, type Amounts } from './rates.ts';
import { tierPrice, type Quote, type TierPrice } from './tiers.ts';
import { toldUsd } from './told-cost.ts';

/** A cost, and messages about it. */
export interface Priced {
  cost: Cost;
  /** What budgets count, in US dollars: no less than the best price that is known. Undefined if no price is known. */
  heldUsd: number | undefined;
  /** For the warnings of the execution: why the cost is not exact. */
  warnings: string[];
  /** The name of a model without a price. */
  nameless?: string;
  /** What has no price although the model has one, such as `service tier "priority"`. */
  unpriced?: string;
}

/** What one part of a usage costs. */
interface Bill {
  /** Undefined if it is not known. */
  amounts: Amounts | undefined;
  heldUsd: number | undefined;
  isExact: boolean;
  /** Whether all its prices are 0. */
  isFree: boolean;
  warnings: string[];
  nameless?: string;
  unpriced?: string;
}

/** What calls cost. Nothing is fetched. */
export class PriceTable {
  readonly #quotes: Quotes;

  constructor(quotes: Quotes) {
    this.#quotes = quotes;
  }

  /** The cost of a usage of a call; `asked` is the model that it was made for. */
  price(call: Call, usage: Usage, asked: string | undefined): Priced {
    const listName = this.#quotes.listName(call.provider, call.server);
    const told = toldUsd(usage.raw, listName);
    const status = usage.estimated === true ? 'estimated' : 'exact';
    if (told !== undefined) return known({ status, totalUsd: told });
    // The call was refused or never answered: nothing is billed.
    if (usage.totalTokens === 0 && call.outputCharacters === 0) return known({ status, totalUsd: 0 });
    const mode = modeOf(call, usage.raw);
    const { parts, addUp } = partsOf(usage);
    const bills = parts.map((part) => this.#bill(call, part, asked, mode, listName));
    const unmetered = listName === 'openai' && offersHostedTools(call.request, call.provider ?? '');
    const priced = joined(bills);
    if (priced.cost.status === 'unknown') return priced;
    if (bills.every(({ isFree }) => isFree)) return known({ ...priced.cost, status: 'exact' });
    const unknown = addUp ? unknownFields(usage.raw) : ['iterations', ...unknownFields(usage.raw)];
    for (const name of unknown) {
      const what = `The usage of model "${call.model}" has a field ${name}`;
      priced.warnings.push(`${what}, whose price is not known: the cost is an estimate.`);
    }
    if (unmetered || unknown.length > 0 || usage.estimated === true) priced.cost.status = 'estimated';
    return priced;
  }

  #bill(
    call: Call,
    { usage, model: own }: UsagePart,
    asked: string | undefined,
    mode: Mode,
    listName: string | undefined,
  ): Bill {
    const { provider, server } = call;
    const model = own ?? call.model;
    const whose: Asked = { provider, server, model, asked: own ?? asked };
    const quote = this.#quotes.quote(whose);
    const name = `${provider ?? 'unknown'}/${model ?? '*'}`;
    if (quote === undefined) return unpricedBill(name);
    const tier = tierPrice(quote, mode, model ?? '', listName);
    const { prices } = tier;
    const amounts = amountsOf(usage, prices, tier.factor);
    if (amounts === undefined) return unpricedBill(name);
    const missing = unpricedParts(usage, prices, quote.isOwn === true);
    return {
      amounts: tier.isUnknown ? undefined : amounts,
      heldUsd: heldUsd(usage, amounts, quote, tier, mode),
      isExact:
        quote.isNear !== true && isListed(tier) && missing.length === 0 && !isUntold(tier, quote, mode),
      isFree: Object.values(prices).every((usd) => usd === 0),
      warnings: warningsOf(tier, missing, model, mode),
      ...(tier.unpriced !== undefined && { unpriced: tier.unpriced }),
    };
  }
}

function known(cost: Cost): Priced {
  return { cost, heldUsd: cost.totalUsd, warnings: [] };
}

function unpricedBill(nameless: string): Bill {
  return { amounts: undefined, heldUsd: undefined, isExact: false, isFree: false, warnings: [], nameless };
}

/** Whether the price is one of the list or the caller's, without an assumption. */
function isListed({ assumed, isUnknown }: TierPrice): boolean {
  return assumed.length === 0 && !isUnknown;
}

/** Whether the price is that of a tier which was only asked for. The server may have used another one. */
function isUntold(tier: TierPrice, quote: Quote, { isTold }: Mode): boolean {
  return !isTold && tier.prices !== quote.prices;
}

/**
 * What budgets count. Without a price for the tier it is the dearest of those that are known. A cheaper tier counts only when the server has
 * said that it is used.
 */
function heldUsd(usage: Usage, amounts: Amounts, quote: Quote, tier: TierPrice, mode: Mode): number {
  const others = [];
  const isListPrice = tier.prices === quote.prices && tier.factor === 1;
  if (!isListPrice && (!mode.isTold || tier.isUnknown)) others.push(quote.prices);
  if (tier.isUnknown) others.push(...(quote.tiers?.values() ?? []));
  const totals = others.map((prices) => amountsOf(usage, prices)?.totalUsd ?? 0);
  return Math.max(amounts.totalUsd, ...totals);
}

function warningsOf(
  { assumed, isUnknown, unpriced }: TierPrice,
  missing: readonly string[],
  model: string | undefined,
  { tier }: Mode,
): string[] {
  const advice = `give cost() a price with tiers: { '${tier}': { input, output } }`;
  return [
    ...assumed.map(
      ({ what, times }) => `The ${what} of model "${model}" is assumed to cost ${times} the list price.`,
    ),
    ...missing.map((part) => `No price is known for ${part} of model "${model}": the cost is an estimate.`),
    ...(isUnknown ? [`No price is known for the ${unpriced} of model "${model}": ${advice}.`] : []),
  ];
}

/** Most usages have one part. */
function onlyOne({ isExact, warnings, heldUsd, nameless, unpriced }: Bill, amounts: Amounts): Priced {
  return {
    cost: { status: isExact ? 'exact' : 'estimated', ...amounts },
    heldUsd: heldUsd === undefined ? undefined : rounded(heldUsd),
    warnings: [...warnings],
    ...(nameless !== undefined && { nameless }),
    ...(unpriced !== undefined && { unpriced }),
  };
}

/** The bills of all parts as one cost. */
function joined(bills: readonly Bill[]): Priced {
  const [first, second] = bills;
  if (first?.amounts !== undefined && second === undefined) return onlyOne(first, first.amounts);
  const amounts = bills.map((bill) => bill.amounts).filter((one) => one !== undefined);
  const held = bills.map((bill) => bill.heldUsd).filter((usd) => usd !== undefined);
  const isKnown = amounts.length === bills.length;
  const isExact = bills.every((bill) => bill.isExact);
  const nameless = bills.find((bill) => bill.nameless !== undefined)?.nameless;
  const unpriced = bills.find((bill) => bill.unpriced !== undefined)?.unpriced;
  return {
    cost: isKnown
      ? { status: isExact ? 'exact' : 'estimated', ...sumAmounts(amounts) }
      : { status: 'unknown' },
    heldUsd: held.length === 0 ? undefined : rounded(held.reduce((sum, usd) => sum + usd, 0)),
    warnings: bills.flatMap((bill) => bill.warnings),
    ...(nameless !== undefined && { nameless }),
    ...(unpriced !== undefined && { unpriced }),
  };
}
