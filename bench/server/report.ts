import { median, medianRatio } from '../harness/statistics.ts';
import { LABELS, SERVERS, TOOL_MS } from './plan.ts';
import type { Load, ServedLoad, ServerName } from './plan.ts';

/** The runs of one load, by server. */
export interface Measured {
  load: Load;
  results: ReadonlyMap<string, ServedLoad[]>;
}

interface Circumstances {
  where: readonly string[];
  runs: number;
  /** Whole sections that follow. */
  more: readonly string[];
}

/** The goals of the first load: CPU a request of a peer, and the requests in a second of another. */
const CPU_GOALS: readonly [peer: ServerName, goal: number][] = [
  ['openai-sdk', 0.55],
  ['langchain', 0.45],
  ['ai-sdk', 0.24],
];
const REQUESTS_GOAL = 4;

/** The ratios of the first load, by name. */
export function asObject(measured: readonly Measured[]): Record<string, number> {
  const [first] = measured;
  if (first === undefined) return {};
  return Object.fromEntries(goalsOf(first).map(({ name, measured }) => [name, measured]));
}

/** The page of a run, in Markdown. */
export function pageOf(measured: readonly Measured[], { where, runs, more }: Circumstances): string {
  return [
    '# The server under load',
    '',
    'Written by `npm run bench:server`. Do not edit it.',
    '',
    'A closed load from a process of its own: so many requests are open at once, and each one that ends is followed by the next. The upstream, in a third process, waits 100 ms before the first of 20',
    `chunks and 30 ms before each further one. In the load with tools, the model calls one first, which takes ${TOOL_MS} ms. Every answer is checked: what is not the whole text is an error.`,
    `Sluice runs its own server with logging, cost, retry, a rate limit and timeouts; the peers stand behind hono with nothing else. All share two cores with the load and the upstream, so that the times`,
    `are those of a machine that has no time left. ${runs === 1 ? 'One run' : `Medians of ${runs} runs, which take turns`}; a new process for each.`,
    '',
    ...where.map((line) => `- ${line}`),
    '',
    ...measured.flatMap(tableOf),
    ...goalTable(measured),
    ...more,
  ].join('\n');
}

function tableOf(one: Measured): string[] {
  const { work, concurrent, requests } = one.load;
  const what = work === 'text' ? 'text' : 'text after a call of a tool';
  return [
    `## ${concurrent} at once: ${what}, ${requests} requests a run`,
    '',
    '| server | CPU a request, ms | pauses of the collector a request, ms | requests/s | first byte p50, ms | p99, ms | peak memory, MB | errors |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...SERVERS.filter((who) => runsOf(one, who).length > 0).map((who) => rowOf(one, who)),
    '',
  ];
}

function rowOf(one: Measured, who: ServerName): string {
  const of = (read: (run: ServedLoad) => number): number => median(runsOf(one, who).map(read));
  const failed = runsOf(one, who).reduce((sum, run) => sum + run.failed, 0);
  const [said] = runsOf(one, who).flatMap((run) => run.firstError ?? []);
  const cells = [
    of(cpuOf).toFixed(2),
    of((run) => run.gcMsPerRequest).toFixed(2),
    of(rateOf).toFixed(0),
    of((run) => run.firstByteP50).toFixed(0),
    of((run) => run.firstByteP99).toFixed(0),
    of((run) => run.peakMb).toFixed(0),
    said === undefined ? '0' : `${failed}, the first: ${said}`,
  ];
  return `| ${LABELS[who]} | ${cells.join(' | ')} |`;
}

interface Goal {
  name: string;
  what: string;
  goal: string;
  measured: number;
  isMet: boolean;
}

/** The goals of the first load, of those peers that have run. */
function goalsOf(first: Measured): Goal[] {
  const cpu = CPU_GOALS.filter(([peer]) => runsOf(first, peer).length > 0).map(([peer, goal]): Goal => {
    const measured = ratio(first, peer, cpuOf);
    const what = `CPU a request of ${LABELS[peer]}`;
    return { name: `cpu_vs_${peer}`, what, goal: `at most ${goal}`, measured, isMet: measured <= goal };
  });
  if (runsOf(first, 'ai-sdk').length === 0) return cpu;
  const measured = ratio(first, 'ai-sdk', rateOf);
  const what = `requests/s of ${LABELS['ai-sdk']}`;
  const goal = `at least ${REQUESTS_GOAL}`;
  return [...cpu, { name: 'requests_vs_ai-sdk', what, goal, measured, isMet: measured >= REQUESTS_GOAL }];
}

function goalTable(measured: readonly Measured[]): string[] {
  const [first] = measured;
  const goals = first === undefined ? [] : goalsOf(first);
  if (goals.length === 0) return [];
  return [
    '## Ratios of the first load',
    '',
    '| Sluice beside | goal | measured | |',
    '| --- | --- | ---: | --- |',
    ...goals.map(
      ({ what, goal, measured: ratio, isMet }) =>
        `| ${what} | ${goal} | ${ratio.toFixed(2)} | ${isMet ? 'met' : '**missed**'} |`,
    ),
    '',
  ];
}

/** The section about streams that outlive their connections, by where they are kept. */
export function resumableSection(
  { concurrent, requests }: Load,
  results: ReadonlyMap<string, ServedLoad[]>,
): string[] {
  const rows = [...results].map(([name, runs]) => {
    const of = (read: (run: ServedLoad) => number): string => median(runs.map(read)).toFixed(2);
    const failed = runs.reduce((sum, run) => sum + run.failed, 0);
    const cells = [
      of(cpuOf),
      of((run) => run.firstByteP50),
      of((run) => run.firstByteP99),
      of((run) => run.peakMb),
    ];
    return `| ${name} | ${cells.join(' | ')} | ${failed} |`;
  });
  return [
    '## Streams that outlive their connections',
    '',
    `The same load of text with \`resumable: true\`, ${concurrent} at once, ${requests} requests a run: each chunk is in the log before its client gets it. CPU is that of the server alone, without the service.`,
    '',
    '| kept in | CPU a request, ms | first byte p50, ms | p99, ms | peak memory, MB | errors |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
  ];
}

const cpuOf = (run: ServedLoad): number => run.cpuMsPerRequest;
const rateOf = (run: ServedLoad): number => run.requests / run.seconds;

function ratio(one: Measured, peer: ServerName, read: (run: ServedLoad) => number): number {
  return medianRatio(runsOf(one, 'sluice').map(read), runsOf(one, peer).map(read));
}

function runsOf({ results }: Measured, who: ServerName): ServedLoad[] {
  return results.get(who) ?? [];
}
