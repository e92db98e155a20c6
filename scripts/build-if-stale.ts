/** Builds the library where the build is missing or older than what it is made from; run as a script, or called by the set-up of tests. */
import { execFileSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { entryPoints, exists, publishedFolders, root } from './entry-points.ts';

/** See above. */
export function buildIfStale(): void {
  if (isStale())
    execFileSync('npm', ['run', 'build', '--silent'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Whether the build is missing, or older than a source or a setting it is made from. */
function isStale(): boolean {
  const builtMs = Math.min(...entryPoints().map(({ built }) => modifiedMs(built)));
  const patterns = ['package.json', 'tsconfig.json', 'tsup.config.ts'];
  for (const folder of publishedFolders) patterns.push(`${folder}/**/*.ts`);
  return builtMs < Math.max(...globSync(patterns, { cwd: root }).map(modifiedMs));
}

function modifiedMs(path: string): number {
  return exists(path) ? statSync(root + path).mtimeMs : 0;
}

if (import.meta.main) buildIfStale();
