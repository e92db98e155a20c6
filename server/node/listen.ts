import type { AddressInfo } from 'node:net';
import type { Server, ServerResponse } from 'node:http';
import * as z from 'zod';
import { SluiceError } from '../../src/index.ts';
import { loadPeer, option, parseOptions } from '../../src/kit/index.ts';
import { LOOPBACK_HOSTS, isLoopback } from '../callers/origins.ts';
import type { ServerApp, Service } from '../http/service.ts';
import { shutDown } from './shutdown.ts';

/** Options of `listen()`. */
export interface ListenOptions {
  /** Default: 3000. 0: any free port. */
  port?: number | undefined;
  /** The address to listen on. Default: `127.0.0.1`, which only this machine reaches. */
  host?: string | undefined;
  /**
   * Whether SIGTERM and SIGINT close the server: `/ready` says so for `drainDelayMs`, then what runs may finish. A second signal ends at once. Default: false.
   */
  signals?: boolean | undefined;
  /** How long `/ready` is 503 before the server stops to take requests, in milliseconds, so that a balancer has noticed. Default: 0. */
  drainDelayMs?: number | undefined;
  /** How long running turns may go on after that, in milliseconds. Default: 10,000. */
  shutdownTimeoutMs?: number | undefined;
  /** How long an idle connection is kept, in milliseconds: longer than a balancer keeps it, so that the balancer is the one that closes it. Default: 65,000. */
  keepAliveTimeoutMs?: number | undefined;
  /** The largest head of a request, in bytes. Default: 16,384. */
  maxHeaderBytes?: number | undefined;
  /** How long the head of a request may take, in milliseconds. Default: 15,000. */
  headersTimeoutMs?: number | undefined;
}

/** How many connections may wait to be taken. Node's own 511 makes the clients of a burst try again after seconds. The system has a limit of its own (`somaxconn` on Linux). */
const BACKLOG = 4_096;

/** Stands for the host in a request of HTTP/1.0 that names none, as probes of balancers send it. Only `/health` and `/ready` answer under any name. */
const NO_HOST = 'unknown.invalid';

/** A server that listens. */
export interface Listening extends AsyncDisposable {
  port: number;
  host: string;
  /** The address to open. */
  url: string;
  /** Closes it as a signal does. Idempotent: a second call ends at once. Rejects if something has failed at that; the connections are closed all the same, and the log says what. */
  close(): Promise<void>;
  /** Resolves when it is closed: turns whose readers have left are stored, too. Rejects as `close()` does. */
  closed: Promise<void>;
}

const schema = z.strictObject({
  port: z.int().min(0).max(65_535).default(3_000),
  host: z.string().min(1).default('127.0.0.1'),
  signals: z.boolean().default(false),
  drainDelayMs: option.timerMs().default(0),
  shutdownTimeoutMs: option.timerMs().default(10_000),
  keepAliveTimeoutMs: option.timerMs().default(65_000),
  maxHeaderBytes: option.count(1_024).default(16_384),
  headersTimeoutMs: option.timerMs().default(15_000),
});

/** Listens on Node. Throws `invalid_options`, also for a server without authentication that others could reach. */
export async function listen(app: ServerApp, service: Service, options: ListenOptions): Promise<Listening> {
  const settings = parseOptions('listen()', schema, options);
  const { host, port } = settings;
  if (service.settings.auth === false && !isLoopback(host))
    throw new SluiceError(
      'invalid_options',
      `listen(): auth is false, so that anybody may call, and host is not an address of this machine alone: listen on 127.0.0.1, or give auth: { tokens }.`,
    );
  const adapter = await loadPeer(
    { neededBy: 'listen()', name: '@hono/node-server', range: '^2.1.9' },
    () => import('@hono/node-server'),
  );
  const sockets = await socketServer(service);
  const server = adapter.createAdaptorServer({
    hostname: NO_HOST,
    // The environment is given back as it came: the adapter knows its sockets by it.
    fetch: (request, env) =>
      app.fetch(
        request,
        Object.assign(env, {
          direct: env.outgoing,
          ...(sockets !== undefined && { upgradeWebSocket: adapter.upgradeWebSocket }),
        }),
      ),
    // The globals are the application's.
    overrideGlobalObjects: false,
    serverOptions: {
      maxHeaderSize: settings.maxHeaderBytes,
      headersTimeout: settings.headersTimeoutMs,
      keepAliveTimeout: settings.keepAliveTimeoutMs,
      connectionsCheckingInterval: 5_000,
    },
    ...(sockets !== undefined && { websocket: { server: sockets } }),
  });
  const { slowClientMs } = service.settings;
  // One function for all answers: an open one holds less.
  function onAnswered(this: ServerResponse): void {
    cutIfNotRead(this, slowClientMs);
  }
  server.prependListener(
    'request',
    (_request, response: ServerResponse) => void response.on('prefinish', onAnswered),
  );
  if (!isHttp1(server))
    throw new SluiceError('invalid_options', 'listen(): the server is not one of HTTP/1.1.');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  service.runs.start();
  return listening(server, service, { ...settings, sockets });
}

function listening(
  server: Server,
  service: Service,
  settings: z.output<typeof schema> & { sockets: SocketServer | undefined },
): Listening {
  const { port } = addressOf(server);
  const { host } = settings;
  const name = host.includes(':') ? `[${host}]` : host;
  const isEverywhere = host === '0.0.0.0' || host === '::';
  // Where its own page is, as far as a server can know: not under the names that others have for it.
  const own = isEverywhere || isLoopback(host) || isLoopback(name) ? LOOPBACK_HOSTS : [name.toLowerCase()];
  service.origins.addOwn(own.map((each) => `http://${each}:${port}`));
  const { close, closed } = shutDown(server, service, settings);
  return {
    port,
    host,
    url: `http://${isEverywhere ? 'localhost' : name}:${port}`,
    close,
    closed,
    [Symbol.asyncDispose]: close,
  };
}

type SocketServer = import('ws').WebSocketServer;

/** Sockets, if the package is there. */
async function socketServer({ settings, log }: Service): Promise<SocketServer | undefined> {
  const ws = await import('ws').catch(() => undefined);
  if (ws === undefined) {
    log.warn('there are no WebSockets, because the package ws is not installed: run npm install ws');
    return undefined;
  }
  return new ws.WebSocketServer({
    noServer: true,
    maxPayload: settings.maxBodyBytes,
    // Compression holds messages back, and costs memory for each socket.
    perMessageDeflate: false,
    // Only the plain name is told back: the other subprotocols carry what nobody else is to see.
    handleProtocols: (protocols) => (protocols.has('sluice') ? 'sluice' : false),
  });
}

/** An answer that is complete may wait in memory for a client that does not read. As long as the client takes some of it, it is not cut off. */
function cutIfNotRead(response: ServerResponse, slowClientMs: number): void {
  if ((response.socket?.writableLength ?? 0) > 0) response.setTimeout(Math.max(1, slowClientMs));
}

function isHttp1(server: object): server is Server {
  return 'closeIdleConnections' in server && 'headersTimeout' in server;
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new SluiceError('invalid_options', 'listen(): the server does not listen on a port.');
  return address;
}
