// npm run histories -- [--faults 2000] [--seed N] [--stores postgres,redis,sqlite]
// Prints the tables of docs/reliability.md.
import { parseArgs } from 'node:util';
import { backends, shares } from './backends.ts';
import { runHistory, type History } from './run.ts';

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '2000' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
    stores: { type: 'string', default: Object.keys(backends).join(',') },
  },
});
// The processes that it has started end with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const seed = Number(values.seed);
const stores = values.stores.split(',');
console.log(`seed ${seed}`);

const histories: History[] = [];
for (const [at, faults] of shares(Number(values.faults), stores.length).entries()) {
  const name = stores[at] ?? '';
  const make = backends[name];
  if (make === undefined)
    throw new Error(`Unknown store: ${name}. The stores are ${Object.keys(backends).join(', ')}.`);
  const backend = await make();
  try {
    const onFault = (number: number, fault: string): void => {
      if (number % 50 === 0) console.log(`${name}: ${number} of ${faults}, now: ${fault}`);
    };
    const history = await runHistory({ backend, faults, seed: seed + at, onFault });
    histories.push(history);
    for (const violation of history.violations) console.error(`VIOLATION ${name}: ${violation}`);
  } finally {
    await backend.stop();
  }
}

const rows = (heads: string[], lines: (string | number)[][]): string =>
  [heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
const sum = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((all, one) => all + one, 0);

console.log();
console.log(
  rows(
    [
      'store',
      'faults',
      'turns begun',
      'acknowledged',
      'replayed',
      'attempts failed',
      'messages',
      'violations',
      'minutes',
    ],
    histories.map((one) => [
      one.store,
      sum(one.faults),
      one.begun,
      one.acknowledged,
      one.replayed,
      sum(one.failures),
      one.messages,
      one.violations.length,
      (one.ms / 60_000).toFixed(1),
    ]),
  ),
);
console.log();
const kinds = [...new Set(histories.flatMap(({ faults }) => Object.keys(faults)))].sort();
console.log(
  rows(
    ['fault', ...histories.map(({ store }) => store)],
    kinds.map((kind) => [kind, ...histories.map(({ faults }) => faults[kind] ?? 0)]),
  ),
);
console.log();
const codes = [...new Set(histories.flatMap(({ failures }) => Object.keys(failures)))].sort();
console.log(
  rows(
    ['attempts that failed with', ...histories.map(({ store }) => store)],
    codes.map((code) => [code, ...histories.map(({ failures }) => failures[code] ?? 0)]),
  ),
);
if (histories.some(({ violations }) => violations.length > 0)) process.exitCode = 1;
