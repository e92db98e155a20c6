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
  /** How many streams are opened at a time when many are held. Default: all at once. */
  openAtOnce?: number | undefined;
}

/** Loads a contestant and warms it up. Returns a function that does one run of the scenario. */
export async function prepare(task: Task): Promise<() => Promise<number>> {
  const { script, calls, warmUp, run, once } = scenario(task.scenario);
  const { tool = false } = script;
  const callersAt = await callersOf(task.contestant, tool);
  const callerOf: CallerOf = (one, calls) => callersAt(task.origin, { ...one, tool }, calls);
  const caller = callerOf(script, calls);
  if (task.openAtOnce !== undefined) caller.openAtOnce = task.openAtOnce;
  // A single first call, so that everything that is set up on first use is set up once.
  await callerOf({ chunks: 20, perWrite: 1, paceMs: 0 }, 1).call();
  if (once !== true) await compile(callerOf);
  await warmUp(caller);
  return () => run(caller);
}

/** Makes a caller of answers that are played in one way, for so many calls at once. */
type CallerOf = (script: Script, calls: number) => Caller;

/** Loads a contestant, or its side of a tool turn. Returns a function that makes callers of one address of the upstream. */
export async function callersOf(
  id: ContestantId,
  tool = false,
): Promise<(origin: string, script: Script, calls: number) => Caller> {
  const { wire, label } = contestant(id);
  const module = tool ? `../contestants/tools/${id}.ts` : `../contestants/${id}.ts`;
  const { open } = (await import(module)) as { open: Open };
  return function callerOf(origin, script, calls) {
    const baseURL = `${origin}${pathOf(script)}${wire === 'chat' ? '/v1' : ''}`;
    return new Caller(label, open({ baseURL, calls }), answerOf(script.chunks));
  };
}

const CALLS_AT_ONCE = 10;

/** Processor time spent on each half of the warm-up, in microseconds. With a fifth of it, some ratios are twice as high. */
const WARM_UP_CPU = 1_500_000;

/**
 * Works until the compiler has done most of its work. Every contestant gets the same processor time: half with long answers, half with calls of
 * one chunk, and at least two rounds of each.
 */
export async function compile(callerOf: CallerOf): Promise<void> {
  const long = callerOf({ chunks: 500, perWrite: 1, paceMs: 0 }, CALLS_AT_ONCE);
  const short = callerOf({ chunks: 1, perWrite: 1, paceMs: 0 }, CALLS_AT_ONCE);
  for (const caller of [long, short]) {
    let cpu = 0;
    for (let round = 0; round < 2 || cpu < WARM_UP_CPU; round++)
      cpu += await cpuOf(() => caller.together(CALLS_AT_ONCE));
  }
}
