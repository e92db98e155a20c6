import { createServer as createHttpsServer } from 'node:https';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { providerFetch, toSluiceError } from '../../../../../providers/wire/index.ts';
import { bytesOf, failure, transports } from '../support.ts';
import { serverCertificate, tlsServer, trustServers, type Arrived } from './support.ts';

const { transport, closeAll } = transports(providerFetch);
afterEach(closeAll);
let trusted: Disposable | undefined;
beforeAll(() => {
  trusted = trustServers();
});
afterAll(() => trusted?.[Symbol.dispose]());

/** Answers with what came. */
function echo({ stream, headers }: Arrived): void {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.on('end', () => {
    stream.respond({ ':status': 200, 'x-alpn': String(stream.session?.alpnProtocol) });
    stream.end(JSON.stringify({ ...headers, body: Buffer.concat(parts).toString() }));
  });
}

/** An https server without HTTP/2. */
async function http1Server() {
  let made = 0;
  let offered = 0;
  const options = {
    ...serverCertificate(),
    ALPNCallback({ protocols }: { protocols: string[] }) {
      if (protocols.includes('h2')) offered += 1;
      server.emit('greeted');
      return 'http/1.1';
    },
  };
  const server = createHttpsServer(options, (request, response) => {
    request.resume();
    request.on('end', () => response.end(`HTTP/${request.httpVersion}`));
  });
  server.on('secureConnection', () => (made += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `https://127.0.0.1:${address.port}`,
    made: () => made,
    /** How many clients have offered HTTP/2. */
    offered: () => offered,
    /** Resolves when so many have. */
    async offers(count: number): Promise<void> {
      while (offered < count) await once(server, 'greeted');
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

describe('a request over TLS', () => {
  it('uses HTTP/2 if the server offers it, and sends method, path, headers and body', async () => {
    await using server = await tlsServer(echo);
    const response = await transport({})(`${server.url}/v1/chat?x=1`, {
      method: 'post',
      headers: { Authorization: 'Bearer k', 'Content-Type': 'application/json' },
      body: '{"a":"grün"}',
    });
    expect([response.status, response.headers.get('x-alpn')]).toEqual([200, 'h2']);
    expect(await response.json()).toEqual({
      ':authority': server.url.replace('https://', ''),
      ':method': 'POST',
      ':path': '/v1/chat?x=1',
      ':scheme': 'https',
      authorization: 'Bearer k',
      'content-type': 'application/json',
      'content-length': '13',
      body: '{"a":"grün"}',
    });
  });

  it('sends bytes, no body, and no headers that belong to a connection', async () => {
    await using server = await tlsServer(echo);
    const fetch = transport({});
    const bytes = await fetch(server.url, { method: 'POST', body: new Uint8Array([104, 105]) });
    const none = await fetch(server.url, {
      headers: {
        connection: 'keep-alive',
        'keep-alive': 'x',
        'transfer-encoding': 'chunked',
        te: 'trailers',
      },
    });
    expect(await bytes.json()).toMatchObject({ 'content-length': '2', body: 'hi' });
    expect(Object.keys(JSON.parse(await none.text())).filter((name) => !name.startsWith(':'))).toEqual([
      'body',
    ]);
  });

  it.each<[string, () => typeof fetch]>([
    ['the option', () => transport({ http2: false })],
    [
      'the environment',
      () => {
        vi.stubEnv('SLUICE_HTTP2', '0');
        return transport({ http2: { streamsPerConnection: 2 } });
      },
    ],
  ])('uses HTTP/1.1 if %s says so', async (_what, make) => {
    await using server = await tlsServer(() => undefined, { allowHTTP1: true });
    server.server.on('request', (request, response) => response.end(`HTTP/${request.httpVersion}`));
    const response = await make()(server.url);
    vi.unstubAllEnvs();
    expect(await response.text()).toBe('HTTP/1.1');
    expect(server.sessions).toHaveLength(0);
  });

  it('uses HTTP/1.1 if it names a host of its own', async () => {
    await using server = await tlsServer(() => undefined, { allowHTTP1: true });
    server.server.on('request', (request, response) => {
      response.end(`HTTP/${request.httpVersion} ${request.headers.host}`);
    });
    const response = await transport({})(server.url, { headers: { host: 'localhost' } });
    expect(await response.text()).toBe('HTTP/1.1 localhost');
  });

  it('uses HTTP/1.1 with a server that has no HTTP/2, on the connection on which it found out', async () => {
    await using server = await http1Server();
    const fetch = transport({});
    expect(await (await fetch(server.url, { method: 'POST', body: 'x' })).text()).toBe('HTTP/1.1');
    await new Promise(setImmediate);
    expect(await (await fetch(server.url, { method: 'POST', body: 'x' })).text()).toBe('HTTP/1.1');
    expect(server.made()).toBe(1);
  });

  it('uses HTTP/1.1 with such a server for 40 requests at once, and does not ask it again', async () => {
    await using server = await http1Server();
    const fetch = transport({});
    const answers = await Promise.all(
      Array.from({ length: 40 }, async () => (await fetch(server.url)).text()),
    );
    expect(new Set(answers)).toEqual(new Set(['HTTP/1.1']));
    await server.offers(3);
    await Promise.all(Array.from({ length: 60 }, async () => (await fetch(server.url)).text()));
    expect(server.offered()).toBe(3);
  });

  it('is sent over HTTP/1.1 if the server asks for that', async () => {
    await using server = await tlsServer(({ stream }) => stream.close(0x0d), { allowHTTP1: true });
    server.server.on('request', (request, response) => {
      if (request.httpVersion === '1.1') response.end('HTTP/1.1');
    });
    const fetch = transport({});
    expect(await (await fetch(server.url)).text()).toBe('HTTP/1.1');
    expect(await (await fetch(server.url)).text()).toBe('HTTP/1.1');
    expect(server.arrived).toHaveLength(1);
  });
});

describe('a response over HTTP/2', () => {
  it('is decoded, and its 1xx responses and trailers are ignored', async () => {
    await using server = await tlsServer(({ stream }) => {
      stream.additionalHeaders({ ':status': 103, link: '</x>' });
      stream.respond({ ':status': 200, 'content-encoding': 'gzip' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-after': 'y' }));
      stream.end(gzipSync('it was small'));
    });
    const response = await transport({})(server.url, { method: 'POST', body: 'x' });
    expect([response.status, await response.text()]).toEqual([200, 'it was small']);
  });

  it('comes for a request with Expect: 100-continue', async () => {
    await using server = await tlsServer((arrived) => {
      if (arrived.headers.expect === '100-continue') arrived.stream.additionalHeaders({ ':status': 100 });
      echo(arrived);
    });
    const response = await transport({})(server.url, {
      method: 'POST',
      body: 'the body',
      headers: { expect: '100-continue' },
    });
    expect(await response.json()).toMatchObject({ expect: '100-continue', body: 'the body' });
  });

  it('may have headers of 64 kB, and several of one name', async () => {
    const long = 'x'.repeat(64 * 1024 - 200);
    await using server = await tlsServer(({ stream }) => {
      stream.respond({ ':status': 200, 'x-long': long, 'set-cookie': ['a=1', 'b=2'] });
      stream.end('whole');
    });
    const response = await transport({})(server.url);
    expect(response.headers.get('x-long')).toBe(long);
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await response.text()).toBe('whole');
  });

  it('may have 100 MB', async () => {
    await using server = await tlsServer(({ stream }) => {
      stream.respond({ ':status': 200 });
      let left = 100;
      function write(): void {
        for (; left > 0; left--) {
          if (!stream.write(Buffer.alloc(1_000_000))) {
            left -= 1;
            stream.once('drain', write);
            return;
          }
        }
        stream.end();
      }
      write();
    });
    const response = await transport({})(server.url);
    expect((await response.arrayBuffer()).byteLength).toBe(100_000_000);
  });

  it('may come before the request was sent, the rest of which is given up', async () => {
    await using server = await tlsServer(({ stream }) => {
      stream.respond({ ':status': 413 });
      stream.end('too large');
    });
    const response = await transport({})(server.url, { method: 'POST', body: 'x'.repeat(4_000_000) });
    expect([response.status, await response.text()]).toEqual([413, 'too large']);
    const { stream } = server.arrived[0] ?? {};
    if (stream?.closed === false) await once(stream, 'close');
    expect([stream?.closed, server.open()]).toEqual([true, 1]);
  });

  it('S12 that redirects is not followed, and its stream is released', async () => {
    await using server = await tlsServer(({ stream }) => {
      stream.respond({ ':status': 302, location: 'https://other.invalid/' });
      stream.write('a body that goes on');
    });
    const error = toSluiceError(await failure(transport({})(server.url)), 'test', []);
    expect([error.code, error.status]).toEqual(['protocol', 302]);
    const { stream } = server.arrived[0] ?? {};
    if (stream?.closed === false) await once(stream, 'close');
    expect(server.open()).toBe(1);
  });

  it('without a body ends', async () => {
    await using server = await tlsServer(({ stream }) => {
      stream.respond({ ':status': 204 }, { endStream: true });
    });
    const response = await transport({})(server.url);
    expect([response.status, response.body, await bytesOf(response)]).toEqual([204, null, '']);
  });
});
