import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { entryPoints, exists, publishedFolders, readManifest, root } from './entry-points.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Absolute path of the packed package. */
    tarball: string;
  }
}

/** Set-up of the tests of the package: builds it when the build is stale, and packs it once for all of them. */
export default function packageSetup(project: TestProject): () => void {
  if (isStale()) run('npm', ['run', 'build', '--silent']);
  const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder]);
  const { name, version } = readManifest();
  project.provide('tarball', join(folder, `${name}-${version}.tgz`));
  return () => {
    rmSync(folder, { recursive: true });
  };
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

function run(command: string, parameters: string[]): void {
  execFileSync(command, parameters, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}
