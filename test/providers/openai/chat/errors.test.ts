import { describe, expect, it } from 'vitest';

import { chat, decode, finish, joined } from '../support.ts';

const choices = [{ index: 0, delta: { content: '' }, finish_reason: null }];

describe('R46 an error on Chat Completions', () => {
  it.each<[string, object, string, string]>([
    [
      'as a text of Groq',
      { ...chat({}), x_groq: { id: 'req_1', error: 'upstream worker died' } },
      'server',
      'upstream worker died',
    ],
    [
      'as an object of Groq',
      { ...chat({}), x_groq: { error: { code: 'rate_limit_exceeded', message: 'busy' } } },
      'rate_limited',
      'busy',
    ],
    [
      'with choices, with a number as its code',
      {
        id: 'gen-1',
        object: 'chat.completion.chunk',
        error: { code: 429, message: 'Provider is overloaded' },
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
      },
      'rate_limited',
      'Provider is overloaded',
    ],
    [
      'with empty choices',
      { choices: [], error: { message: 'No room', type: 'overloaded_error' } },
      'overloaded',
      'No room',
    ],
    ['as a text with choices', { choices, error: 'model crashed' }, 'server', 'model crashed'],
    ['as a number beside choices', { choices, error: 503, message: 'no worker' }, 'overloaded', 'no worker'],
    [
      'as a list with choices',
      { choices, error: [{ status: 'UNAVAILABLE', message: 'try later' }] },
      'overloaded',
      'try later',
    ],
    ['as the object beside choices', { choices, object: 'error', message: 'no room' }, 'server', 'no room'],
    ['as the type beside choices', { choices, type: 'error', message: 'no room' }, 'server', 'no room'],
    [
      'as a status of MiniMax beside choices',
      { choices, base_resp: { status_code: 1008, status_msg: 'insufficient balance' } },
      'server',
      'insufficient balance',
    ],
    [
      'as a text inside a choice',
      { choices: [{ index: 0, delta: {}, error: 'upstream died', finish_reason: 'error' }] },
      'server',
      'upstream died',
    ],
    [
      'inside a delta',
      { choices: [{ index: 0, delta: { error: { code: 401, message: 'key expired' } } }] },
      'authentication',
      'key expired',
    ],
    [
      'inside a message',
      { choices: [{ index: 0, message: { content: null, error: { message: 'not loaded' } } }] },
      'server',
      'not loaded',
    ],
    [
      'as a finish reason whose native reason says more',
      { choices: [{ index: 0, delta: {}, finish_reason: 'error', native_finish_reason: 'OVERLOADED' }] },
      'overloaded',
      'OVERLOADED',
    ],
    [
      'as a finish reason in capitals',
      { choices: [{ index: 0, delta: {}, finish_reason: 'ERROR_LIMIT' }] },
      'server',
      'ERROR_LIMIT',
    ],
    ['as a finish reason of the network', finish('network_error'), 'server', 'network_error'],
    [
      'as a finish reason with the words in the content',
      {
        choices: [{ index: 0, delta: { content: 'Request was blocked upstream' }, finish_reason: 'error' }],
      },
      'server',
      'Request was blocked upstream',
    ],
    ['by its type', { type: 'error', message: 'went wrong', code: 500 }, 'server', 'went wrong'],
    ['by its object', { object: 'error', message: 'too long', code: 400 }, 'invalid_request', 'too long'],
    ['as a message and a code', { message: 'slow down', code: 'slow_down' }, 'rate_limited', 'slow down'],
    ['as a message alone', { message: 'Internal Server Error' }, 'server', 'Internal Server Error'],
    ['as an object without fields and without choices', { error: {} }, 'server', 'sent an error'],
    ['as a detail alone', { detail: 'model is gone' }, 'server', 'model is gone'],
    [
      'in the base response of MiniMax',
      { choices: null, base_resp: { status_code: 1008, status_msg: 'insufficient balance' } },
      'server',
      'insufficient balance',
    ],
  ])('%s is an error with its message and code', (_name, event, code, words) => {
    const { error, reply, chunks } = decode('chat', [
      chat({ content: 'Hel' }),
      chat({ content: 'lo' }),
      event,
    ]);
    expect([error?.code, error?.provider, error?.requestId]).toEqual([code, 'openai', 'req_1']);
    expect(error?.message).toContain(words);
    expect([reply, joined(chunks, 'content')]).toEqual([undefined, 'Hello']);
  });

  it('is any event with the name error', () => {
    const { error } = decode('chat', [chat({ content: 'x' }), { sseEvent: 'error', code: 'overloaded' }]);
    expect(error?.code).toBe('overloaded');
  });

  it.each<[string, object]>([
    ['null', { error: null }],
    ['an object without fields', { error: {} }],
    ['an object of nulls', { error: { code: null, message: null } }],
    ['an object that says all is well', { error: { code: 0, message: 'success' } }],
    ['an empty text', { error: '' }],
    ['false', { error: false }],
    ['an empty list', { error: [] }],
    ['null in x_groq', { x_groq: { id: 'req_1', error: null } }],
    ['a base response of 0', { base_resp: { status_code: 0, status_msg: '' } }],
  ])('is not %s with choices', (_name, fields) => {
    const { reply, chunks } = decode('chat', [{ ...chat({ content: 'x' }), ...fields }, finish('stop')]);
    expect([reply?.finishReason, joined(chunks, 'content')]).toEqual(['stop', 'x']);
  });

  it.each<[string, object]>([
    ['a filter result of Azure', { id: '', object: '', choices: [], prompt_filter_results: [] }],
    ['a report of progress', { type: 'model_load.progress', message: 'loading' }],
    ['a ping', { type: 'ping' }],
    ['usage', { choices: [], error: {}, usage: { prompt_tokens: 1, completion_tokens: 1 }, message: 'done' }],
    ['a base response of 0', { base_resp: { status_code: 0, status_msg: 'success' } }],
  ])('is not %s without choices', (_name, event) => {
    const { reply } = decode('chat', [event, chat({ content: 'x' }), finish('stop')]);
    expect(reply?.finishReason).toBe('stop');
  });

  it('keeps the usage of the call', () => {
    const usage = { prompt_tokens: 7, completion_tokens: 9 };
    const places = [
      { error: 'gone', choices, usage },
      { ...chat({}), x_groq: { error: 'gone', usage } },
      { choices: [{ index: 0, delta: {}, finish_reason: 'error', usage }] },
    ];
    for (const event of places) {
      expect(decode('chat', [event]).call.usage).toMatchObject({ inputTokens: 7, outputTokens: 9 });
    }
  });

  it('in a complete reply keeps the text before it', () => {
    const { error, chunks } = decode('chat', [
      {
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: 'Half an ans' },
            finish_reason: 'error',
            error: { code: 502, message: 'upstream is gone' },
          },
        ],
      },
    ]);
    expect([error?.code, joined(chunks, 'content')]).toEqual(['server', 'Half an ans']);
    expect(error?.message).toContain('upstream is gone');
  });
});
