import type { Soak } from './run.ts';

/** How much larger the heap may be in the last third than in the second, as a share of it and in bytes: what a collection leaves differs by that. */
const MARGIN = 0.05;
const MARGIN_BYTES = 2 * 1024 * 1024;

/** Fewer looks say nothing of the heap. */
const FEWEST_LOOKS = 9;

/** How a stream may end. */
const GOOD_ENDS: ReadonlySet<string> = new Set(['completed', 'completed after it came back', 'left']);

/** The mean heap of each third of a soak, in bytes. Undefined: there were too few looks. */
export function thirdsOf(heaps: readonly number[]): [number, number, number] | undefined {
  if (heaps.length < FEWEST_LOOKS) return undefined;
  const mean = (from: number, to: number): number => {
    const part = heaps.slice(Math.floor(heaps.length * from), Math.floor(heaps.length * to));
    return part.reduce((sum, heap) => sum + heap, 0) / part.length;
  };
  return [mean(0, 1 / 3), mean(1 / 3, 2 / 3), mean(2 / 3, 1)];
}

/** What a soak did not keep to, as texts. */
export function problemsOf({ ends, before, after, closed, heaps, full }: Soak): string[] {
  const problems = Object.entries(ends)
    .filter(([end]) => !GOOD_ENDS.has(end))
    .map(([end, count]) => `${count} streams: ${end}`);
  for (const [when, figures] of Object.entries({ 'after the last stream': after, 'after the end': closed })) {
    if (figures.sockets > 0) problems.push(`${figures.sockets} sockets ${when}`);
    if (figures.timers > 0) problems.push(`${figures.timers} timers ${when}`);
    if (figures.listeners > before.listeners)
      problems.push(`${figures.listeners - before.listeners} listeners more ${when}`);
  }
  problems.push(...closed.rejections.map((rejection) => `unhandled: ${rejection}`));
  if (full.every((count) => count === 0)) problems.push('no slow client was ever behind');
  const [, second, third] = thirdsOf(heaps) ?? [0, Infinity, 0];
  if (third > second * (1 + MARGIN) + MARGIN_BYTES)
    problems.push(`the heap grew from ${Math.round(second)} to ${Math.round(third)} bytes`);
  return problems;
}
