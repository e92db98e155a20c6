import type { ReadyCall } from './calls.ts';

/**
 * Takes from the front of a queue what may begin now, in order: as many as there is room for. A tool with `parallel: false` begins when nothing runs, and nothing
 * begins beside it.
 */
export function takeStarts(
  queue: ReadyCall[],
  running: readonly ReadyCall[],
  maxParallel: number,
): ReadyCall[] {
  const starts: ReadyCall[] = [];
  let isAlone = running.some(({ tool }) => !tool.parallel);
  while (!isAlone && running.length + starts.length < maxParallel) {
    const [first] = queue;
    if (first === undefined) break;
    if (!first.tool.parallel) {
      if (running.length + starts.length > 0) break;
      isAlone = true;
    }
    queue.shift();
    starts.push(first);
  }
  return starts;
}
