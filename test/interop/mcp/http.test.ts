import type { OAuthClientProvider, OAuthTokens } from '@modelcontextprotocol/client';
import type { ServerResponse } from 'node:http';
import { mcpTools } from 'sluice/interop/mcp';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HttpServer } from './http-server.ts';
import { call } from './stage.ts';

const serve = () => new HttpServer().listen();

test('tools are called over streamable HTTP, and the session is ended with them', async () => {
  await using server = await serve();
  const mcp = await mcpTools({ url: server.url });
  const { results } = await call(mcp, [['echo', { a: 1 }], ['parts']]);
  expect(results.map(({ isError }) => isError)).toEqual([false, false]);
  expect(results[0]?.content).toBe('{"a":1}');
  await mcp.close();
  expect(server.sessions.size).toBe(0);
});

describe('a session that the server has lost', () => {
  test('begins again once for all calls; those that are idempotent are sent once more, the others are not', async () => {
    await using server = await serve();
    await using mcp = await mcpTools(
      { url: server.url },
      { each: ({ name }) => ({ idempotent: name === 'echo' }) },
    );
    server.sessions.clear();
    const { results } = await call(mcp, [['echo', { a: 1 }], ['echo', { a: 2 }], ['parts']]);
    expect(results.map(({ isError, content }) => (isError ? content : `ok ${content}`))).toEqual([
      'ok {"a":1}',
      'ok {"a":2}',
      'The tool failed: The server had lost the session, which has begun again. The call was not sent a second time.',
    ]);
    expect(server.calls('initialize').length).toBe(2);
    expect(
      server
        .calls('tools/call')
        .map(({ tool }) => tool)
        .sort(),
    ).toEqual(['echo', 'echo', 'echo', 'echo', 'parts']);
    const again = await call(mcp, [['parts']]);
    expect(again.results[0]?.isError).toBe(false);
  });

  test('begins again once, also for a call that learns of it later, and a call in the meantime waits', async () => {
    await using server = await serve();
    await using mcp = await mcpTools(
      { url: server.url },
      { each: ({ name }) => ({ idempotent: name === 'echo' }) },
    );
    server.sessions.clear();
    const [late, beginning] = [Promise.withResolvers<ServerResponse>(), Promise.withResolvers<() => void>()];
    server.before = ({ tool }, response) => {
      const isLate =
        tool === 'echo' && server.calls('tools/call').filter((one) => one.tool === 'echo').length === 1;
      if (isLate) late.resolve(response);
      return isLate;
    };
    server.initializing = () => new Promise((resolve) => beginning.resolve(resolve));
    const first = call(mcp, [['echo']]);
    const refused = await late.promise;
    const second = call(mcp, [['silent']], { tools: { maxParallel: 1 } });
    const begin = await beginning.promise;
    const third = call(mcp, [['parts']]);
    // The call has come to where it waits.
    await new Promise(setImmediate);
    begin();
    expect((await third).results[0]?.isError).toBe(false);
    expect((await second).results[0]?.content).toMatch(/had lost the session/);
    refused.writeHead(404).end();
    expect((await first).results[0]?.isError).toBe(false);
    expect(server.calls('initialize').length).toBe(2);
  });

  test('is read the list of tools again before the next round', async () => {
    await using server = await serve();
    await using mcp = await mcpTools({ url: server.url }, { each: () => ({ idempotent: true }) });
    server.sessions.clear();
    await call(mcp, [['echo']]);
    expect(server.calls('tools/list').length).toBe(2);
  });

  test('again and again is an error of the call', async () => {
    await using server = await serve();
    await using mcp = await mcpTools({ url: server.url }, { each: () => ({ idempotent: true }) });
    server.before = ({ rpc }, response) => {
      if (rpc !== 'tools/call') return false;
      response.writeHead(404).end();
      return true;
    };
    const { results } = await call(mcp, [['echo']]);
    expect(results).toMatchObject([
      { isError: true, content: expect.stringContaining('The server refused the call') },
    ]);
    expect(server.calls('initialize').length).toBe(2);
    expect(server.calls('tools/call').length).toBe(2);
  });
});

describe('a call fails at once', () => {
  test.each([
    ['if its connection breaks', ['die']],
    ['if its stream ends without an answer', ['ends']],
  ])('%s, and may have taken effect', async (_what, [name = '']) => {
    await using server = await serve();
    await using mcp = await mcpTools({ url: server.url });
    server.before = ({ tool }, response) => {
      if (tool !== 'echo') return false;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': hello\n\n', () => (name === 'die' ? response.destroy() : response.end()));
      return true;
    };
    const { results } = await call(mcp, [['echo']]);
    expect(results[0]).toMatchObject({
      isError: true,
      content: expect.stringMatching(/ended before its answer came\. It may/),
    });
  });

  test('if nobody listens any more, and then it has not taken effect', async () => {
    const server = await serve();
    const mcp = await mcpTools({ url: server.url });
    await server[Symbol.asyncDispose]();
    // The first one finds a connection that was open.
    await call(mcp, [['echo']]);
    const { results } = await call(mcp, [['echo']]);
    expect(results[0]?.content).toBe('The tool failed: The server refused the call: fetch failed');
    await mcp.close();
  });

  test.each([
    ['as a stream', 'text/event-stream', (text: string) => `data: ${text}\n\n`],
    ['as JSON', 'application/json', (text: string) => text],
  ])('if a message is longer than may be, %s', async (_what, type, wrap) => {
    await using server = await serve();
    await using mcp = await mcpTools({ url: server.url }, { maxMessageBytes: 100_000 });
    server.before = ({ tool }, response) => {
      if (tool !== 'echo') return false;
      const text = JSON.stringify({
        jsonrpc: '2.0',
        id: 2,
        result: { content: [{ type: 'text', text: 'x'.repeat(1_000_000) }] },
      });
      response.writeHead(200, { 'content-type': type }).end(wrap(text));
      return true;
    };
    const { results } = await call(mcp, [['echo'], ['parts']]);
    expect(results.map(({ isError }) => isError)).toEqual([true, false]);
  });
});

test('the stream of a call that was cancelled is closed', async () => {
  await using server = await serve();
  await using mcp = await mcpTools({ url: server.url }, { idleTimeoutMs: 1 });
  let isClosed = Promise.withResolvers<void>();
  server.before = ({ tool }, response) => {
    if (tool === 'silent') response.once('close', isClosed.resolve);
    return false;
  };
  isClosed = Promise.withResolvers<void>();
  await call(mcp, [['silent']]);
  await isClosed.promise;
  expect(server.calls('notifications/cancelled').length).toBe(1);
});

test('closing ends the stream on which the server says what it likes, and what it said was taken', async () => {
  await using server = await serve();
  const opened = Promise.withResolvers<ServerResponse>();
  const closed = Promise.withResolvers<void>();
  server.before = ({ method }, response) => {
    if (method !== 'GET') return false;
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    response.once('close', closed.resolve);
    opened.resolve(response);
    return true;
  };
  const mcp = await mcpTools({ url: server.url });
  const changed = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
  (await opened.promise).write(`data: ${changed}\n\n`);
  await expect
    .poll(async () => {
      await mcp.refresh();
      return server.calls('tools/list').length;
    })
    .toBe(2);
  await mcp.close();
  await closed.promise;
});

describe('headers', () => {
  test('are sent with each request to the URL, and are asked for each time', async () => {
    await using server = await serve();
    let asked = 0;
    await using mcp = await mcpTools({
      url: server.url,
      headers: () => ({ 'x-key': `k${asked++}`, 'mcp-session-id': 'mine' }),
    });
    await call(mcp, [['echo']]);
    const keys = server.came.map(({ headers }) => headers['x-key']);
    expect(keys).toEqual(keys.map((_, at) => `k${at}`));
    expect(server.calls('tools/call')[0]?.headers['mcp-session-id']).toBe('session-0');
  });

  test.each([
    ['go with a redirect to the same origin', true],
    ['go to no other origin', false],
  ])('%s', async (_what, isSame) => {
    await using server = await serve();
    await using other = await serve();
    server.before = (_request, response, url) => {
      if (url !== '/mcp') return false;
      response.writeHead(307, { location: isSame ? '/mcp/' : other.url }).end();
      return true;
    };
    const connecting = mcpTools({ url: server.url, headers: { 'x-key': 'secret' } });
    const came = await connecting.then(
      async (mcp) => mcp.close().then(() => 'connected'),
      () => 'refused',
    );
    expect(came).toBe(isSame ? 'connected' : 'refused');
    expect(server.came.every(({ headers }) => headers['x-key'] === 'secret')).toBe(true);
    expect(other.came).toEqual([]);
  });
});

test('headers do not go to who gives the tokens', async () => {
  await using server = await serve();
  await using tokens = await serve();
  server.before = (_request, response) => {
    const metadata = `Bearer resource_metadata="${tokens.origin}/.well-known/oauth-protected-resource"`;
    response.writeHead(401, { 'www-authenticate': metadata }).end();
    return true;
  };
  const provider: OAuthClientProvider = {
    redirectUrl: undefined,
    clientMetadata: { redirect_uris: [] },
    clientInformation: () => ({ client_id: 'us' }),
    tokens: () => undefined,
    saveTokens: () => undefined,
    redirectToAuthorization: () => undefined,
    saveCodeVerifier: () => undefined,
    codeVerifier: () => 'v',
  };
  const connecting = mcpTools({ url: server.url, auth: provider, headers: { 'x-key': 'secret' } });
  await expect(connecting).rejects.toThrow();
  expect(tokens.came.length).toBeGreaterThan(0);
  expect(tokens.came.filter(({ headers }) => 'x-key' in headers)).toEqual([]);
});

describe('what does not connect', () => {
  test.each([
    [401, 'authentication'],
    [403, 'permission'],
    [404, 'not_found'],
    [503, 'server'],
  ])('%s is %s', async (status, code) => {
    await using server = await serve();
    server.before = (_request, response) => {
      response.writeHead(status).end('no');
      return true;
    };
    await expect(mcpTools({ url: server.url })).rejects.toMatchObject({ code, status });
  });

  test('a server that says nothing is a timeout', async () => {
    await using server = await serve();
    server.before = () => true;
    await expect(mcpTools({ url: server.url }, { connectTimeoutMs: 1 })).rejects.toMatchObject({
      code: 'timeout',
    });
  });

  test('nobody is there', async () => {
    const server = await serve();
    const { url } = server;
    await server[Symbol.asyncDispose]();
    await expect(mcpTools({ url })).rejects.toMatchObject({ code: 'network' });
  });
});

describe('tokens', () => {
  // The official client warns of tokens that were refused.
  beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => undefined));
  afterEach(() => void vi.restoreAllMocks());

  /** A server that takes one token, and an authorization server beside it. */
  async function guarded(refuses = false) {
    const server = await serve();
    let valid = 'token-0';
    let refreshes = 0;
    let atOnce = 0;
    let most = 0;
    const tokens = {
      current: { access_token: 'token-0', token_type: 'Bearer', refresh_token: 'r' } as
        OAuthTokens | undefined,
    };
    server.before = ({ headers }, response, url) => {
      const json = (status: number, body: object) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (url.startsWith('/.well-known/oauth-protected-resource'))
        json(200, { resource: server.url, authorization_servers: [server.origin] });
      else if (url.startsWith('/.well-known/'))
        json(200, {
          issuer: server.origin,
          authorization_endpoint: `${server.origin}/authorize`,
          token_endpoint: `${server.origin}/token`,
          response_types_supported: ['code'],
          code_challenge_methods_supported: ['S256'],
          grant_types_supported: ['refresh_token', 'authorization_code'],
        });
      else if (url === '/token') {
        refreshes++;
        most = Math.max(most, ++atOnce);
        setImmediate(() => {
          atOnce--;
          if (refuses)
            return void json(400, {
              error: 'invalid_grant',
              error_description: 'The refresh token is gone.',
            });
          json(200, {
            access_token: (valid = `token-${refreshes}`),
            token_type: 'Bearer',
            refresh_token: `r${refreshes}`,
          });
        });
      } else if (headers.authorization === `Bearer ${valid}`) return false;
      else
        response
          .writeHead(401, {
            'www-authenticate': `Bearer resource_metadata="${server.origin}/.well-known/oauth-protected-resource"`,
          })
          .end();
      return true;
    };
    const provider: OAuthClientProvider = {
      redirectUrl: 'http://127.0.0.1/callback',
      clientMetadata: {
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: ['refresh_token', 'authorization_code'],
      },
      clientInformation: () => ({ client_id: 'us' }),
      tokens: () => tokens.current,
      saveTokens: (saved) => void (tokens.current = saved),
      redirectToAuthorization: () => undefined,
      saveCodeVerifier: () => undefined,
      codeVerifier: () => 'v',
      invalidateCredentials: () => void (tokens.current = undefined),
    };
    const state = { expire: () => (valid = 'another'), counts: () => ({ refreshes, most }) };
    return { server, provider, state, tokens };
  }

  test('ten calls with a token that is over make one refresh', async () => {
    const { server, provider, state } = await guarded();
    await using _server = server;
    await using mcp = await mcpTools({ url: server.url, auth: provider });
    state.expire();
    const calls = Array.from({ length: 10 }, (_, at): [string, object] => ['echo', { at }]);
    const { results } = await call(mcp, calls, { tools: { maxParallel: 10 } });
    expect(results.map(({ isError }) => isError)).toEqual(calls.map(() => false));
    expect(state.counts()).toEqual({ refreshes: 1, most: 1 });
  });

  test('invalid_grant is authentication, at the start and later', async () => {
    const { server, provider, state, tokens } = await guarded(true);
    await using _server = server;
    await using mcp = await mcpTools({ url: server.url, auth: provider });
    state.expire();
    await call(mcp, [['echo']]).then(({ results }) => expect(results[0]).toMatchObject({ isError: true }));
    const failed = call(mcp, [['echo']], { tools: { onError: 'throw' } });
    await expect(failed).rejects.toMatchObject({ code: 'tool', cause: { code: 'authentication' } });
    tokens.current = { access_token: 'old', token_type: 'Bearer', refresh_token: 'r' };
    await expect(mcpTools({ url: server.url, auth: provider })).rejects.toMatchObject({
      code: 'authentication',
    });
  });

  test('a plain token is sent, and a refused one is authentication', async () => {
    const { server, state } = await guarded();
    await using _server = server;
    await using mcp = await mcpTools({ url: server.url, auth: { token: async () => 'token-0' } });
    expect((await call(mcp, [['echo']])).results[0]?.isError).toBe(false);
    state.expire();
    await expect(mcpTools({ url: server.url, auth: { token: async () => 'token-0' } })).rejects.toMatchObject(
      { code: 'authentication' },
    );
    expect((await call(mcp, [['echo']])).results[0]?.content).toMatch(/Unauthorized/);
  });
});
