import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isSluiceError } from '../../../../src/index.ts';
import { wireStream } from '../../../../providers/wire/index.ts';
import { WireSource } from '../../../../providers/wire/reply/wire-stream.ts';
import { endless, failure, handServer, limits, sse, TestDecoder, wireCall } from '../transport/support.ts';
import { at, drained, foreign, stream, codeOf, pull } from './support.ts';

const tellOf = (error: unknown) => (isSluiceError(error) ? [error.code, error.retryable] : error);

/** Resolves when undici has read the next body to its end. */
function readToEnd(): Promise<void> {
  const channel = 'undici:request:trailers';
  return new Promise((resolve) => {
    const ended = (): void => {
      unsubscribe(channel, ended);
      resolve();
    };
    subscribe(channel, ended);
  });
}

describe('a wire stream', () => {
  it('sends nothing before the first read, then delivers chunks and the reply', async () => {
    await using server = await handServer((_request, response) => {
      stream(response, sse({ say: 'Hel' }, { say: 'lo' }, { stop: 'stop' })).end();
    });
    const reading = wireStream(at(server.url));
    await new Promise(setImmediate);
    expect(server.requests).toHaveLength(0);
    const words: string[] = [];
    for await (const chunk of reading) words.push(codeOf(chunk));
    expect(words).toEqual(['Hel', 'lo']);
    expect(reading.reply).toEqual({ finishReason: 'stop', provider: 'test', requestId: 'req_1' });
  });

  it('makes one batch of all events of one read', async () => {
    await using server = await handServer((_request, response) => {
      stream(response);
      // Many chunks of the body in one read of the socket.
      response.cork();
      for (let word = 0; word < 50; word++) response.write(sse({ say: String(word) }));
      response.uncork();
      response.end(sse({ stop: 'stop' }));
    });
    const { said } = await drained(at(server.url));
    expect(said.join('|')).toBe([...Array(50).keys()].join('|'));
    expect(said.length).toBeLessThanOrEqual(3);
  });

  it('reads the bodies of any other fetch, at any split', async () => {
    const bytes = Buffer.from(sse({ say: 'grün 🙂' }, '[DONE]'));
    for (let cut = 1; cut < bytes.length; cut++) {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytes.subarray(0, cut));
          controller.enqueue(bytes.subarray(cut));
          controller.close();
        },
      });
      const { said, reply } = await drained(wireCall(async () => foreign(body)));
      expect([said, reply?.requestId]).toEqual([['grün 🙂'], 'req_f']);
    }
  });

  it('stops reading at the end of the reply and reuses the connection', async () => {
    let answer: ServerResponse | undefined;
    await using server = await handServer((_request, response) => {
      answer = stream(response, sse({ say: 'a' }, '[DONE]', { boom: 'after the end' }));
    });
    for (let call = 0; call < 3; call++) {
      const whole = readToEnd();
      expect(await drained(at(server.url))).toMatchObject({ said: ['a'], reply: { finishReason: 'stop' } });
      answer?.end(sse({ boom: 'late' }));
      // The rest is read after the reply was delivered.
      await whole;
      await new Promise(setImmediate);
    }
    expect(server.connections.made).toBe(1);
  });

  it('is complete whatever follows the end of the reply, also in the same read', async () => {
    for (const behind of ['<html>', '\ufffd\u0001', 'data: {"boom"\n\n', `data: ${'x'.repeat(2_000)}`]) {
      const body = sse({ say: 'a' }, '[DONE]') + behind;
      const wire = wireCall(async () => foreign(body), { limits: { ...limits, maxEventCharacters: 1_000 } });
      expect(await drained(wire)).toMatchObject({ said: ['a'], reply: { finishReason: 'stop' } });
    }
  });

  it('cuts a body that continues after the end of the reply', async () => {
    await using server = await handServer((_request, response) => {
      stream(response, sse({ say: 'a' }, '[DONE]'));
      endless(response, 'x'.repeat(65_536));
    });
    expect((await drained(at(server.url))).reply?.finishReason).toBe('stop');
    await server.socketsClosed();
  });

  it('keeps the request and the events with includeRaw', async () => {
    const wire = wireCall(async () => foreign(sse({ say: 'a' }, { stop: 'stop' })), {
      raw: { request: { ask: 1 } },
    });
    const { reply } = await drained(wire);
    expect(reply?.raw).toEqual({ request: { ask: 1 }, reply: [{ say: 'a' }, { stop: 'stop' }] });
  });

  it('gives the decoder the names of events, and the status and request id before the first one', async () => {
    const decoder = new TestDecoder();
    const seen: unknown[] = [];
    const wire = wireCall(
      async () => foreign('event: ping\ndata: {"say":"a"}\n\ndata: {"stop":"stop"}\n\n'),
      {
        decoder: (info) => {
          seen.push(info);
          return decoder;
        },
      },
    );
    await drained(wire);
    expect([decoder.names, seen]).toEqual([['ping', ''], [{ status: 200, requestId: 'req_f', secrets: [] }]]);
  });
});

describe('a wire stream that does not end well', () => {
  it.each([
    ['R1 without its end', sse({ say: 'a' }), 'truncated', true, ['a']],
    ['R1 inside an event', `${sse({ say: 'a' })}data: {"stop"`, 'truncated', true, ['a']],
    ['R3 with an error event', sse({ say: 'a' }, { boom: 'too busy' }), 'overloaded', true, ['a']],
    ['R7 without any output', sse({ stop: 'stop' }), 'truncated', true, []],
    ['R7 without a single event', '', 'truncated', true, []],
    ['with an event that is not JSON', sse({ say: 'a' }, '{"secret words"'), 'protocol', false, ['a']],
    ['with an event that is a list', sse('[1, 2, 3, 4, 5]'), 'protocol', false, []],
    [
      'with an error event that is not JSON',
      'event: error\ndata: Internal Server Error\n\n',
      'server',
      true,
      [],
    ],
  ])('%s delivers what came, then a typed error', async (_how, body, code, retryable, words) => {
    await using server = await handServer((_request, response) => stream(response, body).end());
    const { said, error } = await drained(at(server.url));
    expect([said, tellOf(error)]).toEqual([words, [code, retryable]]);
    expect(error).toMatchObject({ provider: 'test' });
    expect(String(error)).not.toContain('secret words');
  });

  it('R2 does not include one without [DONE] that has a finish reason', async () => {
    const { reply } = await drained(
      wireCall(async () => foreign(sse({ say: 'a' }, { stop: 'length', more: 1 }))),
    );
    expect(reply?.finishReason).toBe('length');
  });

  it('R7 does not include one without output that was cut by the length', async () => {
    const { reply } = await drained(wireCall(async () => foreign(sse({ stop: 'length' }))));
    expect(reply?.finishReason).toBe('length');
  });

  it('does not include empty events and padded ends', async () => {
    const body = `data:\n\ndata: \n\n${sse({ say: 'a' })}data:  [DONE] \n\n`;
    expect(await drained(wireCall(async () => foreign(body)))).toMatchObject({ said: ['a'], reply: {} });
  });

  it('delivers the chunks that the decoder holds back until the end', async () => {
    const { said } = await drained(wireCall(async () => foreign(sse({ say: 'a' }, { stop: 'tail' }))));
    expect(said.join('|')).toBe('a|!');
  });

  it.each([
    ['rst', (response: ServerResponse) => response.socket?.resetAndDestroy()],
    ['fin', (response: ServerResponse) => response.socket?.end()],
  ])('by %s delivers what came, then a network error', async (_how, cut) => {
    let answer: ServerResponse | undefined;
    await using server = await handServer((_request, response) => {
      answer = stream(response, sse({ say: 'a' }));
    });
    const source = new WireSource(at(server.url));
    expect(await pull(source)).toMatchObject([{ content: 'a' }]);
    if (answer !== undefined) cut(answer);
    const error = await failure(pull(source));
    expect(error).toMatchObject({ code: 'network', retryable: true, provider: 'test', requestId: 'req_1' });
  });

  it.each([
    ['an HTML page', 'text/html', '<html>Sign in</html>', ['protocol', false], 'text/html'],
    ['JSON that is not an error', 'application/json', '{"say":"a"}', ['protocol', false], 'application/json'],
    [
      'a JSON error',
      'application/json',
      '{"error":{"type":"overloaded_error","message":"Busy"}}',
      ['overloaded', true],
      'Busy',
    ],
    [
      'an error object',
      'application/json',
      '{"object":"error","message":"no","code":404}',
      ['not_found', false],
      'no',
    ],
  ])('as %s with status 200 is a typed error', async (_what, type, body, tell, words) => {
    await using server = await handServer((_request, response) => {
      response.writeHead(200, { 'content-type': type });
      response.end(body);
    });
    const { error } = await drained(at(server.url));
    expect([tellOf(error), String(error)]).toEqual([tell, expect.stringContaining(words)]);
  });

  it('R16 as an endless HTML page is cut off at once', async () => {
    await using server = await handServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.write('<html>');
    });
    expect(tellOf((await drained(at(server.url))).error)).toEqual(['protocol', false]);
    await server.socketsClosed();
  });

  it('R20 with an error status is its error, even if its body breaks off', async () => {
    await using server = await handServer((request, response) => {
      response.writeHead(429, { 'retry-after': '7', 'x-request-id': 'req_2', 'content-length': 100 });
      response.write('{"error":', () => setImmediate(() => request.socket.resetAndDestroy()));
    });
    const { error } = await drained(at(server.url));
    expect(error).toMatchObject({
      code: 'rate_limited',
      status: 429,
      retryAfterMs: 7_000,
      requestId: 'req_2',
      cause: { code: 'ECONNRESET' },
    });
  });

  it('with an error status is the error of its body, if no SDK has thrown it', async () => {
    const body = '{"error":{"message":"Slow down","code":"rate_limit_exceeded"}}';
    const { error } = await drained(wireCall(async () => foreign(body, 'application/json', 429)));
    expect(error).toMatchObject({ code: 'rate_limited', status: 429, requestId: 'req_f' });
  });

  it.each([
    [{ maxEventCharacters: 10 }, sse({ say: 'a long word' }), 'maxEventCharacters', []],
    [
      { maxOutputCharacters: 3 },
      sse({ say: 'ab' }, { say: 'cd' }, { stop: 'stop' }),
      'maxOutputCharacters',
      ['ab|cd'],
    ],
  ])('S10 over %j is a protocol error that names the limit', async (over, body, name, words) => {
    const wire = wireCall(async () => foreign(body), { limits: { ...limits, ...over } });
    const { said, error } = await drained(wire);
    expect([said, tellOf(error), String(error)]).toEqual([
      words,
      ['protocol', false],
      expect.stringContaining(name),
    ]);
  });

  it('S1 shows no secret, in no message and no cause', async () => {
    const key = 'canary-0123456789';
    const wire = wireCall(
      () => Promise.reject(new TypeError(`"Bearer ${key}\n" is an invalid header value.`)),
      {
        secrets: [`${key}\n`],
      },
    );
    const { error } = await drained(wire);
    expect(tellOf(error)).toEqual(['invalid_request', false]);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(key);
  });
});

describe('a JSON answer', () => {
  const events = (body: Record<string, unknown>) => [{ say: body['content'] }, { stop: 'stop' }];

  it('is decoded as its events, in one batch', async () => {
    await using server = await handServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"content":"whole"}');
    });
    const { said, reply } = await drained(at(server.url, { events, raw: { request: 1 } }));
    expect([said, reply?.raw]).toEqual([['whole'], { request: 1, reply: [{ content: 'whole' }] }]);
  });

  it.each([
    ['no JSON', '<oops>', 'protocol', undefined],
    ['an error', '{"error":{"code":503,"message":"x"}}', 'overloaded', 503],
    ['too long', JSON.stringify({ content: 'x'.repeat(200) }), 'protocol', 200],
  ])('that is %s is a typed error', async (_what, body, code, status) => {
    const wire = wireCall(async () => foreign(body, 'application/json'), {
      events,
      limits: { ...limits, maxEventCharacters: 100 },
    });
    const { error } = await drained(wire);
    expect(error).toMatchObject({ code, ...(status !== undefined && { status }) });
  });
});
