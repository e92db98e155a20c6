import { describe, expect, it } from 'vitest';

import { responsesEvents } from '../../../../providers/openai/responses/reply/failure.ts';
import { created, delta, done, ended, functionCall, message } from './events.ts';
import { callsOf, decode, joined } from '../support.ts';

const words = { type: 'server_error', code: 'server_error', message: 'Sorry' };

describe("R46 an error in a Responses stream is typed, and has the server's message and the partial reply", () => {
  it.each<[string, object]>([
    ['in an event of its own', { type: 'error', error: words }],
    ['flat in an event of its own', { type: 'error', code: 'server_error', message: 'Sorry' }],
    ['under another type', { type: 'response.error', error: words }],
    ['in an object of errors', { object: 'error', code: 'server_error', message: 'Sorry' }],
    ['without a type', { error: words }],
    ['flat, without a type', { code: 'server_error', message: 'Sorry' }],
    ['in the details of a code', { code: 'server_error', details: 'Sorry' }],
    ['as text', { type: 'error', error: 'Sorry for that', code: 'server_error' }],
    ['with a response', { type: 'response.in_progress', response: { id: 'resp_1' }, error: words }],
    [
      'within a response that goes on',
      { type: 'response.in_progress', response: { id: 'resp_1', error: words } },
    ],
    ['within one that failed', ended({ error: words }, 'response.failed')],
    ['within one that is said to be complete', ended({ error: words })],
    ['within one that is said to be complete, and failed', ended({ error: words, status: 'failed' })],
    ['within one that is incomplete', ended({ error: words }, 'response.incomplete')],
    ['with a complete response', { ...ended(), error: words }],
    ['with a delta', { ...delta(''), error: words }],
    ['in a done event of a part', { type: 'response.output_text.done', text: '', error: words }],
  ])('%s', (_name, event) => {
    const { chunks, error, reply } = decode('responses', [created(), delta('Hel'), event, ended()]);
    expect([error?.code, error?.retryable, error?.provider]).toEqual(['server', true, 'openai']);
    expect(error?.message).toContain('Sorry');
    expect([joined(chunks, 'content'), reply]).toEqual(['Hel', undefined]);
  });

  it('also if only the name of the event says so', () => {
    const said: unknown[] = [];
    for (const event of [
      { message: 'Sorry' },
      { type: 'server_error', message: 'Sorry' },
      { error: words },
    ]) {
      said.push(decode('responses', [created(), { ...event, sseEvent: 'error' }]).error?.message);
    }
    expect(said).toEqual([
      expect.stringContaining('Sorry'),
      expect.stringContaining('Sorry'),
      expect.stringContaining('Sorry'),
    ]);
  });

  it('also if the server does not say what went wrong', () => {
    const { error } = decode('responses', [created(), ended({ error: null }, 'response.failed')]);
    expect([error?.code, error?.retryable]).toEqual(['server', true]);
    expect(error?.message).toBe('openai: the response failed (the server does not say why)');
    const details = { incomplete_details: { reason: 'server_shutdown' } };
    const named = decode('responses', [created(), ended(details, 'response.failed')]);
    expect(named.error?.message).toContain('server_shutdown');
  });

  it('and delivers output that only the failed response has', () => {
    const { chunks, error } = decode('responses', [
      created(),
      ended({ error: words, output: [message('Half of it')] }, 'response.failed'),
    ]);
    expect([joined(chunks, 'content'), error?.code]).toEqual(['Half of it', 'server']);
  });

  it('but not if a tool of the provider fails', () => {
    const { chunks, error } = decode('responses', [
      created(),
      {
        type: 'response.mcp_call.failed',
        item_id: 'mcp_1',
        output_index: 0,
        error: { message: 'No such tool' },
      },
      delta('Never mind.', 1),
      ended(),
    ]);
    expect([error, joined(chunks, 'content')]).toEqual([undefined, 'Never mind.']);
  });
});

describe('a complete JSON response', () => {
  const read = (body: Record<string, unknown>) => decode('responses', [...responsesEvents(body)]);

  it('is read as a stream of one event', () => {
    const call = functionCall('c1', '{"x":1}');
    const body = { object: 'response', status: 'completed', output: [message('Hi'), call] };
    const { chunks, reply } = read(body);
    expect([joined(chunks, 'content'), callsOf(chunks), reply?.finishReason]).toEqual([
      'Hi',
      [{ id: 'c1', name: 'add', arguments: { x: 1 } }],
      'tool_calls',
    ]);
  });

  it.each([
    ['in an object', { error: words }],
    ['as text', { error: 'Sorry for that', code: 'server_error' }],
    ['in an object of errors', { object: 'error', message: 'Sorry', code: 'server_error' }],
    ['flat', { message: 'Sorry', code: 'server_error' }],
    ['in a response that failed', { object: 'response', status: 'failed', error: words, output: [] }],
  ])('that is an error %s fails with its message', (_name, body) => {
    const { error } = read(body);
    expect([error?.code, error?.message.includes('Sorry')]).toEqual(['server', true]);
  });

  it('with an error and some output delivers the output', () => {
    const { chunks, error } = read({ status: 'incomplete', error: words, output: [message('Hal')] });
    expect([joined(chunks, 'content'), error?.code]).toEqual(['Hal', 'server']);
  });
});

describe('the end of a reply', () => {
  it.each([
    ['max_output_tokens', 'length'],
    ['max_tokens', 'length'],
    ['length', 'length'],
    ['content_filter', 'content_filter'],
    ['SAFETY', 'content_filter'],
    ['moon', 'other'],
  ])('that is incomplete for %s is a %s', (reason, finishReason) => {
    const details = { incomplete_details: { reason } };
    const { reply } = decode('responses', [created(), delta('x'), ended(details, 'response.incomplete')]);
    expect([reply?.finishReason, reply?.rawFinishReason]).toEqual([finishReason, reason]);
  });

  it.each([
    ['response.done', { status: 'completed' }],
    ['response.completed', { status: 'in_progress' }],
    ['response.completed', { status: undefined }],
  ])('may also be %s, whatever its status says: %j', (type, response) => {
    const event = ended(response, type);
    expect(decode('responses', [created(), delta('x'), event]).reply?.finishReason).toBe('stop');
  });

  it('may be a response without an event around it', () => {
    const response = {
      type: 'response.completed',
      object: 'response',
      status: 'completed',
      output: [message('Hi')],
    };
    expect(joined(decode('responses', [response]).chunks, 'content')).toBe('Hi');
  });

  it('does not make a call free if the usage is empty', () => {
    const usage = { input_tokens: 5, output_tokens: 2, input_tokens_details: { cached_tokens: 3 } };
    const empty = { input_tokens: 0, output_tokens: 0 };
    for (const last of [null, empty, undefined]) {
      const { call } = decode('responses', [
        created(),
        { type: 'response.in_progress', response: { id: 'resp_1', usage } },
        delta('x'),
        ended({ usage: last }),
      ]);
      expect([call.usage?.inputTokens, call.usage?.outputTokens, call.usage?.cachedInputTokens]).toEqual([
        5, 2, 3,
      ]);
    }
  });

  it('leaves out the calls that it cuts, known by their status and by their missing end', () => {
    const cut = functionCall('c1', '{"x":', { status: 'incomplete' });
    const whole = functionCall('c2', '{"x":2}');
    const { chunks, reply } = decode('responses', [
      created(),
      done(0, whole),
      done(1, cut),
      { type: 'response.output_item.added', output_index: 2, item: functionCall('c3', '') },
      { type: 'response.function_call_arguments.delta', output_index: 2, delta: '{"x"' },
      ended({ incomplete_details: { reason: 'max_output_tokens' } }, 'response.incomplete'),
    ]);
    expect([callsOf(chunks).map(({ id }) => id), reply?.finishReason]).toEqual([['c2'], 'length']);
  });

  it('delivers a call that was never completed, if the reply was', () => {
    const open = functionCall('c1', '{"x":1}', { status: 'incomplete' });
    const { chunks, reply } = decode('responses', [created(), done(0, open), ended()]);
    expect([callsOf(chunks), reply?.finishReason]).toEqual([
      [{ id: 'c1', name: 'add', arguments: { x: 1 } }],
      'tool_calls',
    ]);
  });
});
