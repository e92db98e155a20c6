import type { Message } from '../src/index.ts';
import type { ConnectionState, ReconnectOptions } from './link.ts';
import type { SocketTransport } from './web-socket.ts';

/** Options of {@link createClient}. */
export interface ClientOptions {
  /** The address of the server: `https://chat.example.com`. In a browser the default is that of the page. */
  url?: string;
  /** The path below which the routes of the server are. Default: `/api/v1`. */
  path?: string;
  /** Sent as `authorization: Bearer ...`. A function is asked for each request. */
  token?: string | (() => string | Promise<string>);
  /** Headers of each request. */
  headers?: Readonly<Record<string, string>>;
  /** Default: the runtime's own. That of React Native has no body stream: pass that of `expo/fetch`. */
  fetch?: typeof fetch;
  /** How streams come back after their connection broke. */
  reconnect?: ReconnectOptions;
  /** How long nothing may come before a connection counts as lost, in milliseconds. The server sends a sign of life every 8 seconds. Default: 30,000. */
  silenceMs?: number;
  /** `webSocket()`, for streams over WebSockets. Default: server-sent events by `fetch`. */
  transport?: SocketTransport;
  /** What the server is asked to tell besides, if it shows that: `cost`, `warnings`, `trace`. Default: `cost` and `warnings`. */
  include?: readonly ('cost' | 'warnings' | 'trace')[];
}

/** What is said to a pipeline: a text of the user, a message, or several. */
export type ClientInput = string | Message | readonly Message[];

/** Options of each stream. */
export interface StreamOptions {
  /** Ends the stream as `aborted`. */
  signal?: AbortSignal | undefined;
  /**
   * The id of the turn. The same id again does not begin a second turn: it joins the first. Default: a new one.
   */
  id?: string | undefined;
  /** Is told how the connection is: `connecting`, `open`, `lost`. A server that refuses is an error of the stream and no lost connection. */
  onConnection?: ((state: ConnectionState) => void) | undefined;
}

/** Options of a stream, and whose it is. */
export interface OwnedOptions extends StreamOptions {
  /** The organization that it is done for. The server checks that the token allows it. */
  organization?: string | undefined;
}

/** Options of one turn. */
export interface TurnOptions<Name extends string = string> extends OwnedOptions {
  /** Which of the server's pipelines answers. Default: the server's first. */
  pipeline?: Name | undefined;
  /** One of the models that the server allows. */
  model?: string | undefined;
  /** The conversation that it is a turn of. Without one, nothing is kept. */
  conversation?: string | undefined;
  /** Plain data for the server's pipeline. */
  context?: Readonly<Record<string, unknown>> | undefined;
  /** The most rounds of tools. It can only lower the limit of the server. */
  maxIterations?: number | undefined;
}
