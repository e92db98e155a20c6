/**
 * The bench of sessions. `npm run bench:sessions` measures the stores and writes SESSIONS.md; `-- --quick` takes less than a minute and writes
 * nothing; `-- --json` prints the numbers of the first table as the last line.
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
  },
});
const size = values.quick ? 'quick' : 'full';
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a whole number of at least 1.');

const where = machine();
installPeers();
installLibrary();
// Imported now, because their imports were only just installed.
const { openPlaces } = await import('./places.ts');
const { recordedTurn } = await import('./conversation.ts');
const { measure } = await import('./measure.ts');
const { asObject, pageOf } = await import('./report.ts');
const { stores } = await import('./stores.ts');

// The signal ends the workers. Then this process deletes what it has created, and ends.
process.once('SIGINT', () => console.error('stopped'));

await using opened = await openPlaces();
const { places, missing } = opened;
for (const service of missing) console.error(`${service} cannot be reached. It is left out.`);
const there = stores.filter(
  ({ needs, full = false }) =>
    (needs === undefined || places[needs] !== undefined) && (size === 'full' || !full),
);
const measured = await measure(there, places, { size, runs });

const sqlite = `SQLite ${process.versions.sqlite ?? 'of unknown version'}: in a file on the disk of the repository, journal_mode WAL, synchronous FULL`;
const page = pageOf(measured, {
  where: [...where, sqlite, ...opened.services],
  missing,
  runs,
  size,
  turn: await recordedTurn(),
});
console.log(page);
if (size === 'full') writeFileSync(new URL('../SESSIONS.md', import.meta.url), page);
if (values.json) console.log(JSON.stringify(asObject(measured)));
