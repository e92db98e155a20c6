// npm run soak -- [--seconds 1800] [--streams 500] [--every-ms 250] [--seed N]
// Prints the figures of docs/reliability.md.
import { parseArgs } from 'node:util';
import { soak } from './run.ts';
import { problemsOf, thirdsOf } from './verdict.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1800' },
    streams: { type: 'string', default: '500' },
    'every-ms': { type: 'string', default: '250' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
  },
});
// The process that it has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
console.log(`seed ${values.seed}`);

const mb = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`;

const told = await soak({
  seconds: Number(values.seconds),
  streams: Number(values.streams),
  everyMs: Number(values['every-ms']),
  seed: Number(values.seed),
  lookMs: 10_000,
  ttlMs: 120_000,
  orphanMs: 60_000,
  slow: { bytes: 8_000_000, firstMs: 20_000 },
  onLook: ({ heap, sockets, timers, listeners, full }, begun) =>
    console.log(
      `${begun} streams begun: heap ${mb(heap)}, ${sockets} sockets, up to ${full} full, ${timers} timers, ${listeners} listeners`,
    ),
});
const { begun, leaving, back, slow, resumable, faults } = told;
console.log(`\n${begun} streams, ${resumable} of them resumable, ${faults} with a fault upstream`);
console.log(`  ${leaving} cut by their clients, ${back} of these came back; ${slow} read slowly`);
console.log(`  connections that were full at once: ${Math.max(...told.full)} at most`);
for (const [end, count] of Object.entries(told.ends)) console.log(`  ${end}: ${count}`);
const thirds = thirdsOf(told.heaps)?.map(mb).join(', ') ?? 'too few looks';
console.log(`  mean heap of each third: ${thirds}`);
for (const [when, figures] of Object.entries({ after: told.after, closed: told.closed }))
  console.log(
    `  ${when}: heap ${mb(figures.heap)}, ${figures.sockets} sockets, ${figures.timers} timers, ${figures.listeners - told.before.listeners} listeners more, ${figures.rejections.length} unhandled rejections`,
  );
const problems = problemsOf(told);
for (const problem of problems) console.error(`PROBLEM ${problem}`);
if (problems.length > 0) process.exitCode = 1;
