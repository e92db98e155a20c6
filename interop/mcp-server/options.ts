import type { AuthInfo } from '@modelcontextprotocol/server';
import * as z from 'zod';
import type { AgentOptions, Tool, ToolSource, ToolsOptions } from '../../middleware/tools.ts';
import { Pipeline } from '../../src/index.ts';
import type { ExecutionOptions } from '../../src/index.ts';
import { option, parseOptions } from '../../src/kit/index.ts';

/** Who calls a tool, as far as is known. */
export interface McpCaller {
  /** What the caller of `fetch()` has found out about the request. */
  readonly authInfo: AuthInfo | undefined;
  /** The request; undefined over stdio. */
  readonly request: Request | undefined;
}

/** What the execution of a call is given. */
export type McpExecution = Pick<ExecutionOptions, 'values' | 'metadata' | 'timeoutMs' | 'deadline'>;

/** Options of `mcpServer()`. */
export interface McpServerOptions {
  /** What it calls itself. */
  name: string;
  version: string;
  /** Tells a client how the tools are used. */
  instructions?: string | undefined;
  /** For a pipeline: how it is offered as a tool. Default: the name `ask`. */
  agent?: Partial<AgentOptions> | undefined;
  /** How calls are run: the options of `tools()` that do not need a model. */
  tools?: Pick<ToolsOptions, 'maxResultCharacters' | 'trace'> | undefined;
  /** What the execution of a call is given, such as values for its tools, by who calls. */
  execution?: ((caller: McpCaller) => McpExecution) | undefined;
  /** How many calls run at the same time; others wait. Default 100. */
  maxConcurrentCalls?: number | undefined;
  /** The host names that requests over HTTP may name in `Host` and `Origin`, or `*` for any. Default: those of this machine, so that no web page reaches a server on it by a name of its own. */
  hosts?: readonly string[] | '*' | undefined;
  /** The longest body of a request, in bytes. Default: that of the official package, 4 MiB. */
  maxRequestBytes?: number | undefined;
}

/** The options with their defaults. */
export type ServerSettings = z.output<typeof schema>;

const schema = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1),
  instructions: z.string().optional(),
  agent: z
    .custom<Partial<AgentOptions>>((value) => typeof value === 'object' && value !== null, 'give an object')
    .optional(),
  tools: z
    .strictObject({
      maxResultCharacters: option.count(1).optional(),
      trace: z
        .strictObject({ arguments: z.boolean().optional(), results: z.boolean().optional() })
        .optional(),
    })
    .default({}),
  execution: option.functionOf<NonNullable<McpServerOptions['execution']>>().optional(),
  maxConcurrentCalls: option.count(1).default(100),
  hosts: z
    .union([z.literal('*'), z.array(z.string().min(1))], 'give "*" or an array of host names')
    .optional(),
  maxRequestBytes: option.count(1).optional(),
});

/** Checks the options of `mcpServer()`. Throws `invalid_options`. */
export function serverSettings(options: McpServerOptions): ServerSettings {
  return parseOptions('mcpServer()', schema, options);
}

/** Whether a pipeline was given, and no list of tools. Also one of another copy of the package. */
export function isPipeline(what: readonly (Tool | ToolSource)[] | Pipeline): what is Pipeline {
  return what instanceof Pipeline || (!Array.isArray(what) && 'executeStream' in what);
}
