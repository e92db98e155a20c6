import { contextKey } from '../src/index.ts';
import type { ExecutionContext, Middleware, Next, Reply, Stream, StreamChunk } from '../src/index.ts';
import { answerOf, callListener, parseOptions } from '../src/kit/index.ts';
import { CallBudgets } from './cost/budget/call-budgets.ts';
import { MemoryLedger, timedLedger } from './cost/budget/ledger.ts';
import { UnknownSums } from './cost/budget/unknown-sums.ts';
import { costOptionsSchema, type CostOptions } from './cost/options.ts';
import { CallPrice } from './cost/price/call-price.ts';
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
  const table = new PriceTable(new Quotes(settings.prices, settings.providers, settings.now));
  const noted = new NamedOnce();
  const ledger =
    settings.ledger === undefined
      ? new MemoryLedger(settings.now)
      : timedLedger(settings.ledger, settings.storeTimeoutMs);
  const shared = { ledger, unknown: new UnknownSums(settings.now) };
  const hasBudgets = settings.budgets.length > 0;
  const Accounts = contextKey<Account>('cost');
  function watched(context: ExecutionContext, next: Next): Stream<StreamChunk, Reply> {
    const account = context.once(Accounts, () => {
      const { key: keyOf = () => '' } = settings;
      const key = answerOf('cost(): key', () => keyOf(context), 'string');
      const budgets = hasBudgets ? new CallBudgets(context, settings, shared, key) : undefined;
      return { key, budgets, lastCall: 0 };
    });
    const { key, budgets } = account;
    return next().tap({
      call(call) {
        if (call.number <= account.lastCall) return undefined;
        account.lastCall = call.number;
        const price = new CallPrice(context, table, noted, call);
        const hold = budgets?.hold(call, price);
        return {
          ...(hold && { ready: hold.ready, chunk: hold.chunk }),
          cost: (usage) => price.soFar(usage),
          end({ usage }) {
            const priced = price.settle(usage);
            hold?.settle(priced);
            const { provider, model } = call;
            const names = { provider, model, executionId: context.id, key };
            callListener(context, 'cost: onCost', () =>
              settings.onCost?.({ cost: priced.cost, usage, call, ...names }),
            );
          },
        };
      },
    });
  }

  return function cost(context, next) {
    const loading = loadPriceList();
    return loading === undefined ? watched(context, next) : loading.then(() => watched(context, next));
  };
}

/** What one execution spends. */
interface Account {
  key: string;
  budgets: CallBudgets | undefined;
  /** The number of the last call that it has counted. Numbers rise; a call comes twice if the same middleware is in the stack twice. */
  lastCall: number;
}
