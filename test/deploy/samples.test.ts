import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { exists, readManifest, root } from '../../scripts/entry-points.ts';
import { runCli } from '../cli/run-cli.ts';
import { serving } from '../cli/serve/serving.ts';
import { numberAt, parseLine, textAt } from '../support/json.ts';

const run = promisify(execFile);
const sample = (name: string): Promise<string> => readFile(join(root, 'deploy', name), 'utf8');

test('the Dockerfile copies what is there, installs our optional packages, and starts our command', async () => {
  const file = await sample('Dockerfile');
  const { peerDependencies, bin } = readManifest();
  for (const [, sources = ''] of file.matchAll(/^COPY (?!--from)(.+) \S+$/gm))
    for (const source of sources.split(' ')) expect([source, exists(source)]).toEqual([source, true]);

  // Development packages are not installed there, so each has to be named.
  const [, named = ''] = /^RUN node scripts\/locked\.ts (.+) > packages\.txt$/m.exec(file) ?? [];
  const names = named.split(' ');
  expect(names).toEqual(
    expect.arrayContaining(['hono', '@hono/node-server', 'ws', 'redis', 'pg', 'openai', '@anthropic-ai/sdk']),
  );
  const script = join(root, 'scripts/locked.ts');
  const { stdout } = await run(process.execPath, [script, ...names]);
  const locked = stdout.trim().split(' ');
  expect(locked.map((each) => each.slice(0, each.lastIndexOf('@')))).toEqual(names);
  for (const each of locked) {
    const [, name = '', major = ''] = /^(.+)@(\d+)\./.exec(each) ?? [];
    const range = peerDependencies[name]?.split(' || ').at(-1);
    expect([name, range]).toEqual([name, expect.stringMatching(new RegExp(`^\\^${major}\\.`))]);
  }

  expect(file).toContain(`CMD ["node", "node_modules/sluice/${bin['sluice']}", "serve"]`);
  const majors = [...file.matchAll(/^FROM node:(\d+)/gm)].map(([, major]) => Number(major));
  expect(majors).toHaveLength(2);
  const needed = textAt(parseLine(await readFile(join(root, 'package.json'), 'utf8')), 'engines', 'node');
  for (const major of majors) expect(major).toBeGreaterThanOrEqual(Number(/\d+/.exec(needed)?.[0]));
});

test('the compose file sets variables that the server knows, and mounts files that are there', async () => {
  const file = await sample('compose.yaml');
  const { stdout: help } = await runCli(['serve', '--help']);
  const variables = [...file.matchAll(/^ {6}([A-Z_]+): /gm)].map(([, name]) => name ?? '');
  expect(variables).toEqual(expect.arrayContaining(['SLUICE_TOKENS', 'REDIS_URL', 'DATABASE_URL']));
  expect(variables.filter((name) => !help.includes(name))).toEqual([]);
  // A browser tells a socket's server where its page is, and nothing else says that it is the server's own.
  const [, published] = /ports: \['(\d+):80'\]/.exec(file) ?? [];
  expect(file).toContain(`CORS_ORIGINS: \${CORS_ORIGINS:-http://localhost:${published}}`);
  const [, mounted = ''] = /'\.\/(\S+?):\/etc/.exec(file) ?? [];
  expect(exists(`deploy/${mounted}`)).toBe(true);
});

test('keys of this machine do not get into the image', async () => {
  const ignored = (await readFile(join(root, '.dockerignore'), 'utf8')).split('\n');
  expect(ignored).toEqual(expect.arrayContaining(['**/.env*', '**/node_modules', '.git']));
});

test('the health check of the compose file is well while the server is ready, and not without one', async () => {
  const [, command = ''] = /'-e',\s+"(.+?)",?\s+\]/.exec(await sample('compose.yaml')) ?? [];
  expect(command).toContain(':3000/ready');
  const check = (port: string): Promise<number | undefined> =>
    run(process.execPath, ['-e', command.replace('3000', port)]).then(
      () => 0,
      (error: unknown) => numberAt(error, 'code'),
    );
  await using server = await serving();
  expect(await check(new URL(server.url).port)).toBe(0);
  expect(await check('1')).toBe(1);
});
