import * as z from 'zod';
import type { Call, Cost, ExecutionContext, Usage } from '../../src/index.ts';
import { answerOf, option } from '../../src/kit/index.ts';
import type { Budget } from './budget/budget.ts';
import type { Ledger } from './budget/ledger.ts';
import type { ModelPrices } from './price/quotes.ts';
import type { SpendStore } from './budget/spent.ts';

/** What a model call cost, as passed to `onCost`. */
export interface CostEvent {
  cost: Cost;
  usage: Usage;
  call: Call;
  provider: string | undefined;
  model: string | undefined;
  executionId: string;
  /** The result of the option `key`, or `''` without it. */
  key: string;
}

/** Options of `cost()`. All money is in US dollars. */
export interface CostOptions {
  /**
   * Prices in US dollars per million tokens that override the list, by `'provider/model'`, `'model'` or `'provider/*'`:
   * `{ 'ollama/*': { input: 0, output: 0 } }`.
   */
  prices?: Record<string, ModelPrices> | undefined;
  /** The name that a provider has in the list, by its name here, for example for a gateway: `{ 'my-gateway': 'openai' }`. */
  providers?: Record<string, string> | undefined;
  /** Limits on money. Default: none. */
  budgets?: readonly Budget[] | undefined;
  /** Whose money it is, such as the id of the tenant: for `onCost`, and for budgets without their own key. Default: `''`, everybody's. */
  key?: ((context: ExecutionContext) => string) | undefined;
  /** With budgets: whether a call may be made if its price is not known. Default: `'refuse'`. */
  unknownPrice?: 'allow' | 'refuse' | undefined;
  /** How many tokens of output a call reserves in its budgets before it starts; at most its `maxTokens`. Default: 1,000. */
  reserveOutputTokens?: number | undefined;
  /** Called at the end of each call, also if it failed. Synchronous; what it throws becomes a warning. */
  onCost?: ((event: CostEvent) => void) | undefined;
  /** Counts the budgets of days, months and owners. Default: in memory, for this process only and as long as it runs. */
  ledger?: Ledger | undefined;
  /** The pipeline's session store, which knows what sessions and owners have spent. Required for budgets per session and per owner. */
  store?: SpendStore | undefined;
  /** How long the store and the ledger may take to answer, in milliseconds, before the call is refused with `store`. 0: no limit. Default: 5,000. */
  storeTimeoutMs?: number | undefined;
  /** The clock, in milliseconds since the epoch. Default: `Date.now`. */
  now?: (() => number) | undefined;
}

const usd = z.number().min(0);
const tokenPrices = z.strictObject({
  input: usd,
  output: usd,
  cacheRead: usd.optional(),
  cacheWrite: usd.optional(),
  cacheWrite1h: usd.optional(),
  inputAudio: usd.optional(),
  outputAudio: usd.optional(),
  outputImage: usd.optional(),
  webSearches: usd.optional(),
});
const modelPrices = tokenPrices.extend({ tiers: z.record(z.string(), tokenPrices).optional() });
const { functionOf } = option;
const keyed = functionOf<(context: ExecutionContext) => string>();

const budget = z.strictObject({
  usd,
  per: z.enum(['execution', 'session', 'owner', 'day', 'month']),
  key: keyed.optional(),
  name: z.string().min(1).optional(),
});

const costSchema = z.strictObject({
  prices: z.record(z.string(), modelPrices).default({}),
  providers: z.record(z.string(), z.string().min(1)).default({}),
  budgets: z.array(budget).default([]),
  key: keyed.optional(),
  unknownPrice: z.enum(['allow', 'refuse']).default('refuse'),
  reserveOutputTokens: option.count(0).default(1_000),
  onCost: functionOf<(event: CostEvent) => void>().optional(),
  ledger: option.methods<Ledger>('add').optional(),
  store: option.methods<SpendStore>('spend').optional(),
  storeTimeoutMs: option.milliseconds().optional(),
  now: functionOf<() => number>()
    .default(() => Date.now)
    .transform((now) => () => answerOf('cost(): now', now, 'number')),
});

/** Checks the options and fills in the defaults. */
export const costOptionsSchema = costSchema.superRefine(({ budgets, store }, context) => {
  for (const [index, { per, key }] of budgets.entries()) {
    if (per !== 'session' && per !== 'owner') continue;
    if (store === undefined)
      context.addIssue({
        code: 'custom',
        path: ['store'],
        message: `give the pipeline's store: a budget is per ${per}`,
      });
    if (key !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['budgets', index, 'key'],
        message: `leave it out: a budget per ${per} always has the key of the turn`,
      });
  }
});

/** The options with their defaults. */
export type CostSettings = z.output<typeof costSchema>;
