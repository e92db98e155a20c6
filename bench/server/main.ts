/**
 * The bench of the server. `npm run bench:server` plays the loads against Sluice's server and its peers behind hono, and writes SERVER.md; `-- --quick` plays the
 * first load alone and writes nothing; `-- --json` prints the ratios as the last line. `-- --only sluice,floor` plays the first load against these alone, and writes
 * nothing; with `--profile` it writes a CPU profile and a flame graph of each into `bench/profiles/`.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { machine } from '../harness/machine.ts';
import { interleave } from '../harness/rounds.ts';
import { installLibrary, installPeers } from '../harness/set-up.ts';
import { startUpstream } from '../harness/upstream.ts';
import { SERVERS, TOOL_MS } from './plan.ts';
import type { Load, ServedLoad, ServerName, ServeTask } from './plan.ts';
import { asObject, pageOf } from './report.ts';

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
for (const load of isPart ? LOADS.slice(0, 1) : LOADS) {
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
upstream.close();

const page = pageOf(measured, { where, runs });
console.log(page);
if (!isPart) writeFileSync(new URL('../SERVER.md', import.meta.url), page);
if (values.json) console.log(JSON.stringify(asObject(measured)));

function serversOf(only: string | undefined): readonly ServerName[] {
  if (only === undefined) return SERVERS;
  return only.split(',').map((name) => {
    const known = SERVERS.find((who) => who === name);
    if (known === undefined)
      throw new Error(`--only: there is no server ${name}. Give some of ${SERVERS.join(', ')}.`);
    return known;
  });
}
