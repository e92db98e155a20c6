import { execFileSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { entryPoints, exists, publishedFolders, root } from './entry-points.ts';

/** Builds the package when a build is missing, or older than a source or a setting it is made from. */
export default function buildWhenStale(): void {
  const builtMs = Math.min(...entryPoints().map(({ built }) => modifiedMs(built)));
  const sources = globSync(
    [...publishedFolders.map((folder) => `${folder}/**/*.ts`), '{package,tsconfig}.json', 'tsup.config.ts'],
    { cwd: root },
  );
  const changedMs = Math.max(...sources.map(modifiedMs));
  if (builtMs > changedMs) return;
  console.log('The build is older than the sources: npm run build');
  execFileSync('npm', ['run', 'build', '--silent'], { cwd: root, stdio: 'inherit' });
}

function modifiedMs(path: string): number {
  return exists(path) ? statSync(root + path).mtimeMs : 0;
}
