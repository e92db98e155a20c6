import type { ServerResponse } from 'node:http';
import { End, type Pulled, type Reply, type StreamChunk } from '../../../src/index.ts';
import { providerFetch, type WireCall } from '../../../providers/wire/index.ts';
import { WireSource } from '../../../providers/wire/wire-stream.ts';
import { wireCall } from './support.ts';

const transport = providerFetch({});

/** Answers with an event stream of these bytes. */
export function stream(response: ServerResponse, body = ''): ServerResponse {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-request-id': 'req_1' });
  response.write(body);
  return response;
}

/** The next batch of a source, or its end. */
export function pull(source: WireSource): Promise<Pulled<StreamChunk, Reply>> {
  return new Promise((resolve, reject) => source.ask({ pulled: resolve, failed: reject }));
}

/** The texts of a source, and how it ended. */
export async function drained(wire: WireCall): Promise<{ said: string[]; reply?: Reply; error?: unknown }> {
  const source = new WireSource(wire);
  const said: string[] = [];
  try {
    for (;;) {
      const pulled = await pull(source);
      if (pulled instanceof End) return { said, reply: pulled.reply };
      said.push(pulled.map(wordOf).join('|'));
    }
  } catch (error) {
    return { said, error };
  }
}

/** What a chunk says. */
export const wordOf = (chunk: StreamChunk) => (chunk.type === 'content' ? chunk.content : chunk.type);

/** A call of a server, over our transport. */
export const at = (url: string, more: Parameters<typeof wireCall>[1] = {}) =>
  wireCall((signal) => transport.fetch(url, { signal, method: 'POST', body: '{}' }), more);

/** A `Response` of somebody's own fetch. */
export function foreign(
  body: string | ReadableStream<Uint8Array>,
  type = 'text/event-stream',
  status = 200,
): Response {
  return new Response(body, { status, headers: { 'content-type': type, 'request-id': 'req_f' } });
}
