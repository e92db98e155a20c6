import { rateLimit } from 'sluice/middleware/rate-limit';
import { middlewareContract } from 'sluice/testing';
import { describe, expect, test } from 'vitest';

test('wrong options are refused at once, each by name', () => {
  const wrong: unknown = {
    requestsPerMinute: 0,
    tokensPerMinute: '5',
    maxQueue: 0,
    key: 'tenant',
    perSecond: 1,
  };
  const make: (options: never) => unknown = rateLimit;
  expect(() => Reflect.apply(make, undefined, [wrong]) as unknown).toThrow(
    /requestsPerMinute.*tokensPerMinute.*key.*maxQueue.*perSecond/s,
  );
  expect(() => Reflect.apply(make, undefined, [{ key: 'tenant' }]) as unknown).toThrow(
    'rateLimit(): key is a string: give a function.',
  );
  const none: unknown = () => ({});
  expect(() => Reflect.apply(make, undefined, [{ requestsPerMinute: 1, limiter: none }]) as unknown).toThrow(
    'return a limiter of rate-limiter-flexible',
  );
});

middlewareContract({
  name: 'rateLimit()',
  make: () =>
    rateLimit({ requestsPerMinute: 1_000, tokensPerMinute: 10_000_000, maxConcurrentRequests: 100 }),
  describe,
  test,
  timeoutMs: 60_000,
});
