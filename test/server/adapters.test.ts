import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { createServer as sluiceServer, pipeToNode, sseResponse } from 'sluice/server';
import { scripted } from 'sluice/testing';
import { eventsOf } from './support.ts';

const pipeline = new Pipeline([provider(scripted('Hello world', { repeat: true }))]);
const hello = ['connected', 'content', 'content', 'complete', 'done'];

async function seen(answer: Response | Promise<Response>): Promise<(string | undefined)[]> {
  return (await eventsOf(await answer)).map(({ event }) => event);
}

test('plain node:http', async () => {
  const server = createServer((_request, response) => {
    void pipeToNode(pipeline.executeStream('user', 'Hi'), response, { format: 'agent' });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  expect(await seen(fetch(`http://127.0.0.1:${port}`))).toEqual(hello);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('Express', async () => {
  const app = express();
  app.get('/chat', (_request, response) => {
    void pipeToNode(pipeline.executeStream('user', 'Hi'), response, { format: 'agent' });
  });
  const server = await new Promise<import('node:http').Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  const { port } = server.address() as AddressInfo;
  expect(await seen(fetch(`http://127.0.0.1:${port}/chat`))).toEqual(hello);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('Fastify', async () => {
  const app = fastify();
  app.get('/chat', async (_request, reply) => {
    reply.hijack();
    await pipeToNode(pipeline.executeStream('user', 'Hi'), reply.raw, { format: 'agent' });
  });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  expect(await seen(fetch(`${url}/chat`))).toEqual(hello);
  await app.close();
});

test('a route handler, as Next.js has it', async () => {
  const POST = (request: Request): Promise<Response> =>
    sseResponse(pipeline.executeStream('user', 'Hi'), { format: 'agent', signal: request.signal });
  expect(await seen(POST(new Request('http://localhost/api/chat', { method: 'POST' })))).toEqual(hello);
});

test('a module of Workers, Deno or Bun: an object with fetch', async () => {
  const worker = sluiceServer(pipeline, { auth: { tokens: { 'a-token': 'ada' } } });
  const request = new Request('https://worker.example/api/v1/agent/stream', {
    method: 'POST',
    headers: { authorization: 'Bearer a-token', 'content-type': 'application/json' },
    body: '{"input":"Hi"}',
  });
  expect(await seen(worker.fetch(request))).toEqual(hello);
});

test('behind the compression of hono, nothing is held back or compressed', async () => {
  const app = new Hono();
  app.use(compress());
  app.get('/chat', () => sseResponse(pipeline.executeStream('user', 'Hi'), { format: 'agent' }));
  const response = await app.request('/chat', { headers: { 'accept-encoding': 'gzip' } });
  expect(response.headers.get('content-encoding')).toBeNull();
  expect(await seen(response)).toEqual(hello);
});

test('inside a hono app of ones own', async () => {
  const { app: inner } = sluiceServer(pipeline, { auth: false });
  const app = new Hono().route('/', inner);
  expect((await app.request('http://localhost/health')).status).toBe(200);
});
