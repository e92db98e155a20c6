import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { entryPoints, readManifest } from '../../scripts/entry-points.ts';
import { installTarball, type UserProject } from './install-tarball.ts';

const { peerDependencies } = readManifest();

/** A program that needs each peer that we load ourselves. Clients of databases are passed in. */
const PROGRAMS: Readonly<Record<string, { program: string; neededBy: string }>> = {
  openai: {
    neededBy: 'openai()',
    program: `import { openai } from 'sluice/providers/openai';
      await new Pipeline([provider(openai({ apiKey: 'none' }))]).execute('user', 'Hi');`,
  },
  '@anthropic-ai/sdk': {
    neededBy: 'anthropic()',
    program: `import { anthropic } from 'sluice/providers/anthropic';
      await new Pipeline([provider(anthropic({ apiKey: 'none' }))]).execute('user', 'Hi');`,
  },
  '@pydantic/genai-prices': {
    neededBy: 'cost()',
    program: `import { cost } from 'sluice/middleware/cost';
      await new Pipeline([cost(), provider(demo())]).execute('user', 'Hi');`,
  },
  '@modelcontextprotocol/client': {
    neededBy: 'mcpTools()',
    program: `import { mcpTools } from 'sluice/interop/mcp';
      await mcpTools({ url: 'http://127.0.0.1:9/mcp' });`,
  },
  '@modelcontextprotocol/server': {
    neededBy: 'mcpServer()',
    program: `import { mcpServer } from 'sluice/interop/mcp-server';
      await mcpServer([], { name: 'none', version: '1' }).stdio();`,
  },
  '@modelcontextprotocol/node': {
    neededBy: 'mcpServer(): nodeHandler()',
    program: `import { mcpServer } from 'sluice/interop/mcp-server';
      await mcpServer([], { name: 'none', version: '1' }).nodeHandler();`,
  },
};

/** What is made of a peer: it cannot even be imported without it. */
const MADE_OF: Readonly<Record<string, string>> = { 'sluice/react': 'react', 'sluice/server': 'hono' };

let project: UserProject;
let files: string;
beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), 'sluice-no-peers-'));
  await writeFile(
    join(files, 'imports.js'),
    entryPoints()
      .filter(({ specifier }) => MADE_OF[specifier] === undefined)
      .map(({ specifier }) => `import '${specifier}';\n`)
      .join(''),
  );
  project = await installTarball(inject('tarball'), files);
});
afterAll(async () => {
  await project[Symbol.asyncDispose]();
  await rm(files, { recursive: true });
});

test('every entry point that is not made of a peer can be imported without any optional peer', async () => {
  expect(await project.node('imports.js')).toEqual({ exitCode: 0, output: '' });
});

test.each(Object.entries(MADE_OF))('%s says that it needs %s', async (specifier, peer) => {
  await writeFile(join(project.folder, 'made-of.js'), `import '${specifier}';`);
  const { exitCode, output } = await project.node('made-of.js');
  expect(output).toContain(`Cannot find package '${peer}'`);
  expect(exitCode).toBe(1);
});

test.each(Object.entries(PROGRAMS))(
  'without %s the call fails with what to install',
  async (name, { program, neededBy }) => {
    const code = `import { Pipeline } from 'sluice';
    import { provider } from 'sluice/middleware';
    import { demo } from 'sluice/providers/demo';
    try { ${program.replace(/^import .*;$/m, '')} } catch (error) { console.log(demo.name, error.code, error.message); }`;
    const [imported] = /^import .*;$/m.exec(program) ?? [];
    await writeFile(join(project.folder, 'main.js'), `${imported}\n${code}`);
    const message = `${neededBy} needs the package ${name}, which is not installed: run npm install "${name}@${peerDependencies[name]}".`;
    expect(await project.node('main.js')).toEqual({
      exitCode: 0,
      output: `demo invalid_options ${message}\n`,
    });
  },
);
