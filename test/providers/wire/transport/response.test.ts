import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { Agent } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { providerFetch, toSluiceError } from '../../../../providers/wire/index.ts';
import { DispatchResponse } from '../../../../providers/wire/transport/dispatch-response.ts';
import { rawBodyOf, readyOf } from '../../../../providers/wire/transport/raw-body.ts';
import { bytesOf, endless, failure, handServer, transports } from './support.ts';

const { transport, closeAll } = transports(providerFetch);
afterEach(closeAll);

const codeOf = (error: unknown) => toSluiceError(error, 'test', []).code;

describe('a response', () => {
  it('has what SDKs read of it', async () => {
    await using server = await handServer((_request, response) => {
      response.writeHead(429, 'Slow Down', { 'retry-after': '7', 'set-cookie': ['a=1', 'b=2'] });
      response.end('{"error":{}}');
    });
    const response = await transport({})(`${server.url}/x`);
    expect([response.ok, response.status, response.statusText, response.url, response.redirected]).toEqual([
      false,
      429,
      'Slow Down',
      `${server.url}/x`,
      false,
    ]);
    expect(response.headers.get('Retry-After')).toBe('7');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect([response.bodyUsed, await response.text(), response.bodyUsed]).toEqual([
      false,
      '{"error":{}}',
      true,
    ]);
  });

  it('drops the bytes of its headers', async () => {
    await using server = await handServer((_request, response) => response.write('it goes on'));
    const agent = new Agent();
    let controller: { rawHeaders?: unknown } | undefined;
    const dispatcher = agent.compose((dispatch) => (options, handler) => {
      const { onRequestStart } = handler;
      handler.onRequestStart = (given, context) => {
        controller = given;
        onRequestStart?.call(handler, given, context);
      };
      return dispatch(options, handler);
    });
    const response = await transport({ dispatcher })(server.url);
    expect(controller).toMatchObject({ rawHeaders: null });
    await response.body?.cancel();
    await agent.destroy();
  });

  it('can be read as a web stream, and by every method', async () => {
    await using server = await handServer((_request, response) => response.end('{"a":"é"}'));
    const fetch = transport({});
    const reader = (await fetch(server.url)).body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toBe('{"a":"é"}');
    expect((await reader?.read())?.done).toBe(true);
    expect(await (await fetch(server.url)).json()).toEqual({ a: 'é' });
    expect((await (await fetch(server.url)).arrayBuffer()).byteLength).toBe(10);
    expect((await (await fetch(server.url)).bytes()).byteLength).toBe(10);
    expect((await (await fetch(server.url)).blob()).size).toBe(10);
    const response = await fetch(server.url);
    if (!(response instanceof DispatchResponse)) throw new Error('It came another way.');
    let text = '';
    for await (const piece of response.textStream()) text += piece;
    expect(text).toBe('{"a":"é"}');
    expect(await (await fetch(server.url)).clone().text()).toBe('{"a":"é"}');
  });

  it('releases its socket when its web stream is cancelled', async () => {
    await using server = await handServer((_request, response) => response.write('it goes on'));
    const response = await transport({})(server.url);
    await response.body?.cancel();
    await server.socketsClosed();
    expect(server.connections.open).toBe(0);
  });

  it.each([204, 304])('without content, of status %i, has no body', async (status) => {
    await using server = await handServer((_request, response) => {
      response.writeHead(status);
      response.end();
    });
    const response = await transport({})(server.url);
    expect([response.body, await bytesOf(response)]).toEqual([null, '']);
    const head = await transport({})(server.url, { method: 'HEAD' });
    expect([head.body, await bytesOf(head)]).toEqual([null, '']);
  });

  it('R16 with an error status and an endless body is cut, and its socket released', async () => {
    await using server = await handServer((_request, response) => {
      response.writeHead(500);
      endless(response, 'x'.repeat(65_536));
    });
    const text = await (await transport({})(server.url)).text();
    expect(text).toHaveLength(1024 * 1024);
    await server.socketsClosed();
  });

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['zstd', zstdCompressSync],
  ])('is decoded from %s', async (coding, compress) => {
    await using server = await handServer((_request, response) => {
      response.setHeader('content-encoding', coding);
      response.end(compress(Buffer.from('data: {"a":1}\n\n'.repeat(1000))));
    });
    const text = await bytesOf(await transport({})(server.url));
    expect(text).toBe('data: {"a":1}\n\n'.repeat(1000));
  });

  it.each(['none', 'identity', 'utf-8', 'UTF8', 'chunked', 'binary', 'identity, chunked', ''])(
    'with the encoding %j is not encoded, also next to a real encoding',
    async (coding) => {
      await using server = await handServer((request, response) => {
        const isCoded = request.url === '/coded';
        response.setHeader('content-encoding', isCoded ? `gzip, ${coding}` : coding);
        response.end(isCoded ? gzipSync(Buffer.from('coded')) : 'plain');
      });
      const fetch = transport({});
      expect(await bytesOf(await fetch(server.url))).toBe('plain');
      expect(await bytesOf(await fetch(`${server.url}/coded`))).toBe('coded');
    },
  );

  it('is decoded from several encodings, and refused with an unknown one', async () => {
    await using server = await handServer((request, response) => {
      response.setHeader('content-encoding', request.url === '/two' ? 'gzip, br' : 'rot13');
      response.end(brotliCompressSync(gzipSync(Buffer.from('twice'))));
    });
    const fetch = transport({});
    expect(await bytesOf(await fetch(`${server.url}/two`))).toBe('twice');
    const error = await failure(fetch(server.url));
    expect([codeOf(error), String(error)]).toEqual(['protocol', expect.stringContaining('rot13')]);
  });

  it.each(['gzip', 'deflate', 'br', 'zstd'])('that is empty may have the encoding %s', async (coding) => {
    await using server = await handServer((_request, response) => {
      response.writeHead(401, { 'content-encoding': coding, 'content-length': 0 });
      response.end();
    });
    const response = await transport({})(server.url);
    expect([response.status, await bytesOf(response)]).toEqual([401, '']);
  });

  it('with an error status is that error, whatever its encoding', async () => {
    await using server = await handServer((_request, response) => {
      response.writeHead(503, { 'content-encoding': 'aws-chunked' });
      response.end('no');
    });
    const response = await transport({})(server.url);
    expect([response.status, await bytesOf(response)]).toEqual([503, 'no']);
  });

  it.each(['gzip', 'deflate', 'br', 'zstd'])(
    'that claims to be %s but is not is a protocol error',
    async (coding) => {
      await using server = await handServer((_request, response) => {
        response.setHeader('content-encoding', coding);
        response.end('data: {"a":1}\n\n');
      });
      const thrown = await failure(bytesOf(await transport({})(server.url)));
      expect(toSluiceError(thrown, 'test', [], { fallback: 'network' }).code).toBe('protocol');
    },
  );

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ])('that breaks off within a body in %s is a network error', async (coding, compress) => {
    const whole = compress(Buffer.from('whole'));
    await using server = await handServer((_request, response) => {
      response.setHeader('content-encoding', coding);
      response.end(whole.subarray(0, whole.length - 4));
    });
    const error = await failure(bytesOf(await transport({})(server.url)));
    expect(codeOf(error)).toBe('network');
  });

  it.each([
    ['is reset', (socket: { resetAndDestroy(): void }) => socket.resetAndDestroy()],
    ['is closed', (socket: { destroy(): void }) => socket.destroy()],
  ])('whose connection %s within the body delivers what came, then a network error', async (_how, cut) => {
    await using server = await handServer((request, response) => {
      response.write('what came', () => setImmediate(() => cut(request.socket)));
    });
    const body = rawBodyOf(await transport({})(server.url));
    await readyOf(body);
    expect(Buffer.concat(body.take() ?? []).toString()).toBe('what came');
    await readyOf(body);
    expect(codeOf(await failure(Promise.resolve().then(() => body.take())))).toBe('network');
  });

  it('that is shorter than its content-length is a network error', async () => {
    await using server = await handServer((request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('short', () => request.socket.end());
    });
    const error = await failure(bytesOf(await transport({})(server.url)));
    expect(codeOf(error)).toBe('network');
  });

  it('may end with trailers, which are dropped', async () => {
    await using server = await handServer((_request, response) => {
      response.writeHead(200, { trailer: 'x-sum' });
      response.write('body');
      response.addTrailers({ 'x-sum': '1' });
      response.end();
    });
    expect(await bytesOf(await transport({})(server.url))).toBe('body');
  });

  it('pauses its socket while nobody reads', async () => {
    let taken = 0;
    await using server = await handServer((_request, response) => {
      endless(response, 'x'.repeat(65_536), () => (taken += 65_536));
    });
    const body = rawBodyOf(await transport({})(server.url));
    let before = -1;
    while (before !== taken) {
      before = taken;
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    }
    // The buffers of both kernels, and one read.
    expect(taken).toBeLessThan(16 * 1024 * 1024);
    const waiting = (body.take() ?? []).reduce((sum, part) => sum + part.length, 0);
    expect(waiting).toBeLessThanOrEqual(192 * 1024);
    await readyOf(body);
    expect(body.take()?.length).toBeGreaterThan(0);
    body.cancel();
    await server.socketsClosed();
  });
});
