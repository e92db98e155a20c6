import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Pipeline, isSluiceError, type SluiceError } from '../../../../src/index.ts';
import { provider } from '../../../../middleware/provider.ts';
import { faultServer, type FaultServer } from '../../../../testing/upstream/fault-server.ts';
import { failureOn, providerOf } from './calls.ts';
import { block, call, delta, ending, opening, start, TEXT, text } from './events.ts';
import { decode, failure } from '../support.ts';

const HELLO = [opening(), ...block(0, TEXT, text('Hel'))];

/** The error of a stream in which an event comes after some text, with and without an end after it. */
function failuresWith(event: object): SluiceError[] {
  return [failure([...HELLO, event]), failure([...HELLO, event, ...ending()]), failure([event, ...ending()])];
}

describe('R46 an error event of the Messages API is known', () => {
  it.each([
    [
      'an error object',
      { type: 'error', error: { type: 'overloaded_error', message: 'Busy.' } },
      'overloaded',
    ],
    ['an error text', { type: 'error', error: 'Busy.' }, 'server'],
    ['a message', { type: 'error', message: 'Busy.' }, 'server'],
    ['a code and a message', { type: 'error', code: 'overloaded', message: 'Busy.' }, 'overloaded'],
    ['a detail', { type: 'error', detail: 'Busy.' }, 'server'],
  ])('by its type, with %s', (_name, event, code) => {
    for (const error of failuresWith(event)) {
      expect(error).toMatchObject({ code, provider: 'anthropic', requestId: 'req_7' });
      expect(error.message).toContain('Busy.');
    }
  });

  it.each([
    ['content_block_delta', { index: 0, delta: text('lo') }],
    ['content_block_start', { index: 1, content_block: TEXT }],
    ['content_block_stop', { index: 0 }],
    ['message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } }],
    ['message_stop', {}],
    ['ping', {}],
    ['of_next_year', {}],
  ])('by an error in a %s with other fields', (type, fields) => {
    const object = failure([
      ...HELLO,
      { type, ...fields, error: { type: 'rate_limit_error', message: 'Slow.' } },
    ]);
    expect([object.code, object.message]).toEqual([
      'rate_limited',
      'anthropic sent an error (rate_limit_error): Slow.',
    ]);
    expect(failure([...HELLO, { type, ...fields, error: 'Slow.' }]).message).toContain('Slow.');
  });

  it('by an error in its delta', () => {
    const error = { type: 'overloaded_error', message: 'Busy.' };
    const event = { type: 'message_delta', delta: { stop_reason: 'end_turn', error }, request_id: 'req_9' };
    expect(failure([...HELLO, event])).toMatchObject({ code: 'overloaded', requestId: 'req_9' });
  });

  it.each([
    ['an error', { error: { message: 'Compute error.', code: 'context_length_exceeded' } }, 'context_length'],
    ['an error text', { error: 'Compute error.' }, 'server'],
    ['a message', { message: 'Compute error.' }, 'server'],
    ['a detail', { detail: 'Compute error.' }, 'server'],
    ['a code and details', { code: 'rate_limit_exceeded', details: 'Compute error.' }, 'rate_limited'],
    ['a status code and a message', { code: 429, msg: 'Compute error.', success: false }, 'rate_limited'],
    [
      'the object "error"',
      { object: 'error', message: 'Compute error.', type: 'X', code: 400 },
      'invalid_request',
    ],
    ['a type of its own', { type: 'overloaded_error', message: 'Compute error.' }, 'overloaded'],
    ['an exception', { type: 'internalServerException', message: 'Compute error.' }, 'server'],
  ])('by its fields, without a known type: %s', (_name, event, code) => {
    expect(failuresWith(event).map((error) => error.code)).toEqual([code, code, code]);
  });

  it('by its opening, if that has an error or the stop reason "error"', () => {
    const error = { type: 'overloaded_error', message: 'Busy.' };
    expect(failure([opening('msg_1', { error }), ...ending()]).code).toBe('overloaded');
    expect(failure([opening('msg_1', { stop_reason: 'error' }), ...ending()]).code).toBe('server');
    expect(failure([opening('msg_1', { stop_reason: 'ERROR' }), ...ending()]).code).toBe('server');
  });

  it('by the stop reason "error", with the message next to it', () => {
    const end = (more: object) => [
      ...HELLO,
      { type: 'message_delta', delta: { stop_reason: 'error', ...more } },
    ];
    expect(failure(end({ error: { type: 'api_error', message: 'No.' } }))).toMatchObject({
      code: 'server',
      message: 'anthropic sent an error (api_error): No.',
    });
    expect(failure(end({ stop_details: { explanation: 'No.' } })).message).toBe(
      'anthropic sent an error: No.',
    );
    expect(failure(end({}))).toMatchObject({
      code: 'server',
      retryable: true,
      message: 'anthropic sent an error: The reply ended with the stop reason "error".',
    });
  });

  it('but not by a field that is null, empty or not an error', () => {
    const harmless = [
      { type: 'ping', error: null },
      { type: 'ping', error: '', message: 'still here' },
      { type: 'content_block_delta', index: 0, delta: text('lo'), error: null },
      { x: 1 },
      { code: 200 },
      { message: '' },
      { detail: [] },
      { type: 'of_next_year', message: 'Hello' },
    ];
    const { chunks } = decode([opening(), start(0, TEXT), delta(0, text('Hel')), ...harmless, ...ending()]);
    expect(chunks).toMatchObject([{ content: 'Hel' }, { content: 'lo' }]);
  });
});

describe('R46 an event without a type', () => {
  it('has the type of its event line', async () => {
    const lines = [opening(), ...block(0, TEXT, text('Hello')), ...ending()];
    const body = lines
      .map((line) => {
        const { type, ...rest } = Object(line);
        return `event: ${type}\ndata: ${JSON.stringify(rest)}\n\n`;
      })
      .join('');
    await using server = await faultServer();
    server.enqueue({ body, headers: { 'content-type': 'text/event-stream' } });
    const pipeline = new Pipeline([provider(providerOf(server))]);
    expect((await pipeline.execute('user', 'Hi')).response).toMatchObject({
      content: 'Hello',
      finishReason: 'stop',
    });
  });
});

describe('R46 an error after status 200', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterAll(() => server.close());

  it('carries the partial reply, including the text in the event with the error', async () => {
    const lines = [
      ...HELLO,
      ...block(1, call('a'), { type: 'input_json_delta', partial_json: '{"n":1}' }),
      { ...start(2, TEXT) },
      {
        type: 'content_block_delta',
        index: 2,
        delta: text('lo'),
        error: { type: 'overloaded_error', message: 'Busy.' },
      },
      ...ending(),
    ].map((line) => JSON.stringify(line));
    server.enqueue({ stream: { lines, wire: 'anthropic-messages' } });
    const pipeline = new Pipeline([provider(providerOf(server))]);
    const error: unknown = await pipeline.execute('user', 'Hi').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'overloaded',
      message: 'anthropic sent an error (overloaded_error): Busy.',
      partial: { content: 'Hello', toolCalls: [{ id: 'toolu_a', name: 'a', arguments: { n: 1 } }] },
    });
  });

  it.each([
    [{ type: 'error', error: { type: 'overloaded_error', message: 'Busy.' } }, 'overloaded'],
    [{ error: 'Busy.' }, 'server'],
    [{ message: 'Busy.' }, 'server'],
    [{ detail: 'Busy.' }, 'server'],
    [{ code: 'rate_limit_exceeded', details: {}, message: 'Busy.' }, 'rate_limited'],
    [
      { type: 'message', content: [], stop_reason: 'error', stop_details: { explanation: 'Busy.' } },
      'server',
    ],
  ])('is known at an endpoint that does not stream: %j', async (body, code) => {
    const { error } = await failureOn(server, { body }, { stream: false });
    expect(isSluiceError(error) && error.code).toBe(code);
    expect(error.message).toContain('Busy.');
  });
});
