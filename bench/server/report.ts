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
  const cpu = CPU_GOALS.map(([peer]) => [`cpu_vs_${peer}`, ratio(first, peer, cpuOf)]);
  return Object.fromEntries([...cpu, ['requests_vs_ai-sdk', ratio(first, 'ai-sdk', rateOf)]]);
}

/** The page of a run, in Markdown. */
export function pageOf(measured: readonly Measured[], { where, runs }: Circumstances): string {
  return [
    '# The server under load',
    '',
    'Written by `npm run bench:server`. Do not edit it.',
    '',
    'A closed load from a process of its own: so many requests are open at once, and each one that ends is followed by the next. The upstream, in a third process, waits 100 ms before the first of 20',
    `chunks and 30 ms before each further one. In the load with tools, the model calls one first, which takes ${TOOL_MS} ms. Every answer is checked: what is not the whole text is an error.`,
    `Sluice runs its own server with logging, cost, retry, a rate limit and timeouts; the peers stand behind hono with nothing else. All share two cores with the load and the upstream, so that the times`,
    `are those of a machine that has no time left. Medians of ${runs} runs, which take turns; a new process for each.`,
    '',
    ...where.map((line) => `- ${line}`),
    '',
    ...measured.flatMap(tableOf),
    ...goalsOf(measured),
  ].join('\n');
}

function tableOf(one: Measured): string[] {
  const { work, concurrent, requests } = one.load;
  const what = work === 'text' ? 'text' : 'text after a call of a tool';
  return [
    `## ${concurrent} at once: ${what}, ${requests} requests a run`,
    '',
    '| server | CPU a request, ms | requests/s | first byte p50, ms | p99, ms | peak memory, MB | errors |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...SERVERS.map((who) => rowOf(one, who)),
    '',
  ];
}

function rowOf(one: Measured, who: ServerName): string {
  const of = (read: (run: ServedLoad) => number): number => median(runsOf(one, who).map(read));
  const failed = runsOf(one, who).reduce((sum, run) => sum + run.failed, 0);
  const [said] = runsOf(one, who).flatMap((run) => run.firstError ?? []);
  const cells = [
    of(cpuOf).toFixed(2),
    of(rateOf).toFixed(0),
    of((run) => run.firstByteP50).toFixed(0),
    of((run) => run.firstByteP99).toFixed(0),
    of((run) => run.peakMb).toFixed(0),
    said === undefined ? '0' : `${failed}, the first: ${said}`,
  ];
  return `| ${LABELS[who]} | ${cells.join(' | ')} |`;
}

function goalsOf(measured: readonly Measured[]): string[] {
  const [first] = measured;
  if (first === undefined) return [];
  const rows = CPU_GOALS.map(
    ([peer, goal]) =>
      `| CPU a request of ${LABELS[peer]} | at most ${goal} | ${ratio(first, peer, cpuOf).toFixed(2)} |`,
  );
  return [
    '## Ratios of the first load',
    '',
    '| Sluice beside | goal | measured |',
    '| --- | --- | ---: |',
    ...rows,
    `| requests/s of ${LABELS['ai-sdk']} | at least ${REQUESTS_GOAL} | ${ratio(first, 'ai-sdk', rateOf).toFixed(2)} |`,
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
