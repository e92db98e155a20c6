import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HostileServer } from './hostile.ts';

/** A request that came, with what it was answered. */
export interface Came {
  method: string;
  headers: IncomingMessage['headers'];
  /** The method of the message. */
  rpc: string | undefined;
  tool: string | undefined;
}

/** A hostile server over streamable HTTP, in this process, on a socket of its own. */
export class HttpServer implements AsyncDisposable {
  readonly came: Came[] = [];
  /** Answers to what it asked. */
  readonly answers: { id?: unknown; result?: unknown; error?: unknown }[] = [];
  /** Sessions that it knows. */
  readonly sessions = new Set<string>();
  /** Answers a request before it is looked at. True: it has. */
  before: (request: Came, response: ServerResponse, url: string) => boolean = () => false;
  /** Holds up the beginning of another session. */
  initializing: () => Promise<void> = () => Promise.resolve();
  readonly #server = createServer((request, response) => void this.#take(request, response));
  #begun = 0;

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get origin(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  get url(): string {
    return `${this.origin}/mcp`;
  }

  /** Requests of one method of the protocol. */
  calls(rpc: string): Came[] {
    return this.came.filter((one) => one.rpc === rpc);
  }

  /** How many connections are open. */
  async connections(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const piece of request) body += String(piece);
    const message = body.startsWith('{') ? JSON.parse(body) : undefined;
    const { method = '', headers, url = '' } = request;
    const came: Came = { method, headers, rpc: message?.method, tool: message?.params?.name };
    this.came.push(came);
    if (this.before(came, response, url)) return;
    if (method === 'GET') return void response.writeHead(405).end();
    if (method === 'DELETE') {
      this.sessions.delete(String(headers['mcp-session-id']));
      return void response.writeHead(200).end();
    }
    const known = this.sessions.has(String(headers['mcp-session-id']));
    if (came.rpc === 'server/discover') return void response.writeHead(400).end('{"error":"no session"}');
    if (came.rpc !== 'initialize' && !known) return void response.writeHead(404).end('no such session');
    if (message.id !== undefined && came.rpc === undefined) this.answers.push(message);
    if (message.id === undefined || came.rpc === undefined) return void response.writeHead(202).end();
    if (came.rpc === 'initialize') await this.initializing();
    const session =
      came.rpc === 'initialize' ? `session-${this.#begun++}` : String(headers['mcp-session-id']);
    this.sessions.add(session);
    response.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': session });
    const server = new HostileServer('', {
      send: (sent) => {
        response.write(`event: message\ndata: ${JSON.stringify(sent)}\n\n`);
        if ('id' in sent && ('result' in sent || 'error' in sent)) response.end();
      },
      raw: (text) => void response.write(text),
      die: () => void response.destroy(),
    });
    response.flushHeaders();
    server.receive(message);
  }
}
