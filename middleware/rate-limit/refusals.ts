import { SluiceError } from '../../src/index.ts';

/** The wait would be too long. Retryable, but not by `retry()`, which would join the end of the same queue. */
export function rateLimited(retryAfterMs: number | undefined): SluiceError {
  const message = 'The rate limit left no room for the request within maxWaitMs: it was not sent.';
  return new SluiceError('rate_limited', message, { phase: 'queue', retryAfterMs });
}

/** The request is larger than the limit of a minute. */
export function tooLarge(tokens: number, tokensPerMinute: number): SluiceError {
  const advice = 'lower maxTokens, raise tokensPerMinute or give estimate()';
  return new SluiceError(
    'rate_limited',
    `The request is estimated at ${tokens} tokens, more than tokensPerMinute (${tokensPerMinute}) ever allows: ${advice}.`,
    { retryable: false },
  );
}

/** Too many requests wait already. */
export function queueFull(maxQueue: number): SluiceError {
  const message = `The queue of the rate limit is full: ${maxQueue} requests wait for this key already.`;
  return new SluiceError('queue_full', message, { phase: 'queue' });
}
