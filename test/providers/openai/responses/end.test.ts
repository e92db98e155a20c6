import { describe, expect, it } from 'vitest';

import { created, delta, done, ended, message } from './events.ts';
import { callsOf, decode, joined } from '../support.ts';

describe('the end of a Responses stream', () => {
  it.each([
    ['max_output_tokens', 'length'],
    ['content_filter', 'content_filter'],
    ['moon', 'other'],
  ])('that is incomplete for %s is a %s', (reason, finishReason) => {
    const { reply } = decode('responses', [
      created(),
      delta('x'),
      ended({ incomplete_details: { reason } }, 'response.incomplete'),
    ]);
    expect([reply?.finishReason, reply?.rawFinishReason]).toEqual([finishReason, reason]);
  });

  it('R1 without a final event is truncated', () => {
    const { error, chunks } = decode('responses', [created(), delta('Hel'), done(0, message('Hel'))]);
    expect([error?.code, error?.retryable, joined(chunks, 'content')]).toEqual(['truncated', true, 'Hel']);
  });

  it.each([
    [
      'nested',
      { type: 'error', error: { type: 'server_error', code: 'server_error', message: 'Sorry' } },
      'server',
      true,
    ],
    [
      'flat',
      { type: 'error', code: 'rate_limit_exceeded', message: 'Slow', param: null },
      'rate_limited',
      true,
    ],
    [
      'quota',
      { type: 'error', error: { type: 'insufficient_quota', code: 'insufficient_quota', message: 'Pay' } },
      'rate_limited',
      false,
    ],
    [
      'failed',
      ended({ error: { code: 'server_error', message: 'Sorry' } }, 'response.failed'),
      'server',
      true,
    ],
  ])('R3 R4 by an error after status 200 is a typed error (%s)', (_name, event, code, retryable) => {
    const { error } = decode('responses', [created(), event]);
    expect([error?.code, error?.retryable, error?.provider]).toEqual([code, retryable, 'openai']);
  });

  it('R38 by a failed response leaves its usage on the call', () => {
    const usage = { input_tokens: 5, output_tokens: 2 };
    const { call, error } = decode('responses', [
      created(),
      ended({ usage, error: { code: 'server_error', message: 'x' } }, 'response.failed'),
    ]);
    expect([error?.code, call.usage?.totalTokens]).toEqual(['server', 7]);
  });

  it('by a cancelled response is not a complete reply', () => {
    expect(decode('responses', [created(), delta('x'), ended({}, 'response.cancelled')]).error?.code).toBe(
      'truncated',
    );
  });

  it('R8 is not reached if a second response begins in the stream', () => {
    const { error, chunks } = decode('responses', [
      created('a'),
      delta('One'),
      created('b'),
      delta('Two', 1),
      ended(),
    ]);
    expect([error?.code, joined(chunks, 'content')]).toEqual(['protocol', 'One']);
  });

  it('R8 is reached if the opening is repeated', () => {
    expect(
      decode('responses', [created(), created(), delta('One'), created(), ended()]).reply?.finishReason,
    ).toBe('stop');
  });

  it('is the last event that is read', () => {
    const { chunks } = decode('responses', [created(), delta('One'), ended(), created('b'), delta('Two')]);
    expect(joined(chunks, 'content')).toBe('One');
  });

  it('S10 by too many calls is a protocol error', () => {
    const calls = Array.from({ length: 1_025 }, (_, index) =>
      done(index, { type: 'function_call', call_id: `c${index}`, name: 'add', arguments: '{}' }),
    );
    expect(decode('responses', [created(), ...calls, ended()]).error?.code).toBe('protocol');
  });

  it('S9 is not affected by __proto__ in arguments and indices', () => {
    const item = {
      type: 'function_call',
      call_id: '__proto__',
      name: 'add',
      arguments: '{"__proto__":{"polluted":1}}',
    };
    const { chunks } = decode('responses', [
      created(),
      { ...done(0, item), output_index: '__proto__' },
      ended(),
    ]);
    expect(callsOf(chunks)[0]?.id).toBe('__proto__');
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
