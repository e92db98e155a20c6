import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers';

/** How a response ends: the body's clean end, a FIN or a reset of the connection. */
export type Ending = 'eof' | 'fin' | 'rst';

/** How an exchange ended: whole, cut by the server (a fault, `end('fin' | 'rst')`, `close()`), or by the client. */
export type Closed = 'finished' | 'cut' | 'client-left';

/** Writes one response to its socket and knows how the exchange ended. */
export interface ResponseWriter {
  /** Body bytes that the operating system has taken. Stands still while the client does not read. */
  readonly bytesSent: number;
  /** How the exchange ended, once it has. */
  readonly outcome: Closed | undefined;
  /** Resolves with the outcome, when everything is sent or the connection is gone. */
  readonly closed: Promise<Closed>;
  head(status: number, headers: Readonly<Record<string, string | readonly string[] | undefined>>): void;
  /** Resolves when the operating system has taken the bytes, or the connection is gone. */
  write(bytes: Uint8Array): Promise<void>;
  end(ending: Ending): void;
  /** Notes that the server itself takes the connection away, so that the client is not said to have left. */
  cut(): void;
}

/**
 * Takes over a response that nothing has been written to.
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
  // A write to a socket that the client has reset is reported by the close that follows.
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

/** A whole turn of the event loop, in which a client of the same process reads what was written. Fake timers do not hold it. */
export async function loopTurn(): Promise<void> {
  // The first one may still fall into the turn that wrote, before the sockets are looked at.
  await new Promise<void>((resolve) => nextTurn(() => nextTurn(resolve)));
}
