import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { MCPServerStdio, MCPServerStreamableHttp } from '@openai/agents';
import { mcpTools } from 'sluice/interop/mcp';
import { describe, expect, test } from 'vitest';
import { root } from '../../../../scripts/entry-points.ts';
import { listen } from '../../mcp-server/listen.ts';
import { served } from '../../mcp-server/served.ts';
import { call } from '../stage.ts';

const source = {
  command: process.execPath,
  args: [join(root, 'test/interop/mcp-server/process.ts')],
};

/** By default it gives up after five seconds, in which a process may not have started on a busy machine. */
const PATIENT = { clientSessionTimeoutSeconds: 120 };

describe('mcpServer() over stdio', () => {
  test.each(['auto', 'legacy'] as const)('is used by the official client (%s)', async (mode) => {
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
    await client.connect(new StdioClientTransport({ ...source, stderr: 'ignore' }));
    expect((await client.listTools()).tools.length).toBe(7);
    expect(await client.callTool({ name: 'weather', arguments: { city: 'Rome' } })).toMatchObject({
      content: [{ text: '{"city":"Rome","degrees":21}' }],
    });
    await client.close();
  });

  test.each(['auto', 'legacy'] as const)('is used by mcpTools() (%s)', async (protocol) => {
    await using mcp = await mcpTools(source, { protocol, totalTimeoutMs: 20_000 });
    const { results } = await call(mcp, [['steps'], ['files']]);
    expect(results[0]?.content).toBe('Done.');
    expect(results[1]?.parts?.map(({ type }) => type)).toEqual(['text', 'image', 'file', 'file', 'text']);
  });

  test('is used by the client of OpenAI Agents', async () => {
    const client = new MCPServerStdio({ ...source, ...PATIENT });
    await client.connect();
    try {
      expect(await client.callTool('weather', { city: 'Rome' })).toMatchObject([
        { text: '{"city":"Rome","degrees":21}' },
      ]);
    } finally {
      await client.close();
    }
  });

  test('ends when its client goes', async () => {
    const child = spawn(source.command, source.args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text: Buffer) => (said += String(text)));
    child.stdin.end();
    const [code] = await once(child, 'exit');
    expect([code, said]).toEqual([0, 'The client has gone.\n']);
  });
});

test('mcpServer() over streamable HTTP is used by the client of OpenAI Agents', async () => {
  await using at = await listen(served());
  const client = new MCPServerStreamableHttp({ url: at.url.href, ...PATIENT });
  await client.connect();
  try {
    expect((await client.listTools()).map(({ name }) => name)).toContain('weather');
    expect(await client.callTool('weather', { city: 'Rome' })).toMatchObject([
      { type: 'text', text: '{"city":"Rome","degrees":21}' },
    ]);
  } finally {
    await client.close();
  }
});
