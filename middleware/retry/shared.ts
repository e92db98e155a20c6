import { RetryBudget } from './budget.ts';
import { Pace } from './pace.ts';
import type { RetrySettings } from './options.ts';

/** What all executions share that ask the same provider, in whatever pipeline and through whatever `retry()`. */
interface Shared {
  pace: Pace;
  /** By their settings: a budget with other settings is another one. */
  budgets: Map<string, RetryBudget>;
}

const known = new WeakMap<object, Shared>();

/** `source`: the provider that is asked, or any other object that the executions share. */
export function sharedBy(source: object): Shared {
  let shared = known.get(source);
  if (shared === undefined) {
    shared = { pace: new Pace(), budgets: new Map() };
    known.set(source, shared);
  }
  return shared;
}

/** The budget for the calls of one source; undefined if there is none. */
export function budgetFor(source: object, { budget, maxRetries }: RetrySettings): RetryBudget | undefined {
  if (budget === false) return undefined;
  const { ratio, floor = Math.max(5, maxRetries) } = budget;
  const { budgets } = sharedBy(source);
  const name = `${ratio} ${floor}`;
  const known = budgets.get(name);
  if (known !== undefined) return known;
  const made = new RetryBudget({ ratio, floor });
  budgets.set(name, made);
  return made;
}
