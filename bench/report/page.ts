import { contestants } from '../contestants/list.ts';
import type { Contestant } from '../contestants/list.ts';
import { versionOf } from '../harness/set-up.ts';
import type { Measured, Ratio } from './ratios.ts';
import { cells, markdownOf, tablesOf } from './tables.ts';

/** How the runs were done, as text. */
export interface Circumstances {
  machine: readonly string[];
  runs: number;
  processes: string;
}

/** Writes the page of results as Markdown. */
export function pageOf(
  measured: Measured,
  rows: readonly Ratio[],
  how: Circumstances,
  picture?: string,
): string {
  return [
    '# What Sluice costs compared to its peers',
    '',
    ...how.machine.map((line) => `- ${line}`),
    `- ${how.runs} interleaved runs, ${how.processes}; medians, minimum and maximum. CPU is the user and system time of the process`,
    '- The upstream is a separate process on the loopback. Every contestant must deliver the same text, which is checked in each call',
    '',
    ...(picture === undefined ? [] : [`![Bars of the medians](${picture})`, '']),
    ratioTable(measured, rows),
    ...tablesOf(measured).map(markdownOf),
    contestantTable(measured),
  ].join('\n');
}

function ratioTable(measured: Measured, rows: readonly Ratio[]): string {
  const lines = rows.map(({ key, work, beside, atMost, decimals, value }) => {
    const measuredValue = value(measured);
    const mark = measuredValue <= atMost ? 'yes' : 'no';
    return cells(`\`${key}\``, work, beside, measuredValue.toFixed(decimals), String(atMost), mark);
  });
  const heads = cells('', 'Sluice', 'compared to', 'measured', 'at most', 'reached');
  return ['## Ratios', '', heads, '| --- | --- | --- | ---: | ---: | --- |', ...lines, ''].join('\n');
}

function contestantTable({ scenarios }: Measured): string {
  const known = contestants.filter(({ id }) => [...scenarios.values()].some((sides) => sides.has(id)));
  const lines = known.map((one: Contestant) =>
    cells(
      one.label,
      one.packages.map((name) => `${name} ${versionOf(name)}`).join(', ') || 'Node.js',
      one.does,
    ),
  );
  return [
    '## Contestants',
    '',
    cells('', 'versions', 'what it does'),
    '| --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
}
