import { Pipeline, SluiceError } from 'sluice';
import type { Cost, Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import { cost } from 'sluice/middleware/cost';
import type { CostEvent } from 'sluice/middleware/cost';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import {
  chatStream,
  faultServer,
  manualGate,
  messagesErrorLine,
  messagesStream,
  middlewareContract,
  openaiError,
  scripted,
} from 'sluice/testing';
import { describe, expect, test } from 'vitest';

const tokens = (inputTokens: number, outputTokens: number) => ({
  text: 'Hello',
  usage: { inputTokens, outputTokens },
});

describe('calls', () => {
  test('onCost is called for each call with its key, and what it throws is a warning', async () => {
    const events: CostEvent[] = [];
    const pipeline = new Pipeline([
      cost({
        key: ({ request }) => String(request.metadata?.['tenant']),
        onCost(event) {
          events.push(event);
          throw new Error('of the caller');
        },
      }),
      provider(scripted(tokens(1_000, 500), { name: 'openai', model: 'gpt-5-mini' })),
    ]);
    const result = await pipeline.execute('user', 'Hi', { metadata: { tenant: 'acme' } });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      cost: { status: 'exact', totalUsd: 0.00125 },
      usage: { inputTokens: 1_000, outputTokens: 500 },
      call: { number: 1 },
      provider: 'openai',
      model: 'gpt-5-mini',
      executionId: result.id,
      key: 'acme',
    });
    expect(result.warnings).toEqual(['cost: onCost threw Error.']);
    expect(result.cost.totalUsd).toBe(0.00125);
  });

  test('R21 every attempt is counted once, wherever cost is in the stack: refused ones cost nothing, broken ones what they used', async () => {
    for (const place of ['outside', 'inside']) {
      const events: (number | undefined)[] = [];
      const priced = cost({ onCost: (event) => events.push(event.cost.totalUsd) });
      const again = retry({ maxRetries: 3, backoff: constant(0) });
      const busy = new SluiceError('overloaded', 'Busy.', { status: 529, retryable: true });
      const answers = [
        { error: busy, after: 0, usage: false },
        { error: busy, after: 0, usage: false },
        tokens(1_000, 500),
      ] as const;
      const source = provider(scripted(answers, { name: 'openai', model: 'gpt-5-mini' }));
      const pipeline = new Pipeline(place === 'outside' ? [priced, again, source] : [again, priced, source]);
      const result = await pipeline.execute('user', 'Hi');
      expect(events).toEqual([0, 0, 0.00125]);
      expect(result.cost).toMatchObject({ status: 'exact', totalUsd: 0.00125 });
    }
  });

  test('R38 a cancelled stream costs an estimate of what was received', async () => {
    const events: CostEvent[] = [];
    const gate = manualGate();
    const text = ['a'.repeat(400), 'b'.repeat(400)];
    const stream = new Pipeline(
      [
        cost({ onCost: (event) => events.push(event) }),
        provider(scripted({ text, gate: gate.gate, usage: false }, { name: 'openai', model: 'gpt-5-mini' })),
      ],
      { streamBufferSize: 0 },
    ).executeStream('user', 'Hi');
    gate.release(1);
    await stream.next();
    await stream.close();
    expect(events).toHaveLength(1);
    // 100 tokens of output at $2 per million.
    expect(events[0]?.cost).toMatchObject({ status: 'estimated', outputUsd: 0.0002 });
    expect(events[0]?.cost.inputUsd).toBeGreaterThan(0);
  });

  test('R38 a call that never answered costs an estimate of nothing', async () => {
    const events: CostEvent[] = [];
    const lost = new SluiceError('network', 'No route.');
    const pipeline = new Pipeline([
      cost({ onCost: (event) => events.push(event) }),
      provider(scripted({ error: lost, after: 0, usage: false }, { name: 'openai', model: 'gpt-5-mini' })),
    ]);
    await expect(pipeline.execute('user', 'Hi')).rejects.toBe(lost);
    expect(events[0]?.cost).toEqual({ status: 'estimated', totalUsd: 0 });
  });
});

describe('over a socket', () => {
  test('R36 OpenAI includes cached tokens in its input, Anthropic does not: both are priced once', async () => {
    await using server = await faultServer();
    const counts = { inputTokens: 10_000, cachedInputTokens: 8_000, outputTokens: 100 };
    server.enqueue(
      { stream: chatStream({ text: 'Hi', model: 'gpt-5-mini', usage: { ...counts, reasoningTokens: 60 } }) },
      {
        stream: messagesStream({
          text: 'Hi',
          model: 'claude-sonnet-4-5',
          usage: { ...counts, cacheWriteTokens: 1_000 },
        }),
      },
    );
    const gpt = openai({ name: 'openai', apiKey: 'k', baseURL: server.openaiBaseURL, model: 'gpt-5-mini' });
    const claude = anthropic({
      name: 'anthropic',
      apiKey: 'k',
      baseURL: server.anthropicBaseURL,
      model: 'claude-sonnet-4-5',
    });
    const first = await new Pipeline([cost(), provider(gpt)]).execute('user', 'Hi');
    // 2,000 at $0.25, 8,000 at $0.025 and 100 at $2 per million.
    expect(first.cost).toEqual({
      status: 'exact',
      inputUsd: 0.0005,
      outputUsd: 0.0002,
      cacheReadUsd: 0.0002,
      cacheWriteUsd: 0,
      totalUsd: 0.0009,
    });
    const second = await new Pipeline([cost(), provider(claude)]).execute('user', 'Hi');
    // 1,000 at $3, 8,000 at $0.30, 1,000 at $3.75 and 100 at $15 per million.
    expect(second.cost).toEqual({
      status: 'exact',
      inputUsd: 0.003,
      outputUsd: 0.0015,
      cacheReadUsd: 0.0024,
      cacheWriteUsd: 0.00375,
      totalUsd: 0.01065,
    });
    server.assertDrained();
  });

  test('R21 R38 a 429 costs nothing, a stream that failed half-way an estimate, and both are in the sum', async () => {
    await using server = await faultServer();
    const events: Cost[] = [];
    const gpt = openai({ name: 'openai', apiKey: 'k', baseURL: server.openaiBaseURL, model: 'gpt-5-mini' });
    const claude = anthropic({
      name: 'anthropic',
      apiKey: 'k',
      baseURL: server.anthropicBaseURL,
      model: 'claude-sonnet-4-5',
    });
    const priced = cost({ onCost: (event) => events.push(event.cost) });
    server.enqueue(openaiError(429), {
      stream: chatStream({
        text: 'Hi',
        model: 'gpt-5-mini',
        usage: { inputTokens: 1_000, outputTokens: 500 },
      }),
    });
    const result = await new Pipeline([priced, retry({ backoff: constant(0) }), provider(gpt)]).execute(
      'user',
      'Hi',
    );
    expect(events.splice(0)).toEqual([
      { status: 'exact', totalUsd: 0 },
      expect.objectContaining({ status: 'exact', totalUsd: 0.00125 }),
    ]);
    expect(result.cost).toMatchObject({ status: 'exact', totalUsd: 0.00125 });
    server.enqueue({
      stream: messagesStream({
        text: 'x'.repeat(400),
        model: 'claude-sonnet-4-5',
        usage: { inputTokens: 1_000 },
      }),
      fault: { kind: 'error', at: { event: 5 }, lines: [messagesErrorLine()] },
    });
    await expect(new Pipeline([priced, provider(claude)]).execute('user', 'Hi')).rejects.toThrow(SluiceError);
    // The start of the stream contains the input tokens.
    expect(events[0]).toMatchObject({ status: 'estimated', inputUsd: 0.003 });
    expect(events[0]?.outputUsd).toBeGreaterThan(0);
  });
});

test('one cost() that is twice in the stack counts each call once', async () => {
  const told: unknown[] = [];
  const priced = cost({
    prices: { 'scripted/*': { input: 0, output: 2 } },
    budgets: [{ usd: 3, per: 'day' }],
    reserveOutputTokens: 1,
    onCost: ({ cost: sum }) => void told.push(sum),
  });
  const answer = { text: 'Hi', usage: { inputTokens: 0, outputTokens: 1_000_000 } };
  const model = scripted(answer, { repeat: true });
  const pipeline = new Pipeline([priced, priced, provider(model)]);
  await pipeline.execute('user', 'Hi');
  await pipeline.execute('user', 'Hi');
  expect(told).toMatchObject([{ totalUsd: 2 }, { totalUsd: 2 }]);
});

test('of two cost() around one call, the inner one says what it costs', async () => {
  const told: unknown[] = [];
  const priced = (output: number): Middleware =>
    cost({ prices: { 'scripted/*': { input: 0, output } }, onCost: ({ cost: sum }) => void told.push(sum) });
  const answer = { text: 'Hi', usage: { inputTokens: 0, outputTokens: 1_000_000 } };
  const { cost: sum } = await new Pipeline([priced(3), priced(2), provider(scripted(answer))]).execute(
    'user',
    'Hi',
  );
  expect(sum).toMatchObject({ status: 'exact', totalUsd: 2 });
  expect(told).toEqual([sum, sum]);
});

test('wrong options are refused at once, each by name', () => {
  const wrong: unknown = {
    prices: { x: { input: -1 } },
    budgets: [{ usd: '5', per: 'week' }],
    onCost: true,
    currency: 'EUR',
  };
  const make: (options: never) => unknown = cost;
  const error = (() => {
    try {
      return Reflect.apply(make, undefined, [wrong]) as unknown;
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toMatchObject({ code: 'invalid_options' });
  const { message } = error as Error;
  for (const name of [
    'prices.x.input',
    'prices.x.output',
    'budgets.0.usd',
    'budgets.0.per',
    'onCost',
    'currency',
  ]) {
    expect(message).toContain(name);
  }
});

const runner = { describe, test, timeoutMs: 60_000 };
middlewareContract({ ...runner, name: 'cost()', make: () => cost(), changes: ['cost'] });
