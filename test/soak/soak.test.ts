import { describe, expect, test } from 'vitest';
import { soak } from './run.ts';
import type { Soak } from './run.ts';
import { problemsOf, thirdsOf } from './verdict.ts';

/** Different in each run. Set `SLUICE_SEED` to repeat one. */
const seed = Number(process.env['SLUICE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const TOTAL = 200;

describe(`a soak of a server (SLUICE_SEED=${seed})`, () => {
  test('leaves no socket, timer, listener or rejection behind: 200 streams, a fifth left by clients, a tenth read slowly', async () => {
    const told = await soak({ streams: 40, total: TOTAL, everyMs: 2, lookMs: 1_000, ttlMs: 1_000, seed });
    expect(problemsOf(told)).toEqual([]);
    expect([told.begun, told.leaving, told.slow]).toEqual([TOTAL, TOTAL / 5, TOTAL / 10]);
    expect(told.ends['completed']).toBeGreaterThanOrEqual(TOTAL - TOTAL / 5);
  }, 180_000);
});

describe('the verdict of a soak', () => {
  const none = { heap: 0, sockets: 0, timers: 0, listeners: 3, rejections: [] };
  const good: Soak = {
    ends: { completed: 8, left: 2 },
    ...{ begun: 10, leaving: 2, slow: 1 },
    heaps: Array.from({ length: 9 }, () => 100_000_000),
    ...{ before: none, after: none, closed: none },
  };

  test('names streams that ended otherwise, and what is held at the end', () => {
    expect(problemsOf(good)).toEqual([]);
    const after = { ...none, sockets: 2, listeners: 4 };
    const closed = { ...none, timers: 1, rejections: ['Error: late'] };
    expect(problemsOf({ ...good, ends: { 'other text at 3': 1 }, after, closed })).toEqual([
      '1 streams: other text at 3',
      '2 sockets after the last stream',
      '1 listeners more after the last stream',
      '1 timers after the end',
      'unhandled: Error: late',
    ]);
  });

  test('compares the heap of the last third with that of the second, and only if there are enough looks', () => {
    const heaps = [50, 50, 50, 100, 100, 100, 109, 109, 109].map((mb) => mb * 1_000_000);
    expect(thirdsOf(heaps)).toEqual([50_000_000, 100_000_000, 109_000_000]);
    expect(problemsOf({ ...good, heaps })).toEqual(['the heap grew from 100000000 to 109000000 bytes']);
    expect(problemsOf({ ...good, heaps: heaps.slice(1) })).toEqual([]);
  });
});
