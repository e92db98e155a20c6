/**
 * `npm run budget` prints the size of each entry point. `npm run budget -- --write` records the sizes plus 5 % as the new budget. Only
 * raise a budget for a good reason.
 */
import { writeFileSync } from 'node:fs';
import { entryPoints, root } from './entry-points.ts';
import { measureEntry, type EntrySize } from './entry-size.ts';

const marginRatio = 1.05;
const stepBytes = 100;

const budget: Record<string, EntrySize> = {};
for (const entry of entryPoints()) {
  const size = await measureEntry(entry);
  console.log(
    `${entry.specifier.padEnd(32)} ${String(size.ownBytes).padStart(7)} bytes of our own, ` +
      `${String(size.bundledBytes).padStart(7)} with dependencies; ${size.packages.join(', ') || 'no package'}`,
  );
  budget[entry.specifier] = {
    ownBytes: withMargin(size.ownBytes),
    bundledBytes: withMargin(size.bundledBytes),
    packages: size.packages,
  };
}
if (process.argv.includes('--write')) {
  writeFileSync(`${root}test/package/budget.json`, `${JSON.stringify(budget, undefined, 2)}\n`);
}

function withMargin(bytes: number): number {
  return Math.ceil((bytes * marginRatio) / stepBytes) * stepBytes;
}
