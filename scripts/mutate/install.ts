import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const installed = `${here}node_modules/.package-lock.json`;

/** Stryker's command, once it is installed. */
export const strykerProgram = `${here}node_modules/@stryker-mutator/core/bin/stryker.js`;

/** Installs Stryker into this folder if it is missing or older than the lockfile. */
export function installStryker(): void {
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${here}package-lock.json`).mtimeMs)
    return;
  console.error('installing Stryker into scripts/mutate/node_modules');
  const command = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', command, { cwd: here, stdio: ['ignore', process.stderr, process.stderr] });
}
