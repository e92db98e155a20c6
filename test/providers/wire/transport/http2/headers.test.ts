import type { Http2ServerRequest, Http2ServerResponse, SecureServerOptions } from 'node:http2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { providerFetch, toSluiceError } from '../../../../../providers/wire/index.ts';
import { wasNeverSent } from '../../../../../providers/wire/errors/never-sent.ts';
import { rawBodyOf, readyOf } from '../../../../../providers/wire/transport/raw-body.ts';
import { bytesOf, failure, transports } from '../support.ts';
import { tlsServer, trustServers, type TlsServer } from './support.ts';

const { transport, closeAll } = transports(providerFetch);
afterEach(closeAll);
let trusted: Disposable | undefined;
beforeAll(() => {
  trusted = trustServers();
});
afterAll(() => trusted?.[Symbol.dispose]());

const PROTOCOLS = [
  ['HTTP/1.1', { http2: false }],
  ['HTTP/2', {}],
] as const;

/** Options of a server that takes longer headers over HTTP/1.1 than Node does by default. */
const LENIENT = { allowHTTP1: true, maxHeaderSize: 200_000 };

/** So many headers with so many bytes each. */
function many(count: number, bytes: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, at) => {
      const name = `x-${at}-`;
      return [name, 'x'.repeat(bytes - name.length)];
    }),
  );
}

/** Answers `/long` with long headers, `/on` with a body that goes on, and everything else with what came. */
async function server(long: Record<string, string> = {}, options: SecureServerOptions = {}) {
  const made = await tlsServer(() => undefined, {
    allowHTTP1: true,
    maxSendHeaderBlockLength: 10_000_000,
    ...options,
  });
  made.server.on('request', (request, response) => void answer(request, response, long));
  return made;
}

async function answer(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  long: Record<string, string>,
): Promise<void> {
  if (request.url === '/on') {
    response.write('it goes on');
    return;
  }
  let body = '';
  for await (const part of request) body += String(part);
  if (request.url === '/long')
    for (const [name, value] of Object.entries(long)) response.setHeader(name, value);
  response.end(
    JSON.stringify({
      version: request.httpVersion,
      expect: request.headers.expect,
      long: request.headers['x-0-']?.length,
      body,
    }),
  );
}

/** Begins a stream on the connection that others will use, and returns how it ends. */
async function running(
  fetch: typeof globalThis.fetch,
  { url, arrived }: TlsServer,
): Promise<() => Promise<string>> {
  const body = rawBodyOf(await fetch(`${url}/on`));
  await readyOf(body);
  return async function end() {
    arrived[0]?.stream.end(', to its end');
    let text = '';
    for (;;) {
      const parts = body.take();
      if (parts === undefined) return text;
      for (const part of parts) text += Buffer.from(part).toString();
      if (parts.length === 0) await readyOf(body);
    }
  };
}

const kindOf = (error: unknown) => {
  const { code, retryable } = toSluiceError(error, 'test', []);
  return `${code} ${retryable}`;
};

describe.each(PROTOCOLS)('the headers of a response over %s', (version, options) => {
  it.each([
    ['one of 64 kB', many(1, 65_536)],
    ['several with 120 kB', many(3, 40_000)],
    ['1,000 of 100 bytes', many(1_000, 100)],
  ])('may be long: %s', async (_what, long) => {
    await using made = await server(long);
    const response = await transport(options)(`${made.url}/long`);
    expect(Object.keys(long).filter((name) => response.headers.get(name) !== long[name])).toEqual([]);
    expect(JSON.parse(await bytesOf(response))).toMatchObject({ version: version.slice(5).padEnd(3, '.0') });
  });

  it.each([
    ['a little', many(3, 45_000)],
    ['much', many(5, 60_000)],
    ['50 times', many(100, 60_000)],
    ['in one header', many(1, 140_000)],
  ])('above 128 kB (%s) are a protocol error, and the next request works', async (_what, long) => {
    await using made = await server(long);
    const fetch = transport(options);
    const error = await failure(fetch(`${made.url}/long`));
    expect([kindOf(error), wasNeverSent(error)]).toEqual(['protocol false', false]);
    expect(JSON.parse(await bytesOf(await fetch(made.url)))).toMatchObject({ body: '' });
  });
});

describe('headers above 128 kB over HTTP/2', () => {
  it('end their stream alone, and the error says what is wrong', async () => {
    await using made = await server(many(3, 45_000));
    const fetch = transport({});
    const end = await running(fetch, made);
    const error = await failure(fetch(`${made.url}/long`));
    expect(String(error)).toContain('The headers of the response have more than 131072 bytes.');
    await bytesOf(await fetch(made.url));
    expect(await end()).toBe('it goes on, to its end');
    expect(made.sessions).toHaveLength(1);
  });
});

describe('the headers of a request', () => {
  it('of almost 64 kB are sent over HTTP/2', async () => {
    await using made = await server();
    const response = await transport({})(made.url, { method: 'POST', headers: many(1, 65_000), body: 'x' });
    expect(await response.json()).toEqual({ version: '2.0', long: 65_000 - 4, body: 'x' });
  });

  it.each([
    ['one', many(1, 65_540)],
    ['many', many(100, 700)],
  ])(
    'of more (%s) would end a connection, so they go over HTTP/1.1, and other streams go on',
    async (_what, headers) => {
      await using made = await server({}, LENIENT);
      const fetch = transport({});
      const end = await running(fetch, made);
      const response = await fetch(made.url, { method: 'POST', headers, body: 'x' });
      expect(await response.json()).toMatchObject({ version: '1.1', body: 'x' });
      expect(await end()).toBe('it goes on, to its end');
      expect(made.sessions).toHaveLength(1);
    },
  );

  it('that the server finds too long are the same status over both protocols', async () => {
    await using made = await server();
    const statuses = PROTOCOLS.map(async ([, options]) => {
      const response = await transport(options)(made.url, { headers: many(1, 100_000) });
      await bytesOf(response);
      return response.status;
    });
    expect(await Promise.all(statuses)).toEqual([431, 431]);
  });
});

describe('Expect: 100-continue', () => {
  it('is sent over HTTP/2, and refused before it is sent over HTTP/1.1', async () => {
    await using made = await server();
    made.server.on('checkContinue', (request, response) => {
      response.writeContinue();
      void answer(request, response, {});
    });
    const request = { method: 'POST', headers: { expect: '100-continue' }, body: 'the body' };
    const response = await transport({})(made.url, request);
    expect(await response.json()).toEqual({ version: '2.0', expect: '100-continue', body: 'the body' });
    const error = await failure(transport({ http2: false })(made.url, request));
    expect([kindOf(error), wasNeverSent(error)]).toEqual(['invalid_options false', true]);
    expect(String(error)).toContain('expect header not supported');
  });
});
