import type { IncomingHttpHeaders } from 'node:http';

import type { FaultConnection, Incoming } from './connections.ts';
import type { Closed, Ending, ResponseWriter } from './response-writer.ts';
import { wireOfPath, type Wire } from './wires.ts';

/** A request to the fault server, and how its response went. */
export interface RecordedRequest {
  /** Its number, from 0, in order of arrival. */
  readonly index: number;
  readonly method: string;
  /** Path and query, as sent. */
  readonly path: string;
  /** Over HTTP/2 without its pseudo-headers. `host` is always there. */
  readonly headers: IncomingHttpHeaders;
  /** The connection it came on. */
  readonly connection: FaultConnection;
  /** The number of its stream, over HTTP/2. */
  readonly streamId: number | undefined;
  /** The wire format that belongs to the path. */
  readonly wire: Wire | undefined;
  /** The body as text. Empty until it has arrived. */
  readonly rawBody: string;
  /** The body parsed as JSON, or `undefined` if it is not JSON. */
  readonly body: unknown;
  /**
   * `waiting` before the headers are sent, `answering` until the end (also during a stall), then how the exchange ended.
   */
  readonly state: 'waiting' | 'answering' | Closed;
  /** Bytes of the response's body that the operating system has taken. Does not grow while the client does not read. */
  readonly bytesSent: number;
  /** Whether the client left before its response was complete. */
  readonly clientLeft: boolean;
  /** Resolves at the end of the exchange: `finished`, `client-left`, or `cut` by a fault or by the server's `close()`. */
  readonly closed: Promise<Closed>;
  /** Sends bytes that are not part of the script, while the response stalls or waits for a gate. */
  send(bytes: string | Uint8Array): Promise<void>;
  /** Ends the response at once, whatever its script says. `code` is that of RST_STREAM, default CANCEL (8). */
  end(ending: Ending, code?: number): void;
}

/** The server's view of a recorded request. */
export interface RequestRecord extends RecordedRequest {
  arrived(body: string): void;
  answering(): void;
}

/**
 * Starts the record of a request whose headers have arrived.
 *
 * @param index its number, in order of arrival
 */
export function requestRecord(message: Incoming, index: number, writer: ResponseWriter): RequestRecord {
  const path = message.url ?? '';
  let rawBody = '';
  let body: unknown;
  let answering = false;

  return {
    index,
    method: message.method ?? '',
    path,
    headers: headersOf(message),
    connection: writer.connection,
    streamId: writer.streamId,
    wire: wireOfPath(path),
    closed: writer.closed,
    get rawBody() {
      return rawBody;
    },
    get body() {
      return body;
    },
    get state() {
      return writer.outcome ?? (answering ? 'answering' : 'waiting');
    },
    get bytesSent() {
      return writer.bytesSent;
    },
    get clientLeft() {
      return writer.outcome === 'client-left';
    },
    async send(bytes) {
      await writer.write(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
    },
    end(ending, code) {
      writer.end(ending, code);
    },
    arrived(text) {
      rawBody = text;
      body = parsed(text);
    },
    answering() {
      answering = true;
    },
  };
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

function headersOf(message: Incoming): IncomingHttpHeaders {
  if (!('stream' in message)) return message.headers;
  const headers = Object.fromEntries(
    Object.entries(message.headers).filter(([name]) => !name.startsWith(':')),
  );
  return { host: message.authority, ...headers };
}
