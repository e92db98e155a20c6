import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { getGlobalDispatcher, MockAgent, ProxyAgent, setGlobalDispatcher } from 'undici';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { providerFetch, toSluiceError } from '../../../../providers/wire/index.ts';
import { failure, handServer, transports } from './support.ts';

const { transport, closeAll } = transports(providerFetch);
const before = getGlobalDispatcher();
afterEach(async () => {
  await closeAll();
  vi.unstubAllEnvs();
  setGlobalDispatcher(before);
});

/** A proxy that opens tunnels, or refuses each CONNECT. It notes what it was asked for. */
async function tunnelProxy(refusal?: string) {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      const head = bytes.toString();
      heads.push(head);
      if (refusal !== undefined) {
        socket.end(refusal);
        return;
      }
      const upstream = connect(Number(/^CONNECT [^:]+:(\d+)/.exec(head)?.[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      sockets.add(upstream);
      upstream.on('error', () => socket.destroy());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    heads,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a tunnel through a proxy', () => {
  it('carries the request, and keeps its headers from the proxy', async () => {
    await using server = await handServer((request, response) => {
      response.end(`${request.method} ${request.url} ${request.headers.authorization}`);
    });
    await using proxy = await tunnelProxy();
    const agent = new ProxyAgent({ uri: proxy.url, proxyTunnel: true });
    const headers = new Headers({ authorization: 'Bearer one' });
    const response = await transport({ dispatcher: agent })(`${server.url}/v1`, {
      method: 'POST',
      headers,
      body: '{}',
    });
    expect(await response.text()).toBe('POST /v1 Bearer one');
    expect(proxy.heads.map((head) => head.split(' ', 1)[0])).toEqual(['CONNECT']);
    expect(proxy.heads.join()).not.toContain('Bearer');
    await agent.destroy();
  });

  it.each([
    ['wants a password', 'HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n', 'network', '407'],
    ['forbids it', 'HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n', 'network', '403'],
    ['cannot reach the host', 'HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n', 'network', '502'],
    ['hangs up', '', 'network', 'other side closed'],
    ['speaks no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n', 'protocol', 'HTTP/1.1 protocol'],
  ])('that %s is an error that says so, never an abort', async (_how, refusal, code, words) => {
    await using proxy = await tunnelProxy(refusal);
    const agent = new ProxyAgent({ uri: proxy.url, proxyTunnel: true });
    const thrown = await failure(transport({ dispatcher: agent })('http://models.invalid/v1'));
    const error = toSluiceError(thrown, 'test', []);
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
    await agent.destroy();
  });
});

describe('the proxies of the environment', () => {
  it.each([
    ['without a setting for Node', {}, 'direct'],
    ['with NODE_USE_ENV_PROXY=1', { NODE_USE_ENV_PROXY: '1' }, 'proxied'],
    ['with another value of it', { NODE_USE_ENV_PROXY: 'true' }, 'direct'],
    ['with the flag in NODE_OPTIONS', { NODE_OPTIONS: '--no-warnings --use-env-proxy' }, 'proxied'],
    [
      'with the flag that turns it off',
      { NODE_OPTIONS: '--no-use-env-proxy', NODE_USE_ENV_PROXY: '1' },
      'direct',
    ],
    ['but for the hosts of NO_PROXY', { NODE_USE_ENV_PROXY: '1', NO_PROXY: '127.0.0.1' }, 'direct'],
  ])('%s: %j', async (_how, environment, way) => {
    await using server = await handServer((_request, response) => response.end('direct'));
    await using proxy = await handServer((_request, response) => response.end('proxied'));
    const all = { HTTP_PROXY: proxy.url, NO_PROXY: '', NODE_USE_ENV_PROXY: '', NODE_OPTIONS: '' };
    for (const [name, value] of Object.entries({ ...all, ...environment })) vi.stubEnv(name, value);
    expect(await (await transport({})(server.url)).text()).toBe(way);
  });
});

describe('a dispatcher that the program set for all requests', () => {
  it('is used, and stays open: no request bypasses a proxy', async () => {
    await using proxy = await handServer((request, response) => response.end(`proxied ${request.url}`));
    const agent = new ProxyAgent({ uri: proxy.url, proxyTunnel: false });
    setGlobalDispatcher(agent);
    for (const path of ['/one', '/two']) {
      const made = providerFetch({});
      const response = await made.fetch(`http://models.invalid${path}`);
      expect(await response.text()).toBe(`proxied http://models.invalid${path}`);
      await made.close();
    }
    await agent.destroy();
  });

  it('may be a mock', async () => {
    const mock = new MockAgent();
    mock.disableNetConnect();
    mock.get('http://models.invalid').intercept({ path: '/v1' }).reply(200, 'x'.repeat(200_000));
    setGlobalDispatcher(mock);
    expect(await (await transport({})('http://models.invalid/v1')).text()).toHaveLength(200_000);
    await mock.close();
  });

  it("yields to the caller's own dispatcher", async () => {
    await using proxy = await handServer((_request, response) => response.end('mine'));
    setGlobalDispatcher(new MockAgent());
    const agent = new ProxyAgent({ uri: proxy.url, proxyTunnel: false });
    expect(await (await transport({ dispatcher: agent })('http://models.invalid/')).text()).toBe('mine');
    await agent.destroy();
  });
});
