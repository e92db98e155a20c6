import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, inject, test } from 'vitest';
import { installTarball } from './install-tarball.ts';

const fixture = fileURLToPath(new URL('copies-fixture', import.meta.url));

const plugin = `export * as sluice from 'sluice';
export * as middleware from 'sluice/middleware';
`;

test('two packed copies in one process know the middleware, streams and errors of each other', async () => {
  await using project = await installTarball(inject('tarball'), fixture);
  const modules = join(project.folder, 'node_modules');
  const folder = join(modules, 'plugin');
  await mkdir(join(folder, 'node_modules'), { recursive: true });
  await cp(join(modules, 'sluice'), join(folder, 'node_modules/sluice'), { recursive: true });
  const manifest = { name: 'plugin', version: '1.0.0', type: 'module', exports: './index.js' };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'index.js'), plugin);

  const { exitCode, output } = await project.node('main.js');
  expect(exitCode, output).toBe(0);
  // Each once: it is the same in both directions, streaming or not.
  expect(JSON.parse(output)).toEqual({
    terminal: ['hi from m-1 in 1 call'],
    'terminal in compose': ['hi from m-1 in 1 call'],
    'terminal that is run': ['hi from m-1 in 1 call'],
    'terminal in the wrong place': [
      'invalid_options: middleware[0] ("m") makes the model call, so "#2" below it would never run: put it last.',
    ],
    provider: ['Hello from demo in 1 call'],
    'built-in middleware': ['Hello from demo in 1 call'],
    stream: ['hi from m-1 in 1 call'],
    source: ['hi from m-1 in 1 call'],
    error: ['overloaded: busy'],
    'stream that is closed': ['closed: aborted'],
  });
});
