import type { SocketLike } from '../send/socket-sink.ts';

/** A socket of a session, whatever runtime it is of. */
export interface SessionSocket {
  readonly socket: SocketLike;
  /** Tells its listeners that it is closed, if it does not do that itself. */
  closed(): void;
}

/** What a socket of Bun has: it tells the handlers of its server what happens, and no listeners. */
interface HandledSocket {
  readonly readyState: number;
  send(text: string): unknown;
  close(code?: number, reason?: string): void;
  terminate?(): void;
  getBufferedAmount?(): number;
}

/** Makes one kind of socket of what a runtime gives. Undefined if it is not a socket. */
export function socketOf(raw: unknown): SessionSocket | undefined {
  if (typeof raw !== 'object' || raw === null || !('send' in raw)) return undefined;
  if (isSocket(raw)) return { socket: raw, closed: () => undefined };
  if (!isHandled(raw)) return undefined;
  const listeners = new Set<() => void>();
  const socket: SocketLike = {
    get readyState() {
      return raw.readyState;
    },
    get bufferedAmount() {
      return raw.getBufferedAmount?.() ?? 0;
    },
    send: (text) => void raw.send(text),
    close: (code, reason) => raw.close(code, reason),
    ...('terminate' in raw && { terminate: () => raw.terminate?.() }),
    addEventListener: (_event, listener) => void listeners.add(listener),
    removeEventListener: (_event, listener) => void listeners.delete(listener),
  };
  return { socket, closed: () => listeners.forEach((listener) => listener()) };
}

function isSocket(raw: object): raw is SocketLike {
  return 'addEventListener' in raw;
}

function isHandled(raw: object): raw is HandledSocket {
  return 'readyState' in raw && 'close' in raw;
}
