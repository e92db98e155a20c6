import { contestant, contestants } from '../contestants/list.ts';
import type { Contestant } from '../contestants/list.ts';
import { scenario } from '../client/scenarios.ts';
import { median } from '../harness/statistics.ts';
import { versionOf } from '../harness/set-up.ts';
import { cells, digits, markdownOf } from '../report/tables.ts';
import type { Table } from '../report/tables.ts';
import { entrants } from './entrants.ts';
import { CALLS_AT_ONCE } from './first-chunks.ts';
import type { FirstChunk, State } from './first-chunks.ts';
import { STATES, goalsOf } from './goals.ts';
import type { MeasuredOverTls } from './measure.ts';

/** How the runs were done. */
export interface Circumstances {
  machine: readonly string[];
  runs: number;
}

/** Writes the page of results as Markdown. */
export function pageOf(all: readonly MeasuredOverTls[], { machine, runs }: Circumstances): string {
  return [
    '# What Sluice costs over TLS',
    '',
    ...machine.map((line) => `- ${line}`),
    `- ${runs} interleaved runs, one process per entrant for all of them (for memory: one per run); medians, minimum and maximum. CPU is the user and system time of the process`,
    '- The upstream is a separate process on the loopback, the same for all. It speaks HTTP/2 (100 streams per connection) and HTTP/1.1 over TLS 1.3, and each entrant takes what it takes by default. It ends a body together with its last event. Each process trusts its certificate through `NODE_EXTRA_CA_CERTS`',
    '- Every entrant must deliver the same text, which is checked in each call',
    '',
    ...all.flatMap(sectionOf),
    ...entrantTable(),
  ].join('\n');
}

function sectionOf(measured: MeasuredOverTls): string[] {
  return [
    `# ${measured.runtime.label}`,
    '',
    ...goalTable(measured),
    ...scenarioTables(measured).map(markdownOf),
    ...firstChunkTables(measured),
    ...useTable(measured),
  ];
}

function goalTable(measured: MeasuredOverTls): string[] {
  const lines = goalsOf(measured).flatMap(({ key, work, beside, atMost, decimals, value }) =>
    value === undefined
      ? []
      : [
          cells(
            `\`${key}\``,
            work,
            beside,
            value.toFixed(decimals),
            String(atMost),
            value <= atMost ? 'yes' : 'no',
          ),
        ],
  );
  const heads = cells('', 'Sluice', 'compared to', 'measured', 'at most', 'reached');
  return ['## Ratios', '', heads, '| --- | --- | --- | ---: | ---: | --- |', ...lines, ''];
}

function scenarioTables({ scenarios }: MeasuredOverTls): Table[] {
  return [...scenarios].map(([id, sides]) => {
    const { title, unit, how } = scenario(id);
    return { title, unit, how, rows: rowsOf(sides) };
  });
}

/** One table for cold and one for warm calls, because a table of each number would be many. */
function firstChunkTables({ firstChunks }: MeasuredOverTls): string[] {
  if (firstChunks.size === 0) return [];
  return STATES.flatMap((state) => {
    const lines = entrants.flatMap(({ id, label }) => {
      const runs = firstChunks.get(id);
      if (runs === undefined) return [];
      const numbers = CALLS_AT_ONCE.map((calls) => {
        const at = (point: keyof FirstChunk): string =>
          digits(median(runs.map((run) => run[`${state} ${calls}`][point])));
        return `${at('p50')} / ${at('p99')}`;
      });
      return [cells(label, ...numbers)];
    });
    return [
      `## Time to the first chunk, ${state}, ms`,
      '',
      HOW[state],
      '',
      cells('calls at once', ...CALLS_AT_ONCE.map(String)),
      cells('---', ...CALLS_AT_ONCE.map(() => '---:')),
      ...lines,
      '',
    ];
  });
}

const HOW: Record<State, string> = {
  cold: 'From the start of all calls to the first piece of text of each: p50 / p99, medians of the runs. To a port without connections. Answers of 20 chunks in one write.',
  warm: 'The same, with the connections that the cold calls have made.',
};

function rowsOf(sides: ReadonlyMap<string, readonly number[]>): Table['rows'] {
  return entrants
    .filter(({ id }) => sides.has(id))
    .map(({ id, label }) => ({ label, runs: sides.get(id) ?? [] }));
}

function useTable({ uses }: MeasuredOverTls): string[] {
  const lines = [...uses].flatMap(([work, byEntrant]) =>
    entrants.flatMap(({ id, label }) => {
      const use = byEntrant.get(id);
      if (use === undefined) return [];
      return [cells(scenario(work).title, label, use.protocols.join(', '), String(use.connections))];
    }),
  );
  if (lines.length === 0) return [];
  return [
    '## What they used',
    '',
    'Noted by the upstream, for all runs together, warm-up included.',
    '',
    cells('', '', 'protocol', 'connections'),
    '| --- | --- | --- | ---: |',
    ...lines,
    '',
  ];
}

function entrantTable(): string[] {
  const ids = new Set(entrants.map((one) => one.contestant));
  const lines = contestants
    .filter(({ id }) => ids.has(id))
    .map(({ id }) => {
      const { label, packages, does }: Contestant = contestant(id);
      const versions = packages.map((name) => `${name} ${versionOf(name)}`).join(', ');
      return cells(label, versions || 'Node.js', does);
    });
  return [
    '# Entrants',
    '',
    cells('', 'versions', 'what it does'),
    '| --- | --- | --- |',
    ...new Set(lines),
    '',
  ];
}

/** The values by key, for programs. */
export function asObject(all: readonly MeasuredOverTls[]): Record<string, number> {
  return Object.fromEntries(
    all.flatMap(goalsOf).flatMap(({ key, value, decimals }) => {
      if (value === undefined) return [];
      if (!Number.isFinite(value)) throw new Error(`${key} was not measured.`);
      return [[key, Number(value.toFixed(decimals))] as const];
    }),
  );
}
