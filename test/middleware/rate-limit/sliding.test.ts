import * as fc from 'fast-check';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { Pipeline, SluiceError } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { rateLimit } from 'sluice/middleware/rate-limit';
import type { RateLimitOptions } from 'sluice/middleware/rate-limit';
import { scripted } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

beforeEach(() => vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') }));
afterEach(() => vi.useRealTimers());

interface Sent {
  atMs: number;
  tokens: number;
}

/** A pipeline whose requests use as many tokens as their message says; tells what was sent, and when. */
function stage(options: RateLimitOptions): { ask(tokens: number): void; sent: Sent[]; refused: string[] } {
  const sent: Sent[] = [];
  const refused: string[] = [];
  const model = scripted(
    ({ messages }) => {
      const tokens = Number(messages[0]?.content);
      sent.push({ atMs: Date.now(), tokens });
      return { text: 'Hello', usage: { inputTokens: tokens - 10, outputTokens: 10 } };
    },
    { repeat: true },
  );
  const estimate: RateLimitOptions['estimate'] = ({ messages }) => Number(messages[0]?.content);
  const pipeline = new Pipeline([rateLimit({ estimate, ...options }), provider(model)], {
    executionTimeoutMs: 0,
  });
  return {
    sent,
    refused,
    ask(tokens) {
      pipeline
        .execute('user', String(tokens))
        .catch((error: unknown) => refused.push(error instanceof SluiceError ? error.code : 'unknown'));
    },
  };
}

/** The most that was sent in any 60 seconds. */
function mostInAMinute(sent: readonly Sent[], amount: (one: Sent) => number): number {
  const sums = sent.map(({ atMs }) =>
    sent
      .filter((one) => one.atMs >= atMs && one.atMs < atMs + 60_000)
      .reduce((sum, one) => sum + amount(one), 0),
  );
  return Math.max(0, ...sums);
}

describe('the windows slide', () => {
  const limiter: RateLimitOptions['limiter'] = (options) => new RateLimiterMemory(options);

  test.each([
    ['in memory', {}],
    ['with a limiter whose windows are fixed', { limiter }],
  ])('two full minutes do not meet at the end of a minute, %s', async (_where, options) => {
    const { ask, sent, refused } = stage({ requestsPerMinute: 10, maxWaitMs: 0, ...options });
    ask(10);
    await vi.advanceTimersByTimeAsync(59_000);
    for (let index = 0; index < 9; index++) ask(10);
    await vi.advanceTimersByTimeAsync(2_000);
    for (let index = 0; index < 10; index++) ask(10);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([sent.length, refused.length]).toEqual([11, 9]);
    expect(mostInAMinute(sent, () => 1)).toBe(10);
  });

  test('a request that waits is sent as soon as enough of the oldest have left the window', async () => {
    const { ask, sent } = stage({ tokensPerMinute: 100, maxWaitMs: 90_000 });
    const started = Date.now();
    for (const [afterMs, tokens] of [
      [0, 30],
      [10_000, 40],
      [10_000, 30],
      [1_000, 60],
    ] as const) {
      await vi.advanceTimersByTimeAsync(afterMs);
      ask(tokens);
    }
    await vi.advanceTimersByTimeAsync(90_000);
    expect(sent.map(({ atMs, tokens }) => [(atMs - started) / 1_000, tokens])).toEqual([
      [0, 30],
      [10, 40],
      [20, 30],
      [70, 60],
    ]);
  });

  test('in any 60 seconds at most the limit is sent, whenever requests come', async () => {
    const asking = fc.array(
      fc.record({ afterMs: fc.integer({ min: 0, max: 40_000 }), tokens: fc.integer({ min: 10, max: 60 }) }),
      {
        maxLength: 40,
      },
    );
    await fc.assert(
      fc.asyncProperty(
        asking,
        fc.constantFrom(0, 5_000, 90_000),
        fc.boolean(),
        async (asked, maxWaitMs, isShared) => {
          const limits = {
            requestsPerMinute: 5,
            tokensPerMinute: 100,
            maxWaitMs,
            ...(isShared && { limiter }),
          };
          const { ask, sent, refused } = stage(limits);
          for (const { afterMs, tokens } of asked) {
            await vi.advanceTimersByTimeAsync(afterMs);
            ask(tokens);
          }
          await vi.advanceTimersByTimeAsync(600_000);
          expect(mostInAMinute(sent, () => 1)).toBeLessThanOrEqual(5);
          expect(mostInAMinute(sent, ({ tokens }) => tokens)).toBeLessThanOrEqual(100);
          expect(sent.length + refused.length).toBe(asked.length);
        },
      ),
      { numRuns: 60 },
    );
  });
});
