import { describe, expect, test } from 'vitest';
import { counterOf } from '../../../middleware/cost/budget/budget.ts';
import { amountsOf } from '../../../middleware/cost/price/rates.ts';
import { toldUsd } from '../../../middleware/cost/price/told-cost.ts';
import { usage } from '../models.ts';
import { asking, priced } from './priced.ts';

const EXACT = { status: 'exact', totalUsd: 0.00125 };

describe('R50 what a server or a caller may leave out', () => {
  test('a usage object that is null leaves the cost exact', async () => {
    expect((await priced({ raw: null })).cost).toMatchObject(EXACT);
  });

  test('parameters for other providers leave the cost exact', async () => {
    const parameters = asking('anthropic', { tools: [{ type: 'web_search' }] });
    expect((await priced({}, {}, { parameters })).cost).toMatchObject(EXACT);
  });

  test('a price without an input or an output side knows only calls without tokens of that side', () => {
    expect(amountsOf(usage(0, 1_000), { output_mtok: 2 })?.totalUsd).toBe(0.002);
    expect(amountsOf(usage(1, 1_000), { output_mtok: 2 })).toBeUndefined();
    expect(amountsOf(usage(1_000, 0), { input_mtok: 2 })?.totalUsd).toBe(0.002);
    expect(amountsOf(usage(1_000, 1), { input_mtok: 2 })).toBeUndefined();
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '1', null])(
    'a cost of %o, as a server says it, does not count',
    (cost) => {
      expect(toldUsd({ cost }, 'openrouter')).toBeUndefined();
      expect(toldUsd({ cost: 1 }, 'openrouter')).toBe(1);
    },
  );
});

test.each(['execution', 'session', 'owner'] as const)(
  'R39 what runs in a budget per %s is counted for two hours, whatever the date is',
  (per) => {
    const at = Date.parse('2026-05-31T23:00:00Z');
    expect(counterOf({ usd: 1, per, name: 'n' }, 'k', at)).toEqual({
      name: JSON.stringify([per, 'n', 'k']),
      expiresAtMs: Date.parse('2026-06-01T01:00:00Z'),
    });
  },
);
