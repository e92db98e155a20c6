import { once } from 'node:events';
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type Http2Session,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { makeCertificate, trust, type Certificate } from '../../../../support/certificate.ts';
import { serverPeer, type FramePeer } from '../../../../support/frames.ts';

const certificate = await makeCertificate();

/** Makes this process trust the servers below until it is disposed. */
export function trustServers(): Disposable {
  return trust(certificate);
}

/** A stream as the server sees it. */
export interface Arrived {
  stream: ServerHttp2Stream;
  headers: IncomingHttpHeaders;
  session: Http2Session;
}

/** An HTTP/2 server over TLS for one test, which answers by hand. */
export interface TlsServer extends AsyncDisposable {
  url: string;
  server: Http2SecureServer;
  /** The streams so far. */
  arrived: Arrived[];
  /** The connections so far, in the order in which they were made. */
  sessions: ServerHttp2Session[];
  /** Resolves when so many streams have arrived. */
  streams(count: number): Promise<void>;
  /** Resolves when so many connections have been made. */
  connections(count: number): Promise<void>;
  /** The open connections, oldest first. */
  sockets: ReadonlySet<Socket>;
  /** How many connections are open. */
  open(): number;
  /** Resolves when no more than so many connections are open. */
  left(count?: number): Promise<void>;
}

export async function tlsServer(
  answer: (arrived: Arrived) => void,
  options: SecureServerOptions = {},
): Promise<TlsServer> {
  const arrived: Arrived[] = [];
  const sessions: ServerHttp2Session[] = [];
  const sockets = new Set<Socket>();
  const server = createSecureServer({ ...certificate, ...options });
  server.on('secureConnection', (socket) => socket.on('error', () => undefined));
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      server.emit('moved');
    });
  });
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => undefined);
    server.emit('moved');
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    const { session } = stream;
    if (session === undefined) return;
    const one = { stream, headers, session };
    arrived.push(one);
    answer(one);
    server.emit('moved');
  });
  server.on('sessionError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  async function until(reached: () => boolean): Promise<void> {
    while (!reached()) await once(server, 'moved');
  }
  return {
    url: `https://127.0.0.1:${portOf(server)}`,
    server,
    arrived,
    sessions,
    sockets,
    streams: (count) => until(() => arrived.length >= count),
    connections: (count) => until(() => sessions.length >= count),
    open: () => sockets.size,
    left: (count = 0) => until(() => sockets.size <= count),
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await until(() => sockets.size === 0);
    },
  };
}

/** A server that a test plays frame by frame. It begins with settings. */
export async function frameServer(connected: (peer: FramePeer, number: number) => void) {
  let number = 0;
  return rawServer((socket) => {
    const peer = serverPeer(socket);
    peer.settings();
    number += 1;
    connected(peer, number);
  });
}

/** A TLS server that chooses HTTP/2 and then only does what it is told to. */
async function rawServer(connected: (socket: TLSSocket) => void) {
  const sockets = new Set<TLSSocket>();
  const server = createTlsServer({ ...certificate, ALPNProtocols: ['h2'] }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      server.emit('left');
    });
    connected(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${portOf(server)}`,
    sockets,
    async left(): Promise<void> {
      while (sockets.size > 0) await once(server, 'left');
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      while (sockets.size > 0) await once(server, 'left');
    },
  };
}

/** The certificate of the servers. */
export function serverCertificate(): Certificate {
  return certificate;
}

function portOf(server: { address(): ReturnType<Http2SecureServer['address']> }): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Lets sockets and promises go on, without a timer. */
export async function turns(count = 50): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}
