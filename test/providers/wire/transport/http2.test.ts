import { once } from 'node:events';
import { constants, createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { H2CClient } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { providerFetch, toSluiceError } from '../../../../providers/wire/index.ts';
import { rawBodyOf, readyOf } from '../../../../providers/wire/transport/raw-body.ts';
import { bytesOf, failure, transports } from './support.ts';

const { transport, closeAll } = transports(providerFetch);
afterEach(closeAll);

/** An HTTP/2 server without TLS, and a dispatcher for it. */
async function http2Server(answer: (stream: ServerHttp2Stream) => void) {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
  });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    answer(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = `http://127.0.0.1:${address.port}`;
  const dispatcher = new H2CClient(url);
  return {
    url,
    sessions,
    fetch: transport({ dispatcher }),
    async [Symbol.asyncDispose]() {
      await dispatcher.destroy();
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

describe('a dispatcher of the caller that speaks HTTP/2', () => {
  it('delivers complete responses at the pace of their readers', async () => {
    let written = 0;
    await using server = await http2Server((stream) => {
      stream.respond({ ':status': 200 });
      function write(): void {
        if (written >= 4_000_000) stream.end();
        else if (stream.write('x'.repeat(50_000), () => (written += 50_000))) setImmediate(write);
        else stream.once('drain', write);
      }
      write();
    });
    const response = await server.fetch(server.url);
    for (let before = -1; before !== written;) {
      before = written;
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    }
    expect(written).toBeLessThan(2_000_000);
    expect(await bytesOf(response)).toHaveLength(4_000_000);
  });

  it('turns a stream that the server resets into a network error, before its headers and after', async () => {
    await using server = await http2Server((stream) => {
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
    });
    const refused = toSluiceError(await failure(server.fetch(server.url)), 'test', []);
    expect([refused.code, refused.retryable]).toEqual(['network', true]);

    await using other = await http2Server((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('part', () => setImmediate(() => stream.destroy(new Error('It broke.'))));
    });
    const broken = await failure(bytesOf(await other.fetch(other.url)));
    expect(toSluiceError(broken, 'test', []).code).toBe('network');
  });

  it('aborts only the stream that was aborted', async () => {
    const gone = Promise.withResolvers<undefined>();
    await using server = await http2Server((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('it goes on');
      stream.once('aborted', () => gone.resolve(undefined));
    });
    const controller = new AbortController();
    const body = rawBodyOf(await server.fetch(server.url, { signal: controller.signal }));
    await readyOf(body);
    body.take();
    const waiting = readyOf(body);
    controller.abort(new Error('enough'));
    await waiting;
    expect(() => body.take()).toThrow('enough');
    await gone.promise;
    expect([...server.sessions].map((session) => session.destroyed)).toEqual([false]);
  });
});
