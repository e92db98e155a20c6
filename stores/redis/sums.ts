import { decodeSpend, encodeSpend, noUsage } from '../../src/index.ts';
import type { Cost, SessionKey, Spend, TurnEnd } from '../../src/index.ts';

const TOKENS = [
  'inputTokens',
  'outputTokens',
  'totalTokens',
  'cachedInputTokens',
  'cacheWriteTokens',
  'reasoningTokens',
] as const;
const MONEY = ['totalUsd', 'inputUsd', 'outputUsd', 'cacheReadUsd', 'cacheWriteUsd'] as const;
/** How many of the turns were so. */
const COUNTS = ['turns', 'estimatedUsages', 'estimatedCosts', 'unknownCosts'] as const;

/** The fields of sums. */
export const SUM_FIELDS: readonly string[] = [...COUNTS, ...TOKENS, ...MONEY];

/** What a turn adds to the sums, as pairs of field and amount: a sum is only ever added to, so that the server can do it. */
export function additionsOf({ usage, cost }: TurnEnd): string[] {
  const added: [field: string, amount: number][] = [['turns', 1]];
  for (const field of TOKENS) if (usage[field] !== 0) added.push([field, usage[field]]);
  // A sum of 0 is known, and not the same as none.
  for (const field of MONEY) if (cost[field] !== undefined) added.push([field, cost[field]]);
  if (usage.estimated === true) added.push(['estimatedUsages', 1]);
  if (cost.status === 'estimated') added.push(['estimatedCosts', 1]);
  if (cost.status === 'unknown') added.push(['unknownCosts', 1]);
  return added.flatMap(([field, amount]) => [field, String(amount)]);
}

/** The sums of these fields, whose names begin so. Throws `store`, not retryable, where they are no numbers. */
export function spendOf(fields: ReadonlyMap<string, string>, key: SessionKey, prefix = ''): Spend {
  const known = (field: string): boolean => fields.has(prefix + field);
  const sum = (field: string): number => Number(fields.get(prefix + field) ?? '0');
  const usage = noUsage();
  for (const field of TOKENS) usage[field] = sum(field);
  if (sum('estimatedUsages') > 0) usage.estimated = true;
  const spend = { usage, cost: costOf(known, sum), turns: sum('turns') };
  return decodeSpend(encodeSpend(spend), { key, row: 'spend' });
}

function costOf(known: (field: string) => boolean, sum: (field: string) => number): Cost {
  if (sum('unknownCosts') > 0) return { status: 'unknown' };
  const cost: Cost = { status: sum('estimatedCosts') > 0 ? 'estimated' : 'exact', totalUsd: 0 };
  for (const field of MONEY) if (known(field)) cost[field] = sum(field);
  return cost;
}
