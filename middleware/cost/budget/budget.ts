import { SluiceError, type ExecutionContext } from '../../../src/index.ts';

/** A limit on money. */
export interface Budget {
  /** In US dollars. */
  usd: number;
  /**
   * Days and months are in UTC. A budget of a session or an owner counts all turns so far, as the option `store` reports them. It does not apply to an
   * execution without a session.
   */
  per: 'execution' | 'session' | 'owner' | 'day' | 'month';
  /** Whose budget of days or months it is, such as the id of the tenant. Each key has its own budget. Default: the `key` of `cost()`. */
  key?: ((context: ExecutionContext) => string) | undefined;
  /** Its name in errors and reasons, and in its counters. Two budgets of the same period and key need different names. */
  name?: string | undefined;
}

/** A counter of a ledger, and when it expires. */
export interface Counter {
  name: string;
  expiresAtMs: number;
}

const DAY_MS = 86_400_000;
/** How long what runs is counted. */
const RUNNING_MS = 2 * 3_600_000;

/** The counter of a budget for a key at a time. */
export function counterOf(budget: Budget, key: string, nowMs: number): Counter {
  const name = budget.name ?? '';
  // These count only one execution, or the turns of an owner that run at the same time.
  if (budget.per === 'execution' || budget.per === 'session' || budget.per === 'owner') {
    return { name: JSON.stringify([budget.per, name, key]), expiresAtMs: nowMs + RUNNING_MS };
  }
  const now = new Date(nowMs);
  const iso = now.toISOString();
  const isDay = budget.per === 'day';
  const period = iso.slice(0, isDay ? 'yyyy-mm-dd'.length : 'yyyy-mm'.length);
  const end = isDay
    ? Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1)
    : Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
  // A call that starts in the period may end after it.
  return { name: JSON.stringify([budget.per, name, key, period]), expiresAtMs: end + DAY_MS };
}

/** Describes a budget without its key, which may be personal data. */
export function describe(budget: Budget): string {
  const name = budget.name === undefined ? '' : ` "${budget.name}"`;
  return `budget${name} of $${budget.usd} per ${budget.per}`;
}

/** The error if a budget refuses a call. */
export function budgetError(budget: Budget): SluiceError {
  return new SluiceError('budget', `The ${describe(budget)} is used up.`, { retryable: false });
}

/** The error if something that a budget has counted has no price. */
export function unknownSumError(budget: Budget, unpriced: string): SluiceError {
  const advice = "give cost() its price, or unknownPrice: 'allow'";
  return new SluiceError(
    'budget',
    `What the ${describe(budget)} has spent is not known, because no price is known for the ${unpriced}: ${advice}.`,
    { retryable: false },
  );
}
