/**
 * Profiles one contestant in one scenario: `node bench/profile.ts burst sluice [runs] [--tls]` writes `bench/profiles/burst-sluice.cpuprofile`
 * and a flame graph.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { parseArgs } from 'node:util';
import { prepare } from './client/prepare.ts';
import { scenario } from './client/scenarios.ts';
import type { ScenarioId } from './client/scenario.ts';
import { contestants } from './contestants/list.ts';
import { installLibrary, installPeers } from './harness/set-up.ts';
import { startUpstream } from './harness/upstream.ts';
import type { Upstream } from './harness/upstream.ts';
import { flameOf } from './report/flame.ts';

const { values, positionals } = parseArgs({
  options: { tls: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [work = 'burst', who = 'sluice', runs = '5'] = positionals;
const known = contestants.find(({ id }) => id === who);
if (known === undefined) throw new Error(`There is no contestant ${who}.`);
const { id, unit } = scenario(work as ScenarioId);

installPeers();
if (process.env['SKIP_BUILD'] === undefined) installLibrary();
const upstream = await (values.tls ? secureUpstream() : startUpstream());
const run = await prepare({ contestant: known.id, scenario: id, origin: upstream.origins[0] });
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.setSamplingInterval', { interval: 200 });
await session.post('Profiler.start');
for (let number = 0; number < Number(runs); number++) console.log(`${(await run()).toFixed(2)} ${unit}`);
const { profile } = await session.post('Profiler.stop');
const folder = new URL('profiles/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL(`${id}-${known.id}.cpuprofile`, folder), JSON.stringify(profile));
const title = `${known.label}: ${id}, ${runs} runs`;
writeFileSync(new URL(`${id}-${known.id}.svg`, folder), flameOf(profile, title));
upstream.close();
process.exit();

async function secureUpstream(): Promise<Upstream> {
  const { makeCertificate } = await import('./tls/certificate.ts');
  using certificate = await makeCertificate();
  const { tls } = certificate;
  // This process runs already, so that a variable would be too late.
  setDefaultCACertificates([...getCACertificates('default'), tls.cert]);
  return await startUpstream({ ports: 1, tls });
}
