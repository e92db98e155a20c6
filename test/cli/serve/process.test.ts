import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { root } from '../../../scripts/entry-points.ts';
import { chatStream } from '../../../testing/upstream/chat-stream.ts';
import { faultServer } from '../../../testing/upstream/fault-server.ts';
import { listAt, parseLine, textAt } from '../../support/json.ts';
import { runCli, startCli } from '../run-cli.ts';
import { allEvents, eventsOneByOne, restOf, serving, textOf, turn } from './serving.ts';

const BEARER = { authorization: 'Bearer token-of-ada' };

test('the three example prompts of the demo model: content, thinking, and a tool with its result', async () => {
  await using server = await serving();
  expect(server.cli.stderr).toMatch(/^note: this is the demo model, not a real one: set OPENAI_API_KEY/);

  const told = await allEvents(await turn(server.url, 'Explain how photosynthesis works'));
  expect(textOf(told)).toContain('Calvin cycle');
  expect([told[0]?.type, told.at(-2)?.type, told.at(-1)?.type]).toEqual(['connected', 'complete', 'done']);

  const thought = await allEvents(
    await turn(
      server.url,
      'Think through this step by step: If I have 20 apples and give away 3/4 of them, then buy twice as many as I gave away, how many apples do I have?',
    ),
  );
  expect(thought.filter(({ type }) => type === 'thinking').length).toBeGreaterThan(3);
  expect(textOf(thought)).toContain('35');

  const counted = await allEvents(
    await turn(server.url, 'Calculate the compound interest for $5000 at 3.5% annual rate for 8 years'),
  );
  const [call] = counted.filter(({ type }) => type === 'tool_call');
  expect(parseLine(textAt(call?.data, 'tool_call', 'arguments'))).toEqual({
    expression: '5000 * (1 + 3.5 / 100) ^ 8 - 5000',
  });
  const [result] = counted.filter(({ type }) => type === 'tool_result');
  expect(textAt(result?.data, 'tool_call', 'result')).toContain('1584.04');
  expect(textOf(counted)).toContain('1584.04');
});

test('the page, its readiness and its routes are there, and no file of the server is', async () => {
  await using server = await serving();
  const page = await fetch(server.url);
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  const { status } = (await (await fetch(`${server.url}/health`)).json()) as { status: string };
  expect(status).toBe('ok');
  expect((await fetch(`${server.url}/ready`)).status).toBe(200);
  expect((await fetch(`${server.url}/package.json`)).status).toBe(404);
});

test('a key of the environment and --base-url serve another model', async () => {
  await using upstream = await faultServer();
  upstream.enqueue({ stream: chatStream({ text: 'Hello there', model: 'llama' }) });
  await using server = await serving(['--base-url', upstream.openaiBaseURL, '--model', 'llama'], {
    environment: { OPENAI_API_KEY: 'sk-of-a-test-0123456789' },
  });
  expect(textOf(await allEvents(await turn(server.url, 'Hi')))).toBe('Hello there');
  expect(upstream.requests[0]?.headers.authorization).toBe('Bearer sk-of-a-test-0123456789');
  expect(listAt(upstream.requests[0]?.body, 'tools').map((tool) => textAt(tool, 'function', 'name'))).toEqual(
    ['calculator'],
  );
});

test('SLUICE_TOKENS says who may call, CORS_ORIGINS which pages, HOSTS under which name', async () => {
  await using server = await serving([], {
    environment: {
      SLUICE_TOKENS: 'ada=token-of-ada,bob=token-of-bob',
      CORS_ORIGINS: 'https://chat.example.com',
      HOSTS: '127.0.0.1',
    },
  });
  expect((await turn(server.url, '2 + 3')).status).toBe(401);

  const allowed = await turn(
    server.url,
    '2 + 3',
    {},
    { headers: { ...BEARER, origin: 'https://chat.example.com' } },
  );
  expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([
    200,
    'https://chat.example.com',
  ]);
  expect(textOf(await allEvents(allowed))).toContain('5');

  const stranger = await turn(
    server.url,
    '2 + 3',
    {},
    { headers: { ...BEARER, origin: 'https://evil.example' } },
  );
  expect(stranger.headers.get('access-control-allow-origin')).toBeNull();
  await stranger.body?.cancel();

  const { port } = new URL(server.url);
  expect((await fetch(`http://localhost:${port}/`)).status).toBe(421);

  await turn(server.url, 'Hello', { conversation_id: 'c1' }, { headers: BEARER }).then(allEvents);
  const read = (token: string): Promise<Response> =>
    fetch(`${server.url}/api/v1/conversations/c1`, { headers: { authorization: `Bearer ${token}` } });
  expect([(await read('token-of-ada')).status, (await read('token-of-bob')).status]).toEqual([200, 404]);
});

test('DEBUG logs each turn as lines of JSON, and shows the trace to a client that asks; else neither is there', async () => {
  const seen = async (args: readonly string[], environment: Record<string, string>) => {
    await using server = await serving(args, { environment });
    const response = await fetch(`${server.url}/api/v1/agent/stream?include=trace`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"input":"2 + 3"}',
    });
    const complete = (await allEvents(response)).find(({ type }) => type === 'complete');
    server.cli.process.kill('SIGTERM');
    await server.cli.ended;
    const logged = server.cli.stderr.split('\n').filter((line) => line.startsWith('{'));
    return { spans: listAt(complete?.data, 'metadata', 'trace').length, logged: logged.map(parseLine) };
  };
  expect(await seen([], {})).toEqual({ spans: 0, logged: [] });
  for (const debug of [await seen([], { DEBUG: '1' }), await seen(['--debug'], {})]) {
    expect(debug.spans).toBeGreaterThan(1);
    expect(debug.logged.map((line) => textAt(line, 'message'))).toContainEqual(
      expect.stringContaining('completed'),
    );
  }
});

describe('a configuration', () => {
  const config = (body: string): string => `
    import { Pipeline } from '${root}src/index.ts';
    import { provider } from '${root}middleware/index.ts';
    import { scripted } from '${root}testing/index.ts';
    import { defineConfig } from '${root}server/index.ts';
    const says = (text: string): Pipeline => new Pipeline([provider(scripted(text, { repeat: true }))]);
    export default defineConfig(${body});
  `;

  async function folderWith(name: string, text: string) {
    const folder = await mkdtempDisposable(join(tmpdir(), 'sluice-serve-'));
    await writeFile(join(folder.path, name), text);
    return folder;
  }

  test('in TypeScript names pipelines; the environment and flags come before it', async () => {
    await using folder = await folderWith(
      'sluice.config.ts',
      config(
        `{ pipelines: { support: says('Support'), sales: says('Sales') }, server: { name: 'Shop', auth: { tokens: { 'token-of-eve': 'eve' } } }, listen: { port: 1 } }`,
      ),
    );
    await using server = await serving([], {
      folder: folder.path,
      environment: { SLUICE_TOKENS: 'ada=token-of-ada' },
    });
    expect(server.cli.stderr).toBe('');
    const health = (await (await fetch(`${server.url}/health`)).json()) as { agent: string };
    expect(health.agent).toBe('Shop');
    const said = await allEvents(await turn(server.url, 'Hi', { pipeline: 'sales' }, { headers: BEARER }));
    expect(textOf(said)).toBe('Sales');
    const eve = await turn(server.url, 'Hi', {}, { headers: { authorization: 'Bearer token-of-eve' } });
    expect(eve.status).toBe(401);
  });

  test('that is wrong ends with 2 and one line', async () => {
    await using folder = await folderWith('sluice.config.ts', 'export default { pipeline: {} };');
    const { code, stdout, stderr } = await runCli(['serve'], { folder: folder.path });
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'error: invalid_options: sluice.config.ts: pipeline is not an option: take it out or fix its name.\n',
    });
  });

  test('in a folder that npm init has made says how it is loaded', async () => {
    await using folder = await folderWith('sluice.config.ts', 'export default {};');
    await writeFile(join(folder.path, 'package.json'), '{ "type": "commonjs" }');
    const { code, stderr } = await runCli(['serve'], { folder: folder.path });
    expect(code).toBe(2);
    expect(stderr).toContain('write "type": "module" there, or name the file sluice.config.mts.\n');
  });
});

describe('what is wrong ends with 2 and one line that names the setting', () => {
  test.each([
    [{ PORT: 'abc' }, /^error: The port is not a number from 0 to 65535: set PORT or --port to one\.\n$/],
    [
      { HOST: '0.0.0.0' },
      /^error: Other machines reach 0\.0\.0\.0, and anybody there may call: set SLUICE_TOKENS to a list such as ada=a-long-token, or set --host or HOST to 127\.0\.0\.1\.\n$/,
    ],
    [{ HOST: '192.0.2.1', SLUICE_TOKENS: 'ada=token-of-ada' }, /error: 192\.0\.2\.1 is not an address .*\n$/],
  ])('%o', async (environment, line) => {
    const { code, stdout, stderr } = await runCli(['serve'], { environment: { PORT: '0', ...environment } });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(line);
  });

  test('a configuration with an error in its text: the line is named', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'sluice-serve-'));
    await writeFile(
      join(folder.path, 'sluice.config.mts'),
      'const port = 8080;\nexport default { listen: { port }',
    );
    const { code, stderr } = await runCli(['serve'], { folder: folder.path });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: sluice\.config\.mts cannot be loaded: [^\n]+ \(line 2\)\n$/);
  });

  test('a port that is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await runCli(['serve', '--port', `${port}`]);
    expect(code).toBe(2);
    expect(stderr).toContain(`error: Port ${port} is in use: choose another one with --port or PORT.\n`);
    await new Promise((resolve) => other.close(resolve));
  });

  test.each([
    [{ REDIS_URL: 'redis://u:secret@127.0.0.1:1' }, 'Redis cannot be reached (connect ECONNREFUSED'],
    [
      { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/d' },
      'PostgreSQL cannot be used (connect ECONNREFUSED',
    ],
  ])('a service that cannot be reached when it starts is a failure, %o', async (environment, line) => {
    const { code, stdout, stderr } = await runCli(['serve'], { environment: { PORT: '0', ...environment } });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: store: [^\n]+\n$/);
    expect(stderr).toContain(line);
    expect(stderr).not.toContain('secret');
  });
});

describe('the end', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'at %s a running turn comes to its end, a new connection is refused, and the exit code is 0',
    async (signal) => {
      await using server = await serving();
      const response = await turn(server.url, 'Write a haiku about rivers');
      const events = eventsOneByOne(response);
      const first = (await events.next()).value;
      server.cli.process.kill(signal);
      const rest = await restOf(events);
      expect([first?.type, rest.at(-2)?.type, rest.at(-1)?.type]).toEqual(['connected', 'complete', 'done']);
      expect(await server.cli.ended).toBe(0);
      await expect(fetch(server.url)).rejects.toThrow('fetch failed');
    },
  );

  test('one signal is one if the configuration asks for signals, too', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'sluice-serve-'));
    await writeFile(join(folder.path, 'sluice.config.mjs'), 'export default { listen: { signals: true } };');
    await using server = await serving([], { folder: folder.path });
    const events = eventsOneByOne(await turn(server.url, 'Write a haiku about rivers'));
    await events.next();
    server.cli.process.kill('SIGTERM');
    expect((await restOf(events)).slice(-2).map(({ type }) => type)).toEqual(['complete', 'done']);
    expect(await server.cli.ended).toBe(0);
  });

  test('a second signal cuts off what runs: the reader sees a broken connection, not an end, and the exit code is 0', async () => {
    await using upstream = await faultServer();
    const stream = chatStream({ text: 'One two three' });
    upstream.enqueue({ stream, fault: { kind: 'stall', at: { event: 3 } } });
    await using server = await serving(['--base-url', upstream.openaiBaseURL]);
    const events = eventsOneByOne(await turn(server.url, 'Count'));
    expect((await events.next()).value?.type).toBe('connected');
    expect((await events.next()).value?.type).toBe('content');
    server.cli.process.kill('SIGTERM');
    // The first signal has arrived when new connections are refused.
    while (
      await fetch(`${server.url}/health`).then(
        (answer) => answer.ok,
        () => false,
      )
    );
    server.cli.process.kill('SIGTERM');
    await expect(restOf(events)).rejects.toThrow('terminated');
    expect(await server.cli.ended).toBe(0);
  });

  test('an open WebSocket without a turn does not hold it up', async () => {
    await using server = await serving();
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws`);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    server.cli.process.kill('SIGTERM');
    expect(await closed).toBe(1001);
    expect(await server.cli.ended).toBe(0);
  });
});

test('without the packages of the server, it says how to install them', async () => {
  const hides = `
    import { registerHooks } from 'node:module';
    registerHooks({
      resolve(specifier, context, next) {
        if (!/^(hono|@hono\\/node-server)($|\\/)/.test(specifier)) return next(specifier, context);
        const error = new Error("Cannot find package '" + specifier + "' imported from " + context.parentURL);
        throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' });
      },
    });
  `;
  const nodeOptions = ['--import', `data:text/javascript,${encodeURIComponent(hides)}`];
  expect(await runCli(['serve'], { nodeOptions })).toEqual({
    code: 2,
    stdout: '',
    stderr: 'error: sluice serve needs more packages: run npm install hono @hono/node-server ws.\n',
  });
});

test('--help names each setting, and no flag takes a token', async () => {
  const { code, stdout } = await runCli(['serve', '--help']);
  expect(code).toBe(0);
  for (const name of ['PORT', 'HOST', 'SLUICE_TOKENS', 'CORS_ORIGINS', 'HOSTS', 'REDIS_URL', 'DATABASE_URL'])
    expect(stdout).toContain(name);
  expect(stdout).not.toMatch(/--\S*(token|key)/);
  await using wrong = startCli(['serve', '--token', 'x']);
  expect(await wrong.ended).toBe(2);
});
