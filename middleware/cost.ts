import { contextKey } from '../src/index.ts';
import type { ExecutionContext, Middleware, Next, Reply, Stream, StreamChunk } from '../src/index.ts';
import { parseOptions } from '../src/kit/index.ts';
import { Account, type Accounting } from './cost/account.ts';
import { MemoryLedger, timedLedger } from './cost/budget/ledger.ts';
import { UnknownSums } from './cost/budget/unknown-sums.ts';
import { costOptionsSchema, type CostOptions } from './cost/options.ts';
import { NamedOnce } from './cost/price/named-once.ts';
import { loadPriceList } from './cost/price/price-list.ts';
import { PriceTable } from './cost/price/price-table.ts';
import { Quotes } from './cost/price/quotes.ts';

export type { Budget } from './cost/budget/budget.ts';
export { MemoryLedger } from './cost/budget/ledger.ts';
export type { Ledger } from './cost/budget/ledger.ts';
export type { CostEvent, CostOptions } from './cost/options.ts';
export type { ModelPrices, TokenPrices } from './cost/price/quotes.ts';
export type { SpendStore } from './cost/budget/spent.ts';

/**
 * Computes what each model call below it costs, and keeps budgets. It sees every call, so its place around `retry` does not matter: retried,
 * hedged and failed calls are counted, a replay from a cache is not. The prices are part of the package `@pydantic/genai-prices`: nothing is fetched.
 *
 * A cost is `exact`, `estimated` (the call was ended before its end, or the provider's report is not complete) or `unknown` (no price is known),
 * but never a made-up 0. `demo()` costs exactly 0.
 *
 * A budget refuses a call that does not fit with an error of code `budget`, and interrupts the execution if its call uses up the budget while
 * it streams. Running calls reserve what they may cost, so that together they do not pass the limit.
 *
 * Throws `invalid_options`. The package with the prices is loaded at the first execution, which fails with `invalid_options` if it is missing.
 *
 * @example
 * new Pipeline([cost({ budgets: [{ usd: 5, per: 'day', key: (context) => context.get(Tenant) ?? '' }] }), provider(openai())]);
 */
export function cost(options: CostOptions = {}): Middleware {
  const settings = parseOptions('cost()', costOptionsSchema, options);
  const { ledger, now, storeTimeoutMs } = settings;
  const accounting: Accounting = {
    settings,
    table: new PriceTable(new Quotes(settings.prices, settings.providers, now)),
    noted: new NamedOnce(),
    ledger: ledger === undefined ? new MemoryLedger(now) : timedLedger(ledger, storeTimeoutMs),
    unknown: new UnknownSums(now),
  };
  const Accounts = contextKey<Account>('cost');
  const counted = (context: ExecutionContext, next: Next): Stream<StreamChunk, Reply> =>
    next().tap(context.once(Accounts, () => new Account(context, accounting)));

  return function cost(context, next) {
    const loading = loadPriceList();
    return loading === undefined ? counted(context, next) : loading.then(() => counted(context, next));
  };
}
