import { Client, InMemoryTransport } from '@modelcontextprotocol/client';
import { Pipeline } from 'sluice';
import type { ExecutionChunk, ExecutionOptions, ExecutionResult } from 'sluice';
import { mcpTools } from 'sluice/interop/mcp';
import type { McpTools, McpToolsOptions } from 'sluice/interop/mcp';
import { provider } from 'sluice/middleware';
import { tools } from 'sluice/middleware/tools';
import type { ToolsOptions } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { HostileServer } from './hostile.ts';

/** A result of a call, as the consumer sees it. */
export type Shown = Extract<ExecutionChunk, { type: 'tool_result' }>;

/** What came of an execution in which a model calls tools once. */
export interface Called {
  results: Shown[];
  progress: unknown[];
  result: ExecutionResult;
}

/** Calls tools of a server as a model does, in one round, and gives the results in the order of the calls. */
export async function call(
  mcp: McpTools,
  calls: readonly [name: string, input?: object][],
  options: { tools?: ToolsOptions; execution?: ExecutionOptions } = {},
): Promise<Called> {
  const toolCalls = calls.map(([name, input = {}]) => ({ name, arguments: input }));
  const pipeline = new Pipeline([tools([mcp], options.tools), provider(scripted([{ toolCalls }, 'Done.']))]);
  const stream = pipeline.executeStream('user', 'Go on.', options.execution);
  const results: Shown[] = [];
  const progress: unknown[] = [];
  for await (const chunk of stream) {
    if (chunk.type === 'tool_result') results.push(chunk);
    if (chunk.type === 'tool_progress') progress.push(chunk.data);
  }
  results.sort((one, other) => Number(one.id.split('_').at(-1)) - Number(other.id.split('_').at(-1)));
  return { results, progress, result: await stream.result };
}

/** A hostile server in this process, with the official client. */
export interface Near {
  server: HostileServer;
  client: Client;
  mcp: McpTools;
}

/** Connects to a hostile server in this process. */
export async function near(mode: string, options: McpToolsOptions = {}): Promise<Near> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const server = new HostileServer(mode, {
    send: (message) => void theirs.send(message as never),
    raw: () => undefined,
    die: () => void theirs.close(),
  });
  theirs.onmessage = (message) => server.receive(message as never);
  await theirs.start();
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(ours);
  return { server, client, mcp: await mcpTools(client, { own: true, ...options }) };
}
