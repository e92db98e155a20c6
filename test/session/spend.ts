import { noUsage, sumCost, sumUsage } from 'sluice';
import type { Spend, TurnEnd } from 'sluice';

/** An exact zero. */
export const noSpend = (): Spend => ({ usage: noUsage(), cost: { status: 'exact', totalUsd: 0 }, turns: 0 });

/** The spend after one more turn, by the rules of usage and cost instead of counters. */
export const addTurn = ({ usage, cost, turns }: Spend, end: TurnEnd): Spend => ({
  usage: sumUsage([usage, end.usage]),
  cost: sumCost([cost, end.cost]),
  turns: turns + 1,
});
