import { describe, expect, test } from 'vitest';
import { soak } from './run.ts';
import type { Soak } from './run.ts';
import { problemsOf, thirdsOf } from './verdict.ts';

/** Different in each run. Set `SLUICE_SEED` to repeat one. */
const seed = Number(process.env['SLUICE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const TOTAL = 200;

describe(`a soak of a server (SLUICE_SEED=${seed})`, () => {
  test('leaves no socket, timer, listener or rejection behind: 200 streams, a fifth left by clients, a tenth read slowly', async () => {
    const told = await soak({
      ...{ streams: 40, total: TOTAL, everyMs: 2, lookMs: 2_000, ttlMs: 30_000, orphanMs: 10_000, seed },
      slow: { bytes: 8_000_000, firstMs: 1_000 },
    });
    // So short a soak says nothing of the heap, however often it is looked at on a slow machine.
    expect(problemsOf({ ...told, heaps: [] })).toEqual([]);
    const { begun, leaving, back, slow, resumable, faults, ends } = told;
    expect([begun, leaving, back, slow, resumable, faults]).toEqual([
      TOTAL,
      TOTAL / 5,
      7,
      TOTAL / 10,
      67,
      16,
    ]);
    expect(ends['completed after it came back']).toBe(7);
    expect(ends['completed']).toBeGreaterThanOrEqual(TOTAL - TOTAL / 5);
  });
});

describe('the verdict of a soak', () => {
  const none = { heap: 0, sockets: 0, timers: 0, listeners: 3, full: 0, rejections: [] };
  const good: Soak = {
    ends: { completed: 8, left: 2 },
    ...{ begun: 10, leaving: 2, back: 0, slow: 1, resumable: 0, faults: 0, full: [0, 1] },
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

  test('says so if the slow clients were too fast for their connections', () => {
    expect(problemsOf({ ...good, full: [0, 0] })).toEqual(['no slow client was ever behind']);
  });

  test('compares the heap of the last third with that of the second, and only if there are enough looks', () => {
    const heaps = [50, 50, 50, 100, 100, 100, 109, 109, 109].map((mb) => mb * 1_000_000);
    expect(thirdsOf(heaps)).toEqual([50_000_000, 100_000_000, 109_000_000]);
    expect(problemsOf({ ...good, heaps })).toEqual(['the heap grew from 100000000 to 109000000 bytes']);
    expect(problemsOf({ ...good, heaps: heaps.slice(1) })).toEqual([]);
  });
});
