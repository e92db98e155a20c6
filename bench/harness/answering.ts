import { inspect } from 'node:util';

/** A message from a worker: that it is ready, a result, or an error. */
export type Answer = { ready: true } | { result: unknown } | { error: string };

/** Runs a worker: prepares for the task of this process, then does one run for each request of its parent. */
export function serve<Task, Result>(prepare: (task: Task) => Promise<() => Promise<Result>>): void {
  const task = JSON.parse(process.argv[2] ?? 'null') as Task;
  const ready = prepare(task);
  process.on('message', () => void answer(async () => ({ result: await (await ready)() })));
  process.on('disconnect', () => process.exit());
  void answer(async () => {
    await ready;
    return { ready: true };
  });
}

async function answer(make: () => Promise<Answer>): Promise<void> {
  try {
    process.send?.(await make());
  } catch (error) {
    // With its causes.
    process.send?.({ error: inspect(error) });
  }
}
