import type { ServerResponse } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { setImmediate as nextTurn } from 'node:timers';

import type { FaultConnection, Outgoing } from './connections.ts';

/**
 * How to end a response: the body ends cleanly, or the connection is closed with FIN or reset. Over HTTP/2, `reset` ends only the stream,
 * with RST_STREAM. Over HTTP/1.1 it is the same as `rst`.
 */
export type Ending = 'eof' | 'fin' | 'rst' | 'reset';

/** How an exchange ended: completely, cut off by the server (a fault, `end('fin' | 'rst')`, `close()`), or by the client. */
export type Closed = 'finished' | 'cut' | 'client-left';

/** Writes one response to its socket and reports how the exchange ended. */
export interface ResponseWriter {
  readonly connection: FaultConnection;
  /** The number of its stream, over HTTP/2. */
  readonly streamId: number | undefined;
  /** Bytes of the body that the operating system has taken. Does not grow while the client does not read. */
  readonly bytesSent: number;
  /** How the exchange ended, once it has. */
  readonly outcome: Closed | undefined;
  /** Resolves with the outcome when everything has been sent or the connection is closed. */
  readonly closed: Promise<Closed>;
  head(status: number, headers: Readonly<Record<string, string | readonly string[] | undefined>>): void;
  /** Resolves when the operating system has taken the bytes or the connection is closed. */
  write(bytes: Uint8Array): Promise<void>;
  /** `code` is that of RST_STREAM. Default CANCEL (8). */
  end(ending: Ending, code?: number): void;
  /** Marks the exchange as ended by the server, so that the outcome is not `client-left`. */
  cut(): void;
}

/** What differs between the protocols. */
interface Transmission {
  readonly streamId: number | undefined;
  /** Calls one of them when all has been sent, or when the client is gone. */
  watch(onFinish: () => void, onLeft: () => void): void;
  head(status: number, headers: [name: string, value: string | readonly string[]][]): void;
  write(bytes: Uint8Array, onWritten: (error?: Error | null) => void): void;
  end(): void;
  reset(code: number): void;
}

/**
 * Makes a writer for a response that nothing has been written to.
 *
 * @param onClosed called once, before `closed` resolves
 */
export function responseWriter(
  response: Outgoing,
  connection: FaultConnection,
  onClosed: (outcome: Closed) => void,
): ResponseWriter {
  const transmission =
    'stream' in response ? overStream(response.stream) : overConnection(response, connection);
  let bytesSent = 0;
  let outcome: Closed | undefined;
  const { promise: closed, resolve } = Promise.withResolvers<Closed>();

  function settle(how: Closed): void {
    if (outcome !== undefined) return;
    outcome = how;
    onClosed(how);
    resolve(how);
  }

  transmission.watch(
    () => settle('finished'),
    () => settle('client-left'),
  );

  return {
    connection,
    streamId: transmission.streamId,
    get bytesSent() {
      return bytesSent;
    },
    get outcome() {
      return outcome;
    },
    closed,
    head(status, headers) {
      const given = Object.entries(headers).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value] satisfies [string, string | readonly string[]]],
      );
      transmission.head(status, given);
    },
    async write(bytes) {
      if (outcome !== undefined || bytes.length === 0) return;
      await new Promise<void>((resume) => {
        transmission.write(bytes, (error) => {
          if (error === null || error === undefined) bytesSent += bytes.length;
          resume();
        });
      });
    },
    end(ending, code = constants.NGHTTP2_CANCEL) {
      if (outcome !== undefined) return;
      if (ending === 'eof') {
        transmission.end();
        return;
      }
      settle('cut');
      if (ending === 'reset') transmission.reset(code);
      else connection.end(ending);
    },
    cut() {
      settle('cut');
    },
  };
}

/** HTTP/1.1: the response has the connection for itself. */
function overConnection(response: ServerResponse, connection: FaultConnection): Transmission {
  return {
    streamId: undefined,
    watch(onFinish, onLeft) {
      response.once('finish', onFinish);
      response.once('close', onLeft);
      // If the client has reset the socket, the close event that follows reports it.
      response.on('error', () => undefined);
    },
    head(status, headers) {
      for (const [name, value] of headers) response.setHeader(name, value);
      response.writeHead(status);
      response.flushHeaders();
    },
    write: (bytes, onWritten) => void response.write(bytes, onWritten),
    end: () => void response.end(),
    reset: () => connection.end('rst'),
  };
}

/** HTTP/2: the response is a stream of its connection. */
function overStream(stream: ServerHttp2Stream): Transmission {
  return {
    streamId: stream.id,
    watch(onFinish, onLeft) {
      // A stream that the client resets is ended by Node, and then it finishes, too. But this event comes first.
      stream.once('aborted', onLeft);
      stream.once('finish', onFinish);
      stream.once('close', onLeft);
      stream.on('error', () => undefined);
    },
    head(status, headers) {
      stream.respond({ ':status': status, ...Object.fromEntries(headers) });
    },
    write: (bytes, onWritten) => void stream.write(bytes, onWritten),
    end: () => void stream.end(),
    reset(code) {
      // Node ends a stream that it closes. Without this, the end of the body could be sent instead of the reset.
      stream.end = () => stream;
      stream.close(code);
      void nextTurn(() => stream.destroy());
    },
  };
}

/** Waits for a whole turn of the event loop, in which a client in the same process can read what was written. Ignores fake timers. */
export async function loopTurn(): Promise<void> {
  // The first callback may still run in the turn that wrote, before the sockets are polled.
  await new Promise<void>((resolve) => nextTurn(() => nextTurn(resolve)));
}
