import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import type { AddressInfo } from 'node:net';
import { sseResponse } from 'sluice/server';
import type { Pipeline } from 'sluice';
import { sentError } from '../../../server/formats/errors.ts';
import type { EncoderOptions, ErrorBody, Format } from '../../../server/formats/format.ts';
import type { ParsedRequest } from '../../../server/requests/request.ts';
import { liveStream } from '../../../server/stream/live.ts';
import type { SentItem, SentStream } from '../../../server/stream/sent-stream.ts';

/** A server on a socket, for the clients of one protocol. */
export interface FormatServer extends AsyncDisposable {
  readonly url: string;
  /** The requests so far: path, headers and body. */
  readonly requests: readonly { path: string; headers: Headers; body: unknown }[];
}

/** What a route needs of a protocol. */
export interface Protocol {
  format: Format;
  parse(body: unknown, headers: Headers): ParsedRequest;
  answer?(items: readonly SentItem[], options: EncoderOptions, requestId: string): ErrorBody;
}

/** Serves an app on a free port. */
export async function formatServer(routes: (app: Hono) => void): Promise<FormatServer> {
  const requests: { path: string; headers: Headers; body: unknown }[] = [];
  const app = new Hono();
  app.use(async (c, next) => {
    const body: unknown =
      c.req.method === 'POST'
        ? await c.req.raw
            .clone()
            .json()
            .catch(() => undefined)
        : undefined;
    requests.push({ path: c.req.path, headers: c.req.raw.headers, body });
    await next();
  });
  routes(app);
  const { promise, resolve } = Promise.withResolvers<AddressInfo>();
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, resolve);
  const { port } = await promise;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done));
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed;
    },
  };
}

let count = 0;

/** Answers a request of a protocol with a pipeline: a stream, or an answer in one piece. */
export async function answerWith(
  pipeline: Pipeline,
  { format, parse, answer }: Protocol,
  request: Request,
): Promise<Response> {
  const requestId = `req_${++count}`;
  try {
    const parsed = parse(await request.json(), request.headers);
    const stream = pipeline.executeStream(parsed.input, parsed.options);
    const sent = liveStream(stream, { turnId: `t${count}` });
    if (parsed.stream || answer === undefined)
      return await sseResponse(sent, {
        format,
        encoder: parsed.encoder,
        requestId,
        signal: request.signal,
        headers: { ...format.headers, 'request-id': requestId },
      });
    return jsonOf(answer(await itemsOf(sent), parsed.encoder, requestId));
  } catch (error) {
    return jsonOf(format.error(sentError(error), requestId));
  }
}

/** All items of a stream. */
export async function itemsOf(stream: SentStream): Promise<SentItem[]> {
  const all: SentItem[] = [];
  for (;;) {
    const items = await stream.next();
    if (items === undefined) return all;
    all.push(...items);
  }
}

/** An answer in one piece. */
export function jsonOf({ status, headers, body }: ErrorBody): Response {
  return Response.json(body, { status, headers });
}
