import { Worker } from './worker.ts';

/** One side of a comparison, and how its worker is started. */
export interface Side {
  id: string;
  label: string;
  module: string;
  task: unknown;
  /** The path of its Node.js. Default: the one that runs the bench. */
  node?: string;
  /** Variables of its environment, in addition to those of the bench. */
  env?: Readonly<Record<string, string>>;
}

/** How the sides take turns. */
export interface Turns {
  runs: number;
  /** `each`: a new process for each run. `kept`: one process for all runs of a side. `abreast`: a new process for each run, and all sides and two runs at the same time. */
  processes: 'each' | 'kept' | 'abreast';
}

/**
 * Runs all sides in turn: A B C, B C A, C A B. Whatever else the machine does affects all of them alike. Each side has its own process, so
 * that no compiled code and no heap is shared.
 */
export async function interleave<Result>(
  sides: readonly Side[],
  turns: Turns,
): Promise<Map<string, Result[]>> {
  const results = new Map<string, Result[]>(sides.map(({ id }) => [id, []]));
  const add = (id: string, result: Result): number | undefined => results.get(id)?.push(result);
  if (turns.processes === 'kept') {
    await using started = new AsyncDisposableStack();
    const workers = sides.map((side) => ({ id: side.id, worker: started.use(new Worker<Result>(side)) }));
    await Promise.all(workers.map(({ worker }) => worker.ready()));
    for (let run = 0; run < turns.runs; run++) {
      for (const { id, worker } of rotated(workers, run)) add(id, await worker.run());
    }
    return results;
  }
  if (turns.processes === 'abreast') {
    for (let left = turns.runs; left > 0; left -= RUNS_ABREAST) {
      const now = Array.from({ length: Math.min(left, RUNS_ABREAST) }, () => sides).flat();
      await Promise.all(now.map(async (side) => add(side.id, await runOnce<Result>(side))));
    }
    return results;
  }
  for (let run = 0; run < turns.runs; run++) {
    for (const side of rotated(sides, run)) add(side.id, await runOnce<Result>(side));
  }
  return results;
}

/** Processes that mostly wait can share a core two at a time. More would delay each other. */
const RUNS_ABREAST = 2;

async function runOnce<Result>(side: Side): Promise<Result> {
  await using worker = new Worker<Result>(side);
  await worker.ready();
  return await worker.run();
}

function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}
