/**
 * The tools of MCP servers, for `tools()`.
 *
 * @module
 */
import { ServerTools } from './mcp-tools.ts';
import type { McpTools } from './mcp-tools.ts';
import { checkedSource, mcpSettings } from './options.ts';
import type { McpServerSource, McpToolsOptions } from './options.ts';

export type { McpAuth } from './auth.ts';
export type { McpTools } from './mcp-tools.ts';
export type {
  McpAnswer,
  McpCommand,
  McpDefinition,
  McpEndpoint,
  McpQuestion,
  McpServerSource,
  McpToolSettings,
  McpToolsOptions,
} from './options.ts';

/**
 * Connects to an MCP server and gives its tools, for the list of `tools()`: `{ command, args }` is started as a process of ours, `{ url, headers }` is spoken to over streamable
 * HTTP, and a connected client of `@modelcontextprotocol/client` stays the caller's, unless `own: true`. Everything that a server says is a stranger's: texts are cut, schemas and
 * results are checked, its instructions are given to no model, and it may ask nobody anything unless `onElicitation` answers.
 *
 * If the server changes a tool, the next round offers it as it is then, and an approval of the tool as it was is lost. Close it, or let `await using` do so.
 *
 * Throws `invalid_options`, or what went wrong with the server: `network`, `timeout`, `authentication`, `permission`, `protocol`.
 *
 * @example
 * await using files = await mcpTools({ command: 'npx', args: ['-y', '@modelcontextprotocol/server-filesystem', '/data'] }, { prefix: 'files_' });
 * const pipeline = new Pipeline([tools([files]), provider(openai())]);
 */
export async function mcpTools(source: McpServerSource, options: McpToolsOptions = {}): Promise<McpTools> {
  const settings = mcpSettings(options);
  return new ServerTools(checkedSource(source, settings), settings).start();
}
