import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type Settings,
} from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** Makes the fault server speak TLS. */
export interface FaultServerTls {
  /** The private key, as PEM. */
  readonly key: string;
  /** Its certificate, as PEM. Clients must trust it. */
  readonly cert: string;
  /** What the server offers. The client chooses, HTTP/2 if it can. Default: both. */
  readonly protocols?: readonly Protocol[];
  /** The settings of HTTP/2 that each connection starts with. Default: those of Node. */
  readonly settings?: Settings;
}

/** The protocols of the fault server, by their names in ALPN. */
export type Protocol = 'h2' | 'http/1.1';

/** A connection to the fault server. Over HTTP/2 it may carry many requests at the same time. */
export interface FaultConnection {
  /** Its number, from 0, in order of arrival. */
  readonly index: number;
  readonly protocol: Protocol;
  /** Closes it with FIN or resets it, whatever it carries. */
  end(ending: 'fin' | 'rst'): void;
  /** HTTP/2: sends GOAWAY, unless the connection is being closed. See {@link GoawayOptions}. The connection stays open. */
  goaway(options?: GoawayOptions): void;
  /**
   * HTTP/2: changes settings of a running connection. Resolves when the client has acknowledged them, and rejects if the connection is closed
   * before.
   */
  settings(settings: Settings): Promise<void>;
}

/** What a GOAWAY says. */
export interface GoawayOptions {
  /** The error code. Default: 0 (NO_ERROR). */
  readonly code?: number;
  /**
   * The last stream that is processed. The server refuses those above it, even if they are running. Default: the last one that has arrived.
   * 2^31 - 1 only announces that the connection will end.
   */
  readonly lastStreamId?: number;
}

/** A request, over either protocol. */
export type Incoming = IncomingMessage | Http2ServerRequest;

/** Its response. */
export type Outgoing = ServerResponse | Http2ServerResponse;

/** A server that listens, and its connections. */
export interface Listener {
  readonly port: number;
  /** The open connections, oldest first. */
  readonly connections: readonly FaultConnection[];
  /** The connection of a request, unless it is gone already, or the client has reset the stream. */
  connectionOf(message: Incoming): FaultConnection | undefined;
  /** Destroys all connections and stops listening. */
  stop(): void;
}

/** What a listener reports. */
export interface ListenerEvents {
  request(message: Incoming, response: Outgoing): void;
  /** The server is about to end this connection. */
  ending(connection: FaultConnection): void;
  /** A connection is closed. */
  closed(): void;
}

/** Listens on a free port of 127.0.0.1, with TLS if there is a certificate. */
export async function listen(tls: FaultServerTls | undefined, events: ListenerEvents): Promise<Listener> {
  const server = serverFor(tls, (message, response) => events.request(message, response));
  // A port of the client stands for its connection: the sockets of TLS and HTTP/2 are other objects than the one that was accepted.
  const open = new Map<number | undefined, Connection>();
  let count = 0;

  server.on('connection', function onConnection(socket: Socket) {
    const { remotePort } = socket;
    open.set(remotePort, new Connection(count++, socket, (connection) => events.ending(connection)));
    // Whoever resets a connection, its close follows.
    socket.on('error', () => undefined);
    socket.once('close', function onClose() {
      open.delete(remotePort);
      events.closed();
    });
  });
  server.on('secureConnection', function onSecure(socket: TLSSocket) {
    open.get(socket.remotePort)?.encrypts(socket);
    socket.on('error', () => undefined);
  });
  server.on('session', function onSession(session: ServerHttp2Session) {
    open.get(session.socket.remotePort)?.speaks(session);
    session.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The fault server has no port.');

  return {
    port: address.port,
    get connections() {
      return [...open.values()];
    },
    connectionOf(message) {
      return open.get(
        'stream' in message ? message.stream.session?.socket.remotePort : message.socket.remotePort,
      );
    },
    stop() {
      for (const connection of open.values()) connection.destroy();
      if (server.listening) server.close();
    },
  };
}

function serverFor(
  tls: FaultServerTls | undefined,
  onRequest: (message: Incoming, response: Outgoing) => void,
): Server {
  const timeouts = { keepAliveTimeout: 0, requestTimeout: 0 };
  if (tls === undefined) return createServer(timeouts, onRequest);
  const { key, cert, settings, protocols = ['h2', 'http/1.1'] } = tls;
  if (!protocols.includes('h2')) return createTlsServer({ key, cert, ...timeouts }, onRequest);
  const allowHTTP1 = protocols.includes('http/1.1');
  const server = createSecureServer({ key, cert, allowHTTP1, ...(settings && { settings }) }, onRequest);
  return Object.assign(server, allowHTTP1 && timeouts);
}

class Connection implements FaultConnection {
  readonly index: number;
  readonly #socket: Socket;
  readonly #onEnding: (connection: FaultConnection) => void;
  #secure: TLSSocket | undefined;
  #session: ServerHttp2Session | undefined;

  constructor(index: number, socket: Socket, onEnding: (connection: FaultConnection) => void) {
    this.index = index;
    this.#socket = socket;
    this.#onEnding = onEnding;
  }

  get protocol(): Protocol {
    return this.#session === undefined ? 'http/1.1' : 'h2';
  }

  /** The connection speaks TLS over its socket. */
  encrypts(socket: TLSSocket): void {
    this.#secure = socket;
  }

  /** The client has chosen HTTP/2. */
  speaks(session: ServerHttp2Session): void {
    this.#session = session;
  }

  end(ending: 'fin' | 'rst'): void {
    this.#onEnding(this);
    if (ending === 'fin') (this.#secure ?? this.#socket).end();
    else this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  goaway({ code = 0, lastStreamId = 0 }: GoawayOptions = {}): void {
    const session = this.#http2('goaway()');
    if (!session.destroyed) session.goaway(code, lastStreamId);
  }

  async settings(settings: Settings): Promise<void> {
    const session = this.#http2('settings()');
    await new Promise<void>((resolve, reject) => {
      session.settings(settings, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  #http2(what: string): ServerHttp2Session {
    if (this.#session !== undefined) return this.#session;
    throw new Error(`${what} needs HTTP/2, but connection ${this.index} speaks HTTP/1.1.`);
  }
}
