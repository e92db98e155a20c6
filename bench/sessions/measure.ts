import type { Size } from '../plan.ts';
import { interleave } from '../harness/rounds.ts';
import type { Side, Turns } from '../harness/rounds.ts';
import type { Growth } from './growth.ts';
import type { Places } from './places.ts';
import type { Speed, SpeedOf } from './speed.ts';
import type { StepCosts } from './steps.ts';
import type { StoreEntry } from './stores.ts';
import type { SessionTask } from './worker.ts';

/** All results, by side and run. */
export interface MeasuredSessions {
  stores: readonly StoreEntry[];
  /** Keys are the id of a store, the id followed by ` bare`, or `execution`. */
  speed: Map<string, Speed[]>;
  growth: Map<string, Growth[]>;
  steps: Map<string, StepCosts[]>;
}

type Work = { speed: SpeedOf } | { growth: StoreEntry['id'] } | { steps: StoreEntry['id'] };

/** Measures the stores. Reports its progress on standard error. */
export async function measure(
  stores: readonly StoreEntry[],
  places: Places,
  { size, runs }: { size: Size; runs: number },
): Promise<MeasuredSessions> {
  const turns: Turns = { runs, processes: size === 'quick' ? 'kept' : 'each' };
  const side = (id: string, what: Work): Side => {
    const task: SessionTask = { size, places, ...what };
    return { id, label: id, module: 'sessions/worker.ts', task };
  };
  const speeds = stores.flatMap(({ id }) => [
    side(id, { speed: { store: id, bare: false } }),
    side(`${id} bare`, { speed: { store: id, bare: true } }),
  ]);
  const growths = stores.map(({ id }) => side(id, { growth: id }));
  const speed = await timed('turns, and bare writes', () =>
    interleave<Speed>([side('execution', { speed: 'execution' }), ...speeds], turns),
  );
  const growth = await timed('long sessions', () => interleave<Growth>(growths, turns));
  const steps = await timed('steps and appends', () =>
    interleave<StepCosts>(
      stores.map(({ id }) => side(id, { steps: id })),
      turns,
    ),
  );
  return { stores, speed, growth, steps };
}

async function timed<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  const started = performance.now();
  const result = await work();
  console.error(`${what}: ${((performance.now() - started) / 1_000).toFixed(1)} s`);
  return result;
}
