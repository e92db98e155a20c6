import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { globSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { root } from '../../../scripts/entry-points.ts';

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ version: z.string().optional(), hasInstallScript: z.boolean().optional() }),
  ),
});

const read = (path: string): Promise<string> => readFile(root + path, 'utf8');

/** The packages that the server's own modules load. */
async function loaded(): Promise<string[]> {
  const files = globSync('server/**/*.ts', { cwd: root }).filter((path) => !path.startsWith('server/page/'));
  const texts = await Promise.all(files.map(read));
  const names = texts.flatMap((text) =>
    [...text.matchAll(/(?:^import (?!type )[^;]*?from |\bimport\()'([^.'][^']*)'/gm)].map(([, name = '']) =>
      name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : (name.split('/')[0] ?? ''),
    ),
  );
  return [...new Set(names)].filter((name) => !name.startsWith('node:') && !builtinModules.includes(name));
}

describe('S18 what a server is made of', () => {
  test('is pinned in the lockfile, and runs no script when it is installed', async () => {
    const { packages } = lockSchema.parse(JSON.parse(await read('package-lock.json')));
    const names = await loaded();
    expect(names).toEqual(expect.arrayContaining(['hono', 'zod']));
    for (const name of names)
      expect([name, packages[`node_modules/${name}`]]).toEqual([
        name,
        expect.objectContaining({ version: expect.stringMatching(/^\d+\.\d+\.\d+/) }),
      ]);
    expect(names.filter((name) => packages[`node_modules/${name}`]?.hasInstallScript === true)).toEqual([]);
  });

  test('comes into the image in the versions of the lockfile, without scripts', async () => {
    const lines = (await read('deploy/Dockerfile')).replaceAll('\\\n', ' ').split('\n');
    const installs = lines.filter((line) => /\bnpm\b.*\b(?:ci|install|i|add|update)\b/.test(line));
    expect(installs.length).toBeGreaterThan(0);
    for (const line of installs) {
      expect(line).toContain('--ignore-scripts');
      // Without a version, npm would take the newest one of the day.
      if (!/\bnpm ci\b/.test(line)) expect(line).toMatch(/ \.\/sluice\.tgz \$\(cat packages\.txt\)$/);
    }
    expect(lines).toContainEqual(expect.stringMatching(/^RUN node scripts\/locked\.ts .* > packages\.txt$/));
  });
});
