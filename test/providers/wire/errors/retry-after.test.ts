import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { errorFromBody, statusError, toSluiceError } from '../../../../providers/wire/index.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
beforeEach(() => vi.useFakeTimers({ toFake: ['Date'], now: NOW }));
afterEach(() => vi.useRealTimers());

const RETRY_INFO = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.074824224s' };
const google = (details: unknown[], message = 'Quota.') => ({
  error: { code: 429, status: 'RESOURCE_EXHAUSTED', message, details },
});
const openRouter = (headers: Record<string, unknown>) => ({
  error: { code: 429, message: 'Rate limit exceeded: free-models-per-min.', metadata: { headers } },
});
const said = (message: string) => ({ error: { message, type: 'tokens', code: 'rate_limit_exceeded' } });

describe('the wait in the body of an error', () => {
  it.each([
    ['RetryInfo of Google', google([{ '@type': 'x.Help' }, RETRY_INFO]), 34_075],
    ['RetryInfo in a list of one', [google([RETRY_INFO])], 34_075],
    ['RetryInfo as an object', google([{ retryDelay: { seconds: '2', nanos: 500_000_000 } }]), 2_500],
    ['RetryInfo in JSON in a message', { error: { message: JSON.stringify(google([RETRY_INFO])) } }, 34_075],
    [
      'X-RateLimit-Reset of OpenRouter, in milliseconds',
      openRouter({ 'X-RateLimit-Reset': String(NOW + 42_000) }),
      42_000,
    ],
    ['X-RateLimit-Reset as a number', openRouter({ 'X-RateLimit-Reset': NOW + 42_000 }), 42_000],
    ['X-RateLimit-Reset in seconds', openRouter({ 'X-RateLimit-Reset': String(NOW / 1_000 + 42) }), 42_000],
    ['X-RateLimit-Reset as what is left', openRouter({ 'x-ratelimit-reset': '42' }), 42_000],
    [
      'Retry-After of OpenRouter',
      openRouter({ 'Retry-After': '7', 'X-RateLimit-Reset': String(NOW + 42_000) }),
      7_000,
    ],
    [
      'a Retry-After of 0 with a reset',
      openRouter({ 'Retry-After': '0', 'X-RateLimit-Reset': String(NOW + 42_000) }),
      42_000,
    ],
    ['retry_after', { error: { message: 'x', retry_after: 2_520 } }, 2_520_000],
    ['retry_after as text', { retry_after: '1.5' }, 1_500],
    ['retry_after as a duration', { retry_after: '1m30s' }, 90_000],
    ['retryAfter', { detail: { retryAfter: 3 } }, 3_000],
    ['retry_after_ms', { error: { retry_after_ms: 250 } }, 250],
    ['retry_after beside a negative retry_after_ms', { retry_after_ms: -5, retry_after: 3 }, 3_000],
    ['retry_after beside an endless retry_after_ms', { retry_after_ms: Infinity, retry_after: 3 }, 3_000],
    ['retryAfterMs', { retryAfterMs: '250' }, 250],
    ['retry_after_seconds', { retry_after_seconds: 2 }, 2_000],
    ['retryDelay', { retryDelay: '2s' }, 2_000],
    ['31 days', { retry_after: 31 * 86_400 }, 31 * 86_400_000],
    ['a second layer, after a reset that has passed', { retry_after: 0, error: { retry_after: 3 } }, 3_000],
    ['RetryInfo without seconds', google([{ retryDelay: { nanos: 500_000_000 } }]), 500],
    ['RetryInfo without nanos', google([{ retryDelay: { seconds: 2 } }]), 2_000],
    ['all units together', said('Please try again in 1 day, 1 hour, 1 min, 1 sec.'), 90_061_000],
    ['milliseconds in words', said('Please retry in 20 milliseconds'), 20],
    ['resets_in_seconds', { error: { type: 'usage_limit_reached', resets_in_seconds: 90 } }, 90_000],
    ['OpenAI in milliseconds', said('Limit 10, Used 9. Please try again in 20ms. Visit https://x.'), 20],
    ['OpenAI in seconds', said('Rate limit reached. Please try again in 1.5s.'), 1_500],
    ['OpenAI in minutes', said('Please try again in 7m12s.'), 432_000],
    ['Groq with fractions', said('Limit 7000. Please try again in 50.597142857s. Visit x'), 50_598],
    ['Groq over its day', said('Please try again in 1h2m3.5s.'), 3_723_500],
    ['Azure', said('Please retry after 3 seconds. Please go here: https://x'), 3_000],
    ['Azure for a minute', said('Try again in 1 minute'), 60_000],
    ['Gemini in its message', google([], 'Please retry in 34.07s.'), 34_070],
    ['Moonshot', said('Rate limit exceeded, please try again after 1 seconds'), 1_000],
    ['a wait in days', said('Please try again in 2 days'), 172_800_000],
  ])('as %s is the time to wait', (_how, body, expected) => {
    const inStream = errorFromBody(body, { provider: 'p' });
    const answered = statusError({ status: 429, body }, { provider: 'p' });
    expect([inStream.retryAfterMs, answered.retryAfterMs]).toEqual([expected, expected]);
  });

  it.each([
    ['nothing', {}],
    ['a reset that has passed', openRouter({ 'X-RateLimit-Reset': String(NOW - 1_000) })],
    ['a Retry-After in a list', openRouter({ 'Retry-After': ['7'] })],
    ['a reset in a far future', openRouter({ 'X-RateLimit-Reset': String(NOW + 1e12) })],
    ['more than 31 days', { retry_after: 31 * 86_400 + 1 }],
    ['more than 31 days in a sentence', said('Please try again in 32 days')],
    ['no time in a sentence', said('Please try again in 0 seconds')],
    ['details that are not a list', { details: { retryDelay: 'x' } }],
    ['a RetryInfo of words', google([{ retryDelay: 'soon' }])],
    ['a negative number', { retry_after: -5 }],
    ['no number', { retry_after: NaN, retryAfter: 'soon' }],
    ['a null', { retry_after: null }],
    ['a vague sentence', said('Please try again in a few seconds.')],
    ['a number without a unit', said('Please try again in 5.')],
    ['another unit', said('Please try again in 5 sweeps')],
    ['another sentence', said('The limit is 3 seconds')],
    ['a sentence in no message', { error: { message: 'x', hint: 'try again in 5s' } }],
  ])('as %s is ignored', (_how, body) => {
    expect(errorFromBody(body, { provider: 'p' }).retryAfterMs).toBeUndefined();
  });

  it('does not change the code of the error, nor whether to retry', () => {
    const error = errorFromBody({ message: 'Rate limit. Please try again in 5s.' }, { provider: 'p' });
    const refused = statusError(
      { status: 400, body: said('Please try again in 5s.').error.message },
      { provider: 'p' },
    );
    expect([error.code, refused.code, refused.retryable]).toEqual(['server', 'invalid_request', false]);
  });

  it.each([
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after-ms': '12' }, 12],
    [{ 'retry-after': '0' }, 34_075],
    [{ 'retry-after': '-1' }, 34_075],
    [{}, 34_075],
  ])('yields to the headers %j, unless they name no time', (headers, expected) => {
    const answer = { status: 429, headers: new Headers(headers), body: google([RETRY_INFO]) };
    expect(statusError(answer, { provider: 'p' }).retryAfterMs).toBe(expected);
  });

  it('leaves a Retry-After of 0 if the body names no time either', () => {
    const headers = new Headers({ 'retry-after': '0' });
    expect(statusError({ status: 429, headers, body: {} }, { provider: 'p' }).retryAfterMs).toBe(0);
  });

  it("is read from an SDK's error, too", () => {
    const thrown = OpenAI.APIError.generate(429, google([RETRY_INFO]), undefined, new Headers());
    expect(toSluiceError(thrown, 'gemini', []).retryAfterMs).toBe(34_075);
  });

  it('is searched only in the beginning of a message', () => {
    const late = said(`${'try again in '.repeat(200)}5s`);
    const early = said(`try again in 5s ${'try again in '.repeat(200_000)}`);
    const waits = [late, early].map((body) => errorFromBody(body, { provider: 'p' }).retryAfterMs);
    expect(waits).toEqual([undefined, 5_000]);
  });
});
