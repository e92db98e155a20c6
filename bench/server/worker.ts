/** The process of one server. For each run it starts a load in another process, and reports what it used itself in the meantime. */
import { fork } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { serve as listen } from '@hono/node-server';
import { serve } from '../harness/answering.ts';
import { contestantOf } from './contestants.ts';
import type { LoadTask } from './load.ts';
import type { Seen, ServedLoad, ServeTask } from './plan.ts';

serve(async (task: ServeTask): Promise<() => Promise<ServedLoad>> => {
  const { fetch, path, body } = await contestantOf(task);
  const { port } = await new Promise<AddressInfo>((resolve) => {
    listen({ fetch, port: 0, hostname: '127.0.0.1', serverOptions: { keepAliveTimeout: 65_000 } }, resolve);
  });
  const { work, concurrent } = task;
  const load = (requests: number): Promise<Seen> =>
    loadOf({ url: `http://127.0.0.1:${port}${path}`, body, work, concurrent, requests });
  // Compiles what the run needs.
  await load(concurrent);
  return async () => {
    const before = process.cpuUsage();
    const seen = await load(task.requests);
    const { user, system } = process.cpuUsage(before);
    const peakMb = process.resourceUsage().maxRSS / 1024;
    return { ...seen, cpuMsPerRequest: (user + system) / 1000 / seen.requests, peakMb };
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
