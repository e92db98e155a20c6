import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryStore } from 'sluice';
import type { StateStore } from 'sluice';
import { settled } from '../core/harness.ts';
import { violationsOf, type KeptSession } from '../histories/check.ts';
import { keptTurns } from '../histories/kept-turns.ts';
import type { Act, LogLine } from '../histories/log.ts';
import { randomOf } from '../histories/random.ts';
import type { Fate } from './scheduled-store.ts';
import { seedOf } from './seed.ts';
import { TurnProcess, type Ask } from './turn-process.ts';

const RUNS = 2_000;
/** The number of steps in which every turn must finish. */
const STEPS = 20_000;

interface Asked extends Omit<Ask, 'act'> {
  process: number;
}

const plan = fc.record({
  /** The same turn may be requested several times, from several processes. */
  asks: fc.array(
    fc.record<Asked>({
      process: fc.nat(1),
      turn: fc.constantFrom('t1', 't2', 't3', 't4', 'regenerate', 'edit', 'select'),
      session: fc.constant('s'),
      onBusy: fc.constantFrom('queue', 'queue', 'reject', 'supersede'),
      leaves: fc.boolean(),
    }),
    { minLength: 1, maxLength: 7 },
  ),
  /** The results of the calls of the store, in order. All later calls succeed. */
  fates: fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constant<Fate>('well') },
      {
        weight: 2,
        arbitrary: fc.constantFrom<Fate>('refused', 'answer lost', 'never arrives', 'never answered'),
      },
    ),
    { maxLength: 40 },
  ),
  /** After which step the first process dies. */
  death: fc.option(fc.nat(120), { nil: undefined }),
  /** The steps at which the clock moves on although something else could happen. */
  ticks: fc.infiniteStream(fc.nat(9)),
  historyLimit: fc.option(fc.constant(3), { nil: undefined }),
});

describe('turns of two processes on one session', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  test(`R31 R33 R34 R42 R43 nothing acknowledged is lost, doubled or interleaved, and every turn ends (${RUNS} schedules)`, async () => {
    const seed = seedOf('the model of turns');
    const done = { say: 0, regenerate: 0, edit: 0, move: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        plan,
        async (scheduler, { asks, fates, death, ticks, historyLimit }) => {
          const store = new MemoryStore({ ttlMs: 86_400_000 });
          const log: LogLine[] = [];
          const random = randomOf(1);
          const fate = (): Fate => fates.shift() ?? 'well';
          const process = (): TurnProcess =>
            new TurnProcess({ store, scheduler, fate, log, random, historyLimit });
          const processes = [process(), process()];
          const acts = new Map<string, Act>();
          const run = async ({ process: at, ...asked }: Asked): Promise<void> => {
            const { turn, session } = asked;
            if (turn === 'select') return processes[at]?.select(session);
            // Whoever asks for a turn asks for the same.
            const act = acts.get(turn) ?? (await actOf(store, turn));
            acts.set(turn, act);
            log.push({ what: 'begin', turn, session, act });
            // A caller of a dead process asks the other one.
            const ask = { ...asked, act };
            if ((await processes[at]?.ask(ask)) !== true) await processes[1]?.ask(ask);
          };
          // Branches are made when something was said, and selected when they are made.
          const kinds = [['t1', 't2', 't3', 't4'], ['regenerate', 'edit'], ['select']];
          let before: Promise<void> = Promise.resolve();
          const all = kinds.flatMap((kind) => {
            const runs = asks
              .filter(({ turn }) => kind.includes(turn))
              .map((ask) => before.then(() => run(ask)));
            if (runs.length > 0) before = Promise.race(runs);
            return runs;
          });
          await drive(scheduler, Promise.all(all), ticks, (step) => {
            if (step === death) processes[0]?.die();
          });
          vi.clearAllTimers();
          const kept = await keptOf(store, log);
          const spend = await store.spend({ owner: 'o' });
          expect(violationsOf({ logs: log, sessions: kept, spend })).toEqual([]);
          for (const line of log) {
            if (line.what === 'ack') done[acts.get(line.turn)?.does ?? 'say']++;
            if (line.what === 'move') done.move++;
          }
        },
      ),
      { numRuns: RUNS, seed },
    );
    for (const times of Object.values(done)) expect(times).toBeGreaterThan(RUNS / 40);
  });
});

/** Does one step after the other: a task that the scheduler chooses, or the next timer. */
async function drive(
  scheduler: fc.Scheduler,
  all: Promise<unknown>,
  ticks: fc.Stream<number>,
  onStep: (step: number) => void,
): Promise<void> {
  let over = false;
  const watched = all.finally(() => (over = true));
  watched.catch(() => undefined);
  for (let step = 0; step < STEPS; step++) {
    await settled();
    if (over) {
      await watched;
      return;
    }
    onStep(step);
    const tick = ticks.next().value === 0;
    if (scheduler.count() > 0 && !(tick && vi.getTimerCount() > 0)) await scheduler.waitNext(1);
    else if (vi.getTimerCount() > 0) await vi.advanceTimersToNextTimerAsync();
    else throw new Error('Nothing can happen any more, and not all turns are at their end.');
  }
  throw new Error(`The turns are not at their end after ${STEPS} steps.`);
}

const key = { owner: 'o', id: 's' };

/** What a turn is to do. An edit is of the first message that was said. */
async function actOf(store: StateStore, turn: string): Promise<Act> {
  if (turn === 'regenerate') return { does: 'regenerate' };
  const first = turn === 'edit' ? (await store.load(key, { ids: true }))?.ids?.[0] : undefined;
  return first === undefined ? { does: 'say' } : { does: 'edit', of: first };
}

async function keptOf(store: StateStore, log: readonly LogLine[]): Promise<KeptSession[]> {
  const turns = new Set(log.flatMap((line) => (line.what === 'begin' ? [line.turn] : [])));
  const moves = log.flatMap((line) => (line.what === 'move' ? [line.id] : []));
  const state = await store.load(key);
  if (state === undefined) return [];
  const branches = (await store.branches(key)).map(async ({ id }) => {
    const { ids = [], messages = [] } = (await store.load(key, { leaf: id, ids: true })) ?? {};
    return { ids, messages };
  });
  return [
    {
      state,
      turns: await keptTurns(store, key, turns, state.version, moves),
      branches: await Promise.all(branches),
    },
  ];
}
