import { delay } from '../../src/kit/index.ts';
import type { Frame } from '../formats/format.ts';
import type { Sink } from './send-stream.ts';
import { MAX_WAITING_BYTES } from './web-sink.ts';

/** What is used of a WebSocket: that of a browser's API, or that of the package `ws`. */
export interface SocketLike {
  readonly readyState: number;
  readonly bufferedAmount?: number;
  /** `ws` calls `sent` when the text has left; others ignore it. */
  send(text: string, sent?: () => void): void;
  close(code?: number, reason?: string): void;
  /** Ends the connection at once, if the socket can do that. */
  terminate?(): void;
  addEventListener(event: 'close', listener: () => void): void;
  removeEventListener(event: 'close', listener: () => void): void;
}

/** `WebSocket.OPEN`. */
const OPEN = 1;

/** How often the amount that waits is looked at, if the socket does not tell. In milliseconds. */
const LOOK_EVERY_MS = 20;

/**
 * Sends events over a socket, which may carry several streams: `stream` says in each message which one it is. `isPlain`: the fields of the event are those of the message; else
 * the event is its `item`, because it may have an `id` of its own.
 */
export function socketSink(socket: SocketLike, stream: string, isPlain: boolean): Sink {
  // Some sockets always say that 0 bytes wait; one that tells what has left is counted.
  const counts = socket.send.length > 1;
  let waiting = 0;
  let wake: (() => void) | undefined;
  const isOpen = (): boolean => socket.readyState === OPEN;
  const unsent = (): number => (counts ? waiting : (socket.bufferedAmount ?? 0));
  const send = (text: string): void => {
    waiting += text.length;
    socket.send(text, () => {
      waiting -= text.length;
      if (waiting <= MAX_WAITING_BYTES) wake?.();
    });
  };
  return {
    event(frame, id) {
      if (!isOpen()) return true;
      send(messageText(frame, id, stream, isPlain));
      return unsent() <= MAX_WAITING_BYTES;
    },
    // A socket has pings of its own.
    heartbeat: () => undefined,
    drained: () => (counts ? left() : lookedAt(() => isOpen() && unsent() > MAX_WAITING_BYTES)),
    end: () => undefined,
    cut() {
      if (socket.terminate === undefined) socket.close(1011, 'The stream was cut.');
      else socket.terminate();
    },
  };

  function left(): Promise<void> {
    return new Promise((resolve) => {
      wake = () => {
        socket.removeEventListener('close', done);
        wake = undefined;
        resolve();
      };
      const done = wake;
      socket.addEventListener('close', done);
      if (!isOpen() || waiting <= MAX_WAITING_BYTES) done();
    });
  }
}

async function lookedAt(isFull: () => boolean): Promise<void> {
  while (isFull()) await delay(LOOK_EVERY_MS);
}

/** A frame as one message: the event, its id, and the id of the stream. What is not an object is sent as it is. */
function messageText({ data }: Frame, id: string | undefined, stream: string, isPlain: boolean): string {
  if (!data.startsWith('{') || data === '{}') return data;
  const head = `{"stream":${JSON.stringify(stream)},${id === undefined ? '' : `"id":"${id}",`}`;
  return isPlain ? head + data.slice(1) : `${head}"item":${data}}`;
}
