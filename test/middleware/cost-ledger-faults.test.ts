import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryLedger } from 'sluice/middleware/cost';
import type { Budget, Ledger } from 'sluice/middleware/cost';
import { MILLION, ask, codeOf, stage } from './cost-stage.ts';

beforeEach(() => vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') }));
afterEach(() => vi.useRealTimers());

const budgets: Budget[] = [{ usd: 1_000, per: 'day' }];

describe('R53 a ledger that fails', () => {
  const faults: [string, number, () => unknown][] = [
    [
      'throws',
      0,
      () => {
        throw new Error('gone');
      },
    ],
    ['rejects', 0, () => Promise.reject(new Error('gone'))],
    ['answers NaN at once', 0, () => Number.NaN],
    ['answers NaN later', 0, () => Promise.resolve(Number.NaN)],
    ['answers nothing', 0, () => undefined],
    ['answers a text', 0, () => Promise.resolve('0.5')],
    ['does not answer', 5_000, () => new Promise(() => undefined)],
  ];
  test.each(faults)(
    'and %s refuses the call with store after %i ms, and works again',
    async (_how, ms, fault) => {
      const inner = new MemoryLedger();
      let broken = true;
      const ledger: Ledger = {
        add: (...given) => (broken ? (fault() as number) : inner.add(...given)),
      };
      const { pipeline, model } = stage(budgets, MILLION, { ledger });
      const started = Date.now();
      let endedAtMs = 0;
      const ending = codeOf(ask(pipeline)).finally(() => (endedAtMs = Date.now()));
      await vi.advanceTimersByTimeAsync(10_000);
      expect([await ending, endedAtMs - started, model.calls.length]).toEqual(['store', ms, 0]);
      broken = false;
      const again = codeOf(ask(pipeline));
      await vi.advanceTimersByTimeAsync(0);
      expect([await again, model.calls.length]).toEqual(['completed', 1]);
    },
  );

  test.each(faults)('and %s at the end of a call leaves its outcome alone', async (_how, _ms, fault) => {
    const inner = new MemoryLedger();
    let calls = 0;
    const ledger: Ledger = {
      add: (...given) => (calls++ === 0 ? inner.add(...given) : (fault() as number)),
    };
    const { pipeline } = stage(budgets, MILLION, { ledger });
    const ending = codeOf(ask(pipeline));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await ending).toBe('completed');
  });
});
