/** One event of a server. */
export interface WireEvent {
  /** The place behind it, to go on from. */
  id?: string | undefined;
  /** What it says: JSON that was read. */
  data: unknown;
}

/** A way in which a stream comes: an answer with events, or a socket. */
export interface Connection {
  /** The events that are there, at least one; undefined if the connection ended. Rejects if it broke. */
  read(): Promise<readonly WireEvent[] | undefined>;
  /** Leaves. A read that waits ends. Never throws. */
  close(): void;
}

/** What a connection is opened for. */
export interface Opening {
  /** The path below the base of the server, of a stream that begins: `agent/stream`. Absent if it is joined. */
  path?: string | undefined;
  /** What is asked. Absent if it is joined. */
  body?: Readonly<Record<string, unknown>> | undefined;
  /** The path of the stream that is joined: `streams/turn-1`. */
  join: string;
  /** The id of the last event that has come; undefined: from the first. */
  after?: string | undefined;
  /** The organization that the stream belongs to. */
  organization?: string | undefined;
  signal: AbortSignal;
}

/** Opens connections: by requests of `fetch`, or over a WebSocket. */
export type Transport = (opening: Opening) => Promise<Connection>;
