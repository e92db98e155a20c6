import { Pipeline, SluiceError, Stream, end, isSluiceError, terminal } from 'sluice';
import type {
  ExecutionContext,
  ExecutionOptions,
  Middleware,
  Parameters,
  Provider,
  Reply,
  StreamChunk,
  Usage,
} from 'sluice';
import { cost } from 'sluice/middleware/cost';
import type { CostOptions } from 'sluice/middleware/cost';
import { provider } from 'sluice/middleware/provider';
import { manualGate, scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { texts, usage } from '../models.ts';
import { asking, counted, served, type Served } from './priced.ts';

/** Calls a made model until the budget refuses, 60 times at most. */
async function spend(
  usd: number,
  options: Served,
  settings: CostOptions = {},
  parameters: Parameters = {},
  defaults?: Parameters,
): Promise<{ calls: number; error: SluiceError | undefined; countedUsd: number }> {
  const { ledger, usd: sum } = counted();
  const priced = cost({ budgets: [{ usd, per: 'day' }], ledger, reserveOutputTokens: 10, ...settings });
  const pipeline = new Pipeline([priced, provider(served(options), defaults)]);
  for (let calls = 0; calls < 60; calls++) {
    const { error } = await pipeline.execute('user', 'Hi', { parameters }).then(
      () => ({ error: undefined }),
      (thrown: unknown) => ({ error: isSluiceError(thrown) ? thrown : new SluiceError('middleware', 'x') }),
    );
    if (error !== undefined) return { calls, error, countedUsd: sum() };
  }
  return { calls: 60, error: undefined, countedUsd: sum() };
}

// 70,000 tokens of input and 70,000 of output of gpt-5-mini cost $0.1575 at the list price.
const LARGE = { input: 70_000, output: 70_000 };
const LARGE_USD = 0.1575;

describe('R50 a budget', () => {
  test('refuses a tier without a price before anything is sent', async () => {
    const { calls, error, countedUsd } = await spend(
      0.5,
      { ...LARGE, serviceTier: 'priority' },
      {},
      asking('openai', { service_tier: 'priority' }),
    );
    expect([calls, error?.code, error?.retryable, countedUsd]).toEqual([0, 'budget', false, 0]);
    expect(error?.message).toBe(
      'No price is known for the service tier "priority" of "openai/gpt-5-mini", so no budget can be kept: ' +
        "give cost({ prices: { 'openai/gpt-5-mini': { input, output, tiers: { 'priority': { input, output } } } } }), " +
        "or unknownPrice: 'allow'.",
    );
  });

  test('sees a tier in the default parameters of the provider', async () => {
    const tier = asking('openai', { service_tier: 'priority' });
    const { calls, error } = await spend(0.5, LARGE, {}, {}, tier);
    expect([calls, error?.code]).toEqual([0, 'budget']);
    const other = await spend(0.5, LARGE, {}, asking('openai', { service_tier: 'default' }), tier);
    expect(other.calls).toBeGreaterThan(0);
  });

  test.each([
    ['speed', { name: 'anthropic', model: 'claude-opus-5-5' }, { speed: 'fast' }, 'speed "fast"'],
    ['region', { name: 'anthropic', model: 'claude-opus-5-5' }, { inference_geo: 'mars' }, 'region "mars"'],
  ])('refuses a %s without a price', async (_what, options, fields, words) => {
    const { calls, error } = await spend(0.5, options, {}, asking('anthropic', fields));
    expect([calls, error?.code]).toEqual([0, 'budget']);
    expect(error?.message).toContain(words);
  });

  test('makes the call if the caller gives the price, and counts it', async () => {
    const tiers = { priority: { input: 0.5, output: 4 } };
    const prices = { 'gpt-5-mini': { input: 0.25, output: 2, tiers } };
    const asked = asking('openai', { service_tier: 'priority' });
    const { calls, error, countedUsd } = await spend(
      0.5,
      { ...LARGE, serviceTier: 'priority' },
      { prices },
      asked,
    );
    expect([calls, error?.code]).toEqual([2, 'budget']);
    expect(countedUsd).toBeCloseTo(4 * LARGE_USD, 9);
  });

  test('stays unknown if a call with a price ends after the one without', async () => {
    const [unknown, known] = [served({ serviceTier: 'priority' }), served({})];
    let calls = 0;
    const mixed: Provider = {
      ...known,
      stream: (...given) => (calls++ === 0 ? unknown : known).stream(...given),
    };
    const pipeline = new Pipeline([cost({ budgets: [{ usd: 9, per: 'day' }] }), provider(mixed)]);
    await Promise.all([pipeline.execute('user', 'a'), pipeline.execute('user', 'b')]);
    await expect(pipeline.execute('user', 'c')).rejects.toMatchObject({ code: 'budget' });
    expect(calls).toBe(2);
  });

  test('refuses the next call after a server has used a tier without a price, unasked', async () => {
    const { calls, error, countedUsd } = await spend(0.5, { ...LARGE, serviceTier: 'priority' });
    expect([calls, error?.code]).toEqual([1, 'budget']);
    expect(error?.message).toBe(
      'What the budget of $0.5 per day has spent is not known, because no price is known for the service tier "priority" of ' +
        `"openai/gpt-5-mini": give cost() its price, or unknownPrice: 'allow'.`,
    );
    expect(countedUsd).toBeCloseTo(LARGE_USD, 9);
  });

  test('refuses all models then, in its period and for its key, and no other budget', async () => {
    let now = Date.parse('2026-05-01T12:00:00Z');
    const odd = served({ serviceTier: 'priority' });
    const plain = served({ model: 'gpt-5-nano' });
    const key = ({ request }: ExecutionContext) => String(request.metadata?.['tenant']);
    const daily = cost({ budgets: [{ usd: 1, per: 'day', key }], now: () => now });
    const own = cost({ budgets: [{ usd: 1, per: 'execution' }] });
    const run = (tenant: string, model: Provider, ...stack: Middleware[]): Promise<string> =>
      new Pipeline([...stack, provider(model)]).execute('user', 'Hi', { metadata: { tenant } }).then(
        () => 'made',
        (error: unknown) => (isSluiceError(error) ? error.code : 'unknown'),
      );
    const seen = [
      await run('a', odd, daily, own),
      await run('a', plain, daily),
      await run('b', plain, daily),
      await run('a', plain, own),
    ];
    now += 12 * 3_600_000;
    seen.push(await run('a', plain, daily));
    expect(seen).toEqual(['made', 'budget', 'made', 'made', 'made']);
  });

  test("with unknownPrice 'allow' counts at least the best price that is known", async () => {
    const allow = { unknownPrice: 'allow' } as const;
    const asked = asking('openai', { service_tier: 'priority' });
    for (const parameters of [asked, {}]) {
      const { calls, error, countedUsd } = await spend(
        0.5,
        { ...LARGE, serviceTier: 'priority' },
        allow,
        parameters,
      );
      expect([calls, error?.code]).toEqual([4, 'budget']);
      expect(countedUsd).toBeCloseTo(4 * LARGE_USD, 9);
    }
    const prices = {
      'gpt-5-mini': { input: 0.25, output: 2, tiers: { scale: { input: 2.5, output: 20 } } },
    };
    const dear = await spend(0.5, { ...LARGE, serviceTier: 'priority' }, { ...allow, prices });
    expect(dear.calls).toBe(1);
    expect(dear.countedUsd).toBeCloseTo(10 * LARGE_USD, 9);
  });

  test('counts what the server tells', async () => {
    const router = { name: 'openrouter', model: 'openai/gpt-5-mini', raw: { cost: 0.2 } };
    const { calls, countedUsd } = await spend(0.5, router);
    expect([calls, countedUsd]).toEqual([3, 0.6]);
  });

  test('refuses a server that is not the provider under the default name', async () => {
    const { calls, error } = await spend(0.5, { ...LARGE, server: 'http://localhost:11434/v1' });
    expect([calls, error?.code]).toEqual([0, 'budget']);
  });

  test('counts flex in full until the server says that it used it', async () => {
    const { ledger, usd } = counted();
    const gate = manualGate();
    const answer = { text: ['a', 'b'], usage: { inputTokens: 1_000, outputTokens: 500 }, gate: gate.gate };
    const model = scripted(answer, { name: 'openai', model: 'gpt-5-mini', repeat: true });
    const settings = { budgets: [{ usd: 1, per: 'day' }], ledger, reserveOutputTokens: 1_000 } as const;
    const pipeline = new Pipeline([cost(settings), provider(model)]);
    const parameters = asking('openai', { service_tier: 'flex' });
    const running = pipeline.execute('user', 'Hi', { parameters });
    await model.nextCall();
    // 1,000 tokens of output at $2 per million.
    expect(usd()).toBeGreaterThan(0.002);
    gate.open();
    const { cost: sum } = await running;
    expect(sum).toMatchObject({ status: 'estimated', totalUsd: 0.000625 });
    expect(usd()).toBe(0.00125);
    const told = await spend(1, { serviceTier: 'flex' }, {}, parameters);
    expect(told.countedUsd).toBeCloseTo(60 * 0.000625, 9);
  });
});

/** A model that lets the test do something to its call at each of its chunks. */
function stepping(
  name: string,
  model: string,
  pieces: readonly string[],
  step: (call: { usage: Usage | undefined; serviceTier: string | undefined }, at: number) => void,
): Middleware {
  return terminal({ name, provider: name, model }, (_context, call) => {
    const rest = texts(...pieces);
    let at = 0;
    return Stream.fromSource<StreamChunk, Reply>({
      pull() {
        step(call, at++);
        const chunk = rest.shift();
        return chunk === undefined ? end({ finishReason: 'stop' }) : [chunk];
      },
      close: () => undefined,
    });
  });
}

describe('R50 a running call', () => {
  const pieces = Array.from({ length: 400 }, () => 'x'.repeat(40));
  const run = (
    middleware: Middleware,
    usd: number,
    settings: CostOptions = {},
    more: ExecutionOptions = {},
  ) =>
    new Pipeline([
      cost({ budgets: [{ usd, per: 'execution' }], reserveOutputTokens: 10, ...settings }),
      middleware,
    ]).execute('user', 'Hi', more);

  test('is interrupted by its budget although the price of its tier is not known', async () => {
    const model = stepping('openai', 'gpt-5-mini', pieces, (call) => void (call.serviceTier = 'priority'));
    // 1,000 tokens at $2 per million; the text has 4,000.
    const { outcome, reason, cost: sum, response } = await run(model, 0.002);
    expect([outcome, reason, sum.status]).toEqual([
      'interrupted',
      'The budget of $0.002 per execution is used up.',
      'unknown',
    ]);
    expect(response.content.length).toBeLessThan(4_100);
  });

  test('is interrupted when its provider reports more than the estimate', async () => {
    const model = stepping('openai', 'gpt-5-mini', pieces, (call, at) => {
      if (at === 3) call.usage = usage(100, 2_000);
    });
    const { outcome, response } = await run(model, 0.002);
    expect([outcome, response.content.length]).toEqual(['interrupted', 160]);
  });

  test('is interrupted when its input turns out to have the price of a long context', async () => {
    const model = stepping('anthropic', 'claude-sonnet-4-5', pieces, (call, at) => {
      if (at === 0) call.usage = { ...usage(250_000, 0), estimated: true };
    });
    // 250,000 tokens cost $1.50 and the output $22.50 per million there; $0.75 and $15 below.
    const { outcome, response } = await run(model, 1.5225);
    expect(outcome).toBe('interrupted');
    // 1,000 tokens of output.
    expect(response.content.length).toBeGreaterThan(3_900);
    expect(response.content.length).toBeLessThan(4_100);
  });

  test('reserves at the price that holds now when a tier becomes known', async () => {
    const tiers = { priority: { input: 2.5, output: 20 } };
    const prices = { 'gpt-5-mini': { input: 0.25, output: 2, tiers } };
    const model = stepping('openai', 'gpt-5-mini', pieces, (call, at) => {
      if (at === 10) call.serviceTier = 'priority';
    });
    const { outcome, cost: sum } = await run(model, 0.02, { prices });
    expect(outcome).toBe('interrupted');
    // At most one step of the reservation more.
    expect(sum.totalUsd).toBeLessThan(0.0212);
    expect(sum.totalUsd).toBeGreaterThan(0.019);
  });

  test('has a cost so far, which is an estimate, and its error has that of all calls', async () => {
    const gate = manualGate();
    const lost = new SluiceError('network', 'reset');
    const answer = { text: ['x'.repeat(400), 'y'], gate: gate.gate, error: lost, after: 1 };
    const model = scripted(answer, { name: 'openai', model: 'gpt-5-mini' });
    const stream = new Pipeline([cost(), provider(model)]).executeStream('user', 'Hi');
    expect(stream.partial?.cost).toEqual({ status: 'exact', totalUsd: 0 });
    gate.release(1);
    await stream.next();
    // 100 tokens of output at $2 per million.
    expect(stream.partial?.cost).toMatchObject({ status: 'estimated', outputUsd: 0.0002 });
    gate.open();
    const error: unknown = await stream.next().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ partial: { cost: { status: 'estimated', outputUsd: 0.0002 } } });
  });
});
