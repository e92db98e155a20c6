import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Pipeline } from 'sluice';
import { mcpTools } from 'sluice/interop/mcp';
import { mcpServer } from 'sluice/interop/mcp-server';
import type { McpServerOptions } from 'sluice/interop/mcp-server';
import { provider } from 'sluice/middleware';
import { mockTool, tool } from 'sluice/middleware/tools';
import type { Tool, ToolSource } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { call } from '../mcp/stage.ts';
import { listen } from './listen.ts';
import { served } from './served.ts';
import type { Heard } from './served.ts';

/** The official client, connected. */
async function connect(url: URL, mode: 'auto' | 'legacy') {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(url));
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

describe.each(['auto', 'legacy'] as const)('the official client (%s)', (mode) => {
  test('sees the tools, calls them, and gets parts, errors and words of the server', async () => {
    await using at = await listen(served());
    await using client = await connect(at.url, mode);
    expect(client.getProtocolEra()).toBe(mode === 'auto' ? 'modern' : 'legacy');
    expect(client.getInstructions()).toBe('Ask for the weather.');
    expect(client.getServerVersion()).toMatchObject({ name: 'ours', version: '1.2.3' });
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      'weather',
      'files',
      'fails',
      'steps',
      'refund',
      'waits',
      'poet',
    ]);
    expect(tools[0]).toMatchObject({
      description: 'The weather of a city',
      inputSchema: {
        type: 'object',
        properties: { city: { type: 'string', minLength: 2 } },
        required: ['city'],
      },
    });
    const ask = (name: string, input: Record<string, unknown> = {}) =>
      client.callTool({ name, arguments: input });
    expect(await ask('weather', { city: 'Rome' })).toMatchObject({
      content: [{ type: 'text', text: '{"city":"Rome","degrees":21}' }],
    });
    expect(await ask('weather', { city: 7 })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(/^The arguments are wrong: city/) }],
    });
    expect(await ask('fails')).toMatchObject({
      isError: true,
      content: [{ text: 'The tool failed: Broken: ***' }],
    });
    expect(await ask('refund')).toMatchObject({ content: [{ text: expect.stringContaining('denied') }] });
    expect(await ask('poet', { prompt: 'A haiku.' })).toMatchObject({ content: [{ text: 'It is sunny.' }] });
    await expect(ask('nothing')).rejects.toMatchObject({
      message: expect.stringContaining('There is no tool "nothing"'),
    });
    expect((await ask('files')).content).toMatchObject([
      { type: 'text', text: 'Look:' },
      { type: 'image', mimeType: 'image/png' },
      { type: 'audio', mimeType: 'audio/wav' },
      {
        type: 'resource',
        resource: { uri: expect.stringMatching(/a%20b\.pdf$/), blob: 'AAAA', mimeType: 'application/pdf' },
      },
      { type: 'resource_link', uri: 'https://example.com/far.pdf', name: 'far.pdf' },
    ]);
  });

  test('gets progress', async () => {
    await using at = await listen(served());
    await using client = await connect(at.url, mode);
    const progress: unknown[] = [];
    await client.callTool(
      { name: 'steps', arguments: {} },
      { onprogress: (told) => void progress.push(told) },
    );
    expect(progress).toEqual([
      { progress: 1, total: 2, message: 'half' },
      { progress: 2, message: 'almost' },
    ]);
  });

  test('that cancels a call aborts it', async () => {
    const heard: Heard = { runs: Promise.withResolvers(), aborted: Promise.withResolvers() };
    await using at = await listen(served({}, heard));
    await using client = await connect(at.url, mode);
    const controller = new AbortController();
    const called = client.callTool({ name: 'waits', arguments: {} }, { signal: controller.signal });
    await heard.runs.promise;
    if (mode === 'auto') controller.abort(new Error('enough'));
    else await client.close();
    await expect(called).rejects.toThrow();
    await heard.aborted.promise;
  });
});

test('mcpTools() of another process uses them as any others', async () => {
  await using at = await listen(served());
  await using mcp = await mcpTools({ url: at.url }, { prefix: 'ours_' });
  const { results, progress } = await call(mcp, [
    ['ours_weather', { city: 'Rome' }],
    ['ours_files'],
    ['ours_steps'],
  ]);
  expect(results[0]?.content).toBe('{"city":"Rome","degrees":21}');
  expect(results[1]?.parts?.map(({ type }) => type)).toEqual(['text', 'image', 'file', 'file', 'text']);
  expect(results[2]?.content).toBe('Done.');
  expect(progress[0]).toEqual({ progress: 1, total: 2, message: 'half' });
});

test('a pipeline is a tool that is asked with a prompt, and can tell what it writes', async () => {
  const pipeline = new Pipeline([provider(scripted('An old silent pond.'))]);
  const agent = { name: 'poet', description: 'Writes poems', progress: true };
  await using at = await listen(mcpServer(pipeline, { name: 'poet', version: '1', agent }));
  await using client = await connect(at.url, 'auto');
  const { tools } = await client.listTools();
  expect(tools).toMatchObject([
    { name: 'poet', description: 'Writes poems', inputSchema: { required: ['prompt'] } },
  ]);
  const progress: string[] = [];
  const result = await client.callTool(
    { name: 'poet', arguments: { prompt: 'A haiku.' } },
    { onprogress: ({ message }) => void progress.push(message ?? '') },
  );
  expect(result.content).toEqual([{ type: 'text', text: 'An old silent pond.' }]);
  expect(progress.join()).toContain('"type":"content"');
});

test('a list that changes is told to who listens', async () => {
  let list: readonly Tool[] = [mockTool('old')];
  const source: ToolSource = {
    get tools() {
      return list;
    },
    refresh: () => undefined,
  };
  const server = mcpServer([source], { name: 'ours', version: '1' });
  await using at = await listen(server);
  await using mcp = await mcpTools({ url: at.url });
  expect(mcp.tools.map(({ name }) => name)).toEqual(['old']);
  list = [mockTool('new')];
  server.toolsChanged();
  await expect.poll(async () => (await mcp.refresh(), mcp.tools.map(({ name }) => name))).toEqual(['new']);
});

test('a list that changes is told to a client that was passed in, in both protocols', async () => {
  for (const mode of ['auto', 'legacy'] as const) {
    const server = served();
    await using at = await listen(server);
    await using client = await connect(at.url, mode);
    await using mcp = await mcpTools(client, { prefix: 'x_' });
    expect(mcp.refresh()).toBeUndefined();
    server.toolsChanged();
    // Before 2026-07-28 each request stands for itself, and nothing can be told between them.
    if (mode === 'auto')
      await expect
        .poll(async () => {
          const reading = mcp.refresh();
          await reading;
          return reading !== undefined;
        })
        .toBe(true);
    expect(mcp.tools.length).toBe(7);
  }
});

describe('a request over HTTP', () => {
  const options = (hosts: McpServerOptions['hosts']) => ({ ...(hosts !== undefined && { hosts }) });
  const post = (url: string, headers: Record<string, string> = {}) =>
    new Request(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } },
      }),
    });

  test.each([
    ['of this machine', undefined, { host: 'localhost:80' }, 200],
    ['of this process', undefined, {}, 200],
    ['by a name of a page that means this machine', undefined, { host: 'evil.example' }, 403],
    ['of a page of somebody else', undefined, { host: 'localhost', origin: 'https://evil.example' }, 403],
    [
      'by a name that is allowed',
      ['api.example'],
      { host: 'api.example', origin: 'https://api.example' },
      200,
    ],
    ['by any name', '*' as const, { host: 'any.example', origin: 'https://other.example' }, 200],
  ])('%s', async (_what, hosts, headers, status) => {
    await using server = served(options(hosts));
    const response = await server.fetch(post('http://localhost/mcp', headers));
    expect(response.status).toBe(status);
    await response.text();
  });

  test('gives who calls to the execution', async () => {
    const seen: unknown[] = [];
    const who = tool({
      name: 'who',
      description: 'Says who calls',
      input: z.object({}),
      execute: () => 'ok',
    });
    await using server = mcpServer([who], {
      name: 'ours',
      version: '1',
      execution: ({ authInfo, request }) => {
        seen.push(authInfo?.clientId, request?.headers.get('x-tenant'));
        return { metadata: { tenant: 'acme' } };
      },
    });
    const fetch: typeof globalThis.fetch = (url, init) => {
      const headers = new Headers(init?.headers);
      headers.set('x-tenant', 'acme');
      const authInfo = { token: 't', clientId: 'ada', scopes: [] };
      return server.fetch(new Request(url, { ...init, headers }), { authInfo });
    };
    await using mcp = await mcpTools({ url: 'http://localhost/mcp', fetch: fetch });
    expect((await call(mcp, [['who']])).results[0]?.content).toBe('ok');
    expect(seen).toEqual(['ada', 'acme']);
  });
});

test('after close nothing is served', async () => {
  const server = served();
  await server.close();
  await server.close();
  await expect(server.fetch(new Request('http://localhost/mcp'))).rejects.toMatchObject({
    code: 'shutting_down',
  });
  await expect(server.stdio()).rejects.toMatchObject({ code: 'shutting_down' });
});

describe('wrong options', () => {
  const plain = tool({ name: 'theirs', description: 'Of the client', input: z.object({}) });
  test.each([
    ['a tool without execute', [plain], {}, /the tool theirs has no execute/],
    ['no tool', [7], {}, /number 0 is not a tool/],
    ['no name', [], { name: '' }, /name is a string: give one that is not empty/],
    ['an unknown option', [], { port: 1 }, /port is not an option/],
    ['wrong hosts', [], { hosts: 7 }, /hosts is a number: give "\*" or an array of host names/],
  ])('%s', (_what, list, options, message) => {
    expect(() => mcpServer(list as never, { name: 'n', version: '1', ...options } as never)).toThrow(message);
  });
});
