import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bench = fileURLToPath(new URL('..', import.meta.url));
const installed = `${bench}node_modules/.package-lock.json`;

/** Installs the peers if they are missing or older than the lockfile. */
export function installPeers(): void {
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${bench}package-lock.json`).mtimeMs)
    return;
  console.error('installing the peers into bench/node_modules');
  run('npm', ['ci', '--prefix', bench, '--ignore-scripts', '--no-audit', '--no-fund']);
  // If nothing has to change, npm does not update the file's date.
  run('touch', [installed]);
}

/**
 * Builds the library without declarations and puts it where an install would. `import 'sluice'` then finds what a user gets, and uses the same
 * copies of `openai`, `@anthropic-ai/sdk` and `undici` as the peers. The build is always new, so that a run never measures an old build or
 * one that changes in the meantime.
 */
export function installLibrary(): void {
  const target = `${bench}node_modules/sluice/`;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  run(`${root}node_modules/.bin/tsup`, ['--no-dts', '--silent', '--out-dir', `${target}dist`]);
  cpSync(`${root}package.json`, `${target}package.json`);
}

/** The path of the newer Node.js that some rows need. The package `node` fetches it with a script, which `installPeers` does not run. */
export function newerNode(): string {
  const path = `${bench}node_modules/node/bin/node`;
  if (!existsSync(path)) run('npm', ['rebuild', 'node', '--prefix', bench]);
  return path;
}

/** The installed version of a package. */
export function versionOf(name: string): string {
  const manifest = JSON.parse(readFileSync(`${bench}node_modules/${name}/package.json`, 'utf8')) as {
    version: string;
  };
  return manifest.version;
}

function run(command: string, parameters: string[]): void {
  // The output of npm and the bundler is progress, not part of the results.
  execFileSync(command, parameters, { cwd: root, stdio: ['ignore', process.stderr, process.stderr] });
}
