import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MemoryStore, Pipeline, decide } from 'sluice';
import { mcpTools } from 'sluice/interop/mcp';
import type { McpServerSource } from 'sluice/interop/mcp';
import { provider } from 'sluice/middleware';
import { tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../stage.ts';
import { everythingOverHttp, program } from './reference.ts';
import type { Running } from './reference.ts';

const command = process.execPath;
let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sluice-mcp-')));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('server-filesystem', () => {
  const PNG =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

  test('reads files and images, says errors, and repeats nothing', async () => {
    await writeFile(join(folder, 'a.txt'), 'first line\nsecond line\n');
    await writeFile(join(folder, 'dot.png'), Buffer.from(PNG, 'base64'));
    await using files = await mcpTools({ command, args: [program('filesystem'), folder] }, { prefix: 'fs_' });
    expect(files.warnings).toEqual([]);
    const { results } = await call(files, [
      ['fs_read_text_file', { path: join(folder, 'a.txt'), head: 1 }],
      ['fs_read_media_file', { path: join(folder, 'dot.png') }],
      ['fs_read_text_file', { path: '/etc/passwd' }],
      ['fs_read_text_file', { path: 7 }],
      ['fs_list_directory', { path: folder }],
    ]);
    expect(results.map(({ content }) => content)).toEqual([
      'first line',
      '(image: image/png)',
      expect.stringMatching(/^The tool failed: Access denied/),
      expect.stringMatching(/^The arguments are wrong: .*path/),
      '[FILE] a.txt\n[FILE] dot.png',
    ]);
    expect(results[1]?.parts).toEqual([{ type: 'image', mediaType: 'image/png', data: PNG }]);
    expect(results.map(({ isError }) => isError)).toEqual([false, false, true, true, false]);
  });

  test('writes only what somebody has approved', async () => {
    const source = { command, args: [program('filesystem'), folder] };
    const reads = /^(read|list|get|search|directory)_/;
    await using files = await mcpTools(source, {
      each: ({ name }) => ({ needsApproval: !reads.test(name) }),
    });
    const path = join(folder, 'new.txt');
    const model = scripted([
      { toolCalls: [{ name: 'write_file', arguments: { path, content: 'approved' } }] },
      'Written.',
    ]);
    await using pipeline = new Pipeline([tools([files]), provider(model)], { store: new MemoryStore() });
    const { pending: [waits] = [], reason } = await pipeline.executeWithContext('s', 'user', 'Write it.');
    expect(reason).toBe('approval');
    await expect(readFile(path)).rejects.toThrow('ENOENT');
    await pipeline.executeWithContext('s', decide({ [waits?.callId ?? '']: { approve: true } }));
    expect(await readFile(path, 'utf8')).toBe('approved');
  });

  test('is told its folders by roots', async () => {
    const inside = join(folder, 'inside');
    await mkdir(inside, { recursive: true });
    const options = { roots: [{ uri: pathToFileURL(inside).href }] };
    await using files = await mcpTools({ command, args: [program('filesystem'), folder] }, options);
    const allowed = async () => (await call(files, [['list_allowed_directories']])).results[0]?.content;
    // The server asks for them after it is connected.
    await expect.poll(allowed).toMatch(/inside$/);
  });
});

test('server-memory: a graph is written and read', async () => {
  const env = { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') };
  await using memory = await mcpTools({ command, args: [program('memory')], env });
  const entities = [{ name: 'Ada', entityType: 'person', observations: ['counts'] }];
  const written = await call(memory, [['create_entities', { entities }]]);
  const read = await call(memory, [['read_graph']]);
  expect(JSON.parse(written.results[0]?.content ?? '')).toEqual(entities);
  expect(JSON.parse(read.results[0]?.content ?? '')).toEqual({ entities, relations: [] });
});

describe.each(['stdio', 'streamable HTTP'])('server-everything over %s', (over) => {
  let running: Running | undefined;
  let source: McpServerSource;
  beforeAll(async () => {
    if (over === 'stdio') source = { command, args: [program('everything'), 'stdio'] };
    else {
      running = await everythingOverHttp();
      source = { url: running.url };
    }
  });
  afterAll(() => running?.[Symbol.asyncDispose]());

  test('gives text, images, resources, links and data', async () => {
    await using mcp = await mcpTools(source);
    const { results } = await call(mcp, [
      ['echo', { message: 'hello' }],
      ['get-sum', { a: 2, b: 3 }],
      ['get-tiny-image'],
      ['get-structured-content', { location: 'Chicago' }],
      ['get-resource-reference', { resourceType: 'Text', resourceId: 1 }],
      ['get-resource-links', { count: 1 }],
      ['get-sum', { a: 'two', b: 3 }],
    ]);
    const [echo, sum, image, data, resource, links, wrong] = results;
    expect(echo?.content).toBe('Echo: hello');
    expect(sum?.content).toBe('The sum of 2 and 3 is 5.');
    expect(image?.parts?.map(({ type }) => type)).toEqual(['text', 'image', 'text']);
    expect(JSON.parse(data?.content ?? '')).toEqual({
      temperature: 36,
      conditions: 'Light rain / drizzle',
      humidity: 82,
    });
    expect(resource?.content).toMatch(/demo:\/\/resource\/dynamic\/text\/1\n/);
    expect(links?.content).toMatch(/a link to a resource: /);
    expect(wrong?.content).toMatch(/^The arguments are wrong/);
  });

  test('tells its progress', async () => {
    await using mcp = await mcpTools(source);
    const { results, progress } = await call(mcp, [
      ['trigger-long-running-operation', { duration: 0.002, steps: 2 }],
    ]);
    expect(results[0]?.content).toMatch(/operation completed/);
    expect(progress[0]).toEqual({ progress: 1, total: 2 });
  });

  test('is told that a call is cancelled, and goes on with others', async () => {
    await using mcp = await mcpTools(source, { closeTimeoutMs: 2 });
    const endless = {
      name: 'trigger-long-running-operation',
      arguments: { duration: 3_600, steps: 1_000_000 },
    };
    const pipeline = new Pipeline([tools([mcp]), provider(scripted([{ toolCalls: [endless] }]))]);
    for await (const chunk of pipeline.executeStream('user', 'Go on.'))
      if (chunk.type === 'tool_progress') break;
    const { results } = await call(mcp, [['echo', { message: 'still here' }]]);
    expect(results[0]?.content).toBe('Echo: still here');
  });

  test('asks a person only if somebody answers', async () => {
    const names = async (options: object) => {
      await using mcp = await mcpTools(source, options);
      await mcp.refresh();
      return mcp.tools.map(({ name }) => name).filter((name) => /elicitation|sampling/.test(name));
    };
    expect(await names({})).toEqual([]);
    const asked: string[] = [];
    const onElicitation = ({ message }: { message: string }) => {
      asked.push(message);
      return { action: 'accept' as const, content: { name: 'Ada' } };
    };
    await using mcp = await mcpTools(source, { onElicitation });
    // It offers the tools that ask after it has heard what we can do.
    await expect
      .poll(async () => {
        await mcp.refresh();
        return mcp.tools.some(({ name }) => name === 'trigger-elicitation-request');
      })
      .toBe(true);
    const { results } = await call(mcp, [['trigger-elicitation-request']]);
    expect(results[0]?.content).toMatch(/Ada/);
    expect(asked.length).toBe(1);
  });
});

test('a server that was started again has lost its sessions, and the call goes on in a new one', async () => {
  const first = await everythingOverHttp();
  await using mcp = await mcpTools({ url: first.url }, { each: () => ({ idempotent: true }) });
  await first[Symbol.asyncDispose]();
  await using _second = await everythingOverHttp(first.port);
  const { results } = await call(mcp, [['echo', { message: 'again' }]]);
  expect(results[0]?.content).toBe('Echo: again');
});
