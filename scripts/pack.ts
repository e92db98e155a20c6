/** Builds the package if the build is stale, and packs it: `node scripts/pack.ts FOLDER`. */
import { execFileSync } from 'node:child_process';
import { buildIfStale } from './build-if-stale.ts';
import { root } from './entry-points.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('Usage: node scripts/pack.ts FOLDER');
buildIfStale();
execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
});
