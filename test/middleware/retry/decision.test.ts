import { Pipeline, SluiceError } from 'sluice';
import type { ErrorCode, ErrorDetails } from 'sluice';
import { constant } from 'sluice/kit';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import type { RetryOptions } from 'sluice/middleware/retry';
import { describe, expect, test } from 'vitest';
import { errorFromBody, statusError } from '../../../providers/wire/errors/errors.ts';
import { model, text } from '../models.ts';

/** How many requests are made if the first one fails like that. */
async function requestsAfter(error: SluiceError, options: RetryOptions = {}): Promise<number> {
  const made = model({ error }, { chunks: [text('fine')] });
  const pipeline = new Pipeline([retry({ backoff: constant(0), ...options }), provider(made)]);
  await pipeline.execute('user', 'Hi').catch(() => undefined);
  return made.requests.length;
}

const statuses = Array.from({ length: 200 }, (_, index) => 400 + index);

/** The error of a response without a body. */
function answered(status: number, verdict: string | null): SluiceError {
  const get = (name: string): string | null => (name === 'x-should-retry' ? verdict : null);
  return statusError({ status, headers: { get }, body: '' }, { provider: 'made' });
}

describe('the error and retry() decide as one', () => {
  test.each([
    ['true', statuses],
    ['false', []],
    [
      null,
      statuses.filter(
        (status) => [408, 429].includes(status) || (status >= 500 && ![501, 505].includes(status)),
      ),
    ],
  ] as const)('for every status from 400 to 599 with x-should-retry: %s', async (verdict, expected) => {
    const retryable: number[] = [];
    const retried: number[] = [];
    for (const status of statuses) {
      const error = answered(status, verdict);
      if (error.retryable) retryable.push(status);
      if ((await requestsAfter(error)) === 2) retried.push(status);
    }
    expect(retryable).toEqual(expected);
    expect(retried).toEqual(expected);
  });

  test.each([
    [200, { error: { code: 503 } }, true],
    [200, { error: { code: 522 } }, true],
    [200, { error: { code: 501 } }, false],
    [200, { error: { code: 409 } }, false],
    [200, { error: { type: 'overloaded_error' } }, true],
    [500, { error: { code: 'context_length_exceeded' } }, false],
    [429, { error: { code: 'insufficient_quota' } }, false],
    [403, { error: { code: 'rate_limit_exceeded' } }, true],
    [400, { error: { code: 'Throttling.RateQuota' } }, true],
  ])('for status %d with the body %j: %s', async (status, body, expected) => {
    const info = { provider: 'made', status };
    const error = status < 400 ? errorFromBody(body, info) : statusError({ status, body }, info);
    expect([error.retryable, await requestsAfter(error)]).toEqual([expected, expected ? 2 : 1]);
  });

  test.each<[ErrorCode, ErrorDetails, boolean]>([
    ['store', {}, true],
    ['server', { status: 501 }, false],
    ['overloaded', { status: 505 }, false],
    ['guard', { retryable: true }, true],
    ['network', { retryable: false }, false],
    ['aborted', { retryable: true }, false],
    ['rate_limited', { retryable: true, phase: 'queue' }, false],
    ['timeout', { phase: 'queue' }, false],
  ])('for an error %s %j of a middleware: %s', async (code, details, expected) => {
    expect(await requestsAfter(new SluiceError(code, 'It failed.', details))).toBe(expected ? 2 : 1);
  });

  test('a list does not join a queue again, and retries a lasting status if it names it; a function may do both', async () => {
    const waited = new SluiceError('rate_limited', 'No room.', { phase: 'queue' });
    expect(await requestsAfter(waited, { retryOn: ['rate_limited'] })).toBe(1);
    expect(await requestsAfter(waited, { retryOn: () => true })).toBe(2);
    expect(await requestsAfter(answered(501, null), { retryOn: [501] })).toBe(2);
    expect(await requestsAfter(answered(503, 'false'), { retryOn: [503] })).toBe(1);
  });
});
