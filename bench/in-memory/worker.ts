/** The process of one measurement in memory. */
import { serve } from '../harness/answering.ts';
import { executions } from './execution.ts';
import { growth } from './growth.ts';
import { idleTools } from './idle-tools.ts';
import { lengths } from './lengths/measure.ts';
import { stackCosts } from './layers.ts';
import type { Kind } from './kinds.ts';
import { toolTurns } from './tool-turns.ts';
import type { IN_MEMORY } from './tool-turns.ts';

type Work = Kind | 'none' | 'growth' | 'lengths' | 'idle tools';

/** The task of a worker. */
export type MemoryTask =
  | { what: Work }
  | { what: 'execution'; who: 'sluice' | 'ai-sdk' }
  | { what: 'tool turn'; who: (typeof IN_MEMORY)[number] };

serve(async (task: MemoryTask): Promise<() => Promise<unknown>> => {
  if (task.what === 'execution') return executions(task.who);
  if (task.what === 'tool turn') return toolTurns(task.who);
  const { what } = task;
  const run = (): Promise<unknown> => measured(what);
  await run();
  return run;
});

function measured(what: Work): Promise<unknown> {
  if (what === 'growth') return growth();
  if (what === 'idle tools') return idleTools();
  return what === 'lengths' ? lengths() : stackCosts(what);
}
