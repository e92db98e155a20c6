import type { History } from './run.ts';

/** A table in Markdown. */
export const table = (heads: string[], lines: (string | number)[][]): string =>
  [heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** Minutes with one digit. */
export const minutes = (ms: number): string => (ms / 60_000).toFixed(1);

/** What happened in histories of faults, as tables. */
export function faultTables(histories: readonly History[]): string {
  const heads = [
    ...['store', 'faults', 'turns begun', 'acknowledged', 'replayed'],
    ...['attempts failed', 'messages', 'violations', 'minutes'],
  ];
  const lines = histories.map((one) => [
    ...[one.store, sum(one.faults), one.begun, one.acknowledged, one.replayed],
    ...[sum(one.failures), one.messages, one.violations.length, minutes(one.ms)],
  ]);
  return [
    table(heads, lines),
    countsOf('turns that', histories, ({ acts }) => acts),
    countsOf('fault', histories, ({ faults }) => faults),
    countsOf('attempts that failed with', histories, ({ failures }) => failures),
  ].join('\n\n');
}

/** How often each thing happened, by store. */
function countsOf(
  head: string,
  histories: readonly History[],
  counts: (history: History) => Record<string, number>,
): string {
  const kinds = [...new Set(histories.flatMap((history) => Object.keys(counts(history))))].sort();
  const lines = kinds.map((kind) => [kind, ...histories.map((history) => counts(history)[kind] ?? 0)]);
  return table([head, ...histories.map(({ store }) => store)], lines);
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((all, one) => all + one, 0);
}
