import type { ModelPrice } from './price-list.ts';
import { FAST, type Mode } from './mode.ts';

/** Prices of a model, and its prices in other tiers. */
export interface Quote {
  prices: ModelPrice;
  tiers?: ReadonlyMap<string, ModelPrice> | undefined;
  /** Whether the caller gave them. They hold for all parts of a usage, then. */
  isOwn?: boolean;
  /** Whether the price belongs to the model asked for, not to the one that answered. */
  isNear?: boolean;
}

/** The price of a model in one mode. */
export interface TierPrice {
  prices: ModelPrice;
  /** Multiplies the prices of tokens. */
  factor: number;
  /** What the factor is for and what it is, if it is not in the list but assumed. */
  assumed: { what: string; times: string }[];
  /** What has no price, such as `service tier "priority"`. */
  unpriced?: string;
  /** Whether there is not even an assumption. */
  isUnknown: boolean;
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

/**
 * How many times the list price Anthropic's fast mode costs: six for two models, two for those after them.
 * Source: https://platform.claude.com/docs/en/build-with-claude/fast-mode
 */
const SIX_TIMES = /claude-opus-4-[67]/;

/** Regions at the list price. */
const ANYWHERE: ReadonlySet<string> = new Set(['', 'global', 'not_available']);
/** What a region costs. Source: https://platform.claude.com/docs/en/build-with-claude/data-residency */
const REGION_FACTOR = 1.1;

/** Two names of one tier at OpenAI. Source: https://developers.openai.com/api/docs/guides/fast-mode */
const ALSO: ReadonlyMap<string, string> = new Map([
  ['priority', 'fast'],
  ['fast', 'priority'],
]);

/** The price of a model in a mode. `listName` is the provider's name in the list. */
export function tierPrice(quote: Quote, mode: Mode, model: string, listName: string | undefined): TierPrice {
  const { tier, region } = mode;
  const found = priceOfTier(quote, tier, model, listName);
  if (ANYWHERE.has(region)) return found;
  const ofRegion = STANDARD_TIERS.has(tier) ? quote.tiers?.get(region) : undefined;
  if (ofRegion !== undefined) return { ...found, prices: ofRegion };
  return {
    ...found,
    factor: found.factor * REGION_FACTOR,
    assumed: [...found.assumed, { what: `region "${region}"`, times: `${REGION_FACTOR} times` }],
    ...(region !== 'us' && found.unpriced === undefined && { unpriced: `region "${region}"` }),
  };
}

function priceOfTier(
  { prices, tiers }: Quote,
  tier: string,
  model: string,
  listName: string | undefined,
): TierPrice {
  const own = tiers?.get(tier) ?? (listName === 'anthropic' ? undefined : tiers?.get(ALSO.get(tier) ?? ''));
  const standard = { prices: own ?? prices, factor: 1, assumed: [], isUnknown: false };
  if (own !== undefined || STANDARD_TIERS.has(tier)) return standard;
  const what = `tier "${tier}"`;
  if (HALF_PRICE_TIERS.has(`${listName}/${tier}`))
    return { ...standard, factor: 0.5, assumed: [{ what, times: 'half' }] };
  if (listName === 'anthropic' && tier === FAST) {
    const factor = SIX_TIMES.test(model) ? 6 : 2;
    return {
      ...standard,
      factor,
      assumed: [{ what, times: `${factor} times` }],
      unpriced: `speed "${FAST}"`,
    };
  }
  return { ...standard, unpriced: `service tier "${tier}"`, isUnknown: true };
}
