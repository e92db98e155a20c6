import { describe, expect, test } from 'vitest';
import { priced } from './priced.ts';

const CLAUDE = { name: 'anthropic', model: 'claude-opus-5-5' };

describe('R50 the fields of a usage object', () => {
  test('of OpenAI, Anthropic, Groq and DeepSeek that are known leave the cost exact', async () => {
    const chat = {
      prompt_tokens: 1_000,
      completion_tokens: 500,
      total_tokens: 1_500,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0, image_tokens: 3, text_tokens: 997 },
      completion_tokens_details: { reasoning_tokens: 9, audio_tokens: 0, rejected_prediction_tokens: 4 },
      prompt_cache_hit_tokens: 1,
      queue_time: 0.1,
      prompt_time: 0.2,
      completion_time: 0.3,
      total_time: 0.6,
    };
    const responses = {
      input_tokens: 1_000,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens_details: { ttl_30m_tokens: 9 } },
      output_tokens: 500,
      output_tokens_details: { reasoning_tokens: 9 },
    };
    for (const raw of [chat, responses]) {
      const { cost, warnings } = await priced({ raw });
      expect([cost.status, cost.totalUsd, warnings]).toEqual(['exact', 0.00125, []]);
    }
    const messages = {
      input_tokens: 1_000,
      output_tokens: 500,
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
      server_tool_use: { web_search_requests: 0, web_fetch_requests: 3 },
      output_tokens_details: { thinking_tokens: 7 },
      service_tier: 'standard',
      inference_geo: 'not_available',
      speed: 'standard',
      fallback_credit: null,
    };
    const { cost, warnings } = await priced({ ...CLAUDE, raw: messages });
    expect([cost.status, cost.totalUsd, warnings]).toEqual(['exact', 0.014, []]);
  });

  test.each([
    ['a number', { tool_calls_billed: 3 }, 'tool_calls_billed'],
    ['a text', { grade: 'gold' }, 'grade'],
    ['a flag', { boosted: true }, 'boosted'],
    ['a list', { runs: [{ tokens: 1 }] }, 'runs'],
    ['an inner number', { prompt_tokens_details: { video_tokens: 7 } }, 'prompt_tokens_details.video_tokens'],
    [
      'a price of its own of another server',
      { cost: 0.5, cost_details: { upstream_inference_cost: 2 } },
      'cost',
    ],
    ['a name that could be anything', { 'x y\n': 1 }, 'with another name'],
    ['a deep one', { a: { b: { c: { d: { e: { f: 1 } } } } } }, 'a.b.c'],
    [
      'cache writes for 12 hours',
      { input_tokens_details: { cache_write_tokens_details: { ttl_12h_tokens: 5 } } },
      'input_tokens_details.cache_write_tokens_details.ttl_12h_tokens',
    ],
  ])('that are not known make it an estimate: %s', async (_kind, raw, name) => {
    const { cost, warnings } = await priced({ raw });
    expect(cost).toMatchObject({ status: 'estimated', totalUsd: 0.00125 });
    expect(warnings[0]).toBe(
      `The usage of model "gpt-5-mini" has a field ${name}, whose price is not known: the cost is an estimate.`,
    );
  });

  test.each([
    ['null', null],
    ['0', 0],
    ['false', false],
    ['an empty text', ''],
    ['an empty list', []],
    ['zeros within', { a: 0, b: { c: null } }],
  ])('that say nothing was used are no reason for an estimate: %s', async (_kind, value) => {
    const { cost, warnings } = await priced({ raw: { something: value } });
    expect([cost.status, warnings]).toEqual(['exact', []]);
  });

  test('of a free model do not matter', async () => {
    const prices = { 'openai/*': { input: 0, output: 0 } };
    const { cost, warnings } = await priced({ raw: { grade: 'gold' } }, { prices });
    expect([cost.status, cost.totalUsd, warnings]).toEqual(['exact', 0, []]);
  });
});

describe('R50 a part of a usage without a price', () => {
  const audio = {
    prompt_tokens_details: { audio_tokens: 100 },
    completion_tokens_details: { audio_tokens: 200 },
  };

  test('such as audio makes the cost an estimate, no less than the price of text', async () => {
    const { cost, warnings } = await priced({ raw: audio });
    expect(cost).toMatchObject({ status: 'estimated', totalUsd: 0.00125 });
    expect(warnings).toEqual([
      'No price is known for audio in the input of model "gpt-5-mini": the cost is an estimate.',
      'No price is known for audio in the output of model "gpt-5-mini": the cost is an estimate.',
    ]);
  });

  test('has the price that the caller gives, exactly', async () => {
    const prices = { 'gpt-5-mini': { input: 0.25, output: 2, inputAudio: 32, outputAudio: 64 } };
    const { cost } = await priced({ raw: audio }, { prices });
    expect(cost.status).toBe('exact');
    expect(cost.totalUsd).toBeCloseTo((900 * 0.25 + 100 * 32 + 300 * 2 + 200 * 64) / 1e6, 12);
  });

  test('no token of the input is paid for twice if the counts overlap', async () => {
    const prices = { 'gpt-5-mini': { input: 1, output: 2, cacheRead: 0.1, inputAudio: 32 } };
    const details = { prompt_tokens_details: { audio_tokens: 300 } };
    const { cost } = await priced({ raw: details, more: { cachedInputTokens: 900 } }, { prices });
    expect(cost).toMatchObject({ inputUsd: 0.0032, cacheReadUsd: 0.00009 });
  });

  test('images in the input have the price in the list', async () => {
    const raw = { input_tokens: 1_000, output_tokens: 500, input_tokens_details: { image_tokens: 900 } };
    const { cost } = await priced({ model: 'gpt-image-1', raw });
    // $5 per million for text, $10 for images.
    expect(cost.inputUsd).toBeCloseTo((100 * 5 + 900 * 10) / 1e6, 12);
  });

  test.each(['3', -3, Number.NaN, Infinity, null])('%s is not a count of searches', async (searches) => {
    const raw = { server_tool_use: { web_search_requests: searches } };
    expect((await priced({ ...CLAUDE, raw })).cost.totalUsd).toBe(0.014);
  });

  test('cache writes for an hour cost twice the input at least, searches are named', async () => {
    const raw = {
      cache_creation: { ephemeral_1h_input_tokens: 1_000 },
      server_tool_use: { web_search_requests: 2 },
    };
    const used = { ...CLAUDE, name: 'gateway', more: { cacheWriteTokens: 1_000 }, raw };
    const prices = { 'gateway/*': { input: 4, output: 20, cacheWrite: 5 } };
    const guess = await priced(used, { prices });
    expect(guess.cost).toMatchObject({ status: 'estimated', cacheWriteUsd: 0.008 });
    expect(guess.warnings).toEqual([
      'No price is known for web searches of model "claude-opus-5-5": the cost is an estimate.',
      'No price is known for cache writes for an hour of model "claude-opus-5-5": the cost is an estimate.',
    ]);
    const full = { 'gateway/*': { ...prices['gateway/*'], cacheWrite1h: 9, webSearches: 10 } };
    expect((await priced(used, { prices: full })).cost).toMatchObject({
      status: 'exact',
      cacheWriteUsd: 0.009,
      inputUsd: 0.02,
    });
  });

  test('cached tokens without a price in the list are estimated at the price of input', async () => {
    const more = { cachedInputTokens: 400 };
    const { cost } = await priced({ model: 'gpt-4-turbo', more });
    expect([cost.status, cost.cacheReadUsd]).toEqual(['estimated', 0.004]);
    const prices = { 'gpt-4-turbo': { input: 10, output: 30 } };
    expect((await priced({ model: 'gpt-4-turbo', more }, { prices })).cost.status).toBe('exact');
  });
});

describe("R50 Anthropic's iterations", () => {
  const entry = (type: string, input: number, output: number, more: object = {}) => ({
    type,
    input_tokens: input,
    output_tokens: output,
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 0,
    ...more,
  });
  const iterations = [entry('compaction', 180_000, 3_500), entry('message', 23_000, 1_000, { model: null })];
  // $4 and $20 per million.
  const expected = ((180_000 + 23_000) * 4 + (3_500 + 1_000) * 20) / 1e6;

  test.each([
    ['left out of the counts, as the API does', 23_000, 1_000],
    ['included, as the provider does', 203_000, 4_500],
  ])('of a compaction are paid for once: %s', async (_how, input, output) => {
    const raw = { input_tokens: 23_000, output_tokens: 1_000, iterations };
    const { cost, warnings } = await priced({ ...CLAUDE, input, output, raw });
    expect([cost.status, warnings]).toEqual(['exact', []]);
    expect(cost.totalUsd).toBeCloseTo(expected, 12);
  });

  test('are added up by kind of token', async () => {
    const cached = (read: number, written: number) =>
      entry('message', 1_000, 100, {
        cache_read_input_tokens: read,
        cache_creation_input_tokens: written,
      });
    const listed = [cached(20_000, 3_000), cached(30_000, 0)];
    const prices = { 'claude-opus-5-5': { input: 4, output: 20, cacheRead: 0.4, cacheWrite: 5 } };
    const raw = { input_tokens: 2_000, output_tokens: 200, iterations: listed };
    const more = { cachedInputTokens: 50_000, cacheWriteTokens: 3_000 };
    const { cost } = await priced({ ...CLAUDE, input: 55_000, output: 200, more, raw }, { prices });
    expect(cost).toEqual({
      status: 'exact',
      inputUsd: 0.008,
      outputUsd: 0.004,
      cacheReadUsd: 0.02,
      cacheWriteUsd: 0.015,
      totalUsd: expect.closeTo(0.047, 12),
    });
  });

  test('of an advisor have the price of its model', async () => {
    const advice = entry('advisor_message', 1_000, 500, { model: 'claude-opus-4-6' });
    const own = entry('message', 2_000, 100, { model: 'claude-haiku-4-5' });
    const raw = { input_tokens: 2_000, output_tokens: 100, iterations: [own, advice] };
    const { cost } = await priced({
      name: 'anthropic',
      model: 'claude-haiku-4-5',
      input: 2_000,
      output: 100,
      raw,
    });
    expect(cost.status).toBe('exact');
    // $1 and $5 for the model, $5 and $25 for the advisor.
    expect(cost.totalUsd).toBeCloseTo((2_000 + 100 * 5 + 1_000 * 5 + 500 * 25) / 1e6, 12);
  });

  test('have the price of an hour for what they keep so long', async () => {
    const prices = { 'claude-opus-5-5': { input: 4, output: 20, cacheWrite: 5, cacheWrite1h: 8 } };
    const kept = entry('message', 0, 100, {
      cache_creation_input_tokens: 1_000,
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 1_000 },
    });
    const raw = { input_tokens: 0, output_tokens: 200, iterations: [kept, entry('message', 500, 100)] };
    const more = { cacheWriteTokens: 1_000 };
    const { cost } = await priced({ ...CLAUDE, input: 1_500, output: 200, more, raw }, { prices });
    expect(cost).toMatchObject({ status: 'exact', inputUsd: 0.002, cacheWriteUsd: 0.008 });
  });

  test('may be those of an advisor alone', async () => {
    const raw = {
      input_tokens: 0,
      output_tokens: 0,
      iterations: [entry('advisor_message', 1_000, 500, { model: 'claude-opus-4-6' })],
    };
    const { cost } = await priced({ ...CLAUDE, input: 1_000, output: 500, raw });
    expect(cost.status).toBe('exact');
    expect(cost.totalUsd).toBeCloseTo((1_000 * 5 + 500 * 25) / 1e6, 12);
  });

  test('each have a long-context price of their own, and searches are paid for once', async () => {
    const long = { name: 'anthropic', model: 'claude-sonnet-4-5' };
    const raw = {
      input_tokens: 240_000,
      output_tokens: 200,
      iterations: [entry('message', 120_000, 100), entry('message', 120_000, 100)],
      server_tool_use: { web_search_requests: 2 },
    };
    const { cost } = await priced({ ...long, input: 240_000, output: 200, raw });
    // $3 and $15 up to 200,000 tokens.
    expect(cost.totalUsd).toBeCloseTo((240_000 * 3 + 200 * 15) / 1e6 + 0.02, 12);
    expect(cost.status).toBe('exact');
  });

  test.each([
    ['do not add up', [entry('message', 5, 5)]],
    ['are of a kind that is not known', [entry('message', 23_000, 1_000), entry('rehearsal', 10, 10)]],
    ['are of another model after a refusal', [entry('fallback_message', 23_000, 1_000)]],
  ])('that %s make the cost an estimate', async (_how, listed) => {
    const raw = { input_tokens: 23_000, output_tokens: 1_000, iterations: listed };
    const { cost, warnings } = await priced({ ...CLAUDE, input: 23_000, output: 1_000, raw });
    expect(cost.status).toBe('estimated');
    expect(cost.totalUsd).toBeGreaterThanOrEqual((23_000 * 4 + 1_000 * 20) / 1e6);
    expect(warnings[0]).toContain('has a field iterations');
  });
});

describe('R50 the cost that OpenRouter tells', () => {
  const ROUTER = { name: 'openrouter', model: 'openai/gpt-5-mini' };

  test.each([
    ['a model in the list', 'openai/gpt-5-mini'],
    ['a model that is not', 'somebody/of-tomorrow'],
  ])('wins, for %s', async (_which, model) => {
    const raw = { cost: 0.95, is_byok: false, cost_details: { upstream_inference_cost: null } };
    const { cost, warnings } = await priced({ ...ROUTER, model, raw });
    expect([cost, warnings]).toEqual([{ status: 'exact', totalUsd: 0.95 }, []]);
  });

  test('wins over prices of the caller, and may be 0', async () => {
    const prices = { 'openrouter/*': { input: 100, output: 100 } };
    expect((await priced({ ...ROUTER, raw: { cost: 0 } }, { prices })).cost).toEqual({
      status: 'exact',
      totalUsd: 0,
    });
  });

  test("is only the fee with the caller's own key: what the provider charges is added", async () => {
    const raw = { cost: 0.05, is_byok: true, cost_details: { upstream_inference_cost: 1 } };
    expect((await priced({ ...ROUTER, raw })).cost).toEqual({ status: 'exact', totalUsd: 1.05 });
    const partly = await priced({ ...ROUTER, raw: { cost: 0.05, is_byok: true } });
    expect(partly.cost.status).toBe('estimated');
  });

  test.each([[-1], [Number.NaN], ['0.95'], [null]])('is not read from %s', async (told) => {
    expect((await priced({ ...ROUTER, raw: { cost: told } })).cost.totalUsd).not.toBe(0.95);
  });

  test('holds for a gateway that the caller says bills like it', async () => {
    const raw = { cost: 0.95 };
    const { cost } = await priced({ ...ROUTER, name: 'mine', raw }, { providers: { mine: 'openrouter' } });
    expect(cost.totalUsd).toBe(0.95);
  });
});

describe('R50 a server under the default name', () => {
  test('that is not the provider has no price of the list', async () => {
    const { cost } = await priced({ server: 'http://localhost:11434/v1' });
    expect(cost).toEqual({ status: 'unknown' });
  });

  test.each([
    ["the provider's own address", { server: 'https://api.openai.com/v1' }, {}],
    [
      "the caller's price",
      { server: 'http://localhost:1/v1' },
      { prices: { 'gpt-5-mini': { input: 0.25, output: 2 } } },
    ],
    ["the caller's word", { server: 'http://localhost:1/v1' }, { providers: { openai: 'openai' } }],
  ])('has one with %s', async (_how, served, options) => {
    expect((await priced(served, options)).cost).toMatchObject({ status: 'exact', totalUsd: 0.00125 });
  });

  test('has the prices of whom its address belongs to', async () => {
    const { cost } = await priced({
      server: 'https://openrouter.ai/api/v1',
      model: 'openai/gpt-5-mini',
      raw: { cost: 0.1 },
    });
    expect(cost).toEqual({ status: 'exact', totalUsd: 0.1 });
  });
});
