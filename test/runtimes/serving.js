// The server and the client in one runtime, over what the runtime has for HTTP and WebSockets.
import { Pipeline } from 'sluice';
import { Chat, createClient, webSocket } from 'sluice/client';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';
import { createServer, sseResponse } from 'sluice/server';
import { check } from './check.js';

const TOKEN = 'token-of-ada';
const pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))]);

/** A server for any runtime. `upgradeWebSocket`: as hono has it for this one. */
export function serverWith(upgradeWebSocket) {
  return createServer(pipeline, {
    auth: { tokens: { [TOKEN]: 'ada' } },
    resumable: true,
    ...(upgradeWebSocket !== undefined && { upgradeWebSocket }),
  });
}

/** Listens as the runtime does. Undefined where a program cannot listen: there, another one has to ask. */
async function listening() {
  if (globalThis.Bun !== undefined) {
    const { upgradeWebSocket, websocket } = await import('hono/bun');
    const app = serverWith(upgradeWebSocket);
    const server = globalThis.Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request, self) => app.fetch(request, { server: self }),
      websocket,
    });
    return { url: `http://127.0.0.1:${server.port}`, close: () => server.stop(true) };
  }
  if (globalThis.Deno !== undefined) {
    const { upgradeWebSocket } = await import('hono/deno');
    const app = serverWith(upgradeWebSocket);
    const server = globalThis.Deno.serve(
      { port: 0, hostname: '127.0.0.1', onListen: () => undefined },
      (request) => app.fetch(request),
    );
    return { url: `http://127.0.0.1:${server.addr.port}`, close: () => server.shutdown() };
  }
  const { url, close } = await serverWith().listen({ port: 0, shutdownTimeoutMs: 0 });
  return { url, close };
}

/** The client's cases, against a server of the same kind. `where`: what their names begin with. */
export function clientCases(url, where = '', fetch = globalThis.fetch) {
  const client = (more = {}) => createClient({ url, token: TOKEN, fetch, ...more });
  const cases = {
    async 'client, server-sent events'() {
      const chunks = [];
      const stream = client().stream('Hello', { conversation: 'sse' });
      for await (const chunk of stream) chunks.push(chunk.type);
      const { outcome, response } = await stream.result;
      check(
        [outcome, chunks.at(-1), response.content === stream.partial.content],
        ['completed', 'done', true],
      );
      const again = await client().resume(stream.id).text();
      check(again, response.content);
    },
    async 'client, a chat with a history'() {
      const chat = new Chat({ client: client(), conversation: 'chat' });
      await chat.send('Hello');
      await chat.send('Again');
      const states = chat.state.messages.map(({ role, state }) => `${role} ${state}`);
      check(states, ['user done', 'assistant done', 'user done', 'assistant done']);
    },
    async 'client, an error of the server'() {
      const error = await createClient({ url, token: 'wrong', fetch })
        .run('Hello')
        .catch((thrown) => thrown);
      check([error.code, error.status], ['authentication', 401]);
    },
  };
  if (fetch === globalThis.fetch && typeof WebSocket === 'function')
    cases['client, a WebSocket'] = async () => {
      const protocols = ['sluice', `sluice.token.${globalThis.btoa(TOKEN).replaceAll('=', '')}`];
      const stream = client({ transport: webSocket({ protocols }) }).stream('Hello');
      let text = '';
      for await (const piece of stream.textStream()) text += piece;
      check([text.length > 10, (await stream.result).outcome], [true, 'completed']);
    };
  return Object.fromEntries(Object.entries(cases).map(([name, run]) => [where + name, run]));
}

/** The server as a function from a request to a response, without a socket. */
export function fetchCases() {
  const app = serverWith();
  const inside = (input, init) => app.fetch(new globalThis.Request(input, init));
  return {
    async 'server, a request in the process'() {
      const request = new globalThis.Request('https://app.example/api/v1/agent/stream', {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: '{"input":"Hello"}',
      });
      const text = await (await app.fetch(request)).text();
      const events = [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
      check([events[0], events.at(-2), events.at(-1)], ['connected', 'complete', 'done']);
    },
    async 'server, sseResponse() in a handler of one own'() {
      const response = await sseResponse(pipeline.executeStream('user', 'Hello'), { format: 'ui-message' });
      check([response.status, (await response.text()).endsWith('data: [DONE]\n\n')], [200, true]);
    },
    async 'server, the page'() {
      const response = await app.fetch(new globalThis.Request('https://app.example/'));
      check([response.status, (await response.text()).startsWith('<!doctype html>')], [200, true]);
    },
    ...clientCases('https://app.example', 'in the process: ', inside),
  };
}

/** All cases of a runtime that can listen, and how to end them. */
export async function servingCases() {
  const { url, close } = await listening();
  return { cases: { ...fetchCases(), ...clientCases(url) }, close };
}
