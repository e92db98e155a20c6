import { expect, test, vi } from 'vitest';
import { memoryCounter } from '../../../server/callers/memory-counter.ts';
import { counterContract } from './contract.ts';

let now = 1_000 * 60_000;
const counter = memoryCounter(() => now);

counterContract({
  name: 'A counter in memory',
  open: () => counter,
  expire: async () => {
    now += 60_000;
  },
});

test('a minute and a day begin anew', () => {
  let at = 10 * 86_400_000 - 1_000;
  const mine = memoryCounter(() => at);
  const limits = {
    ...{ requestsPerMinute: 1, concurrentStreams: 9, tokensPerMinute: 1, usdPerDay: 1 },
    unknownCost: 'refuse' as const,
  };
  const begin = () => mine.begin('ada', crypto.randomUUID(), limits, 1_000);
  expect(begin()).toMatchObject({ requests: 1, resetMs: 1_000 });
  expect(begin()).toMatchObject({ limit: 'requests', retryAfterMs: 1_000 });
  void mine.spend('ada', 's1', { tokens: 1, usd: 1, isUnknown: true });
  at += 1_000;
  expect(begin()).toMatchObject({ requests: 1 });
});

test('10,000 callers are remembered, and those with open streams or costs longer', () => {
  const mine = memoryCounter(() => now);
  const limits = { requestsPerMinute: 1, concurrentStreams: 1, unknownCost: 'refuse' as const, usdPerDay: 1 };
  const begin = (caller: string) => mine.begin(caller, 'p', limits, 1e9);
  void begin('open');
  void mine.spend('spent', 's', { tokens: 0, usd: 1, isUnknown: false });
  for (let at = 0; at < 20_000; at++) {
    void begin(`caller ${at}`);
    void mine.leave(`caller ${at}`, 'p');
  }
  expect(mine.begin('open', 'q', limits, 1)).toMatchObject({ as: 'refused' });
  expect(mine.begin('spent', 'q', limits, 1)).toMatchObject({ limit: 'usd' });
  // The oldest of the others has been forgotten.
  expect(mine.begin('caller 0', 'q', limits, 1)).toMatchObject({ as: 'begun' });
});

test('costs of a past day keep nobody, and a new caller costs the same however many are kept', () => {
  let at = 0;
  const mine = memoryCounter(() => at);
  const limits = { requestsPerMinute: 1, concurrentStreams: 1, unknownCost: 'refuse' as const };
  const spend = (caller: string) => mine.spend(caller, 's', { tokens: 0, usd: 1, isUnknown: false });
  const removed = (act: () => void): number => {
    const spy = vi.spyOn(Map.prototype, 'delete');
    act();
    const { length } = spy.mock.calls;
    spy.mockRestore();
    return length;
  };
  for (let number = 0; number < 12_000; number++) void spend(`caller ${number}`);
  expect(removed(() => void spend('one more'))).toBe(16);
  at += 86_400_000;
  // One is forgotten in each look, until so many are left as are remembered.
  expect(removed(() => void mine.begin('new', 'p', limits, 1))).toBe(16);
  for (let number = 0; number < 200; number++) void mine.begin(`new ${number}`, 'p', limits, 1);
  expect(removed(() => void mine.begin('newest', 'p', limits, 1))).toBeLessThan(3);
});
