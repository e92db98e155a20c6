import { once } from 'node:events';
import { createServer } from 'node:tls';
import type { Certificate } from './certificate.ts';
import { serverPeer, type FramePeer } from './frames.ts';

/** An HTTP/2 server whose connections a test plays by hand. */
export interface FrameServer extends AsyncDisposable {
  readonly url: string;
  /** All connections so far, oldest first. */
  readonly peers: readonly FramePeer[];
  /** How many of them are open. */
  readonly openSockets: number;
  /** Waits for the next connection that no earlier call has returned. It has sent nothing. */
  nextPeer(): Promise<FramePeer>;
  /** Resolves when no connection is open. */
  socketsClosed(): Promise<void>;
}

/** Listens with TLS on a free port of 127.0.0.1 and speaks nothing but HTTP/2. */
export async function frameServer({ key, cert }: Certificate): Promise<FrameServer> {
  const peers: FramePeer[] = [];
  const changes = new EventTarget();
  let open = 0;
  let returned = 0;
  const change = (): boolean => changes.dispatchEvent(new Event('change'));

  const server = createServer({ key, cert, ALPNProtocols: ['h2'] }, function onConnection(socket) {
    peers.push(serverPeer(socket));
    open++;
    socket.once('close', function onClose() {
      open--;
      change();
    });
    change();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');

  async function socketsClosed(): Promise<void> {
    while (open > 0) await once(changes, 'change');
  }

  return {
    url: `https://127.0.0.1:${address.port}`,
    peers,
    get openSockets() {
      return open;
    },
    async nextPeer() {
      for (;;) {
        const peer = peers[returned];
        if (peer !== undefined) {
          returned++;
          return peer;
        }
        await once(changes, 'change');
      }
    },
    socketsClosed,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const { socket } of peers) socket.destroy();
      await socketsClosed();
    },
  };
}
