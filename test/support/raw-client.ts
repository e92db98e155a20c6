import { connect, type Socket } from 'node:net';

/** A client that shows the bytes a server sent. */
export interface RawClient {
  readonly socket: Socket;
  /** Everything received so far, as Latin-1: one character per byte. */
  readonly received: string;
  /** The body received so far, without its chunked framing, as Latin-1. */
  readonly body: string;
  /** The sizes of the HTTP chunks of the body, one per write of the server. */
  readonly chunkSizes: readonly number[];
  /** Whether the end of the chunked body has arrived. */
  readonly bodyEnded: boolean;
  /** Resolves with how the connection ended: `end` (FIN) or the code of an error. */
  readonly ended: Promise<string>;
  /** Resolves when the condition is true after some data has arrived. */
  until(condition: () => boolean): Promise<void>;
}

/** Sends one POST request and reads the response. */
export function rawPost(port: number, path: string, body = '{}', headers = ''): RawClient {
  const socket = connect(port, '127.0.0.1');
  const listeners = new Set<() => void>();
  let received = '';
  const { promise: ended, resolve } = Promise.withResolvers<string>();

  function note(): void {
    for (const listener of listeners) listener();
  }

  socket.setNoDelay(true);
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: test\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  socket.on('data', function onData(data: Buffer) {
    received += data.toString('latin1');
    note();
  });
  socket.on('end', () => resolve('end'));
  socket.on('error', (error) => resolve('code' in error ? String(error.code) : error.message));

  return {
    socket,
    get received() {
      return received;
    },
    get body() {
      return chunksOf(received).join('');
    },
    get chunkSizes() {
      return chunksOf(received).map((chunk) => chunk.length);
    },
    get bodyEnded() {
      return received.endsWith('\r\n0\r\n\r\n');
    },
    ended,
    async until(condition) {
      while (!condition()) {
        await new Promise<void>(function wait(resume) {
          listeners.add(function once() {
            listeners.delete(once);
            resume();
          });
        });
      }
    },
  };
}

/** The chunks of a chunked body. The last one may be incomplete. */
function chunksOf(received: string): string[] {
  const chunks: string[] = [];
  let position = received.indexOf('\r\n\r\n') + 4;
  if (position < 4) return [];
  for (;;) {
    const line = received.indexOf('\r\n', position);
    const size = line < 0 ? 0 : Number.parseInt(received.slice(position, line), 16);
    if (!(size > 0)) return chunks;
    chunks.push(received.slice(line + 2, line + 2 + size));
    position = line + 2 + size + 2;
  }
}
