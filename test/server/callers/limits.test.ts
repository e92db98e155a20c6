import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silent } from 'sluice';
import { CallerCounts } from '../../../server/callers/caller-limits.ts';
import { memoryTickets } from '../../../server/callers/tickets.ts';
import { memoryCounter } from '../../../server/callers/memory-counter.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const ada = { id: 'ada' };

test('a turn of which neither the tokens nor the cost are known is not one that cost nothing', async () => {
  const counts = new CallerCounts({ usdPerDay: 1 }, memoryCounter(), silent);
  counts.spend(ada, undefined, undefined);
  (await counts.begin(ada)).end();
  counts.spend(ada, undefined, { status: 'unknown' });
  await expect(counts.begin(ada)).rejects.toMatchObject({ code: 'budget' });
});

test('10,000 tickets wait in one process, and the oldest make room for more', async () => {
  const tickets = memoryTickets();
  for (let ticket = 0; ticket < 10_001; ticket++) await tickets.put(String(ticket), ada, 30_000);
  expect(await tickets.take('0')).toBeUndefined();
  expect(await tickets.take('1')).toEqual(ada);
  expect(await tickets.take('1')).toBeUndefined();
  vi.advanceTimersByTime(30_000);
  expect(await tickets.take('10000')).toBeUndefined();
});

test('places are renewed while a stream is open, and no timer is left behind', async () => {
  const inMemory = memoryCounter();
  const hold = vi.fn(inMemory.hold.bind(inMemory));
  const counter = { ...counterOf(inMemory), hold };
  const counts = new CallerCounts({ concurrentStreams: 1 }, counter, silent);
  for (let time = 0; time < 2; time++) {
    const place = await counts.begin(ada);
    const leave = place.take();
    // The request is over, and its stream is not.
    place.end();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(hold).toHaveBeenCalledTimes(6 * (time + 1));
    await expect(counts.begin(ada)).rejects.toMatchObject({ code: 'rate_limited' });
    leave();
    await counts.settled();
    expect(vi.getTimerCount()).toBe(0);
  }
});

function counterOf(inMemory: ReturnType<typeof memoryCounter>): ReturnType<typeof memoryCounter> {
  return {
    begin: inMemory.begin.bind(inMemory),
    hold: inMemory.hold.bind(inMemory),
    leave: inMemory.leave.bind(inMemory),
    spend: inMemory.spend.bind(inMemory),
  };
}
