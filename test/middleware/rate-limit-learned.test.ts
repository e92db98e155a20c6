import { Pipeline, SluiceError } from 'sluice';
import type { Middleware, Provider, RateLimits } from 'sluice';
import { constant } from 'sluice/kit';
import { provider } from 'sluice/middleware/provider';
import { rateLimit } from 'sluice/middleware/rate-limit';
import type { RateLimitOptions } from 'sluice/middleware/rate-limit';
import { retry } from 'sluice/middleware/retry';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, openaiError, scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Gates } from '../../middleware/rate-limit/gates.ts';
import { Learned } from '../../middleware/rate-limit/learned.ts';

beforeEach(() => vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') }));
afterEach(() => vi.useRealTimers());

const HELLO = { text: 'Hello', usage: { inputTokens: 5, outputTokens: 5 } };
const later = (retryAfterMs: number) => ({
  error: new SluiceError('rate_limited', 'Slow down.', { status: 429, retryAfterMs }),
  after: 0,
  usage: false as const,
});

/** A model whose answers come with headers. */
function telling(model: Provider, ...limits: Omit<RateLimits, 'atMs'>[]): Provider {
  return {
    ...model,
    stream(request, call) {
      const told = limits.shift();
      if (told !== undefined) call.call.rateLimits = { atMs: Date.now(), ...told };
      return model.stream(request, call);
    },
  };
}

/** Runs one execution after the other, each begun when the last is over; when each ended, in seconds. */
async function endsOf(stack: Middleware[], count: number): Promise<string[]> {
  const pipeline = new Pipeline(stack, { executionTimeoutMs: 0 });
  const started = Date.now();
  const ends: string[] = [];
  for (let index = 0; index < count; index++) {
    let over = false;
    const running = pipeline.execute('user', 'Hi').then(
      () => 'done',
      (error: unknown) =>
        error instanceof SluiceError ? `${error.code} ${error.retryAfterMs ?? ''}`.trim() : 'unknown',
    );
    void running.then(() => (over = true));
    for (let wait = 0; !over && wait < 2_000; wait++) await vi.advanceTimersByTimeAsync(wait === 0 ? 0 : 100);
    ends.push(`${(Date.now() - started) / 1_000} ${await running}`);
  }
  return ends;
}

const stackOf = (options: RateLimitOptions, model: Provider): Middleware[] => [
  rateLimit(options),
  provider(model),
];
const repeating = (...answers: ScriptedAnswer[]) => scripted(answers, { repeat: true });

describe('what the headers say', () => {
  test('if no requests remain, the next one waits for its share of the reset', async () => {
    const model = telling(repeating(HELLO), {
      limitRequests: 10,
      remainingRequests: 0,
      resetRequestsMs: 20_000,
    });
    expect(await endsOf(stackOf({}, model), 3)).toEqual(['0 done', '2 done', '2 done']);
  });

  test('if too few tokens remain, the next request waits until its estimate fits', async () => {
    const model = telling(repeating(HELLO), {
      limitTokens: 10_000,
      remainingTokens: 1_000,
      resetTokensMs: 9_000,
    });
    expect(await endsOf(stackOf({ estimate: () => 4_000 }, model), 2)).toEqual(['0 done', '3 done']);
  });

  test('a wait longer than maxWaitMs is refused at once', async () => {
    const model = telling(repeating(HELLO), {
      limitRequests: 1,
      remainingRequests: 0,
      resetRequestsMs: 40_000,
    });
    expect(await endsOf(stackOf({ maxWaitMs: 30_000 }, model), 2)).toEqual([
      '0 done',
      '0 rate_limited 40000',
    ]);
  });

  test('with learn: false they are ignored', async () => {
    const model = telling(repeating(HELLO), {
      limitRequests: 1,
      remainingRequests: 0,
      resetRequestsMs: 20_000,
    });
    expect(await endsOf(stackOf({ learn: false }, model), 2)).toEqual(['0 done', '0 done']);
  });

  test('requests sent since then are subtracted, and older headers do not override newer ones', () => {
    const learned = new Learned();
    const now = Date.now();
    learned.learn({ atMs: now, limitRequests: 10, remainingRequests: 1, resetRequestsMs: 10_000 });
    expect(learned.waitMs(1)).toBe(0);
    learned.spend(1);
    expect(learned.waitMs(1)).toBe(1_000);
    learned.learn({ atMs: now - 1, limitRequests: 10, remainingRequests: 9, resetRequestsMs: 10_000 });
    expect(learned.waitMs(1)).toBe(1_000);
    expect(learned.faded).toBe(false);
    vi.advanceTimersByTime(10_000);
    expect([learned.waitMs(1), learned.faded]).toEqual([0, true]);
  });

  test('a request larger than the learned limit waits until everything is available, and the provider decides', () => {
    const learned = new Learned();
    learned.learn({ atMs: Date.now(), limitTokens: 100, remainingTokens: 50, resetTokensMs: 6_000 });
    expect(learned.waitMs(1_000)).toBe(6_000);
  });
});

describe('a 429 with Retry-After', () => {
  test('stops the next requests of the key, not those of other keys', async () => {
    const model = repeating(later(7_000), HELLO);
    let tenant = 'a';
    const limited = rateLimit({ key: () => tenant });
    expect(await endsOf([limited, provider(model)], 1)).toEqual(['0 rate_limited 7000']);
    tenant = 'b';
    expect(await endsOf([limited, provider(model)], 1)).toEqual(['0 done']);
    tenant = 'a';
    expect(await endsOf([limited, provider(model)], 1)).toEqual(['7 done']);
  });

  test('stops them for at most maxPauseMs', async () => {
    const model = repeating(later(3_600_000), HELLO);
    expect(await endsOf(stackOf({ maxPauseMs: 5_000 }, model), 2)).toEqual([
      '0 rate_limited 3600000',
      '5 done',
    ]);
  });
});

describe('beside retry', () => {
  const again = () => retry({ backoff: constant(1_000) });
  const busy = {
    error: new SluiceError('overloaded', 'Busy.', { status: 529 }),
    after: 0,
    usage: false as const,
  };

  test('inside: each attempt waits for its turn', async () => {
    const model = repeating(busy, HELLO);
    const ends = await endsOf(
      [again(), rateLimit({ requestsPerMinute: 1, maxWaitMs: 60_000 }), provider(model)],
      1,
    );
    expect(ends).toEqual(['60 done']);
  });

  test('outside: only the first attempt waits, and the others are counted', async () => {
    const model = repeating(busy, HELLO);
    const limited = rateLimit({ requestsPerMinute: 3, maxWaitMs: 60_000 });
    const ends = await endsOf([limited, again(), provider(model)], 3);
    expect(ends).toEqual(['1 done', '1 done', '60 done']);
  });

  test('R39 the tokens of every attempt are settled, inside and outside', async () => {
    for (const inside of [true, false]) {
      const limited = rateLimit({ tokensPerMinute: 130, estimate: () => 100, maxWaitMs: 0 });
      const model = repeating(busy, busy, HELLO);
      const stack = inside ? [again(), limited, provider(model)] : [limited, again(), provider(model)];
      // 10 tokens each; when 30 are used, 100 still fit, and when 40 are, no more.
      const ends = await endsOf(stack, 5);
      expect(ends.map((end) => end.endsWith('done') && Number.parseFloat(end) < 60)).toEqual([
        true,
        true,
        true,
        true,
        false,
      ]);
    }
  });
});

test('only keys in use take memory', async () => {
  const settings = { maxWaitMs: 0, maxQueue: 1, storeTimeoutMs: 1_000 };
  const context = { signal: new AbortController().signal, deadline: undefined };
  const entrant = { tokens: 1, learned: undefined, context, onError: (): void => undefined };
  const limits = [{}, { requests: { perMinute: 100 } }];
  for (const [at, gates] of limits.map((limit) => new Gates(limit, settings)).entries()) {
    for (let index = 0; index < 5_000; index++) {
      const gate = gates.of(`key ${index}`);
      const reservation = await gate.enter(entrant);
      if (index % 2 === 0) gate.learnedOf('model').pause(1_000);
      reservation.settle(1);
      gate.leave();
      if (index % 100 === 0) await vi.advanceTimersByTimeAsync(5_000);
    }
    await vi.advanceTimersByTimeAsync(0);
    // Those that hold nothing are forgotten at once, the others when their number has doubled.
    expect(gates.size).toBeLessThanOrEqual(at === 0 ? 1_000 : 2_500);
    await vi.advanceTimersByTimeAsync(61_000);
    const before = gates.size;
    for (let index = 0; index < 100; index++) {
      const gate = gates.of(`again ${index}`);
      (await gate.enter(entrant)).cancel();
      gate.leave();
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(gates.size).toBeLessThanOrEqual(before);
  }
});

test('over a socket: the next request waits after the headers of an answer, and after a 429 with Retry-After', async () => {
  vi.useRealTimers();
  await using server = await faultServer();
  const told = (remaining: string) => ({
    'x-ratelimit-limit-requests': '2',
    'x-ratelimit-remaining-requests': remaining,
    'x-ratelimit-reset-requests': '400ms',
  });
  const hi = { stream: chatStream({ text: 'Hi' }) };
  server.enqueue(
    { ...hi, headers: told('0') },
    hi,
    openaiError(429, { headers: { 'retry-after-ms': '150' } }),
    hi,
  );
  const model = openai({ apiKey: 'k', baseURL: server.openaiBaseURL });
  const pipeline = new Pipeline([rateLimit(), provider(model)]);
  const times: number[] = [];
  const started = performance.now();
  for (let index = 0; index < 4; index++) {
    await pipeline.execute('user', 'Hi').catch(() => undefined);
    times.push(performance.now() - started);
  }
  // Half of the reset, since one of two requests is needed; then what Retry-After says.
  expect(times[1]).toBeGreaterThan(190);
  expect(times[3]).toBeGreaterThan(190 + 140);
  server.assertDrained();
});
