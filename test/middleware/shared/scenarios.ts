import { RateLimiterRedis } from 'rate-limiter-flexible';
import { Pipeline, isSluiceError } from '../../../src/index.ts';
import type { Middleware } from '../../../src/index.ts';
import { cost } from '../../../middleware/cost.ts';
import type { Budget } from '../../../middleware/cost.ts';
import { provider } from '../../../middleware/provider.ts';
import { rateLimit } from '../../../middleware/rate-limit.ts';
import type { LimiterOptions } from '../../../middleware/rate-limit.ts';
import { redisLedger, redisStore } from '../../../stores/redis/index.ts';
import type { RedisClient } from '../../../stores/redis/index.ts';
import { scripted } from '../../../testing/index.ts';

/** What a process that takes part is given. */
export interface Part {
  client: RedisClient;
  library: string;
  prefix: string;
  /** Of the process. */
  name: string;
  requests: number;
}

/** How often a request ended in which way: `completed`, or an error's code. */
export type Counts = Record<string, number>;

type Scenario = (part: Part) => Promise<Counts>;

/** What each answer costs: 100 tokens, a thousandth of a dollar. */
const ANSWER = { text: 'Hello', usage: { inputTokens: 0, outputTokens: 100 } };
const PRICES = { 'scripted/*': { input: 0, output: 10 } };

/** What several processes do at the same time. Each sends all its requests at once, and none of them waits. */
export const scenarios = {
  requests: (part) => limited(part, { requestsPerMinute: 20 }),
  tokens: (part) => limited(part, { tokensPerMinute: 1_500, estimate: 100 }),
  /** Each takes more than it uses. */
  'tokens that come back': (part) => limited(part, { tokensPerMinute: 1_500, estimate: 250 }),
  budget: (part) => budgeted(part, { usd: 0.02, per: 'day' }, 100),
  'budget that comes back': (part) => budgeted(part, { usd: 0.02, per: 'day' }, 250),
  'budget of an owner': (part) => budgeted(part, { usd: 0.01, per: 'owner' }, 100),
} satisfies Record<string, Scenario>;

function limited(
  part: Part,
  { estimate = 0, ...limits }: { requestsPerMinute?: number; tokensPerMinute?: number; estimate?: number },
): Promise<Counts> {
  const { client, library, prefix } = part;
  const limiter = ({ keyPrefix, ...options }: LimiterOptions): RateLimiterRedis =>
    new RateLimiterRedis({
      ...options,
      keyPrefix: `${prefix}:${keyPrefix}`,
      storeClient: client,
      useRedisPackage: library === 'redis',
    });
  return play(part, [rateLimit({ ...limits, estimate: () => estimate, limiter, maxWaitMs: 0 })]);
}

function budgeted(part: Part, budget: Budget, reserveOutputTokens: number): Promise<Counts> {
  const { client, prefix } = part;
  const store = redisStore({ client, prefix });
  const ledger = redisLedger({ client, prefix });
  return play(part, [cost({ prices: PRICES, budgets: [budget], reserveOutputTokens, ledger, store })], store);
}

async function play(part: Part, above: Middleware[], store?: ReturnType<typeof redisStore>): Promise<Counts> {
  const model = provider(scripted(ANSWER, { repeat: true }));
  const pipeline = new Pipeline([...above, model], { ...(store !== undefined && { store }) });
  const ends = Array.from({ length: part.requests }, async (_, at) => {
    const key = { owner: 'acme', id: `${part.name}.${at}` };
    try {
      if (store === undefined) await pipeline.execute('user', 'Hi');
      else await pipeline.executeWithContext(key, 'user', 'Hi');
      return 'completed';
    } catch (error) {
      return isSluiceError(error) ? error.code : 'unknown';
    }
  });
  const counts: Counts = {};
  for (const end of await Promise.all(ends)) counts[end] = (counts[end] ?? 0) + 1;
  return counts;
}
