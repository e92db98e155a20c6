import * as z from 'zod';
import { SluiceError, type ExecutionContext, type ModelRequest, type Usage } from '../../src/index.ts';
import { answerOf, estimateInputTokens, kindOf, option } from '../../src/kit/index.ts';
import type { TokenCount } from './count.ts';
import { SharedWindow, type Limiter, type LimiterOptions } from './shared.ts';

/** Options of `rateLimit()`. Each key has its own limits. */
export interface RateLimitOptions {
  /** Default: no limit. */
  requestsPerMinute?: number | undefined;
  /** Tokens of input and output together. Default: no limit. */
  tokensPerMinute?: number | undefined;
  /**
   * Which tokens of a call count towards `tokensPerMinute` at its end: `all`, `uncached` (without input that the provider read from its cache), or
   * a function. Default: as the provider counts.
   */
  count?: TokenCount | undefined;
  /** Requests that run at once in this process. Default: no limit. */
  maxConcurrentRequests?: number | undefined;
  /** Who is limited, such as the id of the tenant or of the API key. Default: `''`, all requests together. */
  key?: ((context: ExecutionContext) => string) | undefined;
  /** Longest wait of a request in the queue, in milliseconds. 0: it is refused at once. Default: 30,000. */
  maxWaitMs?: number | undefined;
  /** How many requests may wait for one key. Default: 1,000. */
  maxQueue?: number | undefined;
  /** Tokens to reserve for a request. Default: an estimate of its input, plus its `maxTokens` or `estimatedOutputTokens`. */
  estimate?: ((request: ModelRequest) => number) | undefined;
  /** Tokens of output reserved for a request without `maxTokens`. Default: 1,000. */
  estimatedOutputTokens?: number | undefined;
  /**
   * Whether requests also wait for the limits in the provider's headers, and after its 429 with Retry-After. They hold for the provider and the
   * model that has told them. Default: true.
   */
  learn?: boolean | undefined;
  /** Longest time that a Retry-After stops the requests to a model, in milliseconds. Default: 60,000. */
  maxPauseMs?: number | undefined;
  /**
   * Makes a limiter that counts for all processes together, for example of rate-limiter-flexible with Redis:
   * `(options) => new RateLimiterRedis({ ...options, storeClient })`. Called once for requests and once for tokens. Default: none, each process
   * counts for itself.
   */
  limiter?: ((options: LimiterOptions) => Limiter) | undefined;
  /**
   * Longest time that the limiter may take to answer, in milliseconds, before the request is refused with `store`. It is part of `maxWaitMs`.
   * Default: 2,000.
   */
  storeTimeoutMs?: number | undefined;
}

const { functionOf } = option;
const count = option.count(1);
const milliseconds = option.milliseconds();

const schema = z.strictObject({
  requestsPerMinute: count.optional(),
  tokensPerMinute: count.optional(),
  count: z
    .union(
      [z.enum(['all', 'uncached']), functionOf<(usage: Usage) => number>()],
      'give "all", "uncached" or a function',
    )
    .optional(),
  maxConcurrentRequests: count.optional(),
  key: functionOf<(context: ExecutionContext) => string>().default(() => () => ''),
  maxWaitMs: milliseconds.default(30_000),
  maxQueue: count.default(1_000),
  estimate: functionOf<(request: ModelRequest) => number>().optional(),
  estimatedOutputTokens: option.count(0).default(1_000),
  learn: z.boolean().default(true),
  maxPauseMs: milliseconds.default(60_000),
  limiter: functionOf<(options: LimiterOptions) => Limiter>().optional(),
  storeTimeoutMs: option.timerMs().min(1).default(2_000),
});

/** Checks the options and fills in the defaults. */
export const rateLimitSchema = schema;

/** The options with their defaults. */
export type RateLimitSettings = z.output<typeof schema>;

/** The window that other processes share; undefined without a limiter. Throws `invalid_options` if the option `limiter` does not return one. */
export function sharedWindow(
  { limiter, storeTimeoutMs }: RateLimitSettings,
  what: 'requests' | 'tokens',
  points: number,
): SharedWindow | undefined {
  if (limiter === undefined) return undefined;
  const made: unknown = answerOf('rateLimit(): limiter', () =>
    limiter({ keyPrefix: `sluice:${what}`, points, duration: 60 }),
  );
  if (isLimiter(made)) return new SharedWindow(made, storeTimeoutMs);
  const advice = 'return a limiter of rate-limiter-flexible, with the methods consume, penalty and reward';
  throw new SluiceError('invalid_options', `rateLimit(): limiter returned ${kindOf(made)}: ${advice}.`);
}

/** Tokens to reserve for a request. Throws `invalid_options` if the option `estimate` returns no number of at least 0. */
export function tokensFor(request: ModelRequest, settings: RateLimitSettings): number {
  const { estimate, estimatedOutputTokens } = settings;
  const tokens =
    estimate === undefined
      ? estimateInputTokens(request) + (request.parameters.maxTokens ?? estimatedOutputTokens)
      : answerOf('rateLimit(): estimate', () => estimate(request), 'number');
  if (Number.isFinite(tokens) && tokens >= 0) return Math.ceil(tokens);
  throw new SluiceError('invalid_options', 'rateLimit(): estimate returned no number of at least 0.');
}

function isLimiter(value: unknown): value is Limiter {
  if (typeof value !== 'object' || value === null) return false;
  return ['consume', 'penalty', 'reward'].every((name) => typeof Reflect.get(value, name) === 'function');
}
