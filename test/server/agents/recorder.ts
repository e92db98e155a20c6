import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** What stands between an agent and the gateway, and writes down what passes. */
export interface Recorder extends AsyncDisposable {
  /** What the agent is given as its base URL. */
  readonly baseURL: string;
}

/** Passes each request on, and writes it with its answer into a file of the folder: `001.json`, `002.json` and so on. */
export async function recorder(baseURL: string, folder: string): Promise<Recorder> {
  await mkdir(folder, { recursive: true });
  const target = new URL(baseURL);
  let count = 0;
  const server = createServer((incoming, outgoing) => {
    count++;
    const file = join(folder, `${String(count).padStart(3, '0')}.json`);
    pass(incoming, outgoing, target).then(
      (seen) => writeFile(file, JSON.stringify(seen, null, 2)),
      () => outgoing.destroy(),
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    baseURL: `http://127.0.0.1:${port}${target.pathname}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

async function pass(incoming: IncomingMessage, outgoing: ServerResponse, target: URL): Promise<object> {
  const { method, url, headers } = incoming;
  const { hostname, port, host } = target;
  const body = await textOf(incoming);
  const to = { hostname, port, method, path: url, headers: { ...headers, host } };
  const answer = await new Promise<IncomingMessage>((answered, failed) => {
    request(to, answered).once('error', failed).end(body);
  });
  const { statusCode: status = 502 } = answer;
  outgoing.writeHead(status, answer.headers);
  const text = await textOf(answer, (piece) => outgoing.write(piece));
  outgoing.end();
  return { method, url, headers, body: dataOf(body), status, answer: text };
}

async function textOf(message: IncomingMessage, onPiece?: (piece: string) => void): Promise<string> {
  const pieces: AsyncIterable<string> = message.setEncoding('utf8');
  let text = '';
  for await (const piece of pieces) {
    onPiece?.(piece);
    text += piece;
  }
  return text;
}

function dataOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
