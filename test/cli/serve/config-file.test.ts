import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../../cli/serve/config-file.ts';

async function folderWith(name: string, text: string) {
  const folder = await mkdtempDisposable(join(tmpdir(), 'sluice-serve-'));
  await writeFile(join(folder.path, name), text);
  return folder;
}

test('a folder without a configuration has none, one that is named must exist', async () => {
  await using folder = await folderWith('other.mjs', 'export default { listen: { port: 1 } };');
  expect(await loadConfig(undefined, folder.path)).toBeUndefined();
  expect(await loadConfig('other.mjs', folder.path)).toEqual({ listen: { port: 1 } });
  await expect(loadConfig('no.config.ts', folder.path)).rejects.toThrow(
    'There is no file no.config.ts: give the path of a configuration.',
  );
});

test.each([
  [
    'without a default export',
    'export const config = {};',
    'sluice.config.ts has no default export: write export default defineConfig({ pipelines: { ... } }).',
  ],
  [
    'with a key that does not exist',
    'export default { pipeline: {} };',
    'sluice.config.ts: pipeline is not an option: take it out or fix its name.',
  ],
  [
    'with a value of the wrong kind',
    `export default { listen: '8080' };`,
    'sluice.config.ts: listen is a string: give an object with options of listen().',
  ],
  [
    'that throws',
    `throw new Error('KEY is not set'); export default {};`,
    'sluice.config.ts cannot be loaded: KEY is not set (line 1)',
  ],
  [
    'that uses what it has not imported',
    '\n\nexport default defineConfig({});',
    'sluice.config.ts cannot be loaded: defineConfig is not defined (line 3)',
  ],
  [
    'that needs a package that is missing',
    "import 'a-package-that-is-not-there';\nexport default {};",
    /^sluice\.config\.ts cannot be loaded: Cannot find package 'a-package-that-is-not-there' /,
  ],
])('a configuration %s is refused', async (_what, text, message) => {
  await using folder = await folderWith('sluice.config.ts', text);
  await expect(loadConfig(undefined, folder.path)).rejects.toThrow(message);
});
