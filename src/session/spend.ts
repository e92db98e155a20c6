import { noUsage, sumCost, sumUsage } from '../usage.ts';
import type { Spend, TurnEnd } from './store.ts';

/** Nothing spent, exactly. */
export function noSpend(): Spend {
  return { usage: noUsage(), cost: { status: 'exact', totalUsd: 0 }, turns: 0 };
}

/** What was spent when a turn ends: one unknown cost makes the sum unknown, one estimate makes it estimated. */
export function addTurn({ usage, cost, turns }: Spend, end: TurnEnd): Spend {
  return { usage: sumUsage([usage, end.usage]), cost: sumCost([cost, end.cost]), turns: turns + 1 };
}

/** Metadata with changes merged into it; a key set to undefined is taken out. Both stay as they are. */
export function mergeMetadata(
  metadata: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const entries = Object.entries({ ...metadata, ...changes });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
