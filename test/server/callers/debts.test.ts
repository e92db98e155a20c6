import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SluiceError, toLogger } from 'sluice';
import { Debts } from '../../../server/callers/debts.ts';
import { memoryCounter } from '../../../server/callers/memory-counter.ts';
import type { CallerCounter, Spent } from '../../../server/callers/counter.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const spent = (usd: number): Spent => ({ tokens: 10, usd, isUnknown: false });

/** A counter that can be away, and what it and the log were told. */
function stage() {
  const state = { isAway: true, asked: 0, losesAnswers: false, throwsAtOnce: false };
  const counted: { caller: string; id: string; usd: number }[] = [];
  const lines: { level: string; message: string; fields: unknown }[] = [];
  const spend = async (caller: string, id: string, usd: number): Promise<void> => {
    if (state.isAway && !state.losesAnswers) throw new SluiceError('store', 'It does not answer.');
    if (!counted.some((one) => one.id === id)) counted.push({ caller, id, usd });
    if (state.losesAnswers) throw new SluiceError('store', 'The answer was lost.');
  };
  const counter: CallerCounter = {
    ...memoryCounter(),
    spend(caller, id, { usd }) {
      state.asked++;
      if (state.throwsAtOnce) throw new SluiceError('store', 'It cannot be asked.');
      return spend(caller, id, usd);
    },
  };
  const write = (level: string) => (message: string, fields?: object) =>
    void lines.push({ level, message, fields });
  const log = toLogger({
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  });
  const sums = (): [string, number][] => counted.map(({ caller, usd }) => [caller, usd]);
  /** It answers again, and is asked again. */
  const isBack = async (): Promise<void> => {
    state.isAway = state.losesAnswers = state.throwsAtOnce = false;
    await vi.advanceTimersByTimeAsync(10_000);
  };
  return { state, sums, lines, isBack, debts: new Debts(counter, log) };
}

test('what a counter does not take is counted when it is back, once each', async () => {
  const { sums, lines, isBack, debts } = stage();
  debts.add('ada', spent(1));
  debts.add('bob', spent(2));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sums()).toEqual([]);
  await isBack();
  expect(sums()).toEqual([
    ['ada', 1],
    ['bob', 2],
  ]);
  // Said once, however long it takes.
  expect(lines.map(({ level }) => level)).toEqual(['warn']);
  expect(vi.getTimerCount()).toBe(0);
});

test('a counter that is away is asked ever less often, and by one turn at a time', async () => {
  const { state, debts } = stage();
  for (let turn = 0; turn < 100; turn++) debts.add('ada', spent(1));
  await vi.advanceTimersByTimeAsync(0);
  expect(state.asked).toBe(100);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(state.asked - 100).toBeGreaterThan(50);
  expect(state.asked - 100).toBeLessThan(130);
});

test('an answer that was lost counts nothing twice', async () => {
  const { state, sums, isBack, debts } = stage();
  state.losesAnswers = true;
  debts.add('ada', spent(1));
  await vi.advanceTimersByTimeAsync(1_000);
  await isBack();
  expect(sums()).toEqual([['ada', 1]]);
});

test('a counter that throws at once fails no turn, and gets what was used later', async () => {
  const { state, sums, lines, isBack, debts } = stage();
  state.throwsAtOnce = true;
  debts.add('ada', spent(1));
  await vi.advanceTimersByTimeAsync(1_000);
  await isBack();
  expect(sums()).toEqual([['ada', 1]]);
  expect(lines.map(({ level }) => level)).toEqual(['warn']);
});

test('what is not counted within a day is given up, since counters know an id for no longer', async () => {
  const { sums, lines, isBack, debts } = stage();
  debts.add('ada', spent(1));
  await vi.advanceTimersByTimeAsync(43_200_000);
  debts.add('bob', spent(2));
  await vi.advanceTimersByTimeAsync(43_200_000);
  await isBack();
  expect(sums()).toEqual([['bob', 2]]);
  expect(lines.at(-1)).toMatchObject({ level: 'error', fields: { caller: 'ada', usd: 1 } });
  expect(vi.getTimerCount()).toBe(0);
});

test('the end tries once more, and writes what is lost to the log', async () => {
  const back = stage();
  back.debts.add('ada', spent(1));
  await vi.advanceTimersByTimeAsync(0);
  back.state.isAway = false;
  await back.debts.settled();
  expect(back.sums()).toEqual([['ada', 1]]);
  const gone = stage();
  gone.debts.add('ada', spent(1));
  await gone.debts.settled();
  expect(gone.lines.at(-1)).toEqual({
    level: 'error',
    message: 'what a turn has used was not counted',
    fields: { caller: 'ada', tokens: 10, usd: 1 },
  });
  expect(vi.getTimerCount()).toBe(0);
});

test('a counter that is never back does not fill the memory', async () => {
  const { lines, debts } = stage();
  for (let turn = 0; turn < 10_001; turn++) debts.add(`caller ${turn}`, spent(1));
  await vi.advanceTimersByTimeAsync(0);
  expect(lines.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { caller: 'caller 0' } }]);
});
