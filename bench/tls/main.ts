/**
 * The bench over TLS, on two versions of Node.js. `npm run bench:tls` measures everything and writes TLS.md; `-- --quick` measures what the
 * tables of ratios need and writes nothing; `-- --json` prints those as the last line. `--node 26` and `--only paced,memory` measure a part,
 * which is never written.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { machine } from '../harness/machine.ts';
import { installLibrary, installPeers } from '../harness/set-up.ts';
import { RUNS } from '../plan.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: String(RUNS) },
    node: { type: 'string' },
    only: { type: 'string' },
  },
});
const size = values.quick ? 'quick' : 'full';
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a whole number of at least 1.');

const where = machine();
installPeers();
installLibrary();
// Imported now, because their imports were only just installed.
const { makeCertificate } = await import('./certificate.ts');
const { measure } = await import('./measure.ts');
const { works } = await import('./plan.ts');
const { asObject, pageOf } = await import('./report.ts');
const { runtimes } = await import('./runtimes.ts');

const names = values.only?.split(',') ?? works;
const wanted = works.filter((work) => names.includes(work));
if (wanted.length !== names.length) throw new Error(`--only takes ${works.join(', ')}, with commas.`);
const found = runtimes();
const used = found.filter(({ major }) => values.node === undefined || String(major) === values.node);
if (used.length === 0) throw new Error(`--node takes ${found.map(({ major }) => major).join(' or ')}.`);

using certificate = await makeCertificate();
const measured = [];
for (const runtime of used) measured.push(await measure(runtime, { size, runs, works: wanted }, certificate));

const page = pageOf(measured, { machine: where, runs });
console.log(page);
const isWhole = size === 'full' && values.only === undefined && values.node === undefined;
if (isWhole) writeFileSync(new URL('../TLS.md', import.meta.url), page);
if (values.json) console.log(JSON.stringify(asObject(measured)));
