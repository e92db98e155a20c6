import { createServer } from 'node:http';
import type { IncomingHttpHeaders, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { isSluiceError } from 'sluice';
import type { ExecutionOptions } from 'sluice';
import { httpTool } from 'sluice/middleware/http-tool';
import type { HttpToolOptions } from 'sluice/middleware/http-tool';
import { tools } from 'sluice/middleware/tools';
import type { InputSchema, Tool, ToolsOptions } from 'sluice/middleware/tools';
import type { Certificate } from '../../support/certificate.ts';
import { calling, play, resultsIn } from '../tools/stage.ts';
import type { Played } from '../tools/stage.ts';

/** A request that a server got. */
export interface Heard {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A server that a tool may call. */
export interface Site extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:1234` */
  readonly origin: string;
  readonly heard: Heard[];
  /** How many connections were made to it. */
  readonly connections: () => number;
}

/** How a server answers. */
export type Answering = (response: ServerResponse, heard: Heard) => void;

/** An answer with a body. */
export const answer =
  (type: string, body: string | Uint8Array, status = 200): Answering =>
  (response) =>
    void response.writeHead(status, { 'content-type': type }).end(body);

/** An answer in JSON. */
export const json = (data: unknown, status = 200): Answering =>
  answer('application/json', JSON.stringify(data), status);

/** Starts a server, on an address of this machine. */
export async function site(
  answering: Answering = json({ ok: true }),
  { host = '127.0.0.1', certificate }: { host?: string; certificate?: Certificate } = {},
): Promise<Site> {
  const heard: Heard[] = [];
  let connections = 0;
  const listener: RequestListener = (request, response) => {
    const parts: Uint8Array[] = [];
    request.on('data', (part: Uint8Array) => parts.push(part));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, url, headers, body: Buffer.concat(parts).toString() };
      heard.push(one);
      answering(response, one);
    });
  };
  const server: Server =
    certificate === undefined ? createServer(listener) : createTlsServer({ ...certificate }, listener);
  server.on('connection', () => {
    connections++;
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  const scheme = certificate === undefined ? 'http' : 'https';
  return {
    port,
    origin: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    heard,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Any object. */
export const ANY: InputSchema = { jsonSchema: { type: 'object' } };

/** A tool for a server on this machine. */
export function local(
  options: Partial<HttpToolOptions<InputSchema>> & { url: HttpToolOptions<InputSchema>['url'] },
): Tool {
  return httpTool({
    name: 'http',
    description: 'Asks a server',
    input: ANY,
    allowHttp: true,
    allowAddresses: ['127.0.0.0/8', '::1'],
    ...options,
  });
}

/** What one call of a tool came to. */
export interface Asked extends Played {
  /** `ok <text>` or `error <text>`, as the model gets it. */
  said: string;
}

/** Lets a model call a tool once. */
export async function ask(
  one: Tool,
  input: unknown = {},
  { options, execution }: { options?: ToolsOptions; execution?: ExecutionOptions } = {},
): Promise<Asked> {
  const played = await play(tools([one], options), [calling([one.name, input]), 'Ok.'], execution);
  const [result = 'nothing'] = resultsIn(played.sent[1]);
  return { ...played, said: result.replace(' 0_0 ', ' ') };
}

/** Why a tool with these options cannot be made. */
export function refusal(options: object): string {
  const all = { name: 'http', description: 'Asks', input: ANY, url: 'https://example.com/', ...options };
  try {
    Reflect.apply(httpTool, undefined, [all]);
  } catch (error) {
    if (isSluiceError(error) && error.code === 'invalid_options') return error.message;
    throw error;
  }
  return 'accepted';
}
