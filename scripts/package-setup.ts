import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { buildIfStale } from './build-if-stale.ts';
import { readManifest, root } from './entry-points.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Absolute path of the packed package. */
    tarball: string;
  }
}

/** Set-up of the tests of the package: builds it when the build is stale, and packs it once for all of them. */
export default function packageSetup(project: TestProject): () => void {
  buildIfStale();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder]);
  const { name, version } = readManifest();
  project.provide('tarball', join(folder, `${name}-${version}.tgz`));
  return () => {
    rmSync(folder, { recursive: true });
  };
}

function run(command: string, parameters: string[]): void {
  execFileSync(command, parameters, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}
