import { MemoryStore, Pipeline, Stream, end, terminal } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { MemoryLedger, cost } from 'sluice/middleware/cost';
import type { Ledger } from 'sluice/middleware/cost';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadPriceList } from '../../../middleware/cost/price/price-list.ts';
import { Quotes } from '../../../middleware/cost/price/quotes.ts';
import { texts, usage } from '../models.ts';
import { priced } from './priced.ts';

describe('R36 a price of the list', () => {
  beforeAll(loadPriceList);

  const outputAt = (quotes: Quotes, provider: string, model: string) =>
    quotes.quote({ provider, model, server: undefined, asked: model })?.prices['output_mtok'];

  test('that depends on the time of the day changes at the full minute, although it was looked up just before', () => {
    let now = 0;
    const quotes = new Quotes({}, {}, () => now);
    const seen = ['16:29:30.000', '16:29:59.999', '16:30:00.000', '16:30:30.000'].map((at) => {
      now = Date.parse(`2026-05-01T${at}Z`);
      return outputAt(quotes, 'deepseek', 'deepseek-chat');
    });
    // The price of the night holds from 16:30 to 00:30.
    expect(seen).toEqual([1.1, 1.1, 0.55, 0.55]);
  });

  test('that has a first day changes at its midnight', () => {
    let now = Date.parse('2026-03-12T23:59:59.999Z');
    const quotes = new Quotes({}, {}, () => now);
    expect(outputAt(quotes, 'anthropic', 'claude-opus-4-6')).toEqual({
      base: 25,
      tiers: [{ start: 200_000, price: 37.5 }],
    });
    now += 1;
    expect(outputAt(quotes, 'anthropic', 'claude-opus-4-6')).toBe(25);
  });

  test('is looked up anew only after a minute, and for a name of its own', () => {
    let now = 0;
    let asked = 0;
    const quotes = new Quotes({}, {}, () => {
      asked++;
      return now;
    });
    const first = quotes.quote({
      provider: 'openai',
      model: 'gpt-5-mini',
      server: undefined,
      asked: 'gpt-5-mini',
    });
    now = 59_999;
    const second = quotes.quote({
      provider: 'openai',
      model: 'gpt-5-mini',
      server: undefined,
      asked: 'gpt-5-mini',
    });
    expect(second?.prices).toBe(first?.prices);
    expect(asked).toBe(2);
  });
});

describe('R36 the limit of a long context', () => {
  const sonnet = { name: 'anthropic', model: 'claude-sonnet-4-5', output: 1_000 };

  test.each([
    ['is not reached by as many tokens', 200_000, 3, 15],
    ['is passed by one more, and then all tokens have its price', 200_001, 6, 22.5],
  ])('%s', async (_how, input, inputPrice, outputPrice) => {
    const { cost: sum } = await priced({ ...sonnet, input });
    expect(sum).toMatchObject({
      status: 'exact',
      inputUsd: expect.closeTo((input * inputPrice) / 1e6, 9),
      outputUsd: (1_000 * outputPrice) / 1e6,
    });
  });

  test('counts cached tokens, too', async () => {
    const more = { cachedInputTokens: 200_000 };
    const { cost: sum } = await priced({ ...sonnet, input: 200_001, more });
    expect(sum.inputUsd).toBe(6 / 1e6);
  });
});

describe('R36 the price of a caller', () => {
  test('for the model asked for holds when the server answers under another name', async () => {
    const prices = { 'openai/gpt-5-mini': { input: 1, output: 1 }, 'openai/*': { input: 9, output: 9 } };
    const { cost: sum } = await priced({ answers: 'gpt-5-mini-2025-08-07' }, { prices });
    expect(sum).toMatchObject({ status: 'exact', totalUsd: 0.0015 });
  });

  test('for the model that answers goes before that for the model asked for', async () => {
    const prices = { 'gpt-5-mini': { input: 1, output: 1 }, other: { input: 2, output: 2 } };
    const { cost: sum } = await priced({ answers: 'other' }, { prices });
    expect(sum).toMatchObject({ status: 'exact', totalUsd: 0.003 });
  });
});

describe("R39 the edge of an owner's hour", () => {
  const HOUR = 3_600_000;

  /** Two calls of one turn; the clock moves between what the first reserves and what it is settled with. */
  test('leaves no counter below 0: a call gives back to the hour in which it reserved', async () => {
    let now = 10 * HOUR - 1;
    const ledger = new MemoryLedger(() => now);
    const sums = new Map<string, number>();
    const seen: Ledger = {
      add(counter, usd, expiresAtMs) {
        const sum = ledger.add(counter, usd, expiresAtMs);
        sums.set(counter, sum);
        return sum;
      },
    };
    const lowest: number[] = [];
    const model = terminal({ name: 'm', provider: 'm', model: 'm' }, () => {
      const rest = texts('Hi');
      return Stream.fromSource<StreamChunk, Reply>({
        pull() {
          const chunk = rest.shift();
          if (chunk !== undefined) return [chunk];
          now += HOUR;
          return end({ finishReason: 'stop', usage: usage(0, 10) });
        },
        close: () => undefined,
      });
    });
    const twice: Middleware = async function* twice(_context, next) {
      yield* next();
      lowest.push(Math.min(...sums.values()));
      return yield* next();
    };
    const store = new MemoryStore();
    const settings = {
      prices: { m: { input: 0, output: 1 } },
      budgets: [{ usd: 1, per: 'owner' }],
      ledger: seen,
      store,
      now: () => now,
    } as const;
    const pipeline = new Pipeline([cost(settings), twice, model], { store });
    await pipeline.executeWithContext('s', 'user', 'Hi');
    expect(Math.min(...lowest)).toBeGreaterThanOrEqual(0);
    // The store has the turn: nothing is left in the ledger.
    expect([...sums.values()].every((sum) => sum === 0)).toBe(true);
    expect((await store.spend({ owner: '' })).cost.totalUsd).toBe(20e-6);
  });
});
