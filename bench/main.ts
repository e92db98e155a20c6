/**
 * The bench. `npm run bench` measures everything and writes RESULTS.md and results.svg; `-- --quick` measures what the
 * table of ratios needs, in about three minutes, and writes nothing; `-- --json` prints that table as the last line.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { machine } from './harness/machine.ts';
import { installLibrary, installPeers } from './harness/set-up.ts';
import { startUpstream } from './harness/upstream.ts';
import { RUNS } from './plan.ts';
import type { Size } from './plan.ts';
import type { Circumstances } from './report/page.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: String(RUNS) },
  },
});
const size: Size = values.quick ? 'quick' : 'full';
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a whole number of at least 1.');

installPeers();
installLibrary();
// Imported now, because their imports were only just installed.
const { measure } = await import('./measure.ts');
const { chartOf } = await import('./report/chart.ts');
const { pageOf } = await import('./report/page.ts');
const { asObject, heldRow, ratios } = await import('./report/ratios.ts');
const { pictured } = await import('./report/tables.ts');

const circumstances: Circumstances = {
  machine: machine(),
  runs,
  processes: 'one process per contestant for all of them (for memory: one per run)',
};
const upstream = await startUpstream();
const measured = await measure(size, runs, upstream.origins[0]);
upstream.close();

const rows = size === 'quick' ? ratios : [...ratios, heldRow];
console.log(pageOf(measured, rows, circumstances));
if (size === 'full') {
  const file = (name: string): URL => new URL(name, import.meta.url);
  writeFileSync(file('RESULTS.md'), pageOf(measured, rows, circumstances, 'results.svg'));
  writeFileSync(file('results.svg'), chartOf(pictured(measured)));
}
if (values.json) console.log(JSON.stringify(asObject(rows, measured)));
