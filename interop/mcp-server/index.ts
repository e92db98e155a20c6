/**
 * Offers tools and pipelines to clients of MCP.
 *
 * @module
 */
import { agentTool } from '../../middleware/tools.ts';
import type { Tool, ToolSource } from '../../middleware/tools.ts';
import { SluiceError } from '../../src/index.ts';
import type { Pipeline } from '../../src/index.ts';
import { Calls } from './calls.ts';
import { isPipeline, serverSettings } from './options.ts';
import type { McpServerOptions } from './options.ts';
import { ToolServer } from './server.ts';
import type { McpToolServer } from './server.ts';

export type { McpCaller, McpExecution, McpServerOptions } from './options.ts';
export type { McpToolServer, NodeHandler, StdioPipes } from './server.ts';

/**
 * Offers tools to clients of MCP, over stdio and streamable HTTP. A pipeline is offered as one tool, which is asked with a prompt. Calls run as `tools()` runs them: arguments are checked, `timeoutMs` holds, results
 * are cut, progress is told, and a client that cancels aborts the call. Nobody can approve a call here, so a call of a tool with `needsApproval` that asks for it is denied. Tools
 * without `execute` are an error.
 *
 * Throws `invalid_options`.
 *
 * @example
 * await mcpServer([weather], { name: 'weather', version: '1.0.0' }).stdio();
 */
export function mcpServer(
  what: readonly (Tool | ToolSource)[] | Pipeline,
  options: McpServerOptions,
): McpToolServer {
  const settings = serverSettings(options);
  const list = isPipeline(what) ? [asTool(what, settings)] : what;
  const calls = new Calls(list, settings);
  const left = list.find((one) => 'run' in one && one.run === undefined);
  if (left !== undefined && 'name' in left)
    throw new SluiceError(
      'invalid_options',
      `mcpServer(): the tool ${left.name} has no execute: its client would have to run it.`,
    );
  return new ToolServer(calls, settings);
}

function asTool(pipeline: Pipeline, { name, agent }: ReturnType<typeof serverSettings>): Tool {
  return agentTool(pipeline, { name: 'ask', description: `Asks ${name}.`, ...agent });
}
