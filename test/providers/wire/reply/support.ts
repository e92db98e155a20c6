import type { ServerResponse } from 'node:http';
import { expect } from 'vitest';
import { End, isSluiceError } from '../../../../src/index.ts';
import type { Pulled, Reply, SluiceError, StreamChunk } from '../../../../src/index.ts';
import { providerFetch, type WireCall } from '../../../../providers/wire/index.ts';
import { WireSource } from '../../../../providers/wire/reply/wire-stream.ts';
import { wireCall } from '../transport/support.ts';

const transport = providerFetch({});

/** Answers with an event stream of these bytes. */
export function stream(response: ServerResponse, body = ''): ServerResponse {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-request-id': 'req_1' });
  response.write(body);
  return response;
}

/** The next batch of a source, or its end. */
export function pull(source: WireSource): Promise<Pulled<StreamChunk, Reply>> {
  return new Promise((resolve, reject) => source.request({ pulled: resolve, failed: reject }));
}

/** The texts of a source, and how it ended. */
export async function drained(wire: WireCall): Promise<{ said: string[]; reply?: Reply; error?: unknown }> {
  const source = new WireSource(wire);
  const said: string[] = [];
  try {
    for (;;) {
      const pulled = await pull(source);
      if (pulled instanceof End) return { said, reply: pulled.reply };
      said.push(pulled.map(codeOf).join('|'));
    }
  } catch (error) {
    return { said, error };
  }
}

/** What a chunk says. */
export const codeOf = (chunk: StreamChunk) => (chunk.type === 'content' ? chunk.content : chunk.type);

/** A call to a server over our transport. */
export const at = (url: string, more: Parameters<typeof wireCall>[1] = {}) =>
  wireCall((signal) => transport.fetch(url, { signal, method: 'POST', body: '{}' }), more);

/** A `Response` of another fetch. */
export function foreign(
  body: string | ReadableStream<Uint8Array>,
  type = 'text/event-stream',
  status = 200,
): Response {
  return new Response(body, { status, headers: { 'content-type': type, 'request-id': 'req_f' } });
}

/** A body in pieces, as a response of another fetch. */
export function inPieces(bytes: Uint8Array, cuts: readonly number[], type: string): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      let from = 0;
      for (const cut of [...cuts, bytes.length]) {
        controller.enqueue(bytes.subarray(from, cut));
        from = cut;
      }
      controller.close();
    },
  });
  return foreign(body, type);
}

/** What a body says and how it ends. It must be the same in one read, in two reads split at any byte, and byte by byte. */
export async function ended(
  body: string,
  type = 'text/event-stream',
  more: Parameters<typeof wireCall>[1] = {},
): Promise<{ said: string; error?: SluiceError; finishReason?: string }> {
  const bytes = Buffer.from(body);
  const all = [[], ...[...bytes.keys()].map((cut) => [cut]), [...bytes.keys()]];
  const endings = await Promise.all(
    all.map(async (cuts) => {
      const { said, reply, error } = await drained(wireCall(async () => inPieces(bytes, cuts, type), more));
      if (error !== undefined && !isSluiceError(error))
        throw new TypeError('no error of ours', { cause: error });
      return { said: said.join('').replaceAll('|', ''), error, finishReason: reply?.finishReason };
    }),
  );
  const [first] = endings;
  if (first === undefined) throw new Error('nothing was read');
  for (const [at, { said, error, finishReason }] of endings.entries()) {
    expect([said, error?.code, error?.message, finishReason], `cut at ${all[at]?.join()}`).toEqual([
      first.said,
      first.error?.code,
      first.error?.message,
      first.finishReason,
    ]);
  }
  return { said: first.said, ...(first.error && { error: first.error }), finishReason: first.finishReason };
}

/** What an error says. */
export const tellOf = (error: SluiceError | undefined) => [error?.code, error?.retryable, error?.message];
