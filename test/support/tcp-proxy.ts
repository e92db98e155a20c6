import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** The direction: to the server, from it, or both. */
type Direction = 'there' | 'back' | 'both';

/** A connection to a server that can be made to fail. */
export interface TcpProxy {
  readonly port: number;
  /** Resets all connections. New ones work. */
  drop(): void;
  /** Drops the next answers of the server and resets their connections: the requests take effect, but no answer arrives. */
  cut(answers: number): void;
  /** Forwards nothing until `resume()`. Default: in both directions. */
  stall(direction?: Direction): void;
  resume(): void;
  /** Delays everything by this many milliseconds. 0 ends the delay. */
  delay(ms: number): void;
  close(): Promise<void>;
}

/** Listens on a free port and forwards everything in order. */
export async function tcpProxy(target: { port: number; host?: string }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let stalled: Direction | undefined;
  let resumed = Promise.withResolvers<void>();
  let delayMs = 0;
  let cuts = 0;

  const server = createServer((near) => {
    const far = connect(target.port, target.host ?? '127.0.0.1');
    passOn(near, far, 'there');
    passOn(far, near, 'back');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.');

  function passOn(from: Socket, to: Socket, direction: Direction): void {
    let before = Promise.resolve();
    const later = (pass: () => void): void => {
      before = before.then(async () => {
        if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
        while (stalled === 'both' || stalled === direction) await resumed.promise;
        pass();
      });
    };
    sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (data) => {
      if (direction === 'there' || cuts === 0) later(() => void to.write(data));
      else {
        cuts--;
        to.resetAndDestroy();
        from.destroy();
      }
    });
    // Nothing more is forwarded after the connection is broken.
    from.on('error', () => void to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      later(() => void to.destroy());
    });
  }

  return {
    port: address.port,
    drop() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    cut(answers) {
      cuts = answers;
    },
    stall(direction = 'both') {
      stalled = direction;
    },
    resume() {
      stalled = undefined;
      resumed.resolve();
      resumed = Promise.withResolvers<void>();
    },
    delay(ms) {
      delayMs = ms;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
