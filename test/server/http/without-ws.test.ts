import { request } from 'node:http';
import { expect, test, vi } from 'vitest';
import { provider } from '../../../middleware/provider.ts';
import { createServer } from '../../../server/index.ts';
import { Pipeline } from '../../../src/index.ts';
import { scripted } from '../../../testing/index.ts';

vi.mock('ws', () => {
  throw new Error("Cannot find package 'ws'");
});

test('without the package ws a server listens, says what is missing, and refuses sockets with a reason', async () => {
  const warnings: unknown[] = [];
  const quiet = (): void => undefined;
  const logger = { debug: quiet, info: quiet, error: quiet, warn: (text: unknown) => warnings.push(text) };
  const pipeline = new Pipeline([provider(scripted('Hi'))]);
  await using listening = await createServer(pipeline, { auth: false, logger }).listen({ port: 0 });
  expect(warnings).toEqual([expect.stringMatching(/package ws is not installed: run npm install ws$/)]);
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    request(`${listening.url}/ws`, { headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode, body }));
    })
      .on('error', reject)
      .end();
  });
  expect(answer.status).toBe(404);
  expect(answer.body).toContain('This server has no WebSockets: take server-sent events.');
});
