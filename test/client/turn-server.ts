import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json, text } from 'node:stream/consumers';

/** One request that the server got. */
export interface Asked {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: unknown;
}

/** What the server does with a request for a stream. Undefined: it gives the events behind `Last-Event-ID`. */
export type Answer = (asked: Asked, response: ServerResponse) => void | Promise<void>;

/** A server that gives one stream of events to whoever asks, over real sockets. */
export interface TurnServer extends AsyncDisposable {
  url: string;
  asked: Asked[];
}

/** The events of items: event number i has the id `i.0`. */
export function eventsOf(items: readonly object[]): string[] {
  return items.map((item, at) => `id: ${at}.0\ndata: ${JSON.stringify(item)}\n\n`);
}

/** Sends the events behind the id that was asked for, up to so many, and then cuts the connection; all of them and ends it, if `most` is undefined. */
export function sendEvents(
  { headers }: Asked,
  response: ServerResponse,
  events: readonly string[],
  most?: number,
): void {
  const after = headers['last-event-id'];
  const from = typeof after === 'string' ? Number.parseInt(after, 10) + 1 : 0;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  const rest = events.slice(from, most === undefined ? undefined : from + most);
  const isWhole = from + rest.length === events.length;
  response.write(rest.join(''), () => {
    if (isWhole) response.end();
    else response.destroy();
  });
}

/** An answer with events, for a `fetch` of a test. */
export function eventStream(body: string | ReadableStream<Uint8Array>): Response {
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

/** Starts a server whose every answer is made by `answer`. */
export async function turnServer(answer: Answer): Promise<TurnServer> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const isJson = request.headers['content-type'] === 'application/json';
      const body: unknown = isJson ? await json(request) : await text(request);
      const one: Asked = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body,
      };
      asked.push(one);
      await answer(one, response);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
