import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import type {
  AuthInfo,
  CallToolResult,
  McpHttpHandler,
  McpRequestContext,
  McpServer,
} from '@modelcontextprotocol/server';
import type { StdioServerHandle } from '@modelcontextprotocol/server/stdio';
import { SluiceError } from '../../src/index.ts';
import { answerOf, loadPeer } from '../../src/kit/index.ts';
import type { Calls } from './calls.ts';
import type { ServerSettings } from './options.ts';
import { progressOf } from './progress.ts';

type ServerModule = typeof import('@modelcontextprotocol/server');

const PEER = { neededBy: 'mcpServer()', name: '@modelcontextprotocol/server', range: '^2.4.0' } as const;
const NODE_PEER = {
  neededBy: 'mcpServer(): nodeHandler()',
  name: '@modelcontextprotocol/node',
  range: '^2.1.2',
} as const;

/** Answers a request of `node:http`. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Where a server over stdio reads and writes. */
export interface StdioPipes {
  /** Default: the standard input of this process. */
  input?: Readable;
  /** Default: the standard output of this process. Nothing else may be written to it. */
  output?: Writable;
}

/** Our tools, offered to clients of MCP. */
export interface McpToolServer extends AsyncDisposable {
  /** Serves one client over standard input and output. Resolves when that client has gone, or after `close()`. */
  stdio(pipes?: StdioPipes): Promise<void>;
  /** Answers a request over streamable HTTP, for Hono, Bun, Deno or Workers. Who calls has to be found out before: give what is known as `authInfo`. */
  fetch(request: Request, options?: { authInfo?: AuthInfo | undefined }): Promise<Response>;
  /** The same for `node:http` and Express. Needs the package `@modelcontextprotocol/node`. */
  nodeHandler(): Promise<NodeHandler>;
  /** Tells clients that listen that the list of tools has changed. */
  toolsChanged(): void;
  /** Ends all connections. Calls that run may finish until the pipeline's time for that is over. */
  close(): Promise<void>;
}

/** Serves tools. */
export class ToolServer implements McpToolServer {
  readonly #settings: ServerSettings;
  readonly #calls: Calls;
  readonly #handles = new Set<StdioServerHandle>();
  readonly #stdioServers = new Set<McpServer>();
  #parts: Promise<ServerModule> | undefined;
  #http: Promise<McpHttpHandler> | undefined;
  #handler: McpHttpHandler | undefined;
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(calls: Calls, settings: ServerSettings) {
    this.#calls = calls;
    this.#settings = settings;
  }

  async stdio({ input = process.stdin, output = process.stdout }: StdioPipes = {}): Promise<void> {
    const parts = await this.#loaded();
    const { StdioServerTransport, serveStdio } = await import('@modelcontextprotocol/server/stdio');
    if (this.#isClosed) throw closedError();
    const gone = new Promise<void>((resolve) => {
      input.once('end', resolve);
      input.once('close', resolve);
    });
    const own: McpServer[] = [];
    const factory = (): McpServer => {
      const server = this.#server(parts, {});
      own.push(server);
      this.#stdioServers.add(server);
      return server;
    };
    const handle = serveStdio(factory, { transport: new StdioServerTransport(input, output) });
    this.#handles.add(handle);
    await Promise.race([gone, this.#closed.promise]);
    this.#handles.delete(handle);
    for (const server of own) this.#stdioServers.delete(server);
    await handle.close();
  }

  async fetch(request: Request, { authInfo }: { authInfo?: AuthInfo | undefined } = {}): Promise<Response> {
    const parts = await this.#loaded();
    if (this.#isClosed) throw closedError();
    const refused = this.#refusal(request, parts);
    if (refused !== undefined) return refused;
    this.#http ??= this.#httpHandler();
    return (await this.#http).fetch(request, authInfo === undefined ? {} : { authInfo });
  }

  async nodeHandler(): Promise<NodeHandler> {
    const { toNodeHandler } = await loadPeer(NODE_PEER, () => import('@modelcontextprotocol/node'));
    const handler = toNodeHandler({ fetch: (request, options) => this.fetch(request, options) });
    return async (request, response) => handler(request, response);
  }

  toolsChanged(): void {
    this.#handler?.notify.toolsChanged();
    for (const { server } of this.#stdioServers) void server.sendToolListChanged().catch(() => undefined);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closed.resolve();
    await Promise.all([...this.#handles].map((handle) => handle.close()));
    const handler = await this.#http?.catch(() => undefined);
    await handler?.close();
    await this.#calls.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #loaded(): Promise<ServerModule> {
    this.#parts ??= loadPeer(PEER, () => import('@modelcontextprotocol/server'));
    return this.#parts;
  }

  /** The answer to a request by a name, or from a page, that is not allowed. */
  #refusal({ headers, url }: Request, parts: ServerModule): Response | undefined {
    const { hosts = parts.localhostAllowedHostnames() } = this.#settings;
    if (hosts === '*') return undefined;
    const allowed = [...hosts];
    // A request that was made in this process has no such header.
    const host = headers.get('host') ?? new URL(url).host;
    const checks = [
      parts.validateHostHeader(host, allowed),
      parts.validateOriginHeader(headers.get('origin'), allowed),
    ];
    const wrong = checks.find(({ ok }) => !ok);
    if (wrong === undefined || wrong.ok) return undefined;
    const error = { code: -32_000, message: wrong.message };
    return Response.json({ jsonrpc: '2.0', id: null, error }, { status: 403 });
  }

  async #httpHandler(): Promise<McpHttpHandler> {
    const parts = await this.#loaded();
    const { maxRequestBytes } = this.#settings;
    this.#handler = parts.createMcpHandler((context) => this.#server(parts, context), {
      ...(maxRequestBytes !== undefined && { maxRequestBodySize: maxRequestBytes }),
    });
    return this.#handler;
  }

  /** A server for one connection, or for one request over HTTP. */
  #server(parts: ServerModule, { authInfo, requestInfo }: Partial<McpRequestContext>): McpServer {
    const { name, version, instructions, execution } = this.#settings;
    const calls = this.#calls;
    const product = new parts.McpServer(
      { name, version },
      { capabilities: { tools: { listChanged: true } }, ...(instructions !== undefined && { instructions }) },
    );
    // What it registers by itself takes no JSON Schema, and no list that changes.
    const { server } = product;
    server.setRequestHandler('tools/list', async (_request, { mcpReq: { signal } }) => {
      await calls.refresh(signal);
      return {
        tools: calls.tools.map(({ name: tool, description = '', parameters }) => ({
          name: tool,
          description,
          inputSchema: { ...parameters, type: 'object' as const },
        })),
      };
    });
    server.setRequestHandler('tools/call', async ({ params }, { mcpReq }): Promise<CallToolResult> => {
      const { name: tool, arguments: given = {} } = params;
      await calls.refresh(mcpReq.signal);
      if (!calls.tools.some((one) => one.name === tool))
        throw new parts.ProtocolError(
          parts.ProtocolErrorCode.InvalidParams,
          `There is no tool ${JSON.stringify(tool.slice(0, 64))}.`,
        );
      const token = mcpReq._meta?.progressToken;
      const told = progressOf();
      return calls.run(
        { name: tool, arguments: given },
        {
          signal: mcpReq.signal,
          execution:
            execution === undefined
              ? {}
              : answerOf('mcpServer(): execution', () => execution({ authInfo, request: requestInfo })),
          progress:
            token === undefined
              ? undefined
              : (data) =>
                  // A client that has gone does not fail the tool.
                  void mcpReq
                    .notify({
                      method: 'notifications/progress',
                      params: { progressToken: token, ...told(data) },
                    })
                    .catch(() => undefined),
        },
      );
    });
    return product;
  }
}

function closedError(): SluiceError {
  return new SluiceError('shutting_down', 'mcpServer(): the server was closed.');
}
