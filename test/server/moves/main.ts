// npm run moves -- [--runs 500] [--words 100] [--at-once 10] [--restart-every 5] [--signal SIGKILL|SIGTERM] [--owner-lost resume|end] [--kill-finder] [--seed N] [--store redis|postgres]
// Prints the figures of docs/reliability.md. Without --store: both stores, one after the other.
import { parseArgs } from 'node:util';
import { percentile } from './percentile.ts';
import { runMoves } from './run.ts';
import type { Moves } from './run.ts';
import { ownServices } from './services.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '500' },
    words: { type: 'string', default: '100' },
    'at-once': { type: 'string', default: '10' },
    'restart-every': { type: 'string', default: '5' },
    signal: { type: 'string', default: 'SIGKILL' },
    'owner-lost': { type: 'string', default: 'resume' },
    'kill-finder': { type: 'boolean', default: false },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
    store: { type: 'string', multiple: true, default: Object.keys(ownServices) },
  },
});
// The processes that it has started end with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
console.log(`seed ${values.seed}`);

for (const [name, open] of Object.entries(ownServices)) {
  if (!values.store.includes(name)) continue;
  await using service = await open();
  if (service === undefined) throw new Error(`A server of ${name} cannot be started here.`);
  const moves = await runMoves({
    service,
    restartEvery: Number(values['restart-every']),
    signal: values.signal === 'SIGTERM' ? 'SIGTERM' : 'SIGKILL',
    onOwnerLost: values['owner-lost'] === 'end' ? 'end' : 'resume',
    killsFinder: values['kill-finder'],
    words: Number(values.words),
    runs: Number(values.runs),
    atOnce: Number(values['at-once']),
    seed: Number(values.seed),
    onEnded: (count) => (count % 50 === 0 ? console.log(`${name}: ${count} of ${values.runs}`) : undefined),
  });
  print(name, moves);
  if (moves.violations.length > 0) process.exitCode = 1;
}

function print(name: string, moves: Moves): void {
  const { runs, kills, restarts, moved, kept, ends, nextMs, aliveMs, restartedMs, violations } = moves;
  const what = `${kills} processes ended, ${restarts} restarts of the database, ${moved} clients moved`;
  console.log(`\n${name}: ${runs} clients, ${what}`);
  for (const [end, count] of Object.entries(ends)) console.log(`  ${end}: ${count}`);
  console.log(`  sessions with a partial reply, as its reader saw it: ${kept}`);
  console.log(`  from the signal to the next token or the end: ${times(nextMs)}`);
  console.log(`  to a token of the run that took over, or the end: ${times(aliveMs)}`);
  if (restarts > 0) console.log(`  the first of these in rounds with a restart: ${times(restartedMs)}`);
  for (const violation of violations) console.error(`VIOLATION ${name}: ${violation}`);
  console.log(`  violations: ${violations.length}`);
}

function times(ms: readonly number[]): string {
  const [p50, p99] = [0.5, 0.99].map((share) => `${Math.round(percentile(ms, share))} ms`);
  return `p50 ${p50}, p99 ${p99}`;
}
