import { describe, expect, test } from 'vitest';
import { asking as fieldsFor, priced } from './priced.ts';

const CLAUDE = { name: 'anthropic', model: 'claude-opus-5-5' };
// 1,000 tokens at $4 and 500 at $20 per million.
const STANDARD = 0.014;

const asking = (name: string, fields: Record<string, unknown>) => ({ parameters: fieldsFor(name, fields) });

describe("R50 Anthropic's modes", () => {
  test('the standard speed, tier and region cost exactly the list price', async () => {
    const raw = { speed: 'standard', inference_geo: 'global', service_tier: 'standard' };
    const { cost, warnings } = await priced({ ...CLAUDE, raw, serviceTier: 'standard' });
    expect(cost).toMatchObject({ status: 'exact', totalUsd: STANDARD });
    expect(warnings).toEqual([]);
  });

  test.each([
    ['claude-opus-5-5', 2, STANDARD],
    // $5 and $25 per million.
    ['claude-opus-4-6', 6, 0.0175],
  ])('the fast mode of %s is estimated at %i times the list price', async (name, times, standard) => {
    const { cost, warnings } = await priced({ ...CLAUDE, model: name, raw: { speed: 'fast' } });
    expect(cost).toMatchObject({ status: 'estimated', totalUsd: expect.closeTo(standard * times, 9) });
    expect(warnings).toEqual([
      `The tier "fast" of model "${name}" is assumed to cost ${times} times the list price.`,
    ]);
  });

  test('the fast mode has the price that the caller gives, exactly', async () => {
    const prices = { 'claude-opus-5-5': { input: 4, output: 20, tiers: { fast: { input: 8, output: 40 } } } };
    const { cost, warnings } = await priced({ ...CLAUDE, raw: { speed: 'fast' } }, { prices });
    expect(cost).toMatchObject({ status: 'exact', totalUsd: 2 * STANDARD });
    expect(warnings).toEqual([]);
  });

  test('a fast mode that was asked for and not used costs exactly the list price', async () => {
    const fast = asking('anthropic', { speed: 'fast' });
    const { cost } = await priced({ ...CLAUDE, raw: { speed: 'standard' } }, {}, fast);
    expect(cost).toMatchObject({ status: 'exact', totalUsd: STANDARD });
  });

  test('a fast mode that was asked for counts if the server does not say what it used', async () => {
    const { cost } = await priced({ ...CLAUDE, raw: {} }, {}, asking('anthropic', { speed: 'fast' }));
    expect(cost).toMatchObject({ status: 'estimated', totalUsd: 2 * STANDARD });
  });

  test('inference in the US is estimated at 1.1 times the list price, searches at their own', async () => {
    const raw = { inference_geo: 'us', server_tool_use: { web_search_requests: 1 } };
    const { cost, warnings } = await priced({ ...CLAUDE, raw });
    // A search is $10 per thousand.
    expect(cost).toMatchObject({ status: 'estimated', totalUsd: expect.closeTo(STANDARD * 1.1 + 0.01, 9) });
    expect(warnings).toEqual([
      'The region "us" of model "claude-opus-5-5" is assumed to cost 1.1 times the list price.',
    ]);
  });

  test('a region has the price that the caller gives', async () => {
    const prices = { 'claude-opus-5-5': { input: 4, output: 20, tiers: { us: { input: 8, output: 40 } } } };
    const { cost, warnings } = await priced({ ...CLAUDE, raw: { inference_geo: 'us' } }, { prices });
    expect(cost).toMatchObject({ totalUsd: 2 * STANDARD });
    expect(warnings).toEqual([]);
  });

  test('a batch costs half, in the fast mode of another region all factors count', async () => {
    const batch = await priced({ ...CLAUDE, raw: {}, serviceTier: 'batch' });
    expect(batch.cost).toMatchObject({ status: 'estimated', totalUsd: STANDARD / 2 });
    const both = await priced({ ...CLAUDE, raw: { speed: 'fast', inference_geo: 'us' } });
    expect(both.cost).toMatchObject({
      status: 'estimated',
      totalUsd: expect.closeTo(STANDARD * 2 * 1.1, 9),
    });
    expect(both.warnings).toHaveLength(2);
  });
});

describe('R50 a tier that Anthropic does not have', () => {
  test('is named as what has no price, also in a region without a price', async () => {
    const { cost, warnings } = await priced({
      ...CLAUDE,
      raw: { inference_geo: 'mars' },
      serviceTier: 'gold',
    });
    expect(cost).toEqual({ status: 'unknown' });
    expect(warnings.join('\n')).toContain('No price is known for the service tier "gold"');
  });

  test('gives no price to the fast mode, although the two are one tier at OpenAI', async () => {
    const named = (tier: string) => ({
      'claude-opus-5-5': { input: 4, output: 20, tiers: { [tier]: { input: 8, output: 40 } } },
    });
    const raw = { speed: 'fast' };
    expect((await priced({ ...CLAUDE, raw }, { prices: named('fast') })).cost.status).toBe('exact');
    expect((await priced({ ...CLAUDE, raw }, { prices: named('priority') })).cost.status).toBe('estimated');
  });
});

describe("R50 OpenAI's tiers", () => {
  const tiers = { priority: { input: 0.5, output: 4 } };
  const prices = { 'gpt-5-mini': { input: 0.25, output: 2, tiers } };

  test('fast and priority are two names of one tier', async () => {
    for (const serviceTier of ['priority', 'fast']) {
      const { cost } = await priced({ serviceTier }, { prices });
      expect(cost).toMatchObject({ status: 'exact', totalUsd: 0.0025 });
    }
  });

  test('a tier that was asked for counts if the server does not say which one it used', async () => {
    const asked = asking('openai', { service_tier: 'priority' });
    expect((await priced({}, { prices }, asked)).cost).toMatchObject({
      status: 'estimated',
      totalUsd: 0.0025,
    });
    expect((await priced({}, {}, asked)).cost).toEqual({ status: 'unknown' });
    expect((await priced({ serviceTier: '' }, {}, asked)).cost).toEqual({ status: 'unknown' });
  });

  test('the tier that the server used counts, not the one that was asked for', async () => {
    const asked = asking('openai', { service_tier: 'priority' });
    const { cost, warnings } = await priced({ serviceTier: 'default' }, {}, asked);
    expect(cost).toMatchObject({ status: 'exact', totalUsd: 0.00125 });
    expect(warnings).toEqual([]);
  });

  test('auto is what the project has set: the server says what it used', async () => {
    const asked = asking('openai', { service_tier: 'auto' });
    expect((await priced({ serviceTier: 'default' }, {}, asked)).cost.status).toBe('exact');
    expect((await priced({ serviceTier: 'priority' }, {}, asked)).cost.status).toBe('unknown');
  });
});
