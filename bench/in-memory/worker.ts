/** The process of one measurement in memory. */
import { serve } from '../harness/answering.ts';
import { executions } from './execution.ts';
import { growth } from './growth.ts';
import { lengths } from './lengths/measure.ts';
import { stackCosts } from './layers.ts';
import type { Kind } from './kinds.ts';

/** The task of a worker. */
export interface MemoryTask {
  what: Kind | 'none' | 'growth' | 'lengths' | 'sluice' | 'ai-sdk';
}

serve(async ({ what }: MemoryTask): Promise<() => Promise<unknown>> => {
  if (what === 'sluice' || what === 'ai-sdk') return executions(what);
  const run = (): Promise<unknown> => measured(what);
  await run();
  return run;
});

function measured(what: Kind | 'none' | 'growth' | 'lengths'): Promise<unknown> {
  if (what === 'growth') return growth();
  return what === 'lengths' ? lengths() : stackCosts(what);
}
