import { median } from '../harness/statistics.ts';
import type { Size } from '../plan.ts';
import { begin, turnsOn } from './conversation.ts';
import { openBackend } from './stores.ts';
import type { StoreId } from './stores.ts';
import type { Places } from './places.ts';

/** Lengths of sessions, in messages: shorter than the window, longer, and very long. */
export const LENGTHS = [10, 100, 10_000] as const;
export type Length = (typeof LENGTHS)[number];

/** How long a run takes, in milliseconds. */
export const GROWTH_MS: Record<Size, number> = { quick: 100, full: 2_000 };
/** The minimum number of turns of each length in a run. */
const LEAST = 12;

/** The time of the next turn (p50), in microseconds, by the length of the session. */
export type Growth = Record<Length, number>;

/** Prepares a store. Returns a function that does one run. */
export async function growthOf(id: StoreId, places: Places, size: Size): Promise<() => Promise<Growth>> {
  const { store, beforehand = store } = await openBackend(id, places);
  const turn = turnsOn(store);
  const own = crypto.randomUUID();
  const [short, middle, long] = LENGTHS;
  for (const length of [middle, long]) await begin(beforehand, `${own}-${length}`, length);
  let shorts = 0;

  async function growth(ms: number): Promise<Growth> {
    const times: Record<Length, number[]> = { [short]: [], [middle]: [], [long]: [] };
    for (let spent = 0, round = 0; round < LEAST || spent < ms; round++) {
      // A turn makes a short session longer, so that each session has only one.
      const shortId = `${own}-${short}-${shorts++}`;
      await begin(beforehand, shortId, short);
      for (let next = 0; next < LENGTHS.length; next++) {
        const length = LENGTHS[(round + next) % LENGTHS.length] ?? short;
        const started = performance.now();
        await turn(length === short ? shortId : `${own}-${length}`);
        const took = performance.now() - started;
        times[length].push(took * 1_000);
        spent += took;
      }
    }
    return { [short]: median(times[short]), [middle]: median(times[middle]), [long]: median(times[long]) };
  }

  // Warms up compiled code and the server's query plans.
  await growth(GROWTH_MS[size] / 3);
  return () => growth(GROWTH_MS[size]);
}
