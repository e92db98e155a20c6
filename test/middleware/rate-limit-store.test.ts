import * as fc from 'fast-check';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { Pipeline, SluiceError } from 'sluice';
import type { LoggerLike, Middleware } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { rateLimit } from 'sluice/middleware/rate-limit';
import type { Limiter, LimiterOptions } from 'sluice/middleware/rate-limit';
import { manualGate, scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

beforeEach(() => vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') }));
afterEach(() => vi.useRealTimers());

/** Like a limiter over a network: the one in memory, with each step 5 ms late. */
function remote(options: LimiterOptions, steps: string[] = []): Limiter & { inner: RateLimiterMemory } {
  const inner = new RateLimiterMemory(options);
  const late = async <T>(name: string, key: string, points: number, step: () => Promise<T>): Promise<T> => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    steps.push(`${name} ${options.keyPrefix}:${key} ${points}`);
    return step();
  };
  return {
    inner,
    consume: (key, points) => late('consume', key, points, () => inner.consume(key, points)),
    penalty: (key, points) => late('penalty', key, points, () => inner.penalty(key, points)),
    reward: (key, points) => late('reward', key, points, () => inner.reward(key, points)),
  };
}

const HELLO = { text: 'Hello', usage: { inputTokens: 5, outputTokens: 5 } };

test('the option limiter is called for both limits, and each step is one atomic change', async () => {
  const asked: LimiterOptions[] = [];
  const steps: string[] = [];
  const limiter = (options: LimiterOptions): Limiter => {
    asked.push(options);
    return remote(options, steps);
  };
  const limited = rateLimit({
    requestsPerMinute: 10,
    tokensPerMinute: 150,
    estimate: () => 100,
    limiter,
    key: () => 'acme',
  });
  const pipeline = new Pipeline([limited, provider(scripted(HELLO))]);
  void pipeline.execute('user', 'Hi');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toEqual([
    { keyPrefix: 'sluice:requests', points: 10, duration: 60 },
    { keyPrefix: 'sluice:tokens', points: 150, duration: 60 },
  ]);
  expect(steps).toEqual([
    'consume sluice:requests:acme 1',
    'consume sluice:tokens:acme 100',
    'reward sluice:tokens:acme 90',
  ]);
});

test('two processes share the limits of one store', async () => {
  const shared = new Map<string, Limiter>();
  const limiter = (options: LimiterOptions): Limiter => {
    const known = shared.get(options.keyPrefix) ?? remote(options);
    shared.set(options.keyPrefix, known);
    return known;
  };
  const process = () =>
    new Pipeline([
      rateLimit({ requestsPerMinute: 3, maxWaitMs: 0, limiter }),
      provider(scripted(HELLO, { repeat: true })),
    ]);
  const codes: string[] = [];
  for (const pipeline of [process(), process()]) {
    for (let index = 0; index < 3; index++) {
      void pipeline.execute('user', 'Hi').then(
        () => codes.push('done'),
        (error: unknown) => codes.push(error instanceof SluiceError ? error.code : 'unknown'),
      );
    }
  }
  await vi.advanceTimersByTimeAsync(1_000);
  expect(codes.toSorted()).toEqual(['done', 'done', 'done', 'rate_limited', 'rate_limited', 'rate_limited']);
});

test('attempts that run at once are counted once each', async () => {
  const made: RateLimiterMemory[] = [];
  const limiter = (options: LimiterOptions): Limiter => {
    const one = new RateLimiterMemory(options);
    made.push(one);
    return one;
  };
  const twice: Middleware = async function* twice(_context, next) {
    const [first, second] = [next(), next()];
    await Promise.all([first.ready(), second.ready()]);
    const reply = yield* first;
    await second.read();
    return reply;
  };
  const model = scripted(HELLO, { repeat: true });
  await new Pipeline([twice, rateLimit({ requestsPerMinute: 9, limiter }), provider(model)]).execute(
    'user',
    'Hi',
  );
  expect(model.calls).toHaveLength(2);
  expect((await made[0]?.get(''))?.consumedPoints).toBe(2);
});

test('R39 a request that leaves while the store is asked gives back what it got', async () => {
  const made: ReturnType<typeof remote>[] = [];
  const limiter = (options: LimiterOptions): Limiter => {
    const one = remote(options);
    made.push(one);
    return one;
  };
  const limited = rateLimit({
    requestsPerMinute: 1,
    tokensPerMinute: 100,
    estimate: () => 60,
    limiter,
    maxWaitMs: 70_000,
  });
  const pipeline = new Pipeline([limited, provider(scripted(HELLO, { repeat: true }))], {
    executionTimeoutMs: 0,
  });
  void pipeline.execute('user', 'Hi');
  await vi.advanceTimersByTimeAsync(100);
  const stop = new AbortController();
  const leaving = pipeline.execute('user', 'Hi', { signal: stop.signal });
  leaving.catch(() => undefined);
  // The minute is over: it is asked for, and the store has not answered.
  await vi.advanceTimersByTimeAsync(59_902);
  stop.abort();
  await vi.advanceTimersByTimeAsync(100);
  await expect(leaving).rejects.toMatchObject({ code: 'aborted' });
  expect((await made[0]?.inner.get(''))?.consumedPoints).toBe(0);
  expect((await made[1]?.inner.get(''))?.consumedPoints).toBe(0);
});

test('if the store fails, the request is refused; if it fails when a reservation ends, that is logged', async () => {
  const lines: unknown[] = [];
  const ignore = () => undefined;
  const logger: LoggerLike = { debug: ignore, info: ignore, warn: ignore, error: (line) => lines.push(line) };
  const gone = () => Promise.reject(new Error('gone'));
  const run = (limiter: (options: LimiterOptions) => Limiter) =>
    new Pipeline([rateLimit({ tokensPerMinute: 2_000, limiter }), provider(scripted(HELLO))], {
      logger,
    }).execute('user', 'Hi');
  const refused = run(() => ({ consume: gone, penalty: gone, reward: gone }));
  await expect(refused).rejects.toMatchObject({ code: 'store', retryable: true });
  const settled = await run((options) => {
    const inner = new RateLimiterMemory(options);
    return { consume: (key, points) => inner.consume(key, points), penalty: gone, reward: gone };
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(settled.response.content).toBe('Hello');
  expect(lines).toEqual(['the rate limit could not be settled']);
});

test('R39 nothing is given back in the last second of a window, because it could reach the next window', async () => {
  const steps: string[] = [];
  const gate = manualGate();
  const limiter = (options: LimiterOptions): Limiter => remote(options, steps);
  const limited = rateLimit({ tokensPerMinute: 1_000, estimate: () => 100, limiter, maxWaitMs: 0 });
  const model = provider(scripted({ ...HELLO, gate: gate.gate }, { repeat: true }));
  const pipeline = new Pipeline([limited, model], { executionTimeoutMs: 0 });
  void pipeline.execute('user', 'Hi');
  await vi.advanceTimersByTimeAsync(58_900);
  gate.release(2);
  await vi.advanceTimersByTimeAsync(50);
  expect(steps).toEqual(['consume sluice:tokens: 100', 'reward sluice:tokens: 90']);
  void pipeline.execute('user', 'Hi');
  await vi.advanceTimersByTimeAsync(500);
  gate.open();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(steps.slice(2)).toEqual(['consume sluice:tokens: 100']);
});

test('R39 what the model has issued is what the limiter has recorded, whenever streams are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          input: fc.nat(200),
          output: fc.integer({ min: 1, max: 2_000 }),
          estimate: fc.nat(3_000),
          cutAfter: fc.option(fc.nat(3)),
          abortAtMs: fc.option(fc.nat(30)),
          fails: fc.boolean(),
        }),
        { minLength: 1, maxLength: 12 },
      ),
      fc.boolean(),
      async (calls, isRemote) => {
        const limiters: RateLimiterMemory[] = [];
        const limiter = (options: LimiterOptions): Limiter => {
          const made = remote(options);
          limiters.push(made.inner);
          return isRemote ? made : made.inner;
        };
        const gate = manualGate();
        const answers = calls.map(({ input, output, fails }): ScriptedAnswer => {
          const error = new SluiceError('truncated', 'Cut.');
          const tokens = { inputTokens: input, outputTokens: output };
          return {
            text: ['aaaa', 'bbbb', 'cccc'],
            usage: tokens,
            gate: gate.gate,
            ...(fails && { error, after: 2 }),
          };
        });
        let issued = 0;
        let started = 0;
        const watch: Middleware = function watch(_context, next) {
          return next().tap({
            call() {
              started++;
              return { end: ({ usage }) => void (issued += usage.totalTokens) };
            },
          });
        };
        const limited = rateLimit({
          requestsPerMinute: 1_000,
          tokensPerMinute: 6_000,
          estimate: ({ messages }) => Number(messages[0]?.content),
          limiter,
          maxWaitMs: 10_000,
        });
        const pipeline = new Pipeline([watch, limited, provider(scripted(answers))], {
          executionTimeoutMs: 0,
        });
        const running = calls.map(async ({ cutAfter, abortAtMs, estimate }) => {
          const stop = new AbortController();
          if (abortAtMs !== null) setTimeout(() => stop.abort(), abortAtMs);
          const stream = pipeline.executeStream('user', String(estimate), { signal: stop.signal });
          try {
            for (let read = 0; cutAfter === null || read < cutAfter; read++)
              if ((await stream.next()).done === true) break;
          } catch {
            // A failure of the script, an abort, or no room.
          }
          await stream.close();
        });
        await vi.advanceTimersByTimeAsync(20);
        gate.open();
        await vi.advanceTimersByTimeAsync(11_000);
        await Promise.all(running);
        await vi.advanceTimersByTimeAsync(100);
        expect((await limiters[0]?.get(''))?.consumedPoints ?? 0).toBe(started);
        expect((await limiters[1]?.get(''))?.consumedPoints ?? 0).toBe(issued);
      },
    ),
    { numRuns: 100 },
  );
});
