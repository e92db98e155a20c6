import { MONEY, TOKENS, noUsage } from '../../usage.ts';
import type { Cost, Usage } from '../../usage.ts';
import type { Sums } from './driver.ts';
import type { Spent } from '../steps/step.ts';
import type { Spend } from './store.ts';

/** How many turns there were, and how many times an estimated usage, an estimated cost or an unknown cost was added. */
const COUNTS = ['turns', 'estimatedUsages', 'estimatedCosts', 'unknownCosts'] as const;

/** The name of a counter of {@link Sums}. */
export type SumName =
  (typeof COUNTS)[number] | Exclude<keyof Usage, 'estimated' | 'raw'> | Exclude<keyof Cost, 'status'>;

/** The names of all counters, for databases that keep them in columns or read them one by one. Those that end in `Usd` are money. */
export const SUM_NAMES: readonly SumName[] = [...COUNTS, ...TOKENS, ...MONEY];

/** What is added to the sums: counters that only grow, which any database can add up. `turns`: how many turns have ended with it. */
export function sumsOf({ usage, cost }: Spent, turns: number): Sums {
  const sums: Record<string, number> = turns === 0 ? {} : { turns };
  for (const name of TOKENS) if (usage[name] !== 0) sums[name] = usage[name];
  for (const name of MONEY) {
    const usd = cost[name];
    // A cost of 0 is a known cost, unlike no cost at all.
    if (usd !== undefined) sums[name] = usd;
  }
  if (usage.estimated === true) sums['estimatedUsages'] = 1;
  if (cost.status === 'estimated') sums['estimatedCosts'] = 1;
  if (cost.status === 'unknown') sums['unknownCosts'] = 1;
  return sums;
}

/** Usage, cost and turns from the counters: one unknown cost makes the cost unknown, one estimate makes it estimated. */
export function spendOf(sums: Sums): Spend {
  const usage = noUsage();
  for (const name of TOKENS) usage[name] = sums[name] ?? 0;
  if ((sums['estimatedUsages'] ?? 0) > 0) usage.estimated = true;
  return { usage, cost: costOf(sums), turns: sums['turns'] ?? 0 };
}

function costOf(sums: Sums): Cost {
  if ((sums['unknownCosts'] ?? 0) > 0) return { status: 'unknown' };
  const cost: Cost = { status: (sums['estimatedCosts'] ?? 0) > 0 ? 'estimated' : 'exact', totalUsd: 0 };
  for (const name of MONEY) {
    const usd = sums[name];
    if (usd !== undefined) cost[name] = usd;
  }
  return cost;
}

/** The sum of two sets of counters; both stay as they are. For drivers whose database does not add. */
export function addSums(sums: Sums, added: Sums): Sums {
  const sum: Record<string, number> = { ...sums };
  for (const name in added) sum[name] = (sum[name] ?? 0) + (added[name] ?? 0);
  return sum;
}
