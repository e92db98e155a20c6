import { once } from 'node:events';
import { connect } from 'node:net';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { chatStream } from '../../testing/upstream/chat-stream.ts';
import { faultServer, type FaultServer } from '../../testing/upstream/fault-server.ts';
import { manualGate } from '../../testing/manual-gate.ts';
import {
  anthropicError,
  chatErrorLine,
  htmlPage,
  openaiError,
} from '../../testing/upstream/provider-errors.ts';
import { rawPost } from '../support/raw-client.ts';

let server: FaultServer;

beforeEach(async () => {
  server = await faultServer();
});

afterEach(async () => {
  await server.close();
});

async function post(path: string, body: unknown = { model: 'm' }): Promise<Response> {
  return fetch(server.url + path, { method: 'POST', body: JSON.stringify(body) });
}

describe('the script', () => {
  it('answers with the queued responses in order, then with the default', async () => {
    server.enqueue({ body: 'first' }, { status: 201, body: { second: true } });
    server.always((request) => ({ body: `default for ${request.path}` }));
    const first = await post('/a');
    const second = await post('/b');
    const third = await post('/c');
    expect([first.status, await first.text()]).toEqual([200, 'first']);
    expect([second.status, second.headers.get('content-type'), await second.text()]).toEqual([
      201,
      'application/json',
      '{"second":true}',
    ]);
    expect(await third.text()).toBe('default for /c');
    server.assertDrained();
  });

  it('answers an unexpected request with status 500, and assertDrained() reports it', async () => {
    const response = await post('/v1/messages');
    expect(response.status).toBe(500);
    expect(await response.text()).toContain('no response is scripted for request 0, POST /v1/messages');
    expect(() => server.assertDrained()).toThrow('no response is scripted for request 0, POST /v1/messages');
  });

  it('reports responses that were not used', () => {
    server.enqueue({ body: 'a' }, { body: 'b' });
    expect(() => server.assertDrained()).toThrow('2 scripted responses were not used');
  });

  it('resets the connection of a request whose script throws, and reports it', async () => {
    server.enqueue(() => {
      throw new Error('my mistake');
    });
    await expect(post('/v1/messages')).rejects.toThrow('fetch failed');
    expect(() => server.assertDrained()).toThrow('the script of request 0 failed: my mistake');
  });

  it('starts over after reset()', async () => {
    server.enqueue({ body: 'a' }, { body: 'never' });
    await (await post('/a')).text();
    await server.idle();
    server.reset();
    expect([server.requests.length, server.log]).toEqual([0, []]);
    server.assertDrained();
    server.enqueue({ body: 'b' });
    expect(await (await post('/b')).text()).toBe('b');
    expect(server.requests[0]?.index).toBe(0);
  });
});

describe('the wires', () => {
  const lines = ['{"type":"a","n":1}', '{"n":2}'];

  it.each([
    ['/v1/chat/completions', `data: ${lines[0]}\n\ndata: ${lines[1]}\n\ndata: [DONE]\n\n`],
    ['/v1/responses?x=1', `event: a\ndata: ${lines[0]}\n\ndata: ${lines[1]}\n\n`],
    ['/v1/messages', `event: a\ndata: ${lines[0]}\n\ndata: ${lines[1]}\n\n`],
  ])('writes a stream for %s in its format', async (path, expected) => {
    server.enqueue({ stream: { lines } });
    const response = await post(path);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(await response.text()).toBe(expected);
  });

  it('uses the wire that the stream names', async () => {
    server.enqueue({ stream: { lines, wire: 'openai-chat' } });
    expect(await (await post('/v1/messages')).text()).toBe(
      `data: ${lines[0]}\n\ndata: ${lines[1]}\n\ndata: [DONE]\n\n`,
    );
  });

  it('writes a byte order mark, line ends, event lines and comments as the options say', async () => {
    const comments = { everyEvents: 2, count: 2, text: 'ping' };
    server.enqueue({
      stream: {
        lines: [...lines, '{"type":"c"}'],
        sentinel: false,
        eventLines: true,
        lineEnd: '\r\n',
        bom: true,
        comments,
      },
    });
    const bytes = Buffer.from(await (await post('/v1/chat/completions')).arrayBuffer());
    expect(bytes.subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
    const group = ': ping\r\n\r\n: ping\r\n\r\n';
    expect(bytes.subarray(3).toString()).toBe(
      `${group}event: a\r\ndata: ${lines[0]}\r\n\r\ndata: ${lines[1]}\r\n\r\n${group}event: c\r\ndata: {"type":"c"}\r\n\r\n`,
    );
  });

  it('lets headers override and remove the defaults', async () => {
    server.enqueue(
      { stream: { lines }, headers: { 'content-type': 'application/x-ndjson', 'retry-after': '3' } },
      { stream: { lines }, headers: { 'content-type': undefined, 'x-request-id': undefined } },
    );
    const first = await post('/v1/responses');
    const second = await post('/v1/responses');
    expect(first.headers.get('content-type')).toBe('application/x-ndjson');
    expect(first.headers.get('retry-after')).toBe('3');
    expect(first.headers.get('x-request-id')).toBe('req_0');
    expect([second.headers.get('content-type'), second.headers.get('x-request-id')]).toEqual([null, null]);
  });

  it("sends errors in each provider's shape", async () => {
    server.enqueue(
      openaiError(429, { headers: { 'retry-after': '2' } }),
      openaiError(400, { code: 'context_length_exceeded', param: 'messages', message: 'too long' }),
      anthropicError(529),
      htmlPage('Bad gateway', 502),
    );
    const limited = await post('/v1/chat/completions');
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '2']);
    expect(await limited.json()).toEqual({
      error: {
        message: 'Rate limit reached for requests.',
        type: 'requests',
        param: null,
        code: 'rate_limit_exceeded',
      },
    });
    expect(await (await post('/v1/chat/completions')).json()).toEqual({
      error: {
        message: 'too long',
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      },
    });
    const overloaded = await post('/v1/messages');
    expect([overloaded.status, overloaded.headers.get('request-id')]).toEqual([529, 'req_2']);
    expect(await overloaded.json()).toMatchObject({
      type: 'error',
      error: { type: 'overloaded_error', message: 'Overloaded' },
    });
    const page = await post('/');
    expect([page.status, page.headers.get('content-type')]).toEqual([502, 'text/html; charset=utf-8']);
    expect(await page.text()).toContain('<h1>Bad gateway</h1>');
  });
});

describe('recorded requests', () => {
  it('contain the request as it was sent', async () => {
    server.always({ body: 'ok' });
    const next = server.nextRequest();
    const sent = fetch(`${server.openaiBaseURL}/chat/completions?a=1`, {
      method: 'POST',
      body: '{"model":"m"}',
      headers: { authorization: 'Bearer key' },
    });
    const request = await next;
    expect([request.method, request.path, request.wire]).toEqual([
      'POST',
      '/v1/chat/completions?a=1',
      'openai-chat',
    ]);
    expect([request.rawBody, request.body]).toEqual(['{"model":"m"}', { model: 'm' }]);
    expect(request.headers.authorization).toBe('Bearer key');
    await (await sent).text();
    await (await fetch(server.url, { method: 'POST', body: 'not json' })).text();
    const second = await server.nextRequest();
    expect([second.index, second.rawBody, second.body]).toEqual([1, 'not json', undefined]);
  });

  it('follow a response to its end and count the bytes of its body', async () => {
    const pace = manualGate();
    const stream = chatStream({ text: ['Hel', 'lo'] });
    server.enqueue({ stream, delayHeaders: pace.gate, gate: pace.gate });
    const client = rawPost(server.port, '/v1/chat/completions');
    const request = await server.nextRequest();
    expect([request.state, server.openRequests, server.openSockets]).toEqual(['waiting', 1, 1]);
    pace.release(2);
    await client.until(() => client.body.includes('assistant'));
    expect(request.state).toBe('answering');
    expect(client.body).toBe(`data: ${stream.lines[0]}\n\n`);
    pace.release(1);
    await client.until(() => client.body.includes('Hel'));
    expect(client.body).not.toContain('lo"');
    pace.open();
    expect(await request.closed).toBe('finished');
    await client.until(() => client.bodyEnded);
    expect([request.state, request.clientLeft, request.bytesSent]).toEqual([
      'finished',
      false,
      client.body.length,
    ]);
    expect(server.log).toEqual(['request 0 POST /v1/chat/completions', 'headers 0 200', 'finished 0']);
    client.socket.destroy();
    await server.socketsClosed();
    expect(server.openSockets).toBe(0);
  });

  it('report that the client left in the middle of a stream', async () => {
    server.enqueue({ stream: chatStream({ text: 'a b c' }), gate: manualGate().gate });
    const client = rawPost(server.port, '/v1/chat/completions');
    const request = await server.nextRequest();
    await client.until(() => client.received.includes('200 OK'));
    client.socket.destroy();
    expect(await request.closed).toBe('client-left');
    await server.idle();
    expect([request.clientLeft, request.state, request.bytesSent]).toEqual([true, 'client-left', 0]);
    expect(server.log.at(-1)).toBe('client-left 0');
  });

  it('report that the client left before the headers', async () => {
    server.enqueue({ body: 'late', delayHeaders: manualGate().gate });
    const client = rawPost(server.port, '/v1/messages');
    const request = await server.nextRequest();
    client.socket.destroy();
    expect(await request.closed).toBe('client-left');
    expect(server.log).toEqual(['request 0 POST /v1/messages', 'client-left 0']);
  });

  it('report that the client left while sending its request', async () => {
    server.enqueue({ body: 'for the next one' });
    const socket = connect(server.port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\nabc');
    await once(socket, 'data');
    socket.destroy();
    const request = await server.nextRequest();
    expect([request.clientLeft, request.rawBody]).toEqual([true, 'abc']);
    expect(await (await post('/')).text()).toBe('for the next one');
    server.assertDrained();
  });

  it('count only the bytes that the client accepts', async () => {
    const size = 32 * 1024 * 1024;
    server.enqueue({ body: Buffer.alloc(size), split: { everyBytes: 64 * 1024 } });
    const client = rawPost(server.port, '/v1/messages');
    client.socket.pause();
    const request = await server.nextRequest();
    client.socket.resume();
    await client.until(() => client.received.length > 0);
    client.socket.pause();
    const { bytesSent } = request;
    expect(bytesSent).toBeLessThan(size);
    client.socket.destroy();
    expect(await request.closed).toBe('client-left');
    expect(request.bytesSent).toBeLessThan(size);
  });

  it('let a test send bytes and end the response by hand', async () => {
    server.enqueue({ stream: chatStream({ text: 'a' }), fault: { kind: 'stall', at: { event: 1 } } });
    const client = rawPost(server.port, '/v1/chat/completions');
    const request = await server.nextRequest();
    await client.until(() => client.body.includes('assistant'));
    await request.send(': keep-alive\n\n');
    await client.until(() => client.body.endsWith(': keep-alive\n\n'));
    request.end('rst');
    expect(await client.ended).toBe('ECONNRESET');
    expect(await request.closed).toBe('cut');
  });
});

describe('close', () => {
  it('destroys what is open, reports it as cut, and can be called again', async () => {
    server.enqueue({ stream: chatStream({ text: 'a' }), fault: { kind: 'stall' } });
    const client = rawPost(server.port, '/v1/chat/completions');
    const request = await server.nextRequest();
    await client.until(() => client.body.includes('stop'));
    await Promise.all([server.close(), server.close()]);
    await server.close();
    expect(await client.ended).toMatch(/^(end|ECONNRESET)$/);
    expect([await request.closed, request.clientLeft, server.openSockets]).toEqual(['cut', false, 0]);
    await expect(fetch(server.url)).rejects.toThrow('fetch failed');
  });

  it('is called at the end of a scope', async () => {
    let url: string;
    {
      await using scoped = await faultServer({ always: { body: 'hello' } });
      url = scoped.url;
      expect(await (await fetch(url)).text()).toBe('hello');
    }
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });
});

it('listens only on the loopback', () => {
  expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
  expect([server.openaiBaseURL, server.anthropicBaseURL]).toEqual([`${server.url}/v1`, server.url]);
  expect(JSON.parse(chatErrorLine({ message: 'x' }))).toEqual({
    error: { message: 'x', type: 'server_error', param: null, code: null },
  });
});
