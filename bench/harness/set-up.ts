import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bench = fileURLToPath(new URL('..', import.meta.url));
const installed = `${bench}node_modules/.package-lock.json`;

/** Installs the peers where they are missing or older than the lockfile. */
export function installPeers(): void {
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${bench}package-lock.json`).mtimeMs)
    return;
  console.error('installing the peers into bench/node_modules');
  run('npm', ['ci', '--prefix', bench, '--ignore-scripts', '--no-audit', '--no-fund']);
  // npm keeps the date of a tree that it finds in order.
  run('touch', [installed]);
}

/**
 * Builds the library with its own settings, declarations left out, and puts it where an install would: `import 'sluice'` then finds what a
 * user gets, and beside it the very copies of `openai`, `@anthropic-ai/sdk` and `undici` that the peers are measured with. The build is made
 * here anew, so that a run never measures a stale one, and none that changes meanwhile.
 */
export function installLibrary(): void {
  const target = `${bench}node_modules/sluice/`;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  run(`${root}node_modules/.bin/tsup`, ['--no-dts', '--silent', '--out-dir', `${target}dist`]);
  cpSync(`${root}package.json`, `${target}package.json`);
}

/** The version of a package as it is installed. */
export function versionOf(name: string): string {
  const manifest = JSON.parse(readFileSync(`${bench}node_modules/${name}/package.json`, 'utf8')) as {
    version: string;
  };
  return manifest.version;
}

function run(command: string, parameters: string[]): void {
  // What npm and the bundler say belongs to the progress, not to the results.
  execFileSync(command, parameters, { cwd: root, stdio: ['ignore', process.stderr, process.stderr] });
}
