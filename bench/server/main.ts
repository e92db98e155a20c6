/**
 * The bench of the server. `npm run bench:server` plays the loads against Sluice's server and its peers behind hono, and writes SERVER.md; `-- --quick` plays the
 * first load alone and writes nothing; `-- --json` prints the ratios as the last line. `-- --only sluice,floor` plays the first load against these alone, and writes
 * nothing; with `--profile` it writes a CPU profile and a flame graph of each into `bench/profiles/`. `-- --only gateway` and `-- --only resumable` measure these sections alone.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { machine } from '../harness/machine.ts';
import { interleave } from '../harness/rounds.ts';
import { installLibrary, installPeers } from '../harness/set-up.ts';
import { startUpstream } from '../harness/upstream.ts';
import { SERVERS, TOOL_MS } from './plan.ts';
import type { Load, ServedLoad, ServerName, ServeTask } from './plan.ts';
import { asObject, pageOf, resumableSection } from './report.ts';
import { gatewaySection } from './gateway-report.ts';
import { measureGateway } from './gateway.ts';

/** What is measured besides the loads. */
const SECTIONS = ['gateway', 'resumable'] as const;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: '3' },
    only: { type: 'string' },
    profile: { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a whole number of at least 1.');
const sections = values.quick ? [] : sectionsOf(values.only);
const servers = serversOf(values.only);
const isPart = values.quick || values.only !== undefined || values.profile;

const LOADS: readonly Load[] = [
  { work: 'text', concurrent: 1_000, requests: 4_000 },
  { work: 'text', concurrent: 2_000, requests: 6_000 },
  { work: 'tool', concurrent: 1_000, requests: 3_000 },
];

const where = machine();
installPeers();
installLibrary();
const upstream = await startUpstream();
const measured = [];
for (const load of servers.length === 0 ? [] : isPart ? LOADS.slice(0, 1) : LOADS) {
  // The floor has no loop of tools.
  const sides = servers
    .filter((who) => load.work === 'text' || who !== 'floor')
    .map((who) => ({
      id: who,
      label: who,
      module: 'server/worker.ts',
      task: { who, origin: upstream.origins[0], profile: values.profile, ...load } satisfies ServeTask,
      env: { SLUICE_BENCH_TOOL_MS: String(TOOL_MS) },
    }));
  measured.push({ load, results: await interleave<ServedLoad>(sides, { runs, processes: 'each' }) });
}
const more = [
  ...(sections.includes('gateway') ? gatewaySection(await measureGateway(upstream.origins[0])) : []),
  ...(sections.includes('resumable') ? await resumable(upstream.origins[0]) : []),
];
upstream.close();

const page = pageOf(measured, { where, runs, more });
console.log(page);
if (!isPart) writeFileSync(new URL('../SERVER.md', import.meta.url), page);
if (values.json) console.log(JSON.stringify(asObject(measured)));

/** The same load with each of the logs. */
async function resumable(origin: string): Promise<string[]> {
  const load: Load = { work: 'text', concurrent: 100, requests: 1_000 };
  const name = `sluice_bench_server_${process.pid}`;
  const { reachableLogs } = await import('./resumable.ts');
  const { logs, cleanUp } = await reachableLogs(name);
  try {
    const sides = [undefined, ...logs].map((which) => ({
      id: which ?? 'nowhere: they end with their connections',
      label: `sluice, ${which ?? 'no log'}`,
      module: 'server/worker.ts',
      task: {
        ...{ who: 'sluice', origin, ...load },
        ...(which !== undefined && { log: { which, name } }),
      } satisfies ServeTask,
    }));
    return resumableSection(load, await interleave<ServedLoad>(sides, { runs, processes: 'each' }));
  } finally {
    await cleanUp();
  }
}

function namesOf(only: string | undefined): string[] | undefined {
  const names = only?.split(',');
  const known: readonly string[] = [...SERVERS, ...SECTIONS];
  for (const name of names ?? [])
    if (!known.includes(name))
      throw new Error(`--only: there is no ${name}. Give some of ${known.join(', ')}.`);
  return names;
}

function serversOf(only: string | undefined): readonly ServerName[] {
  const names = namesOf(only);
  return names === undefined ? SERVERS : SERVERS.filter((who) => names.includes(who));
}

function sectionsOf(only: string | undefined): readonly string[] {
  const names = namesOf(only);
  return names === undefined ? SECTIONS : SECTIONS.filter((section) => names.includes(section));
}
