/**
 * The servers. Each answers the same request with server-sent events, one for each piece of text, and listens as its documentation says. A peer is read by the shortest
 * way that it has for text, and its pieces go through hono's own `streamSSE`.
 */
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { openai } from 'sluice/providers/openai';
import { createServer } from 'sluice/server';
import type { Open, Reader } from '../contestants/reader.ts';
import { API_KEY, MODEL, PROMPT } from '../contestants/reader.ts';
import { logger, theFive } from '../contestants/the-five.ts';
import { pathOf } from '../upstream/script.ts';
import { listenFloor } from './floor.ts';
import { SCRIPTS } from './plan.ts';
import type { ServeTask, ServerName, Work } from './plan.ts';

/** One caller makes the whole load. */
const NO_LIMITS = { requestsPerMinute: 10_000_000, concurrentStreams: 20_000 };

/** A server that listens on loopback, and how it is asked. */
export interface Contestant {
  port: number;
  path: string;
  body: unknown;
}

/** Sets up a server as a program does when it starts. */
export async function contestantOf(task: ServeTask): Promise<Contestant> {
  const { who, work, origin, concurrent } = task;
  const baseURL = `${origin}${pathOf(SCRIPTS[work])}/v1`;
  const asked = { path: '/chat', body: { input: PROMPT } };
  if (who === 'sluice') return sluice(baseURL, task);
  if (who === 'floor') return { ...asked, port: await listenFloor(baseURL) };
  const open = await peerOf(who, work);
  return { ...asked, port: await listenBehindHono(open({ baseURL, calls: concurrent })) };
}

async function peerOf(who: Exclude<ServerName, 'sluice' | 'floor'>, work: Work): Promise<Open> {
  const folder = work === 'tool' ? 'contestants/tools' : 'contestants';
  const { open } = (await import(`../${folder}/${who}.ts`)) as { open: Open };
  return open;
}

async function listenBehindHono(read: Reader): Promise<number> {
  const app = new Hono();
  app.post('/chat', async (c) => {
    await c.req.json();
    return streamSSE(c, async (stream) => {
      await read((content) => void stream.writeSSE({ data: JSON.stringify({ content }) }));
      await stream.writeSSE({ data: '{"done":true}' });
    });
  });
  const serverOptions = { keepAliveTimeout: 65_000 };
  const { port } = await new Promise<AddressInfo>((resolve) => {
    serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', serverOptions }, resolve);
  });
  return port;
}

/** With the five middleware, which all do their work. */
async function sluice(baseURL: string, { work, concurrent, log }: ServeTask): Promise<Contestant> {
  const [logging, cost, ...perCall] = theFive();
  const loop = work === 'tool' ? (await import('../contestants/tools/sluice.ts')).loop() : undefined;
  const model = provider(openai({ baseURL, apiKey: API_KEY, model: MODEL }));
  const stack = [logging, cost, loop, ...perCall, model].filter(
    (one): one is Middleware => one !== undefined,
  );
  const pipeline = new Pipeline(stack, { logger, maxConcurrentExecutions: concurrent * 2 });
  // Loaded by those alone that need it, with its clients of databases.
  const { openLog } = log === undefined ? {} : await import('./resumable.ts');
  const kept = log && openLog && { resumable: true, log: await openLog(log.which, log.name) };
  const server = createServer(pipeline, { auth: false, limits: NO_LIMITS, ...kept });
  const { port } = await server.listen({ port: 0 });
  return { port, path: '/api/v1/agent/stream', body: { input: PROMPT } };
}
