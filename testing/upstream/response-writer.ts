import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers';

/** How to end a response: the body ends cleanly, or the connection is closed with FIN or reset. */
export type Ending = 'eof' | 'fin' | 'rst';

/** How an exchange ended: completely, cut off by the server (a fault, `end('fin' | 'rst')`, `close()`), or by the client. */
export type Closed = 'finished' | 'cut' | 'client-left';

/** Writes one response to its socket and reports how the exchange ended. */
export interface ResponseWriter {
  /** Bytes of the body that the operating system has taken. Does not grow while the client does not read. */
  readonly bytesSent: number;
  /** How the exchange ended, once it has. */
  readonly outcome: Closed | undefined;
  /** Resolves with the outcome when everything has been sent or the connection is closed. */
  readonly closed: Promise<Closed>;
  head(status: number, headers: Readonly<Record<string, string | readonly string[] | undefined>>): void;
  /** Resolves when the operating system has taken the bytes or the connection is closed. */
  write(bytes: Uint8Array): Promise<void>;
  end(ending: Ending): void;
  /** Marks the exchange as ended by the server, so that the outcome is not `client-left`. */
  cut(): void;
}

/**
 * Makes a writer for a response that nothing has been written to.
 *
 * @param onClosed called once, before `closed` resolves
 */
export function responseWriter(
  response: ServerResponse,
  onClosed: (outcome: Closed) => void,
): ResponseWriter {
  let bytesSent = 0;
  let outcome: Closed | undefined;
  const { promise: closed, resolve } = Promise.withResolvers<Closed>();

  function settle(how: Closed): void {
    if (outcome !== undefined) return;
    outcome = how;
    onClosed(how);
    resolve(how);
  }

  response.once('finish', () => settle('finished'));
  response.once('close', () => settle('client-left'));
  // If the client has reset the socket, the close event that follows reports it.
  response.on('error', () => undefined);

  return {
    get bytesSent() {
      return bytesSent;
    },
    get outcome() {
      return outcome;
    },
    closed,
    head(status, headers) {
      for (const [name, value] of Object.entries(headers)) {
        if (value !== undefined) response.setHeader(name, value);
      }
      response.writeHead(status);
      response.flushHeaders();
    },
    async write(bytes) {
      if (outcome !== undefined || bytes.length === 0) return;
      await new Promise<void>((resume) => {
        response.write(bytes, (error) => {
          if (error === null || error === undefined) bytesSent += bytes.length;
          resume();
        });
      });
    },
    end(ending) {
      if (outcome !== undefined) return;
      if (ending === 'eof') {
        response.end();
        return;
      }
      settle('cut');
      if (ending === 'fin') response.socket?.end();
      else response.socket?.resetAndDestroy();
    },
    cut() {
      settle('cut');
    },
  };
}

/** Waits for a whole turn of the event loop, in which a client in the same process can read what was written. Ignores fake timers. */
export async function loopTurn(): Promise<void> {
  // The first callback may still run in the turn that wrote, before the sockets are polled.
  await new Promise<void>((resolve) => nextTurn(() => nextTurn(resolve)));
}
