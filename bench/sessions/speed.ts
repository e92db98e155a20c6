import { median } from '../harness/statistics.ts';
import { cpuOf } from '../client/scenario.ts';
import type { Size } from '../plan.ts';
import { executions, recordedTurn, turnsOn } from './conversation.ts';
import type { RunTurn } from './conversation.ts';
import { openBackend } from './stores.ts';
import type { StoreId } from './stores.ts';
import type { Places } from './places.ts';

/** Sessions that have a turn at the same time. */
export const TOGETHER = 10;
/** How long one run measures turns alone, and as long turns at the same time, in milliseconds. */
export const RUN_MS: Record<Size, number> = { quick: 70, full: 1_000 };
/** Turns of each session before the first run: they fill the windows, too. */
const BEFOREHAND: Record<Size, number> = { quick: 12, full: 50 };
/** Turns that a run measures at least, however slow they are: alone, and of each of the sessions at once. */
const LEAST = { alone: 15, each: 3 };

/** Turns of one side, in one run. */
export interface Speed {
  /** Microseconds a turn, one after the other, p50. */
  us: number;
  /** Turns a second, with so many at once. */
  perSecond: number;
  /** Microseconds of this process's CPU a turn, with so many at once. */
  cpuUs: number;
}

/** Turns in a store, the bare writes of turns in the same place, or executions without a session. */
export type SpeedOf = { store: StoreId; bare: boolean } | 'execution';

/** Makes one side ready; each call of what it resolves to is one run. */
export async function speedOf(what: SpeedOf, places: Places, size: Size): Promise<() => Promise<Speed>> {
  const turn = what === 'execution' ? executions() : await turnOf(what, places);
  const ids = Array.from({ length: TOGETHER }, (_, index) => `${crypto.randomUUID()}-${index}`);
  await together(turn, ids, (number) => number < BEFOREHAND[size]);
  return async function run() {
    const us = await alone(turn, ids, RUN_MS[size]);
    const started = performance.now();
    const until = started + RUN_MS[size];
    let turns = 0;
    const cpu = await cpuOf(async () => {
      turns = await together(turn, ids, (number) => number < LEAST.each || performance.now() < until);
    });
    return { us, perSecond: (turns * 1_000) / (performance.now() - started), cpuUs: cpu / turns };
  };
}

async function turnOf(
  { store: id, bare }: { store: StoreId; bare: boolean },
  places: Places,
): Promise<RunTurn> {
  const { store, write } = await openBackend(id, places);
  if (!bare) return turnsOn(store);
  const { texts } = await recordedTurn();
  return async function writes(name) {
    for (const text of texts) await write(name, text);
  };
}

/** One turn after the other, now of this session, now of that. The middle time, in microseconds. */
async function alone(turn: RunTurn, ids: readonly string[], ms: number): Promise<number> {
  const until = performance.now() + ms;
  const times: number[] = [];
  while (times.length < LEAST.alone || performance.now() < until) {
    const started = performance.now();
    await turn(ids[times.length % ids.length] ?? '');
    times.push((performance.now() - started) * 1_000);
  }
  return median(times);
}

/** Turns of several sessions at once, within a session one after the other, as long as asked. How many it were. */
async function together(
  turn: RunTurn,
  ids: readonly string[],
  again: (number: number) => boolean,
): Promise<number> {
  const turns = await Promise.all(
    ids.map(async (id) => {
      let number = 0;
      for (; again(number); number++) await turn(id);
      return number;
    }),
  );
  return turns.reduce((sum, number) => sum + number, 0);
}
