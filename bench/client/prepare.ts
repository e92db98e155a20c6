import { answerOf } from '../upstream/text.ts';
import { pathOf } from '../upstream/script.ts';
import type { Script } from '../upstream/script.ts';
import { contestant } from '../contestants/list.ts';
import type { ContestantId } from '../contestants/list.ts';
import type { Open } from '../contestants/reader.ts';
import { Caller, cpuOf } from './scenario.ts';
import type { ScenarioId } from './scenario.ts';
import { scenario } from './scenarios.ts';

/** The task of a worker. */
export interface Task {
  contestant: ContestantId;
  scenario: ScenarioId;
  origin: string;
}

/** Loads a contestant and warms it up. Returns a function that does one run of the scenario. */
export async function prepare(task: Task): Promise<() => Promise<number>> {
  const { wire, label } = contestant(task.contestant);
  const { script, calls, warmUp, run, once } = scenario(task.scenario);
  const addressOf = (one: Script): string => `${task.origin}${pathOf(one)}${wire === 'chat' ? '/v1' : ''}`;
  const { open } = (await import(`../contestants/${task.contestant}.ts`)) as { open: Open };
  const callerOf = (one: Script, calls: number): Caller =>
    new Caller(label, open({ baseURL: addressOf(one), calls }), answerOf(one.chunks));
  const caller = callerOf(script, calls);
  // A single first call, so that everything that is set up on first use is set up once.
  await callerOf({ chunks: 20, perWrite: 1, paceMs: 0 }, 1).call();
  if (once !== true) {
    const long = callerOf({ chunks: 500, perWrite: 1, paceMs: 0 }, CALLS_AT_ONCE);
    const short = callerOf({ chunks: 1, perWrite: 1, paceMs: 0 }, CALLS_AT_ONCE);
    await compile(long, short);
  }
  await warmUp(caller);
  return () => run(caller);
}

const CALLS_AT_ONCE = 10;

/** Processor time spent on each half of the warm-up, in microseconds. With a fifth of it, some ratios are twice as high. */
const WARM_UP_CPU = 1_500_000;

/**
 * Works until the compiler has done most of its work. Every contestant gets the same processor time: half with long answers, half with calls of
 * one chunk, and at least two rounds of each.
 */
async function compile(long: Caller, short: Caller): Promise<void> {
  for (const caller of [long, short]) {
    let cpu = 0;
    for (let round = 0; round < 2 || cpu < WARM_UP_CPU; round++)
      cpu += await cpuOf(() => caller.together(CALLS_AT_ONCE));
  }
}
