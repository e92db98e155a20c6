import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { readManifest } from '../../scripts/entry-points.ts';
import { installTarball, type UserProject } from './install-tarball.ts';

const fixture = fileURLToPath(new URL('plugin-fixture', import.meta.url));

describe("the packed package, installed in a user's project", () => {
  let project: UserProject;

  beforeAll(async () => {
    project = await installTarball(inject('tarball'), fixture);
  });

  afterAll(async () => {
    await project[Symbol.asyncDispose]();
  });

  test('installs its runtime dependencies and no optional peer', async () => {
    const { dependencies, peerDependencies } = readManifest();
    const installed = await readdir(join(project.folder, 'node_modules'));
    expect(installed).toEqual(
      expect.arrayContaining(Object.keys(dependencies).map((name) => name.split('/')[0])),
    );
    expect(
      Object.keys(peerDependencies).filter((name) => installed.includes(name.split('/')[0] ?? '')),
    ).toEqual([]);
  });

  test('contains the build and the documentation, nothing else', async () => {
    const files = await readdir(join(project.folder, 'node_modules/sluice'));
    expect(files.sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'deploy',
      'dist',
      'docs',
      'examples',
      'package.json',
    ]);
  });

  test('lets a plugin written from the README compile in strict mode, and run', async () => {
    expect(await project.compile('tsconfig.json')).toEqual({ exitCode: 0, output: '' });
    const { exitCode, output } = await project.node('out/main.js');
    expect(output).toBe('{"content":"Hello, world","lines":["start 1","end 12 stop"]}\n');
    expect(exitCode).toBe(0);
  });

  test('has types for the core that do not need the types of Node', async () => {
    expect(await project.compile('tsconfig.browser.json')).toEqual({ exitCode: 0, output: '' });
  });

  test('has a command that answers once and exits, without a key', async () => {
    const { exitCode, output } = await project.node(
      'node_modules/.bin/sluice',
      'chat',
      '--provider',
      'demo',
      'Say hi',
    );
    expect(output).toMatch(/tokens/);
    expect(exitCode).toBe(0);
  });

  test('refuses an import that is not an entry point', async () => {
    const { exitCode, output } = await project.node('-e', "import('sluice/dist/src/index.js')");
    expect(output).toMatch(/ERR_PACKAGE_PATH_NOT_EXPORTED/);
    expect(exitCode).toBe(1);
  });
});
