import { getEventListeners } from 'node:events';
import { createServer as createTlsServer } from 'node:https';
import { Agent, buildConnector, ProxyAgent } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { providerFetch, toSluiceError } from '../../../../providers/wire/index.ts';
import { rawBodyOf, readyOf } from '../../../../providers/wire/transport/raw-body.ts';
import { bytesOf, failure, handServer, transports } from './support.ts';

const { transport, closeAll } = transports(providerFetch);
afterEach(closeAll);

const codeOf = (error: unknown) => toSluiceError(error, 'test', []).code;

describe('a request', () => {
  it('sends method, path with query, headers and a text body', async () => {
    await using server = await handServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        response.end(JSON.stringify([request.method, request.url, request.headers['x-a'], body]));
      });
    });
    const response = await transport({})(`${server.url}/v1/chat?x=1`, {
      method: 'post',
      headers: new Headers({ 'x-a': 'b' }),
      body: 'grün',
    });
    expect(await response.json()).toEqual(['POST', '/v1/chat?x=1', 'b', 'grün']);
  });

  it('sends bytes, and a form or a stream through the global fetch', async () => {
    await using server = await handServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => response.end(body));
    });
    const fetch = transport({});
    const whole = await fetch(server.url, { method: 'POST', body: Buffer.from('bytes') });
    const part = await fetch(server.url, {
      method: 'POST',
      body: new Uint8Array([0, 104, 105, 0]).subarray(1, 3),
    });
    const form = new FormData();
    form.append('field', 'value');
    const sent = await fetch(server.url, { method: 'POST', body: form });
    expect([await whole.text(), await part.text()]).toEqual(['bytes', 'hi']);
    expect(await sent.text()).toContain('value');
  });

  it('S13 refuses a header value that could end its line, and does not show it', async () => {
    const fetch = transport({});
    const error = await failure(fetch('http://127.0.0.1:1', { headers: [['x-key', 'sk-secret\r\nx: y']] }));
    expect(codeOf(error)).toBe('invalid_options');
    expect(String(error)).not.toContain('sk-secret');
  });

  it('refuses an invalid address, and one with a password, without showing it', async () => {
    const fetch = transport({});
    const errors = await Promise.all(
      ['nowhere', 'ftp://127.0.0.1/', 'http://me:word@127.0.0.1/'].map((url) => failure(fetch(url))),
    );
    expect(errors.map(codeOf)).toEqual(['invalid_options', 'invalid_options', 'invalid_options']);
    expect(errors.join()).not.toContain('word@');
  });

  describe.each([
    ['undici', {}],
    ['the built-in fetch', { fetch: globalThis.fetch }],
  ])('over %s', (_name, options) => {
    it.each([300, 301, 302, 303, 305, 307, 308])(
      'S12 follows no redirect of status %i, sends nothing to the other address and releases the connection',
      async (status) => {
        await using other = await handServer((_request, response) => response.end('the other place'));
        await using server = await handServer((_request, response) => {
          response.writeHead(status, { location: other.url });
          response.write('a body that goes on');
        });
        const error = toSluiceError(
          await failure(transport(options)(server.url, { method: 'POST', body: 'x' })),
          'test',
          [],
        );
        expect([error.code, error.status, error.retryable]).toEqual(['protocol', status, false]);
        await server.socketsClosed();
        expect(other.requests).toHaveLength(0);
      },
    );
  });

  it('S12 asks a fetch of the caller to follow no redirect', async () => {
    const seen: unknown[] = [];
    const own: typeof fetch = async (_input, init) => {
      seen.push(init?.redirect, init?.method);
      return new Response('mine');
    };
    const response = await transport({ fetch: own })('http://nowhere.invalid/', {
      method: 'POST',
      redirect: 'follow',
    });
    expect([await response.text(), ...seen]).toEqual(['mine', 'manual', 'POST']);
  });
});

describe('a connection', () => {
  it('is reused when the body was read to its end, by all providers', async () => {
    await using server = await handServer((_request, response) => response.end('whole'));
    const [first, second] = [transport({}), transport({})];
    for (const fetch of [first, second, first]) {
      expect(await (await fetch(server.url)).text()).toBe('whole');
      await new Promise(setImmediate);
    }
    expect(server.connections).toEqual({ made: 1, open: 1 });
  });

  it('exists for each of 300 streams at once: none waits for another', async () => {
    await using server = await handServer((_request, response) => response.write('it goes on'));
    const fetch = transport({});
    const bodies = await Promise.all(
      Array.from({ length: 300 }, async () => rawBodyOf(await fetch(server.url))),
    );
    expect(server.connections).toEqual({ made: 300, open: 300 });
    for (const body of bodies) body.cancel();
    await server.socketsClosed();
  });

  it('that the server closed between two requests is replaced', async () => {
    await using server = await handServer((_request, response) => response.end('whole'));
    const fetch = transport({});
    for (const made of [1, 2]) {
      expect(await (await fetch(server.url)).text()).toBe('whole');
      expect(server.connections).toEqual({ made, open: 1 });
      server.server.closeIdleConnections();
      await server.socketsClosed();
    }
  });

  it('is closed with the last provider, and later calls are refused', async () => {
    await using server = await handServer((_request, response) => response.end('whole'));
    const [first, second] = [providerFetch({}), providerFetch({})];
    await (await first.fetch(server.url)).text();
    await (await second.fetch(server.url)).text();
    await first.close();
    await first.close();
    expect(codeOf(await failure(first.fetch(server.url)))).toBe('shutting_down');
    expect(await (await second.fetch(server.url)).text()).toBe('whole');
    await second.close();
    await server.socketsClosed();
    expect(server.connections.open).toBe(0);
  });

  it('that is refused is a network error', async () => {
    const server = await handServer(() => undefined);
    await server[Symbol.asyncDispose]();
    const error = toSluiceError(await failure(transport({})(server.url)), 'test', []);
    expect([error.code, error.retryable]).toEqual(['network', true]);
  });

  it('to a host without TLS, or with a self-signed certificate, is a network error', async () => {
    await using plain = await handServer((_request, response) => response.end());
    const broken = createTlsServer({}, () => undefined);
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve));
    const address = broken.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const fetch = transport({});
    const errors = await Promise.all([
      failure(fetch(plain.url.replace('http:', 'https:'))),
      failure(fetch(`https://127.0.0.1:${address.port}`)),
    ]);
    broken.close();
    expect(errors.map(codeOf)).toEqual(['network', 'network']);
  });

  it("uses the caller's dispatcher, which stays open", async () => {
    await using server = await handServer((_request, response) => response.end('whole'));
    const agent = new Agent({ connections: 1 });
    const made = providerFetch({ dispatcher: agent });
    expect(await (await made.fetch(server.url)).text()).toBe('whole');
    await made.close();
    expect(agent.destroyed || agent.closed).toBe(false);
    await agent.close();
  });

  it("uses the caller's proxy, which no form bypasses", async () => {
    await using proxy = await handServer((request, response) => response.end(`proxied ${request.url}`));
    const agent = new ProxyAgent({ uri: proxy.url, proxyTunnel: false });
    const fetch = transport({ dispatcher: agent });
    expect(await (await fetch('http://models.invalid/v1')).text()).toBe('proxied http://models.invalid/v1');
    const error = await failure(fetch(proxy.url, { method: 'POST', body: new FormData() }));
    expect(codeOf(error)).toBe('invalid_request');
    await agent.close();
  });

  it('needs a real dispatcher', () => {
    expect(() => providerFetch({ dispatcher: 'http://proxy' })).toThrow(
      'dispatcher is not an undici dispatcher',
    );
  });

  it('uses the global fetch if undici is not installed', async () => {
    await using server = await handServer((_request, response) => response.end('whole'));
    const response = await transport({}, async () => undefined)(server.url);
    expect([response.constructor, await response.text()]).toEqual([Response, 'whole']);
  });
});

describe('a signal', () => {
  it('ends a request whose connection is never made', async () => {
    const connecting = Promise.withResolvers<void>();
    const dispatcher = new Agent({ connect: () => connecting.resolve() });
    const controller = new AbortController();
    const pending = failure(transport({ dispatcher })('http://127.0.0.1:9/', { signal: controller.signal }));
    await connecting.promise;
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await pending).toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('ends a request that waits for its connection, and it is not sent when the connection is there', async () => {
    await using server = await handServer((_request, response) => response.end('whole'));
    const connecting = Promise.withResolvers<void>();
    const letThrough = Promise.withResolvers<void>();
    const connector = buildConnector({});
    const dispatcher = new Agent({
      connections: 1,
      connect(options, callback) {
        connecting.resolve();
        void letThrough.promise.then(() => connector(options, callback));
      },
    });
    const fetch = transport({ dispatcher });
    const controller = new AbortController();
    const waiting = failure(fetch(`${server.url}/waiting`, { signal: controller.signal }));
    const next = fetch(`${server.url}/next`);
    await connecting.promise;
    controller.abort(new Error('enough'));
    expect(String(await waiting)).toBe('Error: enough');
    letThrough.resolve();
    expect(await (await next).text()).toBe('whole');
    expect(server.requests.map(({ url }) => url)).toEqual(['/next']);
    await dispatcher.close();
  });

  it('that is already aborted sends nothing', async () => {
    await using server = await handServer((_request, response) => response.end());
    const reason = new Error('before');
    expect(await failure(transport({})(server.url, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(server.connections.made).toBe(0);
  });

  it('ends a request that waits for its headers, and releases the socket', async () => {
    const controller = new AbortController();
    await using server = await handServer(() => controller.abort(new Error('enough')));
    const error = await failure(transport({})(server.url, { signal: controller.signal }));
    expect(String(error)).toBe('Error: enough');
    await server.socketsClosed();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('ends a request that has not been sent yet, and it is never sent', async () => {
    const agent = new Agent({ connections: 1 });
    const sent = Promise.withResolvers<undefined>();
    await using server = await handServer((request, response) => {
      if (request.url === '/third') response.end('third');
      else sent.resolve(undefined);
    });
    const fetch = transport({ dispatcher: agent });
    const [first, second] = [new AbortController(), new AbortController()];
    const running = failure(fetch(`${server.url}/first`, { signal: first.signal }));
    await sent.promise;
    const queued = failure(fetch(`${server.url}/second`, { signal: second.signal }));
    const last = fetch(`${server.url}/third`);
    second.abort(new Error('in the queue'));
    expect(String(await queued)).toBe('Error: in the queue');
    first.abort(new Error('running'));
    expect(String(await running)).toBe('Error: running');
    expect(await (await last).text()).toBe('third');
    expect(server.requests.map(({ url }) => url)).toEqual(['/first', '/third']);
    await agent.destroy();
  });

  it('ends a body that is being read, and releases the socket', async () => {
    await using server = await handServer((_request, response) => response.write('it goes on'));
    const controller = new AbortController();
    const body = rawBodyOf(await transport({})(server.url, { signal: controller.signal }));
    await readyOf(body);
    body.take();
    const waiting = readyOf(body);
    controller.abort(new Error('enough'));
    await waiting;
    expect(() => body.take()).toThrow('enough');
    await server.socketsClosed();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('R12 that lives long has no listener left after 1,000 calls with every outcome', async () => {
    await using server = await handServer((request, response) => {
      if (request.url === '/0') response.end('whole');
      else if (request.url === '/1') response.writeHead(302).end();
      else if (request.url === '/2') request.socket.destroy();
      else response.write('it goes on');
    });
    const { signal } = new AbortController();
    const fetch = transport({});
    for (let call = 0; call < 1_000; call++) {
      try {
        const response = await fetch(`${server.url}/${call % 4}`, { signal });
        if (call % 4 === 0) await bytesOf(response);
        else rawBodyOf(response).cancel();
      } catch {
        // Half of the calls are supposed to fail.
      }
    }
    expect(server.requests).toHaveLength(1_000);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
