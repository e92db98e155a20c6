import { describe, expect, it } from 'vitest';
import { isSluiceError } from '../../../../src/index.ts';
import { limits, sse, wireCall } from '../transport/support.ts';
import { drained, ended, foreign, inPieces, tellOf } from './support.ts';

const OVERLOADED = '{"error":{"type":"overloaded_error","message":"Busy"}}';
const CONTEXT =
  '{"code":400,"message":"Too long","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":8}';

describe('R46 an event that is an error by name', () => {
  it.each([
    ['an object', OVERLOADED, ['overloaded', true, 'test sent an error (overloaded_error): Busy']],
    [
      'code and details',
      '{"code":"queue_full","details":"Later"}',
      ['overloaded', true, 'test sent an error (queue_full): Later'],
    ],
    ['a message', '{"message":"Out of memory"}', ['server', true, 'test sent an error: Out of memory']],
    ['a detail', '{"detail":"Out of memory"}', ['server', true, 'test sent an error: Out of memory']],
    ['what looks like an answer', '{"say":"a"}', ['server', true, 'test sent an error.']],
    [
      'a context that is too long',
      CONTEXT,
      ['context_length', false, 'test sent an error (exceed_context_size_error): Too long'],
    ],
    ['a string', '"Out of memory"', ['server', true, 'test sent an error: Out of memory']],
    ['a list', `[${OVERLOADED}]`, ['overloaded', true, 'test sent an error (overloaded_error): Busy']],
    ['a text', 'Internal Server Error', ['server', true, 'test sent an error: Internal Server Error']],
    ['a word', 'ping', ['server', true, 'test sent an error (ping).']],
    ['a status', '503', ['overloaded', true, 'test sent an error: 503']],
    ['broken JSON', '{"message":', ['server', true, 'test sent an error: {"message":']],
    ['the sentinel', '[DONE]', ['server', true, 'test sent an error: [DONE]']],
    ['nothing', '', ['server', true, 'test sent an error.']],
  ])('with %s ends the call, whatever follows, and keeps what came', async (_what, data, tell) => {
    const body = `${sse({ say: 'a' })}event: error\ndata: ${data}\n\n${sse({ say: 'b' }, '[DONE]')}`;
    const { said, error } = await ended(body);
    expect([said, tellOf(error)]).toEqual(['a', tell]);
    expect(error).toMatchObject({ provider: 'test', requestId: 'req_f' });
  });

  it.each([
    'error',
    'Error',
    'exception',
    'response.error',
    'stream_error',
    'streamError',
    'modelStreamErrorException',
  ])('may be called %s', async (name) => {
    const { error } = await ended(`event: ${name}\ndata: {"message":"No"}\n\n${sse({ say: 'b' }, '[DONE]')}`);
    expect(tellOf(error)).toEqual(['server', true, 'test sent an error: No']);
  });

  it.each(['mirror', 'completion', 'tool.progress', 'ping', 'terror', 'errors.none'])(
    'is not called %s',
    async (name) => {
      const body = `event: ${name}\ndata: {"say":"a","message":"Working"}\n\n${sse('[DONE]')}`;
      expect(await ended(body)).toEqual({ said: 'a', finishReason: 'stop' });
    },
  );

  it('has the request id of its payload, else of the response', async () => {
    const { error } = await ended(`event: error\ndata: {"message":"No","request_id":"req_9"}\n\n`);
    expect(error?.requestId).toBe('req_9');
  });

  it('is ignored after the end', async () => {
    const body = `${sse({ say: 'a' }, '[DONE]')}event: error\ndata: No\n\n`;
    expect(await ended(body)).toEqual({ said: 'a', finishReason: 'stop' });
  });

  it('S1 shows no secret and at most 300 characters', async () => {
    const data = JSON.stringify({ message: `canary-0123456789 ${'x'.repeat(500)}` });
    const { error } = await ended(`event: error\ndata: ${data}\n\n`, undefined, {
      secrets: ['canary-0123456789'],
    });
    expect(error?.message).toBe(`test sent an error: *** ${'x'.repeat(296)}…`);
  });
});

describe('R46 an error in a stream outside of any event', () => {
  const good = sse({ say: 'a' });
  const more = sse({ say: 'b' }, '[DONE]');

  it.each([
    ['JSON', OVERLOADED, ['overloaded', true, 'test sent an error (overloaded_error): Busy']],
    [
      'JSON over several lines',
      JSON.stringify({ error: { message: 'No "room" }', code: 'queue_full' } }, null, 2),
      ['overloaded', true, 'test sent an error (queue_full): No "room" }'],
    ],
    ['JSON with a detail', '{"detail":"Not here"}', ['server', true, 'test sent an error: Not here']],
    ['JSON with another field', '{"message":"x","hint":"y"}', ['server', true, 'test sent an error: x']],
    ['a list', `[${OVERLOADED}]`, ['overloaded', true, 'test sent an error (overloaded_error): Busy']],
    [
      'a line of llama.cpp',
      `error: ${CONTEXT}`,
      ['context_length', false, 'test sent an error (exceed_context_size_error): Too long'],
    ],
    [
      'a text',
      'upstream connect error or disconnect',
      ['server', true, 'test sent an error: upstream connect error or disconnect'],
    ],
    [
      'a text with a colon',
      'RuntimeError: out of memory',
      ['server', true, 'test sent an error: RuntimeError: out of memory'],
    ],
    ['a single word', 'Unauthorized', ['server', true, 'test sent an error: Unauthorized']],
    ['JSON that is a text', '"Bad Gateway"', ['server', true, 'test sent an error: Bad Gateway']],
    ['another word', 'garbage', ['protocol', false, 'test sent text instead of events: garbage']],
    [
      'a chunk',
      '{"choices":[{"delta":{"content":"secret"}}]}',
      ['protocol', false, 'test sent JSON instead of events.'],
    ],
    ['a number', '[1,2]', ['protocol', false, 'test sent JSON instead of events.']],
    ['a piece of JSON', 'lo wor","secret":"x"}}', ['protocol', false, 'test sent text instead of events.']],
    ['broken JSON', '{"error":{"message":"secret', ['protocol', false, 'test sent text instead of events.']],
    ['rubbish', '\u0001\u0002 x y', ['protocol', false, 'test sent text instead of events.']],
  ])('as %s has its message, before, after and between events', async (_what, text, tell) => {
    const bodies = [text, `${text}\n`, good + text, `${good}${text}\n\n`, `${good}${text}\n\n${more}`];
    for (const body of bodies) {
      const { said, error } = await ended(body);
      expect([said, tellOf(error)], body).toEqual([body.startsWith(good) ? 'a' : '', tell]);
    }
  });

  it('as an HTML page has its text', async () => {
    const page = '<!DOCTYPE html><html><head><title>502</title></head><body>Bad Gateway</body></html>';
    for (const body of [page, `${good}${page}\n`, `${good}${page}\n\n${more}`]) {
      const { said, error } = await drained(wireCall(async () => foreign(body)));
      expect([said, tellOf(isSluiceError(error) ? error : undefined)]).toEqual([
        body === page ? [] : ['a'],
        ['protocol', false, 'test sent an HTML page instead of events: 502 Bad Gateway'],
      ]);
      // Of a page that comes in pieces, only the beginning is waited for.
      const bytes = Buffer.from(body);
      const cuts = [...bytes.keys()];
      const pieces = await drained(wireCall(async () => inPieces(bytes, cuts, 'text/event-stream')));
      expect(isSluiceError(pieces.error) && pieces.error.code).toBe('protocol');
    }
  });

  it('S1 shows no secret and at most 300 characters', async () => {
    const body = `{"error":"canary-0123456789 ${'x'.repeat(500)}"}`;
    const { error } = await ended(body, undefined, { secrets: ['canary-0123456789'] });
    expect(error?.message).toBe(`test sent an error: *** ${'x'.repeat(296)}…`);
  });

  it('is thrown as soon as it is complete, even if the connection stays open', async () => {
    const texts = [
      OVERLOADED,
      'Internal Server Error\n',
      '<html>',
      JSON.stringify({ error: { message: 'x' } }, null, 2),
    ];
    const codes = await Promise.all(
      texts.map(async (text) => {
        let cancelled = false;
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            controller.enqueue(Buffer.from(good));
            controller.enqueue(Buffer.from(text.slice(0, 5)));
            controller.enqueue(Buffer.from(text.slice(5)));
          },
          cancel: () => void (cancelled = true),
        });
        const { error } = await drained(wireCall(async () => foreign(body)));
        return [isSluiceError(error) && error.code, cancelled];
      }),
    );
    expect(codes).toEqual([
      ['overloaded', true],
      ['server', true],
      ['protocol', true],
      ['server', true],
    ]);
  });

  it('S10 is not collected without a limit', async () => {
    let sent = 0;
    const endless = (piece: string) =>
      new ReadableStream<Uint8Array>({
        pull(controller) {
          sent += piece.length;
          controller.enqueue(Buffer.from(piece));
        },
      });
    const text = await drained(wireCall(async () => foreign(endless('no end '.repeat(100)))));
    expect([isSluiceError(text.error) && text.error.code, sent < 40_000]).toEqual(['server', true]);
    sent = 0;
    const json = await drained(
      wireCall(async () => foreign(endless('["}",'.repeat(100))), {
        limits: { ...limits, maxEventCharacters: 100_000 },
      }),
    );
    expect([String(json.error), sent < 120_000]).toEqual([
      'SluiceError: The reply exceeds limits.maxEventCharacters (100000).',
      true,
    ]);
  });

  it('in an event that broke off is thrown, too', async () => {
    const body = `${good}data: {"choices":[{"delta":\ndata: {"type":"error","error":{"type":"upstream_error","message":"stream_read_error"}}\n\n`;
    const { said, error } = await ended(body);
    expect([said, tellOf(error)]).toEqual([
      'a',
      ['server', true, 'test sent an error (upstream_error): stream_read_error'],
    ]);
  });

  it('as the data of an event is thrown, unless it only keeps the connection alive', async () => {
    const { said, error } = await ended(`${good}data: CUDA error: out of memory\n\n${more}`);
    expect([said, tellOf(error)]).toEqual([
      'a',
      ['server', true, 'test sent an error: CUDA error: out of memory'],
    ]);
    const list = await ended(`${good}data: [${OVERLOADED}]\n\n${more}`);
    expect(tellOf(list.error)).toEqual(['overloaded', true, 'test sent an error (overloaded_error): Busy']);
  });
});

describe('what keeps a connection alive', () => {
  it.each([
    'data: ping',
    'data: OPENROUTER PROCESSING',
    'data: : OPENROUTER PROCESSING',
    'data: keep-alive',
    'data: [PING]',
    'data: 2024-04-27 01:35:43.686476',
    'data: "ping"',
    'data: null',
    'data: true',
    'data: 0',
    'data: {}',
    'data:',
    'event: ping\ndata: ping',
    'event: heartbeat\ndata: {}',
    'event: ping',
    ': {"status":"queued"}',
    ': [DONE]',
    ':',
    'retry: 3000',
    'id: 7',
    'id',
    '\ufeff: x',
    '\ufeffdata: ping',
  ])('is not an error: %j', async (line) => {
    const lines = line.startsWith('\ufeff') ? [`${line}\n\n`] : [`${line}\n\n`, `${line}\n\n${line}\n\n`];
    for (const alive of lines) {
      const between = line.startsWith('\ufeff') ? '' : alive;
      const body = `${alive}${sse({ say: 'a' })}${between}${sse({ say: 'b' })}${between}${sse('[DONE]')}`;
      expect(await ended(body)).toEqual({ said: 'ab', finishReason: 'stop' });
    }
  });

  it('is not a reply', async () => {
    const { error } = await ended('data: ping\n\n: {"a":1}\n\ndata: ping\n\n');
    expect(error?.code).toBe('truncated');
  });

  it.each(['{"secret":', 'wor","secret":"x"}]}', '\u0001{"secret":1}', '[1, 2, 3]', '{"a":1}{"b":2}'])(
    'is not %j: an event would be lost silently',
    async (data) => {
      const { said, error } = await ended(
        `${sse({ say: 'a' })}data: ${data}\n\n${sse({ say: 'b' }, '[DONE]')}`,
      );
      expect([said, error?.code]).toEqual(['a', 'protocol']);
      expect(error?.message).not.toContain('secret');
    },
  );
});
