// npm run histories -- [--faults 2000] [--kills 2000] [--seed N] [--stores postgres,redis,sqlite]
// Prints the tables of docs/reliability.md. With 0 a part is left out.
import { parseArgs } from 'node:util';
import { backends, shares } from './backends.ts';
import type { Backend } from './backend.ts';
import { runKills } from './kills/run.ts';
import { killTables } from './kills/tables.ts';
import { runHistory } from './run.ts';
import { faultTables } from './tables.ts';

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '2000' },
    kills: { type: 'string', default: '2000' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
    stores: { type: 'string', default: Object.keys(backends).join(',') },
  },
});
// The processes that it has started end with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const seed = Number(values.seed);
const stores = values.stores.split(',');
console.log(`seed ${seed}`);

const kills = await onEach(Number(values.kills), (backend, count, at) =>
  runKills({
    backend,
    kills: count,
    seed: seed + at,
    onKill: (number) => say(backend, number, count, 'kill'),
  }),
);
const faults = await onEach(Number(values.faults), (backend, count, at) =>
  runHistory({
    ...{ backend, faults: count, seed: seed + at },
    onFault: (number, fault) => say(backend, number, count, fault),
  }),
);
if (kills.length > 0) console.log(`\n${killTables(kills)}`);
if (faults.length > 0) console.log(`\n${faultTables(faults)}`);
if ([...kills, ...faults].some(({ violations }) => violations.length > 0)) process.exitCode = 1;

/** Runs a history on each store, one after the other. */
async function onEach<H extends { violations: string[] }>(
  total: number,
  run: (backend: Backend, count: number, at: number) => Promise<H>,
): Promise<H[]> {
  const histories: H[] = [];
  if (total === 0) return histories;
  for (const [at, count] of shares(total, stores.length).entries()) {
    const name = stores[at] ?? '';
    const make = backends[name];
    if (make === undefined)
      throw new Error(`Unknown store: ${name}. The stores are ${Object.keys(backends).join(', ')}.`);
    const backend = await make();
    try {
      const history = await run(backend, count, at);
      histories.push(history);
      for (const violation of history.violations) console.error(`VIOLATION ${name}: ${violation}`);
    } finally {
      await backend.stop();
    }
  }
  return histories;
}

function say({ name }: Backend, number: number, of: number, what: string): void {
  if (number % 50 === 0) console.log(`${name}: ${number} of ${of}, now: ${what}`);
}
