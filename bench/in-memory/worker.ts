/** The process of one bench in memory. */
import type { Size } from '../client/scenario.ts';
import { serve } from '../harness/answering.ts';
import { executions } from './execution.ts';
import { growth } from './growth.ts';
import { layerCosts } from './layers.ts';

/** What a worker is started with. */
export interface MemoryTask {
  size: Size;
  what: 'layers' | 'growth' | 'sluice' | 'ai-sdk';
}

serve(async ({ what, size }: MemoryTask): Promise<() => Promise<unknown>> => {
  if (what === 'sluice' || what === 'ai-sdk') return executions(what);
  const run = (): Promise<unknown> => (what === 'layers' ? layerCosts(size) : growth(size));
  await run();
  return run;
});
