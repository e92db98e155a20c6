import { contextKey, type Middleware } from '../src/index.ts';
import { parseOptions } from '../src/kit/index.ts';
import { CallCosts } from './cost/call-costs.ts';
import { MemoryLedger, timedLedger } from './cost/ledger.ts';
import { costOptionsSchema, type CostOptions } from './cost/options.ts';
import { PriceTable } from './cost/price-table.ts';

export type { Budget } from './cost/budget.ts';
export { MemoryLedger } from './cost/ledger.ts';
export type { Ledger } from './cost/ledger.ts';
export type { CostEvent, CostOptions } from './cost/options.ts';
export type { ModelPrices, TokenPrices } from './cost/price-table.ts';
export type { SpendStore } from './cost/spent.ts';

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
  const Watched = contextKey<true>('cost');
  return function cost(context, next) {
    // Inside retry the body runs again, for an execution that is watched already.
    if (context.get(Watched) === true) return next();
    context.set(Watched, true);
    const costs = new CallCosts(context, settings, table, ledger);
    context.onCall((call) => costs.watch(call));
    return next();
  };
}
