import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import type { Closed, Ending, ResponseWriter } from './response-writer.ts';
import { wireOfPath, type Wire } from './wires.ts';

/** A request that the fault server got, and what became of its response. */
export interface RecordedRequest {
  /** Its place in the order of arrival, from 0. */
  readonly index: number;
  readonly method: string;
  /** Path and query, as sent. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The wire that the path asks for. */
  readonly wire: Wire | undefined;
  /** The body as text; empty until it has arrived. */
  readonly rawBody: string;
  /** The body parsed as JSON, or `undefined` when it is none. */
  readonly body: unknown;
  /**
   * `waiting`: no headers sent yet; `answering`: between headers and end, stalls included; then how the exchange ended.
   */
  readonly state: 'waiting' | 'answering' | Closed;
  /** Body bytes of the response that the operating system has taken. Stands still while the client does not read. */
  readonly bytesSent: number;
  /** Whether the client was gone before its response was whole. */
  readonly clientLeft: boolean;
  /** Resolves when the exchange is over: `finished`, `client-left`, or `cut` by a fault or by the server's `close()`. */
  readonly closed: Promise<Closed>;
  /** Sends bytes by hand while the response is held by a gate or stalls, outside the script. */
  send(bytes: string | Uint8Array): Promise<void>;
  /** Ends the response by hand, at once, whatever its script says: cleanly, by FIN or by a reset. */
  end(ending: Ending): void;
}

/** The server's side of a record. */
export interface RequestRecord extends RecordedRequest {
  arrived(body: string): void;
  answering(): void;
}

/**
 * Begins the record of a request whose headers have arrived.
 *
 * @param index the place in the order of arrival
 */
export function requestRecord(
  message: IncomingMessage,
  index: number,
  writer: ResponseWriter,
): RequestRecord {
  const path = message.url ?? '';
  let rawBody = '';
  let body: unknown;
  let answering = false;

  return {
    index,
    method: message.method ?? '',
    path,
    headers: message.headers,
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
    end(ending) {
      writer.end(ending);
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
