import { isIP } from 'node:net';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { Timer } from '../../../../src/kit/index.ts';
import { CONNECT_TIMEOUT_MS } from '../http1-options.ts';
import { connectTimeout, Http2Error } from './errors.ts';

/** How long a connection is silent before the operating system looks whether the other side is there. */
const KEEP_ALIVE_MS = 60_000;

/** What becomes of a connection that is being made: one of the two, once. */
export interface Connecting {
  /** It is there. `socket.alpnProtocol` says which protocol the server has chosen. */
  connected(socket: TLSSocket): void;
  failed(socket: TLSSocket, error: Error): void;
}

/** What a connection gets from those before it. */
export interface Shared {
  secureContext: SecureContext;
  /** Resumes an earlier connection. */
  session: Buffer | undefined;
}

/** Connects to an https origin and offers HTTP/2 and HTTP/1.1. */
export function connectTls(origin: URL, { secureContext, session }: Shared, to: Connecting): TLSSocket {
  const host = origin.hostname.replace(/^\[|\]$/g, '');
  const socket = connect({
    host,
    port: origin.port === '' ? 443 : Number(origin.port),
    // An address of numbers cannot be a server name.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ['h2', 'http/1.1'],
    secureContext,
    ...(session === undefined ? {} : { session }),
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  const timer = new Timer(() => socket.destroy(connectTimeout(origin.host, CONNECT_TIMEOUT_MS)), {
    keepAlive: false,
  });
  timer.start(CONNECT_TIMEOUT_MS);
  let failure: Error | undefined;
  function onError(error: Error): void {
    failure ??= error;
  }
  function onClose(): void {
    timer.stop();
    to.failed(
      socket,
      failure ?? new Http2Error('ECONNRESET', 'The connection was closed while it was made.'),
    );
  }
  socket.on('error', onError);
  socket.once('close', onClose);
  socket.once('secureConnect', function onConnected() {
    timer.stop();
    socket.off('close', onClose);
    to.connected(socket);
    socket.off('error', onError);
  });
  return socket;
}
