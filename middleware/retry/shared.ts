import { RetryBudget } from './budget.ts';
import type { RetrySettings } from './options.ts';
import { Pace } from './pace.ts';

/** From how many successes a budget collects retries. */
const COLLECTED_FROM = 100;

/** What executions share that have the same `retry()`, or that ask the same provider. */
interface Shared {
  pace: Pace;
  /** By their settings: a budget with other settings is another one. */
  budgets: Map<string, RetryBudget>;
}

const known = new WeakMap<object, Shared>();

function sharedBy(object: object): Shared {
  let shared = known.get(object);
  if (shared === undefined) {
    shared = { pace: new Pace(), budgets: new Map() };
    known.set(object, shared);
  }
  return shared;
}

/** The pace of those who come back to the same provider. */
export function paceOf(source: object): Pace {
  return sharedBy(source).pace;
}

/**
 * The budgets that a retry needs: that of the pipeline (`owner` is its outermost `retry()`), which successes refill bit by bit, and that of the
 * provider that is asked, which each success fills up. So several pipelines over a provider that is down make no more retries than one.
 */
export function budgetsFor(
  owner: object,
  source: object | undefined,
  { budget, maxRetries }: RetrySettings,
): readonly RetryBudget[] {
  if (budget === false) return [];
  const { ratio, floor = Math.max(5, maxRetries) } = budget;
  const most = floor + COLLECTED_FROM * ratio;
  const name = `${ratio} ${floor}`;
  const ofPipeline = kept(owner, name, () => new RetryBudget({ perSuccess: ratio, floor, most }));
  if (source === undefined) return [ofPipeline];
  const all = () => new RetryBudget({ perSuccess: most, floor: most, most });
  return [ofPipeline, kept(source, name, all)];
}

function kept(object: object, name: string, make: () => RetryBudget): RetryBudget {
  const { budgets } = sharedBy(object);
  const known = budgets.get(name);
  if (known !== undefined) return known;
  const made = make();
  budgets.set(name, made);
  return made;
}
