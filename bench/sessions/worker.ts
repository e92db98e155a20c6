/** The process of one side. */
import type { Size } from '../plan.ts';
import { serve } from '../harness/answering.ts';
import { growthOf } from './growth.ts';
import { speedOf } from './speed.ts';
import type { SpeedOf } from './speed.ts';
import { stepsOf } from './steps.ts';
import type { Places } from './places.ts';
import type { StoreId } from './stores.ts';

/** The task of a worker. */
export type SessionTask = { size: Size; places: Places } & (
  { speed: SpeedOf } | { growth: StoreId } | { steps: StoreId }
);

serve(async (task: SessionTask): Promise<() => Promise<unknown>> => {
  const { size, places } = task;
  if ('steps' in task) return stepsOf(task.steps, places, size);
  return 'speed' in task ? speedOf(task.speed, places, size) : growthOf(task.growth, places, size);
});
