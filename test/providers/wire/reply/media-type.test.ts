import { describe, expect, it } from 'vitest';
import { sse, wireCall } from '../transport/support.ts';
import { drained, ended, foreign, inPieces, tellOf } from './support.ts';

const OVERLOADED = '{"error":{"type":"overloaded_error","message":"Busy"}}';

describe('a body with the wrong media type', () => {
  const stream = sse({ say: 'a' }, { say: 'b' }, '[DONE]');

  it.each([
    'application/json',
    'text/plain; charset=utf-8',
    'text/html',
    'application/octet-stream',
    'application/x-ndjson',
    '',
  ])('as %j, but with an event stream, is read as one', async (type) => {
    for (const before of ['', '\n\n', '\ufeff', ': hello\n\n', 'retry: 5\n', 'id: 1\n', 'event: x\n']) {
      expect(await ended(before + stream, type)).toEqual({ said: 'ab', finishReason: 'stop' });
    }
  });

  it('or without one is read by its first bytes', async () => {
    const response = new Response(stream);
    response.headers.delete('content-type');
    const { said, reply } = await drained(wireCall(async () => response));
    expect([said.join(''), reply?.finishReason]).toEqual(['a|b', 'stop']);
  });

  it.each(['text/event-stream', 'application/json', 'text/plain', 'text/html', ''])(
    'as %j, but with an error, is that error',
    async (type) => {
      for (const body of [OVERLOADED, ` \n${OVERLOADED}\n`, `\ufeff${OVERLOADED}`]) {
        expect((await ended(body, type)).error?.code).toBe('overloaded');
      }
      expect(tellOf((await ended('Internal Server Error', type)).error)).toEqual([
        'server',
        true,
        'test sent an error: Internal Server Error',
      ]);
    },
  );

  it('as an event stream with an error status is the error in its event', async () => {
    const body =
      'id:1\nevent:error\n:HTTP_STATUS/400\ndata:{"code":"DataInspectionFailed","message":"No"}\n\n';
    const { error } = await drained(wireCall(async () => foreign(body, 'text/event-stream', 400)));
    expect(error).toMatchObject({
      code: 'content_filter',
      status: 400,
      message: 'test answered 400 (DataInspectionFailed): No',
    });
  });

  it.each(['image/png', 'application/vnd.amazon.eventstream', 'multipart/mixed'])(
    'as %s is not read',
    async (type) => {
      const { error } = await ended(stream, type);
      expect(tellOf(error)).toEqual([
        'protocol',
        false,
        `test answered with ${type} instead of an event stream.`,
      ]);
    },
  );

  it.each([
    ['{"detail":"Not here"}', ['server', undefined]],
    ['{"message":"Later","code":"queue_full"}', ['overloaded', undefined]],
    ['{"errors":[{"message":"x"}]}', ['server', undefined]],
    ['{"msg":"x"}', ['server', undefined]],
    ['{"error_message":"x"}', ['server', undefined]],
    ['{"base_resp":{"status_code":1002,"status_msg":"x"},"choices":null}', ['rate_limited', undefined]],
    ['{"status":429,"title":"Too Many Requests"}', ['rate_limited', 429]],
    ['{"status":"queued","message":"Come back later"}', ['server', undefined]],
    ['[{"error":{"code":503,"message":"x"}}]', ['overloaded', 503]],
    ['{"choices":[{}],"error":{"code":502,"message":"x"}}', ['server', 502]],
  ])('as JSON that is not a reply is the error %j', async (body, tell) => {
    const events = (answer: Record<string, unknown>) => [answer];
    for (const type of ['application/json', 'application/problem+json', 'text/event-stream']) {
      const { error } = await ended(body, type, { events });
      expect([error?.code, error?.status]).toEqual(tell);
    }
  });
});

describe('a complete reply in place of a stream', () => {
  const events = (answer: Record<string, unknown>) => [{ say: answer['content'] }, { stop: 'stop' }];
  const answer = { content: 'whole } "answer"', error: null };

  it.each(['text/event-stream', 'application/json', 'text/plain', ''])(
    'is delivered, with the media type %j',
    async (type) => {
      const bodies = [
        JSON.stringify(answer),
        `\n\n\n${JSON.stringify(answer, null, 2)}\n`,
        `${JSON.stringify(answer)}data: [DONE]\n\n`,
        `${JSON.stringify(answer)}\n\ndata: [DONE]\n\n`,
        `: queued\n\n${JSON.stringify(answer)}`,
      ];
      for (const body of bodies) {
        expect(await ended(body, type, { events })).toEqual({ said: answer.content, finishReason: 'stop' });
      }
    },
  );

  it('is delivered in any number of reads', async () => {
    const long = JSON.stringify({ content: '}'.repeat(400_000) });
    const bytes = Buffer.from(long);
    const cuts = Array.from({ length: 20_000 }, (_, at) => at * 20);
    const { said } = await drained(
      wireCall(async () => inPieces(bytes, cuts, 'text/event-stream'), { events }),
    );
    expect(said.join('').length).toBe(400_000);
  });

  it('is an error after events, and on an API that does not know its form', async () => {
    const after = await ended(`${sse({ say: 'a' })}${JSON.stringify(answer)}`, undefined, { events });
    expect([after.said, after.error?.code]).toEqual(['a', 'protocol']);
    expect((await ended(JSON.stringify(answer))).error?.code).toBe('protocol');
  });
});
