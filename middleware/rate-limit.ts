import type { Middleware } from '../src/index.ts';
import { answerOf, kindOfThrown, parseOptions } from '../src/kit/index.ts';
import { Gates } from './rate-limit/gates.ts';
import { rateLimitSchema, sharedWindow, tokensFor } from './rate-limit/options.ts';
import type { RateLimitOptions } from './rate-limit/options.ts';
import { tooLarge } from './rate-limit/refusals.ts';
import { Routes } from './rate-limit/routes.ts';
import { Watch } from './rate-limit/watch.ts';

export type { TokenCount } from './rate-limit/count.ts';
export type { RateLimitOptions } from './rate-limit/options.ts';
export type { Limiter, LimiterAnswer, LimiterOptions } from './rate-limit/shared.ts';

/**
 * Limits requests per minute, tokens per minute, and requests that run at once. It also follows the limits in the provider's headers. Each request
 * reserves an estimate of its tokens before it is sent; at its end the reservation is corrected to what it used. A request that does not fit waits
 * up to `maxWaitMs`, first in, first out.
 *
 * Inside `retry` each attempt waits for its turn. Outside of it only the first attempt waits, and the others are counted.
 *
 * Fails with `rate_limited` if the wait would be too long (with `retryAfterMs` if it is known) or if the request is larger than the limit of a
 * whole minute (not retryable), with `queue_full`, or with `store` if a shared limiter fails or does not answer. `retry` does not retry these.
 * Throws `invalid_options`.
 *
 * @example
 * new Pipeline([retry(), rateLimit({ requestsPerMinute: 500, tokensPerMinute: 200_000 }), provider(openai())]);
 */
export function rateLimit(options: RateLimitOptions = {}): Middleware {
  const settings = parseOptions('rateLimit()', rateLimitSchema, options);
  const { requestsPerMinute, tokensPerMinute, learn } = settings;
  const limitOf = (what: 'requests' | 'tokens', perMinute: number | undefined) =>
    perMinute === undefined ? undefined : { perMinute, shared: sharedWindow(settings, what, perMinute) };
  const limits = {
    requests: limitOf('requests', requestsPerMinute),
    tokens: limitOf('tokens', tokensPerMinute),
  };
  const gates = new Gates(limits, settings);
  const routes = new Routes();

  return async function rateLimit(context, next) {
    const tokens = tokensFor(context.request, settings);
    if (tokensPerMinute !== undefined && tokens > tokensPerMinute) throw tooLarge(tokens, tokensPerMinute);
    const gate = gates.of(answerOf('rateLimit(): key', () => settings.key(context), 'string'));
    const onError = (error: unknown): void =>
      context.log.error('the rate limit could not be settled', { error: kindOfThrown(error) });
    const guess = routes.guess(context.request.model);
    const learned = learn && guess !== undefined ? gate.learnedOf(guess) : undefined;
    const reservation = await gate.enter({ tokens, learned, context, onError });
    const watch = new Watch({ context, gate, reservation, waitedFor: learned, routes, settings, onError });
    try {
      return next().tap(watch);
    } catch (error) {
      watch.end();
      throw error;
    }
  };
}
