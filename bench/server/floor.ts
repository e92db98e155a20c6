/**
 * The least that a server does which parses every event: `node:http`, npm's undici, no framework, no checks, no errors. It answers like the peers: one write for each
 * piece of text.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, request } from 'undici';
import { API_KEY, MODEL } from '../contestants/reader.ts';

interface ChatChunk {
  choices: { delta: { content?: string | null } }[];
}

const HEADERS = { 'content-type': 'application/json', authorization: `Bearer ${API_KEY}` };

/** Listens on a free port and returns it. It has no tools: with them it would be asked for one answer alone. */
export async function listenFloor(baseURL: string): Promise<number> {
  const dispatcher = new Agent();
  const server = createServer({ keepAliveTimeout: 65_000 }, (asked, response) => {
    answer(asked, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;

  async function answer(asked: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    asked.setEncoding('utf8');
    for await (const part of asked) text += String(part);
    const { input } = JSON.parse(text) as { input: string };
    const { body } = await request(`${baseURL}/chat/completions`, {
      method: 'POST',
      headers: HEADERS,
      body: JSON.stringify({
        model: MODEL,
        messages: [{ role: 'user', content: input }],
        stream: true,
        stream_options: { include_usage: true },
      }),
      dispatcher,
    });
    body.setEncoding('utf8');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let rest = '';
    body.on('data', (piece: string) => {
      const events = (rest + piece).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) forward(event, response);
    });
    await once(body, 'end');
    response.end('data: {"done":true}\n\n');
  }
}

function forward(event: string, response: ServerResponse): void {
  const data = event.slice('data: '.length);
  if (data === '[DONE]') return;
  const content = (JSON.parse(data) as ChatChunk).choices[0]?.delta.content;
  if (content) response.write(`data: ${JSON.stringify({ content })}\n\n`);
}
