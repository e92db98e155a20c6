import { Pipeline, SluiceError, Stream, end, isSluiceError, noUsage, terminal } from 'sluice';
import type { Parameters, Reply, StreamChunk, Usage } from 'sluice';
import { cost } from 'sluice/middleware/cost';
import type { CostOptions } from 'sluice/middleware/cost';
import { describe, expect, test } from 'vitest';
import { texts, usage } from '../models.ts';
import { asking, counted } from './priced.ts';

/** What is missing, and what the cost and a budget of $1 a day make of it. A text of 8 tokens is what came. */
describe('R50 what is not known', () => {
  const price = { input: 1, output: 1 };
  const million = (tokens: number) => tokens / 1e6;
  // "Hi" is 1 token, and a message has 4 more.
  const input = 5;
  interface Case {
    what: string;
    /** What the model says and does. */
    served?: { usage?: Partial<Usage> | null; tier?: string; answers?: string; error?: SluiceError };
    settings?: CostOptions;
    parameters?: Parameters;
    status: string;
    usd?: number;
    countedUsd: number | 'refused';
  }
  const cases: Case[] = [
    { what: 'nothing', status: 'exact', usd: million(30), countedUsd: million(30) },
    { what: 'the price', settings: { prices: {} }, status: 'none', countedUsd: 'refused' },
    {
      what: 'the price, allowed',
      settings: { prices: {}, unknownPrice: 'allow' },
      status: 'unknown',
      countedUsd: 0,
    },
    {
      what: 'the tier that was asked for',
      parameters: asking('m', { service_tier: 'gold' }),
      status: 'none',
      countedUsd: 'refused',
    },
    {
      what: 'the tier that the server used',
      served: { tier: 'gold' },
      status: 'unknown',
      countedUsd: million(30),
    },
    {
      what: 'the model that answers',
      served: { answers: 'other' },
      status: 'exact',
      usd: million(30),
      countedUsd: million(30),
    },
    {
      what: 'the usage',
      served: { usage: null },
      status: 'estimated',
      usd: million(input + 8),
      countedUsd: million(input + 8),
    },
    {
      what: 'the input',
      served: { usage: { outputTokens: 20 } },
      status: 'estimated',
      usd: million(input + 20),
      countedUsd: million(input + 20),
    },
    {
      what: 'the output',
      served: { usage: { inputTokens: 10 } },
      status: 'estimated',
      usd: million(18),
      countedUsd: million(18),
    },
    {
      what: 'the output, said to be 0',
      served: { usage: { ...noUsage(), inputTokens: 10, totalTokens: 10 } },
      status: 'estimated',
      usd: million(18),
      countedUsd: million(18),
    },
    {
      what: 'how much was cached',
      served: { usage: { ...usage(10, 20), cachedInputTokens: Number.NaN } },
      status: 'estimated',
      usd: million(30),
      countedUsd: million(30),
    },
    {
      what: 'whether a call that broke was billed',
      served: { usage: null, error: new SluiceError('network', 'x') },
      status: 'estimated',
      usd: million(input + 8),
      countedUsd: million(input + 8),
    },
  ];

  test.each(cases)('$what: $status, and a budget counts $countedUsd', async (one) => {
    const { usage: told = usage(10, 20), tier, answers, error } = one.served ?? {};
    const costs: { status: string; totalUsd?: number }[] = [];
    const { ledger, usd } = counted();
    const middleware = terminal({ name: 'm', provider: 'm', model: 'asked' }, (_context, call) => {
      const reply: Reply = { finishReason: 'stop', serviceTier: tier, model: answers };
      if (told !== null) Reflect.set(reply, 'usage', told);
      if (told === null) call.usage = undefined;
      const rest = texts('x'.repeat(32));
      return Stream.fromSource<StreamChunk, Reply>({
        pull() {
          const chunk = rest.shift();
          if (chunk !== undefined) return [chunk];
          if (error !== undefined) throw error;
          return end(reply);
        },
        close: () => undefined,
      });
    });
    const settings: CostOptions = {
      prices: { 'm/asked': price },
      budgets: [{ usd: 1, per: 'day' }],
      ledger,
      onCost: (event) => costs.push(event.cost),
      ...one.settings,
    };
    const code = await new Pipeline([cost(settings), middleware])
      .execute('user', 'Hi', { parameters: one.parameters ?? {} })
      .then(
        () => 'completed',
        (thrown: unknown) => (isSluiceError(thrown) ? thrown.code : 'unknown'),
      );
    if (one.countedUsd === 'refused') {
      expect([code, costs, usd()]).toEqual(['budget', [], 0]);
      return;
    }
    expect([costs[0]?.status, costs[0]?.totalUsd, usd()]).toEqual([
      one.status,
      one.usd === undefined ? undefined : expect.closeTo(one.usd, 12),
      expect.closeTo(one.countedUsd, 12),
    ]);
  });
});
