import * as fc from 'fast-check';
import { Pipeline, SluiceError } from 'sluice';
import type { LoggerLike, Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import type { RetryEvent, RetryOptions } from 'sluice/middleware/retry';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RetryBudget } from '../../../middleware/retry/budget.ts';
import { model, text } from '../models.ts';
import type { Answer, MadeModel } from '../models.ts';

beforeEach(() => vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') }));
afterEach(() => vi.useRealTimers());

const down: Answer = { error: new SluiceError('server', 'It is down.', { status: 500 }) };
const fine: Answer = { chunks: [text('fine')] };

/** A model that is down from some call on, until another. */
function downFrom(from: number, until = Infinity): MadeModel {
  const failing = model(down);
  const working = model(fine);
  let calls = 0;
  return {
    ...failing,
    stream(request, call) {
      const isDown = calls >= from && calls < until;
      calls++;
      const answer = (isDown ? failing : working).stream(request, call);
      if (!isDown) failing.requests.push(request);
      return answer;
    },
  };
}

const pipelineOf = (made: MadeModel, options: RetryOptions = {}): Pipeline =>
  new Pipeline([retry(options), provider(made)], { executionTimeoutMs: 0, maxConcurrentExecutions: 1_000 });

/** Runs an execution to its end, time included. */
async function run(pipeline: Pipeline): Promise<SluiceError | undefined> {
  let over = false;
  const running = pipeline.execute('user', 'Hi').then(
    () => undefined,
    (error: unknown) => {
      if (!(error instanceof SluiceError)) throw error;
      return error;
    },
  );
  void running.then(() => (over = true));
  for (let wait = 0; !over; wait++) await vi.advanceTimersByTimeAsync(wait === 0 ? 0 : 250);
  return running;
}

describe('R57 a retry storm is bounded', () => {
  const hundred = Array.from({ length: 100 });

  test('100 executions at once, all of which fail, make at most 115 requests', async () => {
    const made = model(down);
    const pipeline = pipelineOf(made);
    const running = hundred.map(async () => pipeline.execute('user', 'Hi').catch(() => undefined));
    await vi.advanceTimersByTimeAsync(300_000);
    await Promise.all(running);
    expect(made.requests).toHaveLength(105);
  });

  test('and so do 100 executions one after the other', async () => {
    const made = model(down);
    const pipeline = pipelineOf(made);
    for (const _ of hundred) await run(pipeline);
    expect(made.requests).toHaveLength(105);
  });

  test('and after any number of successes', async () => {
    const made = downFrom(2_000);
    const pipeline = pipelineOf(made, { backoff: constant(0) });
    for (let index = 0; index < 2_000; index++) await pipeline.execute('user', 'Hi');
    const running = hundred.map(async () => pipeline.execute('user', 'Hi').catch(() => undefined));
    await vi.advanceTimersByTimeAsync(300_000);
    await Promise.all(running);
    expect(made.requests.length - 2_000).toBe(115);
  });

  test('and with two retry() in the stack', async () => {
    const made = model(down);
    const twice = [retry(), retry(), provider(made)];
    const pipeline = new Pipeline(twice, { executionTimeoutMs: 0 });
    const running = hundred.map(async () => pipeline.execute('user', 'Hi').catch(() => undefined));
    await vi.advanceTimersByTimeAsync(300_000);
    await Promise.all(running);
    expect(made.requests).toHaveLength(105);
  });

  test('and in 10 pipelines that share a provider', async () => {
    const made = model(down);
    const pipelines = Array.from({ length: 10 }, () => pipelineOf(made));
    const running = hundred.map(async (_, index) =>
      pipelines[index % 10]?.execute('user', 'Hi').catch(() => undefined),
    );
    await vi.advanceTimersByTimeAsync(300_000);
    await Promise.all(running);
    expect(made.requests).toHaveLength(115);
  });

  test('and if a middleware fails before any call is made', async () => {
    let tries = 0;
    const failing: Middleware = function failing() {
      tries++;
      throw new SluiceError('network', 'No way.');
    };
    const pipeline = new Pipeline([retry(), retry(), failing, provider(model(fine))], {
      executionTimeoutMs: 0,
    });
    const running = hundred.map(async () => pipeline.execute('user', 'Hi').catch(() => undefined));
    await vi.advanceTimersByTimeAsync(300_000);
    await Promise.all(running);
    expect(tries).toBe(105);
  });

  test('and if the server tells them all to come back after a minute', async () => {
    const error = new SluiceError('rate_limited', 'Later.', { status: 429, retryAfterMs: 60_000 });
    const made = model({ error });
    const pipeline = pipelineOf(made);
    const running = hundred.map(async () => pipeline.execute('user', 'Hi').catch(() => undefined));
    await vi.advanceTimersByTimeAsync(600_000);
    await Promise.all(running);
    expect(made.requests).toHaveLength(105);
  });

  test('a pipeline does not use up the budget of another one, nor a provider that of another one', async () => {
    const pipeline = pipelineOf(model(down));
    for (const _ of hundred) await run(pipeline);
    const other = model(down);
    await run(pipelineOf(other));
    expect(other.requests).toHaveLength(4);
  });

  test('pipelines over one provider that fails now and then have budgets of their own', async () => {
    const made = model(down);
    const working = model(fine);
    let calls = 0;
    const flaky: MadeModel = {
      ...made,
      stream: (request, call) => (calls++ % 3 === 2 ? working : made).stream(request, call),
    };
    for (let index = 0; index < 50; index++)
      expect(await run(pipelineOf(flaky, { backoff: constant(0) }))).toBeUndefined();
    expect(calls).toBe(150);
  });
});

describe('the retry budget', () => {
  test.each([3, 8])('lets a lonely execution make its %i retries, every time', async (maxRetries) => {
    const made = model(down);
    const pipeline = pipelineOf(made, { maxRetries, backoff: constant(100) });
    for (let index = 0; index < 5; index++) {
      expect((await run(pipeline))?.attempts).toBe(maxRetries + 1);
      await vi.advanceTimersByTimeAsync(61_000);
    }
  });

  test('gets a tenth of a retry with each success, whatever failed before', async () => {
    const made = downFrom(0, 106);
    const pipeline = pipelineOf(made, { backoff: constant(0) });
    for (let index = 0; index < 101; index++) await run(pipeline);
    expect(made.requests).toHaveLength(106);
    for (let index = 0; index < 20; index++) await run(pipeline);
    const failing = downFrom(20);
    const later = pipelineOf(failing, { backoff: constant(0), budget: { floor: 0 } });
    for (let index = 0; index < 20; index++) await run(later);
    expect((await run(later))?.attempts).toBe(3);
    expect((await run(later))?.attempts).toBe(1);
  });

  test('says in a warning and in a log line why an error is thrown that could be retried', async () => {
    const lines: unknown[] = [];
    const ignore = (): void => undefined;
    const logger: LoggerLike = {
      debug: ignore,
      info: ignore,
      error: ignore,
      warn: (line) => lines.push(line),
    };
    const calm: Middleware = async function* calm(_context, next) {
      try {
        return yield* next();
      } catch {
        return { finishReason: 'stop' };
      }
    };
    const made = model(down);
    const stack = [calm, retry({ budget: { floor: 1 }, backoff: constant(0) }), provider(made)];
    const { warnings } = await new Pipeline(stack, { logger }).execute('user', 'Hi');
    expect(made.requests).toHaveLength(2);
    const why = 'retry: a failed attempt was not repeated, because the retry budget is used up.';
    expect([warnings, lines]).toEqual([[why], [why]]);
  });

  test('budget: false does without', async () => {
    const made = model(down);
    const pipeline = pipelineOf(made, { budget: false, backoff: constant(0) });
    for (let index = 0; index < 10; index++) await run(pipeline);
    expect(made.requests).toHaveLength(40);
  });

  test('a retry whose wait is ended is not counted', async () => {
    const made = model(down);
    const pipeline = pipelineOf(made, { budget: { floor: 1 }, backoff: constant(1_000) });
    for (let index = 0; index < 3; index++) {
      const stop = new AbortController();
      const running = pipeline.execute('user', 'Hi', { signal: stop.signal });
      const rejected = expect(running).rejects.toMatchObject({ code: 'aborted' });
      await vi.advanceTimersByTimeAsync(500);
      stop.abort();
      await rejected;
    }
    expect((await run(pipeline))?.attempts).toBe(2);
  });

  test('at random: retries are never more than the floor and a tenth of the successes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('success', 'failure', 'failure'), { maxLength: 400 }),
        (events) => {
          const budget = new RetryBudget({ perSuccess: 0.1, floor: 5, most: 15 });
          let retries = 0;
          let successes = 0;
          for (const event of events) {
            if (event === 'success') {
              budget.succeeded({ span: { span: { id: `call ${successes++}` } } } as never);
            } else {
              budget.failed();
              if (RetryBudget.take([budget], 0)) retries++;
            }
            vi.advanceTimersByTime(1_000);
          }
          expect(retries).toBeLessThanOrEqual(5 + successes / 10);
        },
      ),
    );
  });

  test.each<[unknown, string]>([
    [{ budget: { ratio: -1 } }, 'budget'],
    [{ budget: { floor: 1.5 } }, 'budget'],
    [{ budget: true }, 'budget is a boolean: give { ratio, floor }'],
    [{ budget: { rate: 1 } }, 'budget'],
  ])('refuses %j when it is made', (options, message) => {
    expect(() => Reflect.apply(retry, undefined, [options])).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining(message) }),
    );
  });
});

test('executions that are told to come back come back apart, and none of them too early', async () => {
  const error = new SluiceError('rate_limited', 'Later.', { status: 429, retryAfterMs: 1_000 });
  const made = model(...Array.from({ length: 21 }, () => ({ error })), fine);
  const waits: number[] = [];
  const onRetry = ({ delayMs }: RetryEvent): number => waits.push(delayMs);
  const pipeline = pipelineOf(made, { budget: false, onRetry });
  const running = Array.from({ length: 21 }, async () => pipeline.execute('user', 'Hi'));
  await vi.advanceTimersByTimeAsync(10_000);
  await Promise.all(running);
  waits.sort((a, b) => a - b);
  expect(waits).toHaveLength(21);
  expect(waits[0]).toBe(1_000);
  const gaps = waits.slice(1).map((wait, index) => wait - (waits[index] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(50);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(101);
});
