import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SluiceError } from 'sluice';
import type { Logger } from 'sluice';
import type { CallerCounter } from 'sluice/server';
import { CallerCounts } from '../../../server/callers/caller-limits.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('a counter that throws at once does not end the process, and the log says so', async () => {
  const said: unknown[] = [];
  const log: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message, fields) => void said.push([message, fields]),
    error: () => undefined,
  };
  const away = (): never => {
    throw new SluiceError('store', 'The file is locked.');
  };
  const counter: CallerCounter = {
    begin: () => ({ as: 'begun', requests: 1, resetMs: 1_000 }),
    hold: away,
    leave: away,
    spend: () => undefined,
  };
  const counts = new CallerCounts({}, counter, log);
  const place = await counts.begin({ id: 'ada' });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(said).toEqual([['the counter of callers does not answer', { code: 'store' }]]);
  place.end();
  await counts.settled();
  expect(said).toHaveLength(2);
  // The place is not renewed any more.
  await vi.advanceTimersByTimeAsync(60_000);
  expect(said).toHaveLength(2);
});
