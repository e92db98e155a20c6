// npm run moves -- [--runs 500] [--at-once 10] [--seed N] [--store redis|postgres]
// Prints the figures of docs/reliability.md. Without --store: both stores, one after the other.
import { parseArgs } from 'node:util';
import { percentile } from './percentile.ts';
import { runMoves } from './run.ts';
import type { Moves } from './run.ts';
import { services } from './services.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '500' },
    'at-once': { type: 'string', default: '10' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
    store: { type: 'string', multiple: true, default: Object.keys(services) },
  },
});
// The processes that it has started end with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
console.log(`seed ${values.seed}`);

for (const [name, open] of Object.entries(services)) {
  if (!values.store.includes(name)) continue;
  await using service = await open();
  const moves = await runMoves({
    service: service.spec,
    runs: Number(values.runs),
    atOnce: Number(values['at-once']),
    seed: Number(values.seed),
    onEnded: (count) => (count % 50 === 0 ? console.log(`${name}: ${count} of ${values.runs}`) : undefined),
  });
  print(name, moves);
  if (moves.violations.length > 0) process.exitCode = 1;
}

function print(name: string, { runs, kills, moved, ends, nextMs, aliveMs, violations }: Moves): void {
  console.log(`\n${name}: ${runs} clients, ${kills} processes killed, ${moved} clients moved`);
  for (const [end, count] of Object.entries(ends)) console.log(`  ${end}: ${count}`);
  console.log(`  from the kill to the next token or the end: ${times(nextMs)}`);
  console.log(`  to a token of the run that took over, or the end: ${times(aliveMs)}`);
  for (const violation of violations) console.error(`VIOLATION ${name}: ${violation}`);
  console.log(`  violations: ${violations.length}`);
}

function times(ms: readonly number[]): string {
  const [p50, p99] = [0.5, 0.99].map((share) => `${Math.round(percentile(ms, share))} ms`);
  return `p50 ${p50}, p99 ${p99}`;
}
