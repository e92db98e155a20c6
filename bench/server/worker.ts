/** The process of one server. For each run it starts a load in another process, and reports what it used itself in the meantime. */
import { fork } from 'node:child_process';
import { PerformanceObserver } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { serve } from '../harness/answering.ts';
import { contestantOf } from './contestants.ts';
import type { LoadTask } from './load.ts';
import type { Seen, ServedLoad, ServeTask } from './plan.ts';
import { profiled } from './profile.ts';

serve(async (task: ServeTask): Promise<() => Promise<ServedLoad>> => {
  const { port, path, body } = await contestantOf(task);
  const { work, concurrent } = task;
  const load = (requests: number): Promise<Seen> =>
    loadOf({ url: `http://127.0.0.1:${port}${path}`, body, work, concurrent, requests });
  // Compiles what the run needs. With fewer requests than this, much of the run is the compiler's.
  await load(task.requests);
  let gcMs = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) gcMs += duration;
  }).observe({ entryTypes: ['gc'] });
  return async () => {
    gcMs = 0;
    const before = process.cpuUsage();
    const seen = await profiled(task, () => load(task.requests));
    const { user, system } = process.cpuUsage(before);
    const peakMb = process.resourceUsage().maxRSS / 1024;
    const { requests } = seen;
    return {
      ...seen,
      cpuMsPerRequest: (user + system) / 1000 / requests,
      gcMsPerRequest: gcMs / requests,
      peakMb,
    };
  };
});

function loadOf(task: LoadTask): Promise<Seen> {
  const child = fork(fileURLToPath(new URL('load.ts', import.meta.url)), [JSON.stringify(task)], {
    execArgv: ['--no-warnings'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', (seen) => resolve(seen as Seen));
    child.once('exit', () => reject(new Error('The load has ended without a result.')));
  });
}
