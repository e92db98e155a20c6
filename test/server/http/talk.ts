import { WebSocket } from 'ws';

/** A client at the server's socket. */
export interface Talk {
  socket: WebSocket;
  say: (message: unknown) => void;
  /** The next message that has this type. What came before it is dropped. */
  heard: (type: string) => Promise<Record<string, unknown>>;
  /** All messages up to the next one of this type, and with it. */
  heardAll: (type: string) => Promise<Record<string, unknown>[]>;
}

/** Opens a socket. Rejects with the status if the server refuses it. */
export async function talk(
  url: string,
  protocols: string[] = [],
  headers: Record<string, string> = {},
  query = '',
): Promise<Talk> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws${query}`, protocols, { headers });
  const messages: Record<string, unknown>[] = [];
  const waiting: (() => void)[] = [];
  socket.on('message', (data: Buffer) => {
    messages.push(JSON.parse(data.toString()) as Record<string, unknown>);
    for (const wake of waiting.splice(0)) wake();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const heardAll = async (type: string): Promise<Record<string, unknown>[]> => {
    for (;;) {
      const at = messages.findIndex((message) => message['type'] === type);
      if (at >= 0) return messages.splice(0, at + 1);
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  return {
    socket,
    say: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    heardAll,
    heard: async (type) => (await heardAll(type)).at(-1) ?? {},
  };
}
