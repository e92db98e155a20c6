import OpenAI from 'openai';
import { Pipeline, SluiceError, isSluiceError } from 'sluice';
import type { Middleware, Provider, RateLimits } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { rateLimit } from 'sluice/middleware/rate-limit';
import type { RateLimitOptions } from 'sluice/middleware/rate-limit';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, openaiError, scripted } from 'sluice/testing';
import type { ScriptedReply } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

beforeEach(() => vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') }));
afterEach(() => vi.useRealTimers());

const HELLO = { text: 'Hello', usage: { inputTokens: 5, outputTokens: 5 } };
const full: ScriptedReply = {
  error: new SluiceError('rate_limited', 'Slow down.', { status: 429, retryAfterMs: 7_000 }),
  after: 0,
  usage: false,
};

/** Runs an execution to its end; how many seconds it took, and how it ended. */
async function ask(pipeline: Pipeline, model?: string): Promise<string> {
  const started = Date.now();
  let end: string | undefined;
  pipeline.execute('user', 'Hi', model === undefined ? {} : { model }).then(
    () => (end = `${(Date.now() - started) / 1_000} done`),
    (error: unknown) =>
      (end = `${(Date.now() - started) / 1_000} ${isSluiceError(error) ? error.code : 'unknown'}`),
  );
  for (let wait = 0; end === undefined && wait < 1_000; wait++)
    await vi.advanceTimersByTimeAsync(wait === 0 ? 0 : 100);
  return String(end);
}

/** A model of that name, with answers in order and then greetings. */
function named(name: string, ...answers: ScriptedReply[]): Provider {
  let at = 0;
  return { ...scripted(() => answers[at++] ?? HELLO, { repeat: true }), name, model: `${name}-1` };
}

describe('R58 what one model teaches holds for it alone', () => {
  test('a pause of one model does not hold another one of the same provider', async () => {
    let calls = 0;
    const model = scripted(() => (calls++ === 0 ? full : HELLO), { repeat: true });
    const pipeline = new Pipeline([rateLimit(), provider(model)], { executionTimeoutMs: 0 });
    expect(await ask(pipeline, 'a')).toBe('0 rate_limited');
    expect(await ask(pipeline, 'b')).toBe('0 done');
    expect(await ask(pipeline)).toBe('0 done');
    expect(await ask(pipeline, 'a')).toBe('7 done');
    expect(await ask(pipeline, 'a')).toBe('0 done');
  });

  test('a request that waits for its model does not hold those behind it', async () => {
    let calls = 0;
    const model = scripted(() => (calls++ === 0 ? full : HELLO), { repeat: true });
    const pipeline = new Pipeline([rateLimit({ requestsPerMinute: 10 }), provider(model)], {
      executionTimeoutMs: 0,
    });
    await ask(pipeline, 'a');
    const waiting = pipeline.execute('user', 'Hi', { model: 'a' });
    let done = false;
    void waiting.then(() => (done = true));
    expect(await ask(pipeline, 'b')).toBe('0 done');
    expect(done).toBe(false);
    await vi.advanceTimersByTimeAsync(7_000);
    expect(done).toBe(true);
  });

  test('headers of one model do not hold another one', async () => {
    const told: RateLimits = {
      atMs: Date.now(),
      limitRequests: 10,
      remainingRequests: 0,
      resetRequestsMs: 20_000,
    };
    const inner = scripted(HELLO, { repeat: true });
    let calls = 0;
    const model: Provider = {
      ...inner,
      stream(request, call) {
        if (calls++ === 0) call.call.rateLimits = told;
        return inner.stream(request, call);
      },
    };
    const pipeline = new Pipeline([rateLimit(), provider(model)], { executionTimeoutMs: 0 });
    expect([await ask(pipeline, 'a'), await ask(pipeline, 'b'), await ask(pipeline, 'a')]).toEqual([
      '0 done',
      '0 done',
      '2 done',
    ]);
  });

  /** Runs the second if the first fails. */
  const fallback = (first: Provider, second: Provider): Middleware =>
    async function fallback(context) {
      const stream = context.run(provider(first));
      try {
        await stream.ready();
        return stream;
      } catch {
        return context.run(provider(second));
      }
    };

  test('below a fallback the first model is waited for, and the second one is not', async () => {
    const second = named('second');
    const limited = rateLimit({ maxWaitMs: 10_000 });
    const pipeline = new Pipeline([limited, fallback(named('first', full), second)], {
      executionTimeoutMs: 0,
    });
    expect(await ask(pipeline)).toBe('0 done');
    expect(await ask(pipeline)).toBe('7 done');
  });

  test('below a router each call waits for its own model, also if the same model was asked for', async () => {
    let to = 'busy';
    const models: Record<string, Middleware> = {
      busy: provider(named('busy', full)),
      free: provider(named('free')),
    };
    const router: Middleware = function router(context) {
      return context.run(models[to] ?? provider(named('none')));
    };
    const pipeline = new Pipeline([rateLimit({ maxWaitMs: 5_000 }), router], { executionTimeoutMs: 0 });
    to = 'free';
    expect(await ask(pipeline)).toBe('0 done');
    to = 'busy';
    expect(await ask(pipeline)).toBe('0 rate_limited');
    to = 'free';
    expect(await ask(pipeline)).toBe('0 done');
    to = 'busy';
    expect(await ask(pipeline)).toBe('0 rate_limited');
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await ask(pipeline)).toBe('4 done');
  });

  test("a 429 and its headers are learned from a caller's own client, too", async () => {
    vi.useRealTimers();
    await using server = await faultServer();
    const hi = { stream: chatStream({ text: 'Hi' }) };
    const headers = {
      'retry-after-ms': '300',
      'x-ratelimit-limit-tokens': '10',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '600ms',
    };
    server.enqueue(openaiError(429, { headers }), hi, hi);
    const client = new OpenAI({ apiKey: 'k', baseURL: server.openaiBaseURL });
    const pipeline = new Pipeline([rateLimit(), provider(openai({ client, model: 'm' }))]);
    const started = performance.now();
    for (const model of ['m', 'other', 'm'])
      await pipeline.execute('user', 'Hi', { model }).catch(() => undefined);
    server.assertDrained();
    // Headers and Retry-After both hold; the headers for longer.
    expect(performance.now() - started).toBeGreaterThan(550);
  });
});

describe('the tokens that count', () => {
  const usage = { inputTokens: 100, outputTokens: 20, cachedInputTokens: 80, cacheWriteTokens: 10 };

  test.each<[string, RateLimitOptions['count'], number]>([
    ['openai', undefined, 120],
    ['anthropic', undefined, 40],
    ['groq', undefined, 40],
    ['unknown', undefined, 120],
    ['anthropic', 'all', 120],
    ['openai', 'uncached', 40],
    ['openai', ({ outputTokens }) => outputTokens, 20],
  ])('of a call of %s with count: %s', async (name, count, expected) => {
    const model = { ...scripted({ text: 'Hello', usage }, { repeat: true }), name };
    const limited = rateLimit({ tokensPerMinute: 1_000, estimate: () => 1, maxWaitMs: 0, count });
    const pipeline = new Pipeline([limited, provider(model)], { executionTimeoutMs: 0 });
    let answered = 0;
    while ((await ask(pipeline)) === '0 done') answered++;
    // The one before the last had at least one token left.
    expect(answered).toBe(Math.ceil(1_000 / expected));
  });

  test('a count that returns NaN is a warning, and everything counts', async () => {
    const limited = rateLimit({
      tokensPerMinute: 240,
      estimate: () => 1,
      maxWaitMs: 0,
      count: () => Number.NaN,
    });
    const pipeline = new Pipeline([limited, provider(scripted({ text: 'Hello', usage }, { repeat: true }))]);
    const { warnings } = await pipeline.execute('user', 'Hi');
    expect(warnings).toEqual([expect.stringContaining('"rateLimit" threw SluiceError')]);
    expect([await ask(pipeline), await ask(pipeline)]).toEqual(['0 done', '0 rate_limited']);
  });
});

test('S16 a key that is not a string is refused: such requests would share one limit', async () => {
  const key: unknown = () => undefined;
  const limited: Middleware = Reflect.apply(rateLimit, undefined, [{ requestsPerMinute: 1, key }]);
  const running = new Pipeline([limited, provider(scripted('Hello'))]).execute('user', 'Hi');
  await expect(running).rejects.toMatchObject({
    code: 'invalid_options',
    message: 'rateLimit(): key returned undefined: return a string.',
  });
});
