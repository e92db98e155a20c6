import { SluiceError, type ExecutionContext } from '../../../src/index.ts';

/** A limit on money. */
export interface Budget {
  /** In US dollars. */
  usd: number;
  /**
   * Days and months are those of UTC. A session's and an owner's begin with their first turn and have no end: what was spent so far is what the option
   * `store` says. They do not hold for an execution without a session.
   */
  per: 'execution' | 'session' | 'owner' | 'day' | 'month';
  /** Whose budget of days or months it is, such as the tenant's id; each key has a budget of its own. Default: the `key` of `cost()`. */
  key?: ((context: ExecutionContext) => string) | undefined;
  /** Its name in errors and reasons, and of its counters. Two budgets of one period need two names where they share a key. */
  name?: string | undefined;
}

/** A counter and until when it counts. */
export interface Counter {
  name: string;
  expiresAtMs: number;
}

const DAY_MS = 86_400_000;

/** The counter of a budget for a key at a time. */
export function counterOf(budget: Budget, key: string, nowMs: number): Counter {
  const name = budget.name ?? '';
  // Counters of one execution, or of an owner's turns that run at the same time.
  if (budget.per === 'execution' || budget.per === 'session' || budget.per === 'owner') {
    return { name: JSON.stringify([budget.per, name, key]), expiresAtMs: Number.MAX_SAFE_INTEGER };
  }
  const now = new Date(nowMs);
  const iso = now.toISOString();
  const isDay = budget.per === 'day';
  const period = iso.slice(0, isDay ? 'yyyy-mm-dd'.length : 'yyyy-mm'.length);
  const end = isDay
    ? Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1)
    : Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
  // A call that began in the period settles behind its end.
  return { name: JSON.stringify([budget.per, name, key, period]), expiresAtMs: end + DAY_MS };
}

/** Says which budget it is, without its key: that may be a person. */
export function describe(budget: Budget): string {
  const name = budget.name === undefined ? '' : ` "${budget.name}"`;
  return `budget${name} of $${budget.usd} per ${budget.per}`;
}

/** The error of a call or an execution that a budget refuses. */
export function budgetError(budget: Budget): SluiceError {
  return new SluiceError('budget', `The ${describe(budget)} is used up.`, { retryable: false });
}
