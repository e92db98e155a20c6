import * as fc from 'fast-check';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { Pipeline, SluiceError } from 'sluice';
import { constant } from 'sluice/kit';
import { provider } from 'sluice/middleware/provider';
import { rateLimit } from 'sluice/middleware/rate-limit';
import type { Limiter, LimiterAnswer, LimiterOptions, RateLimitOptions } from 'sluice/middleware/rate-limit';
import { retry } from 'sluice/middleware/retry';
import { scripted } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

beforeEach(() => vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') }));
afterEach(() => vi.useRealTimers());

type Verb = 'consume' | 'penalty' | 'reward';
/** What a limiter does instead of its work; undefined: its work. */
type Fault = (() => unknown) | undefined;

const never = (): Promise<never> => new Promise(() => undefined);

/** A limiter in memory with faults, as a store that other processes share would be. */
function limiterWith(faultOf: (verb: Verb) => Fault): (options: LimiterOptions) => Limiter {
  return (options) => {
    const inner = new RateLimiterMemory(options);
    const call = (verb: Verb, key: string, points: number): Promise<LimiterAnswer> => {
      const fault = faultOf(verb);
      return fault === undefined ? inner[verb](key, points) : (fault() as Promise<LimiterAnswer>);
    };
    return {
      consume: (key, points) => call('consume', key, points),
      penalty: (key, points) => call('penalty', key, points),
      reward: (key, points) => call('reward', key, points),
    };
  };
}

/** Runs executions; each ends with the milliseconds that it took, and how. */
function stage(options: RateLimitOptions): {
  pipeline: Pipeline;
  ask(signal?: AbortSignal): Promise<string>;
} {
  const model = provider(
    scripted({ text: 'Hello', usage: { inputTokens: 5, outputTokens: 5 } }, { repeat: true }),
  );
  const pipeline = new Pipeline([rateLimit({ requestsPerMinute: 1_000, ...options }), model], {
    executionTimeoutMs: 0,
  });
  return {
    pipeline,
    async ask(signal) {
      const started = Date.now();
      const how = await pipeline.execute('user', 'Hi', signal && { signal }).then(
        () => 'done',
        (error: unknown) => (error instanceof SluiceError ? error.code : 'unknown'),
      );
      return `${Date.now() - started} ${how}`;
    },
  };
}

describe('R53 a limiter that fails', () => {
  const faults: [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('gone');
      },
    ],
    ['rejects', () => Promise.reject(new Error('gone'))],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a limiter may
    ['rejects with nothing', () => Promise.reject(undefined)],
    ['answers nothing', () => undefined],
    ['answers nonsense', () => Promise.resolve({ msBeforeNext: 'soon' })],
    ['answers NaN', () => Promise.resolve({ msBeforeNext: Number.NaN })],
  ];
  test.each(faults)(
    'is an error of code store at once if it %s, and the key works again with it',
    async (_how, fault) => {
      let broken = true;
      const { ask, pipeline } = stage({ limiter: limiterWith(() => (broken ? fault : undefined)) });
      expect(await ask()).toBe('0 store');
      await expect(pipeline.execute('user', 'Hi')).rejects.toMatchObject({ retryable: true, phase: 'queue' });
      broken = false;
      expect(await ask()).toBe('0 done');
    },
  );

  test.each<[string, RateLimitOptions, number]>([
    ['storeTimeoutMs', { storeTimeoutMs: 700 }, 700],
    ['2,000 ms', {}, 2_000],
    ['maxWaitMs, if that is less', { maxWaitMs: 500 }, 500],
    ['250 ms, if maxWaitMs is less', { maxWaitMs: 20 }, 250],
    ['storeTimeoutMs, if requests may not wait for room', { maxWaitMs: 0 }, 2_000],
  ])('and does not answer holds a request for %s', async (_what, options, ms) => {
    let broken = true;
    const { ask } = stage({ ...options, limiter: limiterWith(() => (broken ? never : undefined)) });
    const running = [ask(), ask(), ask()];
    await vi.advanceTimersByTimeAsync(10_000);
    const ends = (await Promise.all(running)).map((end) => end.split(' '));
    expect(ends.map(([, how]) => how)).toEqual(['store', 'store', 'store']);
    expect(Number(ends[0]?.[0])).toBe(ms);
    // The others are asked for 100 ms and 200 ms later.
    for (const [took] of ends) expect(Number(took)).toBeLessThanOrEqual(ms + 200);
    broken = false;
    expect(await ask()).toBe('0 done');
    // The window of the limiter itself.
    expect(vi.getTimerCount()).toBe(1);
  });

  test('and does not answer for one request does not hold the others', async () => {
    let calls = 0;
    const { ask } = stage({ limiter: limiterWith(() => (calls++ === 0 ? never : undefined)) });
    const running = [ask(), ask(), ask()];
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await Promise.all(running)).toEqual(['2000 store', '100 done', '100 done']);
  });

  test('is not asked again by retry(): the request has waited as long as it may', async () => {
    const limited = rateLimit({ requestsPerMinute: 5, maxWaitMs: 500, limiter: limiterWith(() => never) });
    const model = scripted('Hello');
    const pipeline = new Pipeline([retry({ backoff: constant(0) }), limited, provider(model)]);
    const running = pipeline.execute('user', 'Hi').catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(500);
    expect(await running).toMatchObject({ code: 'store', attempts: 1 });
  });

  test('R22 a request that is aborted while it is asked for ends at once', async () => {
    const { ask } = stage({ limiter: limiterWith(() => never) });
    const stop = new AbortController();
    const running = ask(stop.signal);
    await vi.advanceTimersByTimeAsync(50);
    stop.abort();
    expect(await running).toBe('50 aborted');
  });

  test('only when a reservation ends holds no permit for longer than storeTimeoutMs', async () => {
    const limiter = limiterWith((verb) => (verb === 'consume' ? undefined : never));
    const { ask } = stage({
      tokensPerMinute: 100_000,
      maxConcurrentRequests: 1,
      storeTimeoutMs: 300,
      limiter,
    });
    expect([await ask(), await ask()]).toEqual(['0 done', '0 done']);
    await vi.advanceTimersByTimeAsync(300);
    // The two windows of the limiter itself.
    expect(vi.getTimerCount()).toBe(2);
  });

  test('R39 what it takes after the time is over is given back', async () => {
    const inner = new RateLimiterMemory({ keyPrefix: 'late', points: 1, duration: 60 });
    let delayMs = 3_000;
    const late = async (answer: () => Promise<LimiterAnswer>): Promise<LimiterAnswer> => {
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      return answer();
    };
    const { ask } = stage({
      requestsPerMinute: 1,
      maxWaitMs: 500,
      limiter: () => ({
        consume: (key, points) => late(() => inner.consume(key, points)),
        penalty: (key, points) => inner.penalty(key, points),
        reward: (key, points) => inner.reward(key, points),
      }),
    });
    const refused = ask();
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await refused).toBe('500 store');
    delayMs = 0;
    const served = ask();
    await vi.advanceTimersByTimeAsync(1);
    expect(await served).toBe('0 done');
  });

  test('at random: every request ends within its time, and the key works again when the limiter does', async () => {
    const step = fc.record({
      fault: fc.constantFrom('works', 'works', 'hangs', 'throws', 'rejects'),
      afterMs: fc.nat(800),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 25 }),
        fc.constantFrom(0, 500, 5_000),
        async (steps, maxWaitMs) => {
          let at = 0;
          const limiter = limiterWith(() => {
            const fault = steps[at++]?.fault;
            if (fault === 'hangs') return never;
            if (fault === 'throws')
              return () => {
                throw new Error('gone');
              };
            return fault === 'rejects' ? () => Promise.reject(new Error('gone')) : undefined;
          });
          const { ask } = stage({ tokensPerMinute: 1_000_000, maxWaitMs, limiter });
          const running: Promise<string>[] = [];
          for (const { afterMs } of steps) {
            running.push(ask());
            await vi.advanceTimersByTimeAsync(afterMs);
          }
          await vi.advanceTimersByTimeAsync(20_000);
          for (const end of await Promise.all(running)) {
            expect(end).toMatch(/^\d+ (?:done|store)$/);
            expect(Number.parseInt(end)).toBeLessThanOrEqual((maxWaitMs === 0 ? 2_000 : maxWaitMs) + 100);
          }
          at = Infinity;
          expect(await ask()).toBe('0 done');
        },
      ),
      { numRuns: 60 },
    );
  });
});
