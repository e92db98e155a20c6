/** The process of one bench in memory. */
import type { Size } from '../client/scenario.ts';
import { serve } from '../harness/answering.ts';
import { executions } from './execution.ts';
import { growth } from './growth.ts';
import { stackCosts } from './layers.ts';
import type { Kind } from './kinds.ts';

/** What a worker is started with. */
export interface MemoryTask {
  what: Kind | 'none' | 'growth' | 'sluice' | 'ai-sdk';
  size: Size;
}

serve(async ({ what, size }: MemoryTask): Promise<() => Promise<unknown>> => {
  if (what === 'sluice' || what === 'ai-sdk') return executions(what, size);
  const run = (): Promise<unknown> => (what === 'growth' ? growth(size) : stackCosts(what, size));
  await run();
  return run;
});
