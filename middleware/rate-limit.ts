import { SluiceError, type Middleware } from '../src/index.ts';
import { answerOf, kindOfThrown, parseOptions } from '../src/kit/index.ts';
import { Gates } from './rate-limit/gates.ts';
import { makeLimiter, rateLimitSchema, tokensFor } from './rate-limit/options.ts';
import type { RateLimitOptions, RateLimitSettings } from './rate-limit/options.ts';
import { Budgets } from './rate-limit/reservation.ts';
import { Watch } from './rate-limit/watch.ts';
import { Windows } from './rate-limit/windows.ts';

export type { RateLimitOptions } from './rate-limit/options.ts';
export type { Limiter, LimiterAnswer, LimiterOptions } from './rate-limit/windows.ts';

/**
 * Limits requests per minute and tokens per minute (with rate-limiter-flexible), and requests that run at once. It also follows the limits in
 * the provider's headers. Each request reserves an estimate of its tokens before it is sent; at its end the reservation is corrected to what
 * it used. A request that does not fit waits up to `maxWaitMs`, first in, first out.
 *
 * Inside `retry` each attempt waits for its turn. Outside of it only the first attempt waits, and the others are counted.
 *
 * Fails with `rate_limited` if the wait would be too long (with `retryAfterMs` if it is known) or if the request is larger than the limit of a
 * whole minute (not retryable), with `queue_full`, or with `store` if the limiter's store fails. Throws `invalid_options`.
 *
 * @example
 * new Pipeline([retry(), rateLimit({ requestsPerMinute: 500, tokensPerMinute: 200_000 }), provider(openai())]);
 */
export function rateLimit(options: RateLimitOptions = {}): Middleware {
  const settings = parseOptions('rateLimit()', rateLimitSchema, options);
  const { requestsPerMinute, tokensPerMinute } = settings;
  const gates = new Gates(
    new Budgets(
      windows(settings, 'requests', requestsPerMinute),
      windows(settings, 'tokens', tokensPerMinute),
    ),
    settings,
  );

  return async function rateLimit(context, next) {
    const tokens = tokensFor(context.request, settings);
    if (tokensPerMinute !== undefined && tokens > tokensPerMinute) throw tooLarge(tokens, tokensPerMinute);
    const gate = gates.of(answerOf('rateLimit(): key', () => settings.key(context), 'string'));
    const onError = (error: unknown): void =>
      context.log.error('the rate limit could not be settled', { error: kindOfThrown(error) });
    const reservation = await gate.enter(tokens, context, onError);
    const watch = new Watch({ gate, reservation, settings, onError });
    try {
      return next().tap(watch);
    } catch (error) {
      watch.end();
      throw error;
    }
  };
}

function windows(
  settings: RateLimitSettings,
  what: 'requests' | 'tokens',
  points: number | undefined,
): Windows | undefined {
  return points === undefined ? undefined : new Windows(makeLimiter(settings, what, points));
}

function tooLarge(tokens: number, tokensPerMinute: number): SluiceError {
  const advice = 'lower maxTokens, raise tokensPerMinute or give estimate()';
  return new SluiceError(
    'rate_limited',
    `The request is estimated at ${tokens} tokens, more than tokensPerMinute (${tokensPerMinute}) ever allows: ${advice}.`,
    { retryable: false },
  );
}
