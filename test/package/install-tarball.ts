import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { readManifest, root } from '../../scripts/entry-points.ts';

const runFile = promisify(execFile);

/** The result of a command in the user's project. */
export interface Outcome {
  exitCode: number;
  output: string;
}

/** A folder outside of the repository, where the packed package is installed as in a user's project. */
export interface UserProject extends AsyncDisposable {
  folder: string;
  /** Runs Node with the folder as its working directory. */
  node(...parameters: string[]): Promise<Outcome>;
  /** Runs our TypeScript compiler on a tsconfig of the folder. */
  compile(tsconfig: string): Promise<Outcome>;
}

/**
 * Installs the tarball with npm, without the network: every dependency comes from our own node_modules. No optional
 * peer is installed.
 */
export async function installTarball(tarball: string, files: string): Promise<UserProject> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-user-'));
  await cp(files, folder, { recursive: true });
  const dependencies: Record<string, string> = { [readManifest().name]: `file:${tarball}` };
  for (const name of await closure(Object.keys(readManifest().dependencies))) {
    dependencies[name] = `file:${root}node_modules/${name}`;
  }
  const manifest = { name: 'user', version: '1.0.0', private: true, type: 'module', dependencies };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  const flags = [
    '--offline',
    '--install-links',
    '--ignore-scripts',
    '--omit=peer',
    '--no-audit',
    '--no-fund',
  ];
  await runFile('npm', ['install', '--silent', ...flags], { cwd: folder });
  await link(folder, '@types/node');
  await link(folder, 'undici-types');
  return {
    folder,
    node: (...parameters) => run(process.execPath, parameters, folder),
    compile: (tsconfig) =>
      run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', tsconfig], folder),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

/** The packages and everything they depend on. */
async function closure(names: readonly string[]): Promise<Set<string>> {
  const found = new Set(names);
  for (const name of found) {
    const manifest = JSON.parse(await readFile(`${root}node_modules/${name}/package.json`, 'utf8'));
    for (const dependency of Object.keys(manifest.dependencies ?? {})) found.add(dependency);
  }
  return found;
}

async function link(folder: string, name: string): Promise<void> {
  const path = join(folder, 'node_modules', name);
  await mkdir(dirname(path), { recursive: true });
  await symlink(`${root}node_modules/${name}`, path);
}

async function run(file: string, parameters: string[], folder: string): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(file, parameters, { cwd: folder }, (error, stdout, stderr) => {
      const exitCode = typeof error?.code === 'number' ? error.code : Number(error !== null);
      resolve({ exitCode, output: stdout + stderr });
    });
  });
}
