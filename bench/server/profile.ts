import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { flameOf } from '../report/flame.ts';
import { LABELS } from './plan.ts';
import type { ServeTask } from './plan.ts';

/** Does a run, and writes a CPU profile and a flame graph of it if the task asks for them. A run with a profile is slower than one without. */
export async function profiled<T>(
  { who, work, concurrent, profile }: ServeTask,
  run: () => Promise<T>,
): Promise<T> {
  if (profile !== true) return run();
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 500 });
  await session.post('Profiler.start');
  const result = await run();
  const stopped = await session.post('Profiler.stop');
  session.disconnect();
  const folder = new URL('../profiles/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const name = `server-${work}-${concurrent}-${who}`;
  writeFileSync(new URL(`${name}.cpuprofile`, folder), JSON.stringify(stopped.profile));
  const title = `${LABELS[who]}: ${concurrent} at once, ${work}`;
  writeFileSync(new URL(`${name}.svg`, folder), flameOf(stopped.profile, title));
  return result;
}
