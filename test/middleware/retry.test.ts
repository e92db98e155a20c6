import { getEventListeners } from 'node:events';
import { Pipeline, SluiceError, Stream, end } from 'sluice';
import type { ErrorCode, ErrorDetails, Middleware, Provider, Reply, StreamChunk } from 'sluice';
import { constant, exponential } from 'sluice/kit';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import type { RetryEvent, RetryOptions } from 'sluice/middleware/retry';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { model, text, texts, usage } from './models.ts';
import type { Answer, MadeModel } from './models.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function failure(code: ErrorCode, details: ErrorDetails = {}): Answer {
  return { error: new SluiceError(code, 'It failed.', details) };
}

/** The default back-off without chance. */
const regular = exponential({ jitter: 'none' });

const fine: Answer = { chunks: [text('fine')] };

function pipelineOf(made: MadeModel, options: RetryOptions = {}, ...above: Middleware[]): Pipeline {
  return new Pipeline([...above, retry({ backoff: regular, ...options }), provider(made)], {
    executionTimeoutMs: 0,
  });
}

/** Runs an execution to its end, time included; tells what came and when each call was made. */
async function run(pipeline: Pipeline): Promise<{ content: string; error?: SluiceError; atMs: number }> {
  const started = Date.now();
  const running = pipeline.execute('user', 'Hi').then(
    ({ response }) => ({ content: response.content, atMs: Date.now() - started }),
    (error: unknown) => {
      if (!(error instanceof SluiceError)) throw error;
      return { content: error.partial?.content ?? '', error, atMs: Date.now() - started };
    },
  );
  await vi.advanceTimersByTimeAsync(3_600_000);
  return running;
}

describe('retry before content', () => {
  test('repeats a failed attempt, and the waits grow by the factor', async () => {
    const events: RetryEvent[] = [];
    const made = model(failure('server'), failure('network'), failure('overloaded'), fine);
    const outcome = await run(pipelineOf(made, { onRetry: (event) => events.push(event) }));
    expect(outcome).toEqual({ content: 'fine', atMs: 1_000 + 2_000 + 4_000 });
    expect(
      events.map(({ attempt, error, delayMs, afterContent }) => [attempt, error.code, delayMs, afterContent]),
    ).toEqual([
      [1, 'server', 1_000, false],
      [2, 'network', 2_000, false],
      [3, 'overloaded', 4_000, false],
    ]);
  });

  test('waits as long as its back-off says', async () => {
    const backoff = exponential({ initialMs: 100, factor: 10, maxMs: 2_500, jitter: 'none' });
    const options = { maxRetries: 5, backoff };
    const outcome = await run(pipelineOf(model(failure('server')), options));
    expect(outcome.atMs).toBe(100 + 1_000 + 2_500 + 2_500 + 2_500);
  });

  test('full jitter waits a random part of the back-off', async () => {
    const random = [0.5, 0, 0.99];
    const waits: number[] = [];
    await run(
      pipelineOf(model(failure('server')), {
        backoff: exponential({ random: () => random.shift() ?? 0 }),
        onRetry: ({ delayMs }) => waits.push(delayMs),
      }),
    );
    expect(waits).toEqual([500, 0, 3_960]);
  });

  test('a back-off of your own gets the number of the retry', async () => {
    const asked: number[] = [];
    const backoff = (retry: number): number => {
      asked.push(retry);
      return 10 * retry;
    };
    const outcome = await run(pipelineOf(model(failure('server')), { backoff }));
    expect([asked, outcome.atMs]).toEqual([[1, 2, 3], 60]);
  });

  test.each([Number.NaN, -1, Number.POSITIVE_INFINITY])(
    'a back-off that returns %d is an error',
    async (ms) => {
      const made = model(failure('server'));
      const { error } = await run(pipelineOf(made, { backoff: () => ms }));
      expect([error?.code, error?.message]).toEqual([
        'invalid_options',
        'retry(): backoff returned no number of at least 0.',
      ]);
      expect(made.requests).toHaveLength(1);
    },
  );

  test('R19 N attempts are N requests', async () => {
    const made = model(failure('server'));
    await run(pipelineOf(made, { maxRetries: 2 }));
    expect(made.requests).toHaveLength(3);
    const once = model(failure('server'));
    await run(pipelineOf(once, { maxRetries: 0 }));
    expect(once.requests).toHaveLength(1);
  });

  test('R20 after the last attempt it throws that attempt’s error itself, with the number of attempts', async () => {
    const last = new SluiceError('overloaded', 'Busy.', {
      status: 529,
      provider: 'made',
      requestId: 'req_7',
    });
    const made = model(failure('server'), failure('server'), failure('server'), { error: last });
    const { error } = await run(pipelineOf(made));
    expect(error).toBe(last);
    expect(error).toMatchObject({ status: 529, provider: 'made', requestId: 'req_7', attempts: 4 });
  });

  test('R20 decides on the original error if a layer has wrapped it', async () => {
    const made = model(failure('overloaded', { status: 529, retryAfterMs: 250 }), fine);
    const wrapping: Middleware = async function* wrapping(_context, next) {
      try {
        return yield* next();
      } catch (error) {
        throw new Error('It did not work out.', { cause: error });
      }
    };
    const stack = [retry({ backoff: regular }), wrapping, provider(made)];
    expect(await run(new Pipeline(stack))).toEqual({ content: 'fine', atMs: 250 });
  });

  test('R20 a wrapped error that is not retried keeps the original status in its causes', async () => {
    const wrapping: Middleware = async function* wrapping(_context, next) {
      try {
        return yield* next();
      } catch (error) {
        throw new Error('It did not work out.', { cause: error });
      }
    };
    const made = model(failure('authentication', { status: 401 }));
    const { error } = await run(new Pipeline([retry(), wrapping, provider(made)]));
    expect(made.requests).toHaveLength(1);
    expect(error).toMatchObject({ code: 'middleware', cause: { cause: { status: 401 } }, attempts: 1 });
  });

  test.each<[ErrorCode, ErrorDetails, number]>([
    ['timeout', { status: 408 }, 2],
    ['conflict', { status: 409, retryable: true }, 2],
    ['rate_limited', { status: 429 }, 2],
    ['server', { status: 500 }, 2],
    ['server', { status: 502 }, 2],
    ['overloaded', { status: 503 }, 2],
    ['server', { status: 504 }, 2],
    ['overloaded', { status: 529 }, 2],
    ['overloaded', {}, 2],
    ['network', {}, 2],
    ['timeout', { phase: 'first_chunk' }, 2],
    ['truncated', { status: 200 }, 2],
    ['timeout', { phase: 'queue' }, 1],
    ['rate_limited', { status: 429, retryable: false }, 1],
    ['server', { status: 501 }, 1],
    ['authentication', { status: 401 }, 1],
    ['invalid_request', { status: 400 }, 1],
    ['context_length', { status: 400 }, 1],
    ['protocol', { status: 200 }, 1],
    ['budget', {}, 1],
    ['queue_full', {}, 1],
    ['aborted', {}, 1],
  ])('an error %s %j makes %d requests', async (code, details, requests) => {
    const made = model(failure(code, details), fine);
    await run(pipelineOf(made));
    expect(made.requests).toHaveLength(requests);
  });

  test('retryOn: a list of statuses and codes replaces the default one', async () => {
    const retryOn = [404, 'guard'] as const;
    for (const [answer, requests] of [
      [failure('not_found', { status: 404 }), 2],
      [failure('guard'), 2],
      [failure('server', { status: 500 }), 1],
    ] as const) {
      const made = model(answer, fine);
      await run(pipelineOf(made, { retryOn }));
      expect(made.requests).toHaveLength(requests);
    }
  });

  test('retryOn: a used-up quota is not retried by a list, but a function can decide to', async () => {
    const quota = failure('rate_limited', { status: 429, retryable: false });
    const listed = model(quota, fine);
    await run(pipelineOf(listed, { retryOn: [429] }));
    expect(listed.requests).toHaveLength(1);
    const decided = model(quota, fine);
    await run(pipelineOf(decided, { retryOn: ({ status }) => status === 429 }));
    expect(decided.requests).toHaveLength(2);
  });

  test('waits as long as the provider asks for', async () => {
    const made = model(failure('rate_limited', { status: 429, retryAfterMs: 12_345 }), fine);
    expect(await run(pipelineOf(made))).toEqual({ content: 'fine', atMs: 12_345 });
  });

  test('the back-off applies if the provider asks for 0 ms', async () => {
    const made = model(failure('rate_limited', { retryAfterMs: 0 }), fine);
    expect((await run(pipelineOf(made))).atMs).toBe(1_000);
  });

  test('gives up at once if the provider asks for more than the limit', async () => {
    const asking = (): MadeModel =>
      model(failure('rate_limited', { status: 429, retryAfterMs: 60_001 }), fine);
    const made = asking();
    expect(await run(pipelineOf(made))).toMatchObject({ error: { status: 429, attempts: 1 }, atMs: 0 });
    expect(await run(pipelineOf(asking(), { maxRetryAfterMs: 90_000 }))).toMatchObject({
      content: 'fine',
      atMs: 60_001,
    });
  });

  test('gives up at once if the wait would pass the deadline', async () => {
    const made = model(failure('server', { status: 500 }));
    const started = Date.now();
    const running = new Pipeline([retry({ backoff: regular }), provider(made)]).execute('user', 'Hi', {
      timeoutMs: 2_500,
    });
    const ended = running.catch((error: unknown) => [error, Date.now() - started]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await ended).toEqual([expect.objectContaining({ code: 'server', attempts: 2 }), 1_000]);
  });

  test('R21 the usage and cost of each attempt count', async () => {
    const failing = (tokens: number): Answer => ({
      ...failure('overloaded', { status: 529 }),
      wait: () => Promise.resolve(),
      reply: { usage: usage(tokens, 0) },
    });
    const made = model(failing(10), failing(10), { ...fine, reply: { usage: usage(10, 5) } });
    const original = made.stream.bind(made);
    const billed: MadeModel = {
      ...made,
      stream: (request, call) => {
        call.call.usage = usage(10, 0);
        return original(request, call);
      },
    };
    const pricing: Middleware = function pricing(_context, next) {
      return next().tap({
        call: (call) => ({ end: () => (call.cost = { status: 'exact', totalUsd: 0.25 }) }),
      });
    };
    const running = pipelineOf(billed, {}, pricing).execute('user', 'Hi');
    await vi.advanceTimersByTimeAsync(10_000);
    const result = await running;
    expect(result.cost).toMatchObject({ totalUsd: 0.75 });
    expect(result.usage).toMatchObject({ inputTokens: 30, outputTokens: 5 });
    const calls = result.trace.filter(({ kind }) => kind === 'call');
    expect(calls.map(({ outcome, attributes }) => [outcome, attributes['attempt']])).toEqual([
      ['failed', undefined],
      ['failed', 2],
      ['completed', 3],
    ]);
  });

  test('R22 its wait ends on abort, and leaves no timer and no listener', async () => {
    const controller = new AbortController();
    const made = model(failure('server'));
    const signals: AbortSignal[] = [];
    const watch: Middleware = function watch(context, next) {
      signals.push(context.signal);
      return next();
    };
    const stack = [retry({ backoff: constant(30_000) }), watch, provider(made)];
    const running = new Pipeline(stack, { executionTimeoutMs: 0 }).execute('user', 'Hi', {
      signal: controller.signal,
    });
    const rejected = expect(running).rejects.toMatchObject({ code: 'aborted' });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(made.requests).toHaveLength(1);
    controller.abort();
    await rejected;
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    expect(made.requests).toHaveLength(1);
  });

  test('R22 its wait ends when the consumer closes', async () => {
    const made = model(failure('server'));
    const stream = pipelineOf(made, { backoff: constant(30_000) }).executeStream('user', 'Hi');
    const pending = stream.next();
    await vi.advanceTimersByTimeAsync(10_000);
    await stream.close();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a thousand retried executions leave no listener on a signal that they share', async () => {
    const controller = new AbortController();
    for (let turn = 0; turn < 1_000; turn++) {
      const made = model(failure('server'), fine);
      const stack = [retry({ backoff: constant(0) }), provider(made)];
      await new Pipeline(stack).execute('user', 'Hi', { signal: controller.signal });
    }
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  test('an onRetry that throws is a warning, not a failure', async () => {
    const made = model(failure('server'), fine);
    const onRetry = (): never => {
      throw new TypeError('metrics are down');
    };
    const running = pipelineOf(made, { onRetry }).execute('user', 'Hi');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await running).toMatchObject({
      response: { content: 'fine' },
      warnings: ['retry: onRetry threw TypeError.'],
    });
  });

  test('the chunks after the first pass unchanged, in their batches', async () => {
    const batches: number[] = [];
    const watch: Middleware = function watch(_context, next) {
      const stream = next();
      return Stream.fromSource<StreamChunk, Reply>({
        async pull() {
          const batch = await stream.read();
          if (batch === undefined) return end(stream.reply ?? { finishReason: 'other' });
          batches.push(batch.length);
          return batch;
        },
        close: () => undefined,
      });
    };
    const made: Provider = {
      name: 'made',
      model: 'made',
      stream: () => Stream.from(texts('a', 'b', 'c'), { finishReason: 'stop' }),
    };
    const result = await new Pipeline([watch, retry(), provider(made)]).execute('user', 'Hi');
    expect(result.response.content).toBe('abc');
    expect(batches).toEqual([3]);
  });

  test.each<[unknown, string]>([
    [{ maxRetries: -1 }, 'maxRetries'],
    [{ maxRetries: 1.5 }, 'maxRetries'],
    [{ backoff: 1_000 }, 'backoff'],
    [{ maxRetryAfterMs: Number.NaN }, 'maxRetryAfterMs'],
    [{ jitter: 'full' }, 'jitter is not an option'],
    [{ retryOn: ['netwrok'] }, 'retryOn'],
    [{ retryOn: 429 }, 'retryOn'],
    [{ afterContent: 'restart' }, 'afterContent'],
    [{ resumePrompt: () => 'go on' }, 'resumePrompt'],
    [{ rerunTools: true }, 'rerunTools is not an option'],
    [{ retries: 3 }, 'retries is not an option'],
  ])('refuses %j when it is made', (options, message) => {
    expect(() => Reflect.apply(retry, undefined, [options])).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining(message) }),
    );
  });
});
