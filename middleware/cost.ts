import { contextKey, type Middleware } from '../src/index.ts';
import { parseOptions } from '../src/kit/index.ts';
import { CallBudgets } from './cost/budget/call-budgets.ts';
import { MemoryLedger, timedLedger } from './cost/budget/ledger.ts';
import { costOptionsSchema, type CostOptions } from './cost/options.ts';
import { CallPrices } from './cost/price/call-prices.ts';
import { PriceTable } from './cost/price/price-table.ts';

export type { Budget } from './cost/budget/budget.ts';
export { MemoryLedger } from './cost/budget/ledger.ts';
export type { Ledger } from './cost/budget/ledger.ts';
export type { CostEvent, CostOptions } from './cost/options.ts';
export type { ModelPrices, TokenPrices } from './cost/price/price-table.ts';
export type { SpendStore } from './cost/budget/spent.ts';

/**
 * Says what each model call cost, and keeps budgets. It watches calls, so its place in the stack does not matter: retried, hedged and
 * failed ones are counted, a cache replay is not. Prices are those of `@pydantic/genai-prices`, which are part of the package: nothing is
 * fetched.
 *
 * A cost is `exact`, `estimated` (the call was cut short, or the provider's report is not whole) or `unknown` (no price is known), never a
 * made-up 0. `demo()` costs exactly nothing.
 *
 * A budget refuses a call that does not fit with an error of code `budget`, and interrupts the execution whose call outgrows it. Running calls
 * hold what they may cost, so that concurrent ones do not pass the limit together.
 *
 * Throws `invalid_options`.
 *
 * @example
 * new Pipeline([cost({ budgets: [{ usd: 5, per: 'day', key: (context) => context.get(Tenant) ?? '' }] }), provider(openai())]);
 */
export function cost(options: CostOptions = {}): Middleware {
  const settings = parseOptions('cost()', costOptionsSchema, options);
  const table = new PriceTable(settings.prices, settings.providers, settings.now);
  const ledger =
    settings.ledger === undefined
      ? new MemoryLedger(settings.now)
      : timedLedger(settings.ledger, settings.storeTimeoutMs);
  const hasBudgets = settings.budgets.length > 0;
  const Watched = contextKey<true>('cost');
  return function cost(context, next) {
    // Inside retry the body runs again, for an execution that is watched already.
    if (context.get(Watched) === true) return next();
    context.set(Watched, true);
    const key = settings.key?.(context) ?? '';
    const prices = new CallPrices(context, table, key, settings.onCost);
    const budgets = hasBudgets ? new CallBudgets(context, settings, ledger, key) : undefined;
    context.onCall((call) => {
      const asked = call.model;
      const hold = budgets?.hold(call, (usage) => prices.usd(call, usage, asked));
      return {
        ...(hold && { ready: hold.ready, chunk: hold.chunk }),
        end(ended) {
          try {
            prices.settle(call, ended, asked);
          } finally {
            hold?.settle(call.cost?.totalUsd);
          }
        },
      };
    });
    return next();
  };
}
