import { CodedError } from '../src/index.ts';
import type { Connection, Opening, WireEvent } from './connection.ts';
import { streamQuery } from './requests.ts';
import type { Requests } from './requests.ts';
import { abortedBy, errorOf } from './wire-errors.ts';
import { isRecord, parsed } from './wire.ts';

/** Options of {@link webSocket}. */
export interface WebSocketOptions {
  /** Default: the runtime's own. */
  WebSocket?: typeof WebSocket;
  /** The path of the socket on the server. Default: `/ws`. */
  path?: string;
  /** Subprotocols, for a server that takes its token or its ticket from there. A function is asked for each socket. */
  protocols?: readonly string[] | (() => readonly string[] | Promise<readonly string[]>);
}

/** Makes a stream come over a WebSocket of its own, instead of an answer of `fetch`. A slow reader does not slow down the server: what comes is kept until it is read. */
export type SocketTransport = (to: Requests) => (opening: Opening) => Promise<Connection>;

/**
 * Streams over WebSockets. For networks whose proxies hold back answers of `fetch`.
 *
 * @example
 * const client = createClient({ url: 'https://chat.example.com', transport: webSocket() });
 */
export function webSocket(options: WebSocketOptions = {}): SocketTransport {
  const { WebSocket: Socket = globalThis.WebSocket, path = '/ws', protocols = [] } = options;
  if (typeof Socket !== 'function')
    throw new CodedError('invalid_options', 'webSocket(): this runtime has no WebSocket: pass one.');
  return (to) => async (opening) => {
    // The URL of React Native cannot be changed.
    const url = to.base.replace(/^http(s?:..[^/]+).*/, (_, host) => `ws${host}${path}${streamQuery(to)}`);
    const given = typeof protocols === 'function' ? await protocols() : protocols;
    if (opening.signal.aborted) throw abortedBy('left');
    return connect(new Socket(url, [...given]), opening, to.silenceMs);
  };
}

/** Resolves with the first message: until then nobody knows that the server has got what is asked. */
function connect(socket: WebSocket, opening: Opening, silenceMs: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let events: WireEvent[] = [];
    let error: CodedError | undefined;
    let isOver = false;
    let wake = (): void => undefined;
    const close = (): void => {
      clearTimeout(timer);
      opening.signal.removeEventListener('abort', close);
      isOver = true;
      socket.close();
      wake();
      reject(new CodedError('network', 'The socket could not be opened.'));
    };
    let timer = setTimeout(close, silenceMs);
    const connection: Connection = {
      async read() {
        while (events.length === 0) {
          if (error !== undefined) throw error;
          if (isOver) return undefined;
          await new Promise<void>((woken) => (wake = woken));
        }
        const read = events;
        events = [];
        return read;
      },
      close,
    };
    opening.signal.addEventListener('abort', close);
    socket.addEventListener('open', () => socket.send(JSON.stringify(messageOf(opening))));
    socket.addEventListener('message', ({ data }: { data: unknown }) => {
      if (isOver) return;
      clearTimeout(timer);
      timer = setTimeout(close, silenceMs);
      const message = typeof data === 'string' ? parsed(data) : undefined;
      if (!isRecord(message)) return;
      if (message['type'] === 'error') reject((error = errorOf(message['error'], 500)));
      else if (typeof message['id'] === 'string') events.push({ id: message['id'], data: message['item'] });
      wake();
      resolve(connection);
    });
    socket.addEventListener('close', close);
    // It closes after an error. The package `ws` throws one that nobody listens for.
    socket.addEventListener('error', () => undefined);
  });
}

function messageOf({ path, body, join, after, organization }: Opening): Record<string, unknown> {
  const action = path === undefined ? 'join' : 'send_message';
  return { ...body, action, path: path ?? join, after, org_id: organization };
}
