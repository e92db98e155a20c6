import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { readManifest, root } from './entry-points.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Absolute path of the packed package. */
    tarball: string;
  }
}

/**
 * Starts to build and pack the package, once for all tests of the package. Other tests run in the meantime. `package-ready.ts` makes the tests
 * of the package wait.
 */
export default function packageSetup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
  const { name, version } = readManifest();
  const tarball = join(folder, `${name}-${version}.tgz`);
  project.provide('tarball', tarball);
  const packing = spawn(process.execPath, [join(root, 'scripts/pack.ts'), folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  packing.once('exit', (code) => {
    if (existsSync(folder)) writeFileSync(join(folder, code === 0 ? 'done' : 'failed'), '');
  });
  return () => {
    packing.kill();
    rmSync(folder, { recursive: true });
  };
}
