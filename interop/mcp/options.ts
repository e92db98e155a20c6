import type {
  Client,
  ElicitRequestParams,
  ElicitResult,
  FetchLike,
  ToolAnnotations,
} from '@modelcontextprotocol/client';
import * as z from 'zod';
import type { NeedsApproval, OnUnknownOutcome } from '../../middleware/tools.ts';
import { SluiceError } from '../../src/index.ts';
import { option, parseOptions } from '../../src/kit/index.ts';
import type { McpAuth } from './auth.ts';

/** A server that is started as a process of ours, and spoken to over its standard input and output. */
export interface McpCommand {
  command: string;
  args?: string[] | undefined;
  /** Variables that it sees besides `PATH`, `HOME` and a few others. It does not see those of this process. */
  env?: Record<string, string> | undefined;
  /** The folder that it runs in. Default: that of this process. */
  cwd?: string | undefined;
  /** What becomes of what it writes to its standard error. `ignore` (default): the end of it is in the error of a server that does not start. `inherit`: it is written to that of this process. */
  stderr?: 'ignore' | 'inherit' | undefined;
}

/** A server that is spoken to over streamable HTTP. */
export interface McpEndpoint {
  url: string | URL;
  /** Sent with each request to this origin, and to no other. A function is asked for each request. */
  headers?:
    Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>) | undefined;
  /** `{ token }`, or an `OAuthClientProvider` of the official client. */
  auth?: McpAuth | undefined;
  /** In place of the `fetch` of the runtime. */
  fetch?: FetchLike | undefined;
}

/** A server: a connected client of `@modelcontextprotocol/client`, a command, or a URL. */
export type McpServerSource = Client | McpCommand | McpEndpoint;

/** What a server says of one of its tools. None of it can be relied on. */
export interface McpDefinition {
  /** The server's own name of it. */
  readonly name: string;
  /** The name that the model is given. */
  readonly offeredAs: string;
  readonly title: string | undefined;
  readonly description: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  /** Hints such as `readOnlyHint`, as the server gives them. */
  readonly annotations: Readonly<ToolAnnotations>;
}

/** How a tool of a server is used. All fields are as those of `tool()`. */
export interface McpToolSettings {
  /** Told to the model in place of the server's own words. */
  description?: string | undefined;
  /** Whether running it twice does no more than running it once. Default false, whatever the server says. */
  idempotent?: boolean | undefined;
  onUnknownOutcome?: OnUnknownOutcome | undefined;
  needsApproval?: NeedsApproval<Record<string, unknown>> | undefined;
  parallel?: boolean | undefined;
}

/** What a server asks a person. */
export type McpQuestion = ElicitRequestParams;
/** What the person says to that. */
export type McpAnswer = ElicitResult;

/** Options of `mcpTools()`. */
export interface McpToolsOptions {
  /** Put before the name of each tool, such as `files_`. Letters, digits, `_` and `-`. Default: nothing. */
  prefix?: string | undefined;
  /** How each tool is used. `false`: not at all. Called once for each definition, also for a changed one. Default: as the server says, without approvals, and as not idempotent. */
  each?: ((definition: McpDefinition) => McpToolSettings | false | undefined) | undefined;
  /** How long a call may take without a word from the server, in milliseconds: an answer, or progress. Default 60,000. */
  idleTimeoutMs?: number | undefined;
  /** How long a call may take in all, in milliseconds. Default 600,000. */
  totalTimeoutMs?: number | undefined;
  /** How long connecting may take, and the reading of the list, in milliseconds. Default 30,000. */
  connectTimeoutMs?: number | undefined;
  /** How long closing waits for the server, in milliseconds. A process that has not ended by then is killed. Default 5,000. */
  closeTimeoutMs?: number | undefined;
  /** The longest description of a tool that the model is given. Default 4,000. */
  maxDescriptionCharacters?: number | undefined;
  /** The longest definition of a tool as JSON. A longer one is left out, with a warning. Default 100,000. */
  maxDefinitionCharacters?: number | undefined;
  /** How many tools are taken of a server. Default 500. */
  maxTools?: number | undefined;
  /** The longest text of a result that failed. `maxResultCharacters` of `tools()` limits the others. Default 10,000. */
  maxErrorCharacters?: number | undefined;
  /** The most that the images and files of one result may be, in bytes. Others are left out, and named. Default 10 MiB. */
  maxFileBytes?: number | undefined;
  /** The longest message of the server, in bytes. A longer one ends the connection. Default 32 MiB. */
  maxMessageBytes?: number | undefined;
  /**
   * Answers what the server asks a person. Without it the server is told that nobody can be asked. The signal aborts when the server does not wait any more.
   */
  onElicitation?:
    ((question: McpQuestion, run: { signal: AbortSignal }) => McpAnswer | Promise<McpAnswer>) | undefined;
  /** Folders, as `file:` URLs, that the server is told to work in. Default: it is not told any. */
  roots?: readonly { uri: string; name?: string | undefined }[] | undefined;
  /**
   * Which protocol is spoken. `auto`: the newest that the server knows. `legacy`: one of those before 2026-07-28. A version: that one. Default: `auto` over HTTP, and `legacy` for a command, because
   * some processes end when they are asked what they do not know.
   */
  protocol?: 'auto' | 'legacy' | (string & {}) | undefined;
  /** The name and version that the server is told. Default: `sluice`. */
  clientInfo?: { name: string; version: string } | undefined;
  /** Whether a client that was passed in is closed with the tools. Default false. */
  own?: boolean | undefined;
}

/** A command, checked. */
export interface ChildSettings extends McpCommand {
  readonly closeTimeoutMs: number;
}

/** A URL, checked. */
export interface HttpSettings {
  readonly url: URL;
  readonly headers: McpEndpoint['headers'];
  readonly auth: McpAuth | undefined;
  readonly fetch: FetchLike | undefined;
  readonly maxMessageBytes: number;
}

/** The options with their defaults. */
export type McpSettings = z.output<typeof schema>;

const schema = z.strictObject({
  prefix: z
    .string()
    .regex(/^[a-zA-Z0-9_-]{0,40}$/, 'give at most 40 letters, digits, _ and -')
    .default(''),
  each: option.functionOf<NonNullable<McpToolsOptions['each']>>().optional(),
  idleTimeoutMs: option.timerMs().default(60_000),
  totalTimeoutMs: option.timerMs().default(600_000),
  connectTimeoutMs: option.timerMs().default(30_000),
  closeTimeoutMs: option.timerMs().default(5_000),
  maxDescriptionCharacters: option.count(1).default(4_000),
  maxDefinitionCharacters: option.count(1).default(100_000),
  maxTools: option.count(1).default(500),
  maxErrorCharacters: option.count(1).default(10_000),
  maxFileBytes: option.count(0).default(10_485_760),
  maxMessageBytes: option.count(1).default(33_554_432),
  onElicitation: option.functionOf<NonNullable<McpToolsOptions['onElicitation']>>().optional(),
  roots: z
    .array(
      z.strictObject({
        uri: z.string().startsWith('file:', 'give a file: URL'),
        name: z.string().optional(),
      }),
    )
    .optional(),
  protocol: z.string().optional(),
  clientInfo: z
    .strictObject({ name: z.string().min(1), version: z.string().min(1) })
    .default({ name: 'sluice', version: '0' }),
  own: z.boolean().default(false),
});

const commandSchema = z.strictObject({
  command: z.string().min(1),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  cwd: z.string().optional(),
  stderr: z.enum(['ignore', 'inherit']).optional(),
});

const endpointSchema = z.strictObject({
  url: z
    .custom<string | URL>(isHttpUrl, 'give an http: or https: URL')
    .transform((url) => new URL(String(url))),
  headers: z
    .union(
      [z.record(z.string(), z.string()), option.functionOf<Extract<McpEndpoint['headers'], () => unknown>>()],
      'give an object of texts, or a function',
    )
    .optional(),
  auth: z
    .custom<McpAuth>(
      (value) => typeof value === 'object' && value !== null && ('token' in value || 'tokens' in value),
      'give { token }, or an OAuthClientProvider',
    )
    .optional(),
  fetch: option.functionOf<FetchLike>().optional(),
});

function isHttpUrl(value: unknown): boolean {
  if (typeof value !== 'string' && !(value instanceof URL)) return false;
  const text = String(value);
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/** Where a server is, checked. */
export type CheckedSource = { client: Client } | { command: ChildSettings } | { endpoint: HttpSettings };

/** Checks the options of `mcpTools()`. Throws `invalid_options`. */
export function mcpSettings(options: McpToolsOptions): McpSettings {
  return parseOptions('mcpTools()', schema, options);
}

/** Checks where the server is. Throws `invalid_options`. */
export function checkedSource(source: unknown, settings: McpSettings): CheckedSource {
  if (typeof source === 'object' && source !== null) {
    if ('callTool' in source) return { client: checkedClient(source) };
    if ('command' in source)
      return {
        command: {
          ...parseOptions('mcpTools()', commandSchema, source),
          closeTimeoutMs: settings.closeTimeoutMs,
        },
      };
    if ('url' in source) {
      const { url, headers, auth, fetch } = parseOptions('mcpTools()', endpointSchema, source);
      return { endpoint: { url, headers, auth, fetch, maxMessageBytes: settings.maxMessageBytes } };
    }
  }
  throw new SluiceError(
    'invalid_options',
    'mcpTools(): give { command }, { url }, or a connected client of @modelcontextprotocol/client.',
  );
}

function checkedClient(client: object): Client {
  if (!isClient(client))
    throw new SluiceError(
      'invalid_options',
      'mcpTools(): the client is not one of @modelcontextprotocol/client 2. One of @modelcontextprotocol/sdk has other methods: give { command } or { url } instead.',
    );
  return client;
}

function isClient(client: object): client is Client {
  return ['callTool', 'request', 'getProtocolEra', 'setNotificationHandler'].every(
    (name) => typeof Reflect.get(client, name) === 'function',
  );
}
