import { contestants } from './contestants.ts';

/** What one run is: of whom, and how large the object is. */
export interface Run {
  contestant: string;
  baseURL: string;
}

/** CPU time in milliseconds, how many parts came, and how many items the object has. */
export interface Ran {
  cpuMs: number;
  parts: number;
  items: number;
}

/** Does one run for each message. */
process.on('message', (run: Run) => {
  void ran(run).then((result) => process.send?.(result));
});
process.on('disconnect', () => process.exit());

async function ran({ contestant, baseURL }: Run): Promise<Ran> {
  const read = contestants[contestant];
  if (read === undefined) throw new Error(`There is no contestant ${contestant}.`);
  let parts = 0;
  const before = process.cpuUsage();
  const items = await read(baseURL, () => parts++);
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1_000, parts, items };
}
