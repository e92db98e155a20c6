import { answerOf } from '../upstream/text.ts';
import { pathOf } from '../upstream/script.ts';
import type { Script } from '../upstream/script.ts';
import { contestant } from '../contestants/list.ts';
import type { ContestantId } from '../contestants/list.ts';
import type { Open } from '../contestants/reader.ts';
import { Caller } from './scenario.ts';
import type { ScenarioId, Size } from './scenario.ts';
import { scenario } from './scenarios.ts';

/** What a worker is started with. */
export interface Task {
  contestant: ContestantId;
  scenario: ScenarioId;
  size: Size;
  origin: string;
}

/** Loads a contestant and warms it up; what it gives does one run of the scenario. */
export async function prepare(task: Task): Promise<() => Promise<number>> {
  const { wire, label } = contestant(task.contestant);
  const { script, calls, warmUp, run } = scenario(task.scenario);
  const played = script(task.size);
  const addressOf = (one: Script): string => `${task.origin}${pathOf(one)}${wire === 'chat' ? '/v1' : ''}`;
  const { open } = (await import(`../contestants/${task.contestant}.ts`)) as { open: Open };
  const reader = open({ baseURL: addressOf(played), calls });
  const caller = new Caller(label, reader, answerOf(played.chunks));
  // The first call alone: what is set up at the first use, or fails at it, does so once.
  const short = { ...played, chunks: 20, paceMs: 0 };
  await new Caller(label, open({ baseURL: addressOf(short), calls: 1 }), answerOf(short.chunks)).call();
  await warmUp(caller, task.size);
  return () => run(caller, task.size);
}
