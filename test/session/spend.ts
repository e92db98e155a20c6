import { noUsage, sumCost, sumUsage } from 'sluice';
import type { Spend, TurnEnd } from 'sluice';

/** Nothing spent, exactly. */
export const noSpend = (): Spend => ({ usage: noUsage(), cost: { status: 'exact', totalUsd: 0 }, turns: 0 });

/** What was spent after one more turn, by the rules of usage and cost rather than by counters. */
export const addTurn = ({ usage, cost, turns }: Spend, end: TurnEnd): Spend => ({
  usage: sumUsage([usage, end.usage]),
  cost: sumCost([cost, end.cost]),
  turns: turns + 1,
});
