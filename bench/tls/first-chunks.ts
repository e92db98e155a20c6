import { callersOf, compile } from '../client/prepare.ts';
import type { Caller } from '../client/scenario.ts';
import type { ContestantId } from '../contestants/list.ts';
import type { Script } from '../upstream/script.ts';

/** So many calls at once, and how often: each time on a new port without connections, then several times on the connections of the first time. */
const STEPS = [
  { calls: 1, ports: 10, timesWarm: 50 },
  { calls: 16, ports: 4, timesWarm: 10 },
  { calls: 100, ports: 2, timesWarm: 4 },
  { calls: 500, ports: 1, timesWarm: 2 },
] as const;

/** How many calls are made at once. */
export type CallsAtOnce = (typeof STEPS)[number]['calls'];
export const CALLS_AT_ONCE: readonly CallsAtOnce[] = STEPS.map(({ calls }) => calls);

/** Whether the connections exist. */
export type State = 'cold' | 'warm';

/** Milliseconds from the start of all calls to the first piece of text of each. */
export interface FirstChunk {
  p50: number;
  p99: number;
}

/** A run. */
export type FirstChunks = Record<`${State} ${CallsAtOnce}`, FirstChunk>;

/** What the process of an entrant gets. */
export interface FirstChunksTask {
  contestant: ContestantId;
  /** One for the warm-up, and {@link portsOf} more. */
  origins: readonly string[];
}

/** How many ports a number of runs needs. The warm-up needs as many as a run. */
export function portsOf(runs: number): number {
  return 1 + (runs + 1) * PORTS;
}

const PORTS = STEPS.reduce((sum, { ports }) => sum + ports, 0);
const MOST_CALLS = Math.max(...CALLS_AT_ONCE);

/** A whole answer in one write, so that nothing of one call delays another one's first chunk. */
const ANSWER: Script = { chunks: 20, perWrite: 20, paceMs: 0 };

/** Loads and warms up a contestant. Returns a function that does one run, with ports that were not used before. */
export async function prepareFirstChunks({
  contestant,
  origins,
}: FirstChunksTask): Promise<() => Promise<FirstChunks>> {
  const callerOf = await callersOf(contestant);
  const [first = '', ...unused] = origins;
  await callerOf(first, ANSWER, 1).call();
  await compile((script, calls) => callerOf(first, script, calls));
  async function run(): Promise<FirstChunks> {
    const result: Partial<FirstChunks> = {};
    for (const { calls, ports, timesWarm } of STEPS) {
      const cold: number[] = [];
      const warm: number[] = [];
      for (let port = 0; port < ports; port++) {
        const origin = unused.shift();
        if (origin === undefined) throw new Error('There are not enough ports.');
        const caller = callerOf(origin, ANSWER, MOST_CALLS);
        cold.push(...(await firstChunks(caller, calls)));
        for (let time = 0; time < timesWarm; time++) warm.push(...(await firstChunks(caller, calls)));
      }
      result[`cold ${calls}`] = summaryOf(cold);
      result[`warm ${calls}`] = summaryOf(warm);
    }
    return result as FirstChunks;
  }
  await run();
  return run;
}

async function firstChunks(caller: Caller, calls: number): Promise<number[]> {
  const times: number[] = [];
  const started = performance.now();
  const one = (): Promise<void> => caller.call(() => times.push(performance.now() - started));
  await Promise.all(Array.from({ length: calls }, one));
  return times;
}

function summaryOf(times: readonly number[]): FirstChunk {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
