import { median } from '../harness/statistics.ts';
import { cpuOf } from '../client/scenario.ts';
import type { Size } from '../plan.ts';
import { executions, recordedTurn, turnsOn } from './conversation.ts';
import type { RunTurn } from './conversation.ts';
import { openBackend } from './stores.ts';
import type { StoreId } from './stores.ts';
import type { Places } from './places.ts';

/** How many sessions have a turn at the same time. */
export const TOGETHER = 10;
/** How long a run measures single turns, and then concurrent ones, in milliseconds. */
export const RUN_MS: Record<Size, number> = { quick: 70, full: 1_000 };
/** How many turns each session has before the first run. They also fill the windows. */
const BEFOREHAND: Record<Size, number> = { quick: 12, full: 50 };
/** The minimum number of turns in a run: of single turns, and of concurrent turns of each session. */
const LEAST = { alone: 15, each: 3 };

/** The turns of one side in one run. */
export interface Speed {
  /** Microseconds per turn (p50), one after the other. */
  us: number;
  /** Turns per second, with concurrent turns. */
  perSecond: number;
  /** CPU time of this process per turn, in microseconds, with concurrent turns. */
  cpuUs: number;
}

/** Turns with a store, bare writes of the same texts, or executions without a session. */
export type SpeedOf = { store: StoreId; bare: boolean } | 'execution';

/** Prepares one side. Returns a function that does one run. */
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

/** Runs one turn after the other, in changing sessions. Returns the median time in microseconds. */
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

/** Runs turns of several sessions at once, but one after the other within a session. Returns how many there were. */
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
