import { calcPrice, findProvider } from '@pydantic/genai-prices';
import * as fc from 'fast-check';
import { Pipeline, noUsage } from 'sluice';
import type { Cost, Usage } from 'sluice';
import { cost } from 'sluice/middleware/cost';
import type { CostOptions } from 'sluice/middleware/cost';
import { provider } from 'sluice/middleware/provider';
import { demo } from 'sluice/providers/demo';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { amountsOf } from '../../middleware/cost/price/rates.ts';
import { model, text, usage } from './models.ts';

/** What one call of a scripted model of this name costs. */
async function costOf(
  names: { name?: string; model?: string },
  answer: ScriptedAnswer,
  options: CostOptions = {},
): Promise<{ cost: Cost; warnings: string[] }> {
  return new Pipeline([cost(options), provider(scripted(answer, names))]).execute('user', 'Hi');
}

const tokens = (inputTokens: number, outputTokens: number) => ({
  text: 'Hello',
  usage: { inputTokens, outputTokens },
});

describe('prices', () => {
  test('come from the list by provider and model, in parts, and their sum is the total', async () => {
    const { cost: sum } = await costOf({ name: 'openai', model: 'gpt-5-mini' }, tokens(1_000, 500));
    // $0.25 and $2 per million tokens.
    expect(sum).toEqual({
      status: 'exact',
      inputUsd: 0.00025,
      outputUsd: 0.001,
      cacheReadUsd: 0,
      cacheWriteUsd: 0,
      totalUsd: 0.00125,
    });
  });

  test('are looked up without a network', async () => {
    const fetching = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('no network'));
    await costOf({ name: 'anthropic', model: 'claude-opus-5-5' }, tokens(10, 10));
    await costOf({ name: 'anthropic', model: 'claude-of-tomorrow' }, tokens(10, 10));
    expect(fetching).not.toHaveBeenCalled();
    fetching.mockRestore();
  });

  test('R37 a model without a known price has an unknown cost, not one of 0, and the log says so once', async () => {
    const lines: unknown[] = [];
    const logger = { debug() {}, info() {}, error() {}, warn: (line: unknown) => lines.push(line) };
    const unpriced = scripted(tokens(1_000, 500), { name: 'openai', model: 'gpt-99', repeat: true });
    const pipeline = new Pipeline([cost(), provider(unpriced)], { logger });
    const result = await pipeline.execute('user', 'Hi');
    await pipeline.execute('user', 'Hi');
    expect(result.cost).toEqual({ status: 'unknown' });
    expect(result.warnings).toEqual([]);
    expect(lines).toEqual([
      `no price is known for "openai/gpt-99", so its cost is unknown: give cost({ prices: { 'openai/gpt-99': { input, output } } })`,
    ]);
  });

  test('R37 a model whose output has no price in the list has an unknown cost when it answers', async () => {
    const result = await costOf({ name: 'openai', model: 'text-embedding-3-small' }, tokens(1_000, 500));
    expect(result.cost).toEqual({ status: 'unknown' });
  });

  test('R37 reasoning tokens are part of the output and are not added to it', () => {
    const thinking: Usage = { ...usage(0, 1_000), reasoningTokens: 900 };
    expect(amountsOf(thinking, { input_mtok: 1, output_mtok: 2 })?.totalUsd).toBe(0.002);
    expect(amountsOf(thinking, { input_mtok: 1, output_mtok: 2, output_reasoning_mtok: 1 })?.totalUsd).toBe(
      0.0011,
    );
  });

  test('R36 cached and cache-write tokens are parts of the input, each priced once', () => {
    const cached: Usage = { ...usage(1_000, 0), cachedInputTokens: 600, cacheWriteTokens: 300 };
    const prices = { input_mtok: 10, output_mtok: 0, cache_read_mtok: 1, cache_write_mtok: 20 };
    expect(amountsOf(cached, prices)).toEqual({
      inputUsd: 0.001,
      outputUsd: 0,
      cacheReadUsd: 0.0006,
      cacheWriteUsd: 0.006,
      totalUsd: 0.0076,
    });
    expect(amountsOf(cached, { input_mtok: 10, output_mtok: 0 })?.totalUsd).toBe(0.01);
  });

  test('R36 cache writes for an hour, audio and searches have their own prices', () => {
    const raw = {
      cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
      server_tool_use: { web_search_requests: 3 },
      prompt_tokens_details: { audio_tokens: 50 },
      completion_tokens_details: { audio_tokens: 20 },
    };
    const prices = {
      input_mtok: 1,
      output_mtok: 10,
      cache_write_mtok: 2,
      cache_write_1h_mtok: 4,
      input_audio_mtok: 100,
      output_audio_mtok: 200,
      web_searches_kcount: 10,
    };
    expect(amountsOf({ ...usage(1_000, 100), cacheWriteTokens: 300, raw }, prices)).toEqual({
      inputUsd: 0.00065 + 0.005 + 0.03,
      outputUsd: 0.0048,
      cacheReadUsd: 0,
      cacheWriteUsd: 0.001,
      totalUsd: 0.00065 + 0.005 + 0.03 + 0.0048 + 0.001,
    });
  });

  test('R36 every model of the list costs what the list itself calculates', () => {
    const models = [
      'openai',
      'anthropic',
      'deepseek',
      'google',
      'groq',
      'mistral',
      'openrouter',
      'perplexity',
      'x-ai',
    ].flatMap(
      (providerId) => findProvider({ providerId })?.models.map(({ id }) => ({ providerId, id })) ?? [],
    );
    let compared = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...models),
        fc.nat(500_000),
        fc.nat(50_000),
        fc.nat(1_000),
        fc.nat(1_000),
        fc.nat(1_000),
        ({ providerId, id }, input, output, cachedMille, writtenMille, reasoningMille) => {
          const cachedInputTokens = Math.floor((input * cachedMille) / 1_000);
          const cacheWriteTokens = Math.floor(((input - cachedInputTokens) * writtenMille) / 1_000);
          const reasoningTokens = Math.floor((output * reasoningMille) / 1_000);
          const listed = calcPrice(
            {
              input_tokens: input,
              output_tokens: output,
              cache_read_tokens: cachedInputTokens,
              cache_write_tokens: cacheWriteTokens,
              output_reasoning_tokens: reasoningTokens,
            },
            id,
            { providerId },
          );
          if (
            listed?.model_price['input_mtok'] === undefined ||
            listed.model_price['output_mtok'] === undefined
          )
            return;
          const mine = amountsOf(
            { ...usage(input, output), cachedInputTokens, cacheWriteTokens, reasoningTokens },
            listed.model_price,
          );
          compared++;
          expect(mine?.totalUsd).toBeCloseTo(listed.total_price, 10);
        },
      ),
      { numRuns: 2_000 },
    );
    expect(compared).toBeGreaterThan(1_000);
  });

  test('of the caller override the list, the most exact name first', async () => {
    const prices = {
      'acme/fast': { input: 1, output: 2 },
      fast: { input: 10, output: 20 },
      'acme/*': { input: 100, output: 200 },
    };
    const million = tokens(999_998, 1);
    expect((await costOf({ name: 'acme', model: 'fast' }, million, { prices })).cost.totalUsd).toBe(1);
    expect((await costOf({ name: 'other', model: 'Fast' }, million, { prices })).cost.totalUsd).toBe(10);
    expect((await costOf({ name: 'acme', model: 'slow' }, million, { prices })).cost.totalUsd).toBe(100);
    expect((await costOf({ name: 'other', model: 'slow' }, million, { prices })).cost.status).toBe('unknown');
  });

  test('of a gateway are those of the provider that the options name', async () => {
    const names = { name: 'my-gateway', model: 'gpt-5-mini' };
    expect((await costOf(names, tokens(1_000, 500))).cost.status).toBe('unknown');
    const known = await costOf(names, tokens(1_000, 500), { providers: { 'my-gateway': 'openai' } });
    expect(known.cost).toMatchObject({ status: 'exact', totalUsd: 0.00125 });
  });

  test('a model that answers under a name without a price is estimated at the price of the model asked for', async () => {
    const result = await costOf(
      { name: 'openai', model: 'gpt-5-mini' },
      { ...tokens(1_000, 500), model: 'gpt-5-mini-secret-build' },
    );
    expect(result.cost).toMatchObject({ status: 'estimated', totalUsd: 0.00125 });
  });

  test('demo() costs exactly 0', async () => {
    const result = await new Pipeline([cost(), provider(demo({ wordDelayMs: 0 }))]).execute('user', 'Hi');
    expect(result.cost).toEqual({
      status: 'exact',
      inputUsd: 0,
      outputUsd: 0,
      cacheReadUsd: 0,
      cacheWriteUsd: 0,
      totalUsd: 0,
    });
    expect(result.warnings).toEqual([]);
  });

  test('a server that reports no tokens for the text it sent gets an estimate, not 0', async () => {
    const result = await costOf(
      { name: 'openai', model: 'gpt-5-mini' },
      { text: 'x'.repeat(400), usage: { inputTokens: 0, outputTokens: 0 } },
    );
    expect(result.cost).toMatchObject({ status: 'estimated', outputUsd: 0.0002 });
  });

  test.each([
    ['an estimate', 'that OpenAI runs itself', [{ type: 'web_search' }], 'estimated'],
    ['an estimate', 'of which one is not an object', [{ type: 'function' }, null], 'estimated'],
    ['exact', 'that the caller runs', [{ type: 'function' }, { type: 'custom' }], 'exact'],
  ])('the cost is %s if tools are offered %s', async (_what, _which, tools, status) => {
    const pipeline = new Pipeline([
      cost(),
      provider(scripted('Hi', { name: 'openai', model: 'gpt-5-mini' })),
    ]);
    const result = await pipeline.execute('user', 'Hi', {
      parameters: { providerOptions: { openai: { tools } } },
    });
    expect(result.cost.status).toBe(status);
  });
});

describe('service tiers', () => {
  const tiered = (name: string, modelName: string, serviceTier: string, options: CostOptions = {}) =>
    new Pipeline([
      cost(options),
      provider({
        ...model({ chunks: [text('Hi')], reply: { usage: usage(1_000, 500), serviceTier } }),
        name,
        model: modelName,
      }),
    ]).execute('user', 'Hi');

  test.each(['default', 'standard', 'auto'])('%s is the list price', async (tier) => {
    expect((await tiered('openai', 'gpt-5-mini', tier)).cost).toMatchObject({
      status: 'exact',
      totalUsd: 0.00125,
    });
  });

  test('flex of OpenAI is an estimate of half the list price, with a warning', async () => {
    const { cost: half, warnings } = await tiered('openai', 'gpt-5-mini', 'flex');
    expect(half).toMatchObject({
      status: 'estimated',
      inputUsd: 0.000125,
      outputUsd: 0.0005,
      totalUsd: 0.000625,
    });
    expect(warnings).toEqual([
      'The tier "flex" of model "gpt-5-mini" is assumed to cost half the list price.',
    ]);
  });

  test('priority has an unknown price, unless it is given', async () => {
    const unknown = await tiered('openai', 'gpt-5-mini', 'priority');
    expect(unknown.cost).toEqual({ status: 'unknown' });
    expect(unknown.warnings[0]).toContain('service tier "priority"');
    const prices = {
      'gpt-5-mini': { input: 0.25, output: 2, tiers: { priority: { input: 0.45, output: 3.6 } } },
    };
    const known = await tiered('openai', 'gpt-5-mini', 'priority', { prices });
    expect(known.cost).toMatchObject({ status: 'exact', totalUsd: 0.00225 });
  });
});

test('no tokens at all is the usage of a call that was refused', () => {
  expect(amountsOf(noUsage(), { input_mtok: 1, output_mtok: 1 })?.totalUsd).toBe(0);
});
