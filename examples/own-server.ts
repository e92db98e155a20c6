// A stream in a server of your own: plain node:http, Express, Fastify, and everything that answers a Request with a Response.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import fastify from 'fastify';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';
import { pipeToNode, sseResponse } from 'sluice/server/sse';

const pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))]);
const answer = () => pipeline.executeStream('user', 'What is 17 * 23?');

// node:http.
const plain = createServer((_request, response) => {
  void pipeToNode(answer(), response, { format: 'agent' });
});

// Express.
const app = express();
app.post('/chat', (_request, response) => {
  void pipeToNode(answer(), response, { format: 'agent' });
});

// Fastify.
const fast = fastify();
fast.post('/chat', async (_request, reply) => {
  reply.hijack();
  await pipeToNode(answer(), reply.raw, { format: 'agent' });
});

// A route handler of Next.js: app/api/chat/route.ts.
function POST(request: Request): Promise<Response> {
  return sseResponse(answer(), { format: 'ui-message', signal: request.signal });
}

// Bun.serve(handler), export default handler in Workers, Deno.serve(handler.fetch).
const handler = {
  fetch: (request: Request) => sseResponse(answer(), { format: 'openai', signal: request.signal }),
};

async function show(name: string, response: Response): Promise<void> {
  const events = (await response.text()).trim().split('\n\n');
  console.log(
    `${name}: ${response.status}, ${events.length} events, last: ${events.at(-1)?.split('\n').at(0)}`,
  );
}

await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
const { port } = plain.address() as AddressInfo;
await show('node:http', await fetch(`http://127.0.0.1:${port}`, { method: 'POST' }));
plain.close();

const listening = await new Promise<import('node:http').Server>((resolve) => {
  const server = app.listen(0, '127.0.0.1', () => resolve(server));
});
const { port: expressPort } = listening.address() as AddressInfo;
await show('Express', await fetch(`http://127.0.0.1:${expressPort}/chat`, { method: 'POST' }));
listening.close();

const url = await fast.listen({ port: 0, host: '127.0.0.1' });
await show('Fastify', await fetch(`${url}/chat`, { method: 'POST' }));
await fast.close();

const request = new Request('http://localhost/api/chat', { method: 'POST' });
await show('route handler', await POST(request));
await show('fetch handler', await handler.fetch(request));
