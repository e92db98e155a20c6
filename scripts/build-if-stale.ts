/** Builds the library if the build is missing or out of date. Can be run as a script. */
import { execFileSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { entryPoints, exists, publishedFolders, root } from './entry-points.ts';

/** Builds the library if the build is missing or out of date. */
export function buildIfStale(): void {
  if (isStale())
    execFileSync('npm', ['run', 'build', '--silent'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Whether the build is missing, or older than a source file or a setting. */
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
