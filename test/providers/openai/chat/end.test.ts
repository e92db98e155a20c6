import { describe, expect, it } from 'vitest';

import { callsOf, chat, decode, finish, joined } from '../support.ts';

const tool = (index: number | undefined, id: string | undefined, name?: string, args?: string): object => ({
  tool_calls: [{ index, id, type: 'function', function: { name, arguments: args } }],
});

describe('the end of a Chat Completions stream', () => {
  it('R1 without a finish reason and [DONE] is truncated', () => {
    const { error, chunks } = decode('chat', [chat({ content: 'Hel' })], { sentinel: false });
    expect([error?.code, error?.retryable, joined(chunks, 'content')]).toEqual(['truncated', true, 'Hel']);
  });

  it('R1 within a tool call delivers no call', () => {
    const { error, chunks } = decode('chat', [chat(tool(0, 'a', 'add', '{}'))], { sentinel: false });
    expect([error?.code, callsOf(chunks)]).toEqual(['truncated', []]);
  });

  it('R2 may come without [DONE] after a finish reason', () => {
    const { reply } = decode('chat', [chat({ content: 'x' }), finish('length')], { sentinel: false });
    expect(reply?.finishReason).toBe('length');
  });

  it('may be [DONE] alone, and the reason is derived', () => {
    expect(decode('chat', [chat({ content: 'x' })]).reply).toMatchObject({ finishReason: 'stop' });
    expect(decode('chat', [chat(tool(0, 'a', 'add', '{}'))]).reply).toMatchObject({
      finishReason: 'tool_calls',
    });
  });

  it.each([
    [
      'OpenRouter',
      {
        id: 'c1',
        error: { code: 502, message: 'upstream' },
        choices: [{ index: 0, delta: {}, finish_reason: 'error' }],
      },
    ],
    ['a bare finish reason', finish('error')],
  ])('R3 by an error after status 200 is a typed error (%s)', (_name, event) => {
    const { error } = decode('chat', [chat({ content: 'x' }), event]);
    expect([error?.code, error?.provider, error?.retryable]).toEqual(['server', 'openai', true]);
  });

  it('R3 by an error in the choice keeps the type of the error', () => {
    const error = { code: 429, message: 'upstream is busy' };
    const event = { choices: [{ index: 0, delta: {}, error, finish_reason: 'error' }] };
    expect(decode('chat', [event]).error).toMatchObject({ code: 'rate_limited', retryable: true });
  });

  it('R3 by an overload after status 200 is overloaded', () => {
    const event = { error: { type: 'overloaded_error', message: 'Overloaded' } };
    expect(decode('chat', [event]).error).toMatchObject({ code: 'overloaded', retryable: true });
    expect(decode('chat', [finish('insufficient_system_resource')]).error).toMatchObject({
      code: 'overloaded',
    });
  });

  it("R4 by vLLM's error object is an error, not a chunk", () => {
    const event = { object: 'error', message: 'bad', type: 'BadRequestError', param: null, code: 400 };
    expect(decode('chat', [event]).error).toMatchObject({ code: 'invalid_request', retryable: false });
  });

  it('R4 by an error that is only a string is an error', () => {
    expect(decode('chat', [{ error: 'model runner stopped' }]).error?.provider).toBe('openai');
  });
});

describe('ids of Chat Completions chunks', () => {
  it('R8 of a second message in the stream are refused', () => {
    const { error, chunks } = decode('chat', [
      { ...chat({ role: 'assistant', content: '' }), id: 'a' },
      { ...chat({ content: 'One' }), id: 'a' },
      { ...chat({ role: 'assistant', content: '' }), id: 'b' },
      { ...chat({ content: 'Two' }), id: 'b' },
      finish('stop'),
    ]);
    expect([error?.code, joined(chunks, 'content')]).toEqual(['protocol', 'One']);
  });

  it('R8 of a repeated opening are not refused', () => {
    const { reply } = decode('chat', [
      chat({ role: 'assistant', content: '' }),
      chat({ content: 'One' }),
      chat({ role: 'assistant', content: '' }),
      finish('stop'),
    ]);
    expect(reply?.finishReason).toBe('stop');
  });

  it('may differ in every chunk, or come with a role in every chunk', () => {
    const ids = ['a', '', 'b', 'c'].map((id) => ({ ...chat({ content: id || '-' }), id }));
    expect(joined(decode('chat', [...ids, finish('stop')]).chunks, 'content')).toBe('a-bc');
    const roles = ['a', 'b', 'c'].map((id) => ({ ...chat({ role: 'assistant', content: id }), id }));
    expect(joined(decode('chat', [...roles, finish('stop')]).chunks, 'content')).toBe('abc');
  });

  it('of other choices are ignored with one warning', () => {
    const other = { id: 'c1', choices: [{ index: 1, delta: { content: 'other' } }] };
    const { chunks, warnings } = decode('chat', [chat({ content: 'x' }), other, other, finish('stop')]);
    expect([joined(chunks, 'content'), warnings]).toEqual([
      'x',
      ['openai: only the first of several choices is read'],
    ]);
  });
});

describe('a complete message in place of deltas', () => {
  const message = {
    role: 'assistant',
    content: 'Hello',
    tool_calls: [{ id: 'a', type: 'function', function: { name: 'add', arguments: '{"x":1}' } }],
  };

  it('is read if nothing came before it', () => {
    const { chunks } = decode('chat', [{ choices: [{ index: 0, message, finish_reason: 'tool_calls' }] }]);
    expect([joined(chunks, 'content'), callsOf(chunks)]).toEqual([
      'Hello',
      [{ id: 'a', name: 'add', arguments: { x: 1 } }],
    ]);
  });

  it('is not read twice', () => {
    const { chunks } = decode('chat', [
      chat({ content: 'Hello' }),
      { choices: [{ index: 0, message, finish_reason: 'stop' }] },
    ]);
    expect(joined(chunks, 'content')).toBe('Hello');
  });
});
