import { Pipeline, SluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { rateLimit } from 'sluice/middleware/rate-limit';
import type { RateLimitOptions } from 'sluice/middleware/rate-limit';
import { manualGate, scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

beforeEach(() => vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') }));
afterEach(() => vi.useRealTimers());

const HELLO = { text: 'Hello', usage: { inputTokens: 5, outputTokens: 5 } };

interface Stage {
  pipeline: Pipeline;
  model: ScriptedProvider;
  /** What happened, with the seconds since the start. */
  log: string[];
  /** Runs one execution, and logs its end. */
  ask(
    name: string,
    options?: { signal?: AbortSignal; timeoutMs?: number; maxTokens?: number },
  ): Promise<void>;
}

const noLimits = { executionTimeoutMs: 0, idleTimeoutMs: 0 };
function stage(options: RateLimitOptions, answers: ScriptedAnswer | ScriptedAnswer[] = HELLO): Stage {
  const model = scripted(answers, { repeat: true });
  const pipeline = new Pipeline([rateLimit(options), provider(model)], noLimits);
  const log: string[] = [];
  const started = Date.now();
  const tell = (line: string): void => void log.push(`${(Date.now() - started) / 1_000} ${line}`);
  return {
    pipeline,
    model,
    log,
    async ask(name, { signal, timeoutMs, maxTokens } = {}) {
      try {
        await pipeline.execute('user', 'Hi', {
          ...(signal && { signal }),
          ...(timeoutMs !== undefined && { timeoutMs }),
          ...(maxTokens !== undefined && { parameters: { maxTokens } }),
          metadata: { name },
        });
        tell(`${name} done`);
      } catch (error) {
        const known = error instanceof SluiceError ? error : undefined;
        tell(`${name} ${known?.code ?? 'unknown'} ${known?.retryAfterMs ?? ''}`.trim());
      }
    },
  };
}

const until = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

describe('requests per minute', () => {
  test('requests that do not fit wait for the next minute, in order, and not longer', async () => {
    const { ask, log, model } = stage({ requestsPerMinute: 2, maxWaitMs: 180_000 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) void ask(name);
    await until(0);
    expect(log).toEqual(['0 a done', '0 b done']);
    await until(59_999);
    expect(model.calls).toHaveLength(2);
    await until(180_000);
    expect(log).toEqual(['0 a done', '0 b done', '60 c done', '60 d done', '120 e done']);
  });

  test('a request that would wait longer than maxWaitMs is refused at once, with the time to wait before a retry', async () => {
    const { ask, log } = stage({ requestsPerMinute: 1 });
    await ask('a');
    await until(10_000);
    await ask('b');
    expect(log).toEqual(['0 a done', '10 b rate_limited 50000']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('maxWaitMs: 0 refuses requests that do not fit, and sends the others', async () => {
    const { ask, log } = stage({ requestsPerMinute: 2, maxWaitMs: 0 });
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => ask(name)));
    expect(log.toSorted()).toEqual([
      '0 a done',
      '0 b done',
      '0 c rate_limited 60000',
      '0 d rate_limited 60000',
    ]);
  });

  test('a refusal because there is no room is retryable, a refusal because the queue is full is not', async () => {
    const { pipeline, ask } = stage({ requestsPerMinute: 1, maxQueue: 1, maxWaitMs: 60_000 });
    const run = () => pipeline.execute('user', 'Hi');
    await ask('a');
    void ask('b');
    await until(0);
    await expect(run()).rejects.toMatchObject({ code: 'queue_full', retryable: false });
    const strict = stage({ requestsPerMinute: 1, maxWaitMs: 0 });
    await strict.ask('a');
    const refused = strict.pipeline.execute('user', 'Hi');
    await expect(refused).rejects.toMatchObject({
      code: 'rate_limited',
      retryable: true,
      retryAfterMs: 60_000,
    });
  });

  test('S10 the queue of a key is limited: the newest requests beyond maxQueue are refused', async () => {
    const { ask, log } = stage({ requestsPerMinute: 1, maxQueue: 2, maxWaitMs: 600_000 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) void ask(name);
    await until(0);
    expect(log.toSorted()).toEqual(['0 a done', '0 d queue_full', '0 e queue_full']);
    void ask('f');
    await until(120_000);
    expect(log.slice(3)).toEqual(['0 f queue_full', '60 b done', '120 c done']);
  });

  test('S16 each key has its own limits', async () => {
    const { ask, log } = stage({
      requestsPerMinute: 1,
      maxWaitMs: 0,
      key: ({ request }) => String(request.metadata?.['name']),
    });
    await ask('a');
    await ask('b');
    await ask('a');
    expect(log).toEqual(['0 a done', '0 b done', '0 a rate_limited 60000']);
  });
});

describe('tokens per minute', () => {
  test('R39 the estimate is reserved before the call, and what the call did not use is given back', async () => {
    const gate = manualGate();
    // Each reserves 100 and uses 10.
    const { ask, log, model } = stage(
      { tokensPerMinute: 200, estimate: () => 100, maxWaitMs: 10_000 },
      { ...HELLO, gate: gate.gate },
    );
    for (const name of ['a', 'b', 'c', 'd']) void ask(name);
    await until(1_000);
    expect(model.calls).toHaveLength(2);
    expect(log).toEqual([]);
    gate.open();
    await until(0);
    expect(log).toEqual(['1 a done', '1 b done', '1 c done', '1 d done']);
  });

  test('tokens that were used beyond the estimate count', async () => {
    const { ask, log } = stage(
      { tokensPerMinute: 100, estimate: () => 1, maxWaitMs: 0 },
      { text: 'Hello', usage: { inputTokens: 50, outputTokens: 50 } },
    );
    await ask('a');
    await until(1);
    await ask('b');
    await until(60_000);
    await ask('c');
    expect(log).toEqual(['0 a done', '0.001 b rate_limited 59999', '60.001 c done']);
  });

  test('without estimate(): the input, plus maxTokens or 1,000', async () => {
    const { ask, log } = stage({ tokensPerMinute: 1_200, maxWaitMs: 0 }, { ...HELLO, hang: true, after: 0 });
    const stop = new AbortController();
    void ask('1,005', { signal: stop.signal });
    void ask('205', { maxTokens: 200, signal: stop.signal });
    void ask('105', { maxTokens: 100, signal: stop.signal });
    await until(0);
    expect(log).toEqual(['0 205 rate_limited 60000']);
    stop.abort();
    await until(0);
  });

  test('a request that is larger than the limit of a minute fails at once, with an error that is not retried', async () => {
    const { pipeline, model } = stage({ tokensPerMinute: 1_000 });
    const error = await pipeline
      .execute('user', 'Hi', { parameters: { maxTokens: 2_000 } })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'rate_limited', retryable: false });
    expect((error as Error).message).toMatch(
      /^The request is estimated at 20\d\d tokens, more than tokensPerMinute \(1000\)/,
    );
    expect(model.calls).toHaveLength(0);
  });

  test('small requests do not overtake a large one', async () => {
    const { ask, log } = stage(
      {
        tokensPerMinute: 100,
        estimate: ({ parameters }) => parameters.maxTokens ?? 0,
        maxWaitMs: 60_000,
      },
      ({ parameters }) => ({
        text: 'Hello',
        usage: { inputTokens: 0, outputTokens: parameters.maxTokens ?? 0 },
      }),
    );
    await ask('first', { maxTokens: 50 });
    void ask('large', { maxTokens: 90 });
    void ask('small', { maxTokens: 10 });
    await until(60_000);
    expect(log).toEqual(['0 first done', '60 large done', '60 small done']);
  });

  test('R39 nothing from an old minute is given back to a new one', async () => {
    const gate = manualGate();
    const { ask, log } = stage(
      { tokensPerMinute: 100, estimate: () => 100, maxWaitMs: 0 },
      { ...HELLO, gate: gate.gate },
    );
    void ask('a');
    await until(61_000);
    gate.open();
    await until(0);
    await ask('b');
    // 10 of 100 are used. If 90 had been given back from the last minute, two more would fit.
    await Promise.all([ask('c'), ask('d')]);
    expect(log).toEqual(['61 a done', '61 b done', '61 c rate_limited 60000', '61 d rate_limited 60000']);
  });
});

describe('requests that run at once', () => {
  test('the next one starts when one has ended', async () => {
    const gate = manualGate();
    const { ask, model, log } = stage({ maxConcurrentRequests: 2 }, { text: ['a', 'b'], gate: gate.gate });
    for (const name of ['a', 'b', 'c']) void ask(name);
    await until(0);
    expect(model.openCalls).toBe(2);
    gate.open();
    await until(0);
    expect(log).toEqual(['0 a done', '0 b done', '0 c done']);
  });

  test('a wait for a permit ends after maxWaitMs', async () => {
    const { ask, log } = stage({ maxConcurrentRequests: 1, maxWaitMs: 5_000 }, { text: 'a', hang: true });
    const stop = new AbortController();
    void ask('a', { signal: stop.signal });
    void ask('b');
    await until(2_000);
    void ask('c');
    await until(10_000);
    expect(log).toEqual(['5 b rate_limited', '7 c rate_limited']);
    stop.abort();
    await until(0);
    expect(log.at(-1)).toBe('12 a aborted');
  });

  const failing: [string, ScriptedAnswer][] = [
    ['completed', HELLO],
    [
      'failed before its first chunk',
      { error: new SluiceError('server', 'Down.', { status: 500 }), after: 0 },
    ],
    ['failed half-way', { text: ['a', 'b'], error: new SluiceError('truncated', 'Cut.'), after: 1 }],
  ];
  test.each(failing)('R39 permits and reservations come back if the call has %s', async (_how, answer) => {
    const { ask, log, model } = stage(
      { maxConcurrentRequests: 1, tokensPerMinute: 100, estimate: () => 60, maxWaitMs: 0 },
      answer,
    );
    for (const name of ['a', 'b', 'c']) {
      await ask(name);
      await until(0);
    }
    expect(model.calls).toHaveLength(3);
    expect(log.filter((line) => line.includes('rate_limited'))).toEqual([]);
  });

  test('R39 they are given back when the stream is closed, interrupted, aborted, or never pulled', async () => {
    const interrupting: Middleware = function interrupting(context, next) {
      return next().tap(() => context.interrupt('enough'));
    };
    const limited = rateLimit({
      maxConcurrentRequests: 1,
      tokensPerMinute: 100,
      estimate: () => 60,
      maxWaitMs: 0,
    });
    const model = scripted({ text: ['a', 'b'], hang: true, usage: false }, { repeat: true });
    const pipeline = new Pipeline([limited, provider(model)], { executionTimeoutMs: 0 });
    const halting = new Pipeline([interrupting, limited, provider(model)], { executionTimeoutMs: 0 });

    const closed = pipeline.executeStream('user', 'Hi');
    await closed.next();
    await closed.close();
    await until(0);
    expect((await halting.execute('user', 'Hi')).outcome).toBe('interrupted');
    await until(0);
    const stop = new AbortController();
    const aborted = pipeline.executeStream('user', 'Hi', { signal: stop.signal });
    await aborted.next();
    stop.abort();
    await expect(aborted.result).rejects.toMatchObject({ code: 'aborted' });
    await until(0);
    await pipeline.executeStream('user', 'Hi').close();
    const last = pipeline.executeStream('user', 'Hi');
    expect((await last.next()).value).toMatchObject({ content: 'a' });
    await last.close();
    expect(model.calls).toHaveLength(4);
  });

  test('R39 a request whose call is never made gives everything back', async () => {
    let hits = 0;
    const cached: Middleware = async function* cached() {
      hits++;
      yield { type: 'content', content: 'from the cache' };
      return { finishReason: 'stop' };
    };
    const model = scripted(HELLO);
    const pipeline = new Pipeline([
      rateLimit({ requestsPerMinute: 1, maxWaitMs: 0 }),
      cached,
      provider(model),
    ]);
    for (let index = 0; index < 3; index++) {
      await pipeline.execute('user', 'Hi');
      await until(0);
    }
    expect([hits, model.calls.length]).toEqual([3, 0]);
  });
});

describe('R22 a wait', () => {
  test('ends when its execution is aborted, and the next request takes its place', async () => {
    const { ask, log } = stage({ requestsPerMinute: 1, maxWaitMs: 90_000 });
    const stop = new AbortController();
    await ask('a');
    void ask('b', { signal: stop.signal });
    void ask('c');
    await until(5_000);
    stop.abort();
    await until(60_000);
    expect(log).toEqual(['0 a done', '5 b aborted', '60 c done']);
  });

  test('of a large request that leaves the queue lets a small one be sent at once, and leaves no timer', async () => {
    const { ask, log } = stage(
      {
        tokensPerMinute: 100,
        estimate: ({ parameters }) => parameters.maxTokens ?? 0,
        maxWaitMs: 90_000,
      },
      ({ parameters }) => ({
        text: 'Hello',
        usage: { inputTokens: 0, outputTokens: parameters.maxTokens ?? 0 },
      }),
    );
    const stop = new AbortController();
    await ask('first', { maxTokens: 50 });
    const before = vi.getTimerCount();
    void ask('large', { maxTokens: 90, signal: stop.signal });
    void ask('small', { maxTokens: 10 });
    await until(5_000);
    stop.abort();
    await until(0);
    expect(log.toSorted()).toEqual(['0 first done', '5 large aborted', '5 small done']);
    expect(vi.getTimerCount()).toBe(before);
  });

  test('also ends for a request in the middle of the queue', async () => {
    const { ask, log } = stage({ requestsPerMinute: 1, maxWaitMs: 90_000 });
    const stop = new AbortController();
    await ask('a');
    void ask('b');
    void ask('c', { signal: stop.signal });
    await until(5_000);
    stop.abort();
    await until(0);
    expect(log).toEqual(['0 a done', '5 c aborted']);
    await until(60_000);
    expect(log.at(-1)).toBe('60 b done');
  });

  test('is not begun if the execution would end before it, and otherwise ends with the execution', async () => {
    const { ask, log } = stage(
      { requestsPerMinute: 1, maxConcurrentRequests: 1, maxWaitMs: 90_000 },
      { text: 'a', hang: true },
    );
    const stop = new AbortController();
    void ask('a', { signal: stop.signal });
    await until(0);
    void ask('b', { timeoutMs: 20_000 });
    await until(20_000);
    expect(log).toEqual(['20 b timeout']);
    stop.abort();
    await until(0);
    await ask('c', { timeoutMs: 20_000 });
    expect(log.at(-1)).toBe('20 c rate_limited 40000');
  });

  test('uses one timer for the whole queue, and leaves none', async () => {
    const { ask } = stage({ requestsPerMinute: 1, maxWaitMs: 90_000 });
    await ask('a');
    const before = vi.getTimerCount();
    for (let index = 0; index < 50; index++) void ask(`${index}`);
    await until(0);
    expect(vi.getTimerCount()).toBe(before + 1);
    await until(90_000);
    expect(vi.getTimerCount()).toBe(0);
  });
});
