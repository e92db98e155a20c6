import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { readManifest, root } from '../../scripts/entry-points.ts';

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      resolved: z.string().optional(),
      integrity: z.string().optional(),
      hasInstallScript: z.boolean().optional(),
      optionalDependencies: z.record(z.string(), z.string()).optional(),
    }),
  ),
});

async function readLock(): Promise<z.infer<typeof lockSchema>['packages']> {
  return lockSchema.parse(JSON.parse(await readFile(`${root}package-lock.json`, 'utf8'))).packages;
}

/** The name of a locked package: the part after the last `node_modules/`. */
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

describe('S18 the lockfile', () => {
  test('S18 pins every package by its integrity hash, and names no host to download it from', async () => {
    const installed = Object.entries(await readLock()).filter(([path]) => path !== '');
    expect(installed.length).toBeGreaterThan(100);
    expect(
      installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path),
    ).toEqual([]);
    expect(installed.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
  });

  test('S18 locks the optional packages of every platform; otherwise npm ci refuses it', async () => {
    const packages = await readLock();
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
      ),
    );
    expect(missing).toEqual([]);
  });

  test('S18 has no install script that is not listed in allowScripts, and only the one of node may run', async () => {
    const withScript = Object.entries(await readLock()).filter(
      ([, { hasInstallScript }]) => hasInstallScript,
    );
    const { allowScripts } = readManifest();
    const listed = withScript.map(([path]) => nameOf(path));
    expect(listed.filter((name) => !(name in allowScripts))).toEqual([]);
    expect(Object.keys(allowScripts).filter((name) => allowScripts[name])).toEqual(['node']);
  });

  test('S18 is that of a package without a script of its own that npm would ask its users to allow', () => {
    const asked = ['preinstall', 'install', 'postinstall', 'prepare'];
    expect(Object.keys(readManifest().scripts).filter((name) => asked.includes(name))).toEqual([]);
  });

  test('S18 is not changed by the checks: they install only with npm ci', async () => {
    const script = await readFile(`${root}.ci/run`, 'utf8');
    expect(script).toMatch(/\bnpm ci\b/);
    expect(script).not.toMatch(/\bnpm (install|i|update)\b/);
  });
});
