import { describe, expect, it } from 'vitest';

import { block, call, ending, json, opening, TEXT, text } from './events.ts';
import { decode, failure } from '../support.ts';

describe('broken streams of the Messages API', () => {
  it('R1 an end without message_stop is truncated, also after the stop reason', () => {
    const whole = [opening(), ...block(0, TEXT, text('Hel')), ...ending()];
    const codes = whole.map((_event, length) => failure(whole.slice(0, length)).code);
    expect(codes).toEqual(whole.map(() => 'truncated'));
    expect(failure(whole.slice(0, 3)).retryable).toBe(true);
  });

  it.each([
    ['overloaded_error', 'overloaded', true],
    ['rate_limit_error', 'rate_limited', true],
    ['api_error', 'server', true],
    ['invalid_request_error', 'invalid_request', false],
    ['authentication_error', 'authentication', false],
  ])('R3 R4 the error event %s after status 200 is a typed error', (type, code, retryable) => {
    const error = { type: 'error', error: { type, message: 'No.' }, request_id: 'req_9' };
    const thrown = failure([opening(), ...block(0, TEXT, text('Hel')), error]);
    expect(thrown).toMatchObject({ code, retryable, provider: 'anthropic', requestId: 'req_9' });
  });

  it('R8 the same opening may come twice', () => {
    const { chunks, reply } = decode([opening(), opening(), ...block(0, TEXT, text('Hi')), ...ending()]);
    expect(chunks).toHaveLength(1);
    expect(reply.usage?.inputTokens).toBe(12);
  });

  it('R8 a second message in the stream is refused', () => {
    const first = [opening(), ...block(0, TEXT, text('Hel'))];
    const other = failure([opening('msg_1'), opening('msg_2')]);
    const behindContent = failure([...first, opening('msg_2'), ...block(0, TEXT, text('lo')), ...ending()]);
    const sameId = failure([...first, opening('msg_1'), ...ending()]);
    expect([other.code, behindContent.code, sameId.code]).toEqual(['protocol', 'protocol', 'protocol']);
  });

  it('blocks without a start or a stop are read', () => {
    const { chunks } = decode([
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm' } },
      { type: 'content_block_delta', index: 1, delta: text('Hi') },
      { type: 'content_block_start', index: 2, content_block: call() },
      { type: 'content_block_delta', index: 2, delta: json('{"a":1}') },
      ...ending('tool_use'),
    ]);
    expect(chunks.map(({ type }) => type)).toEqual([
      'thinking',
      'content',
      'tool_call_delta',
      'tool_call_delta',
      'thinking',
      'tool_call',
    ]);
  });

  it('S9 __proto__ in arguments stays a plain field', () => {
    const { chunks } = decode([
      opening(),
      ...block(0, call(), json('{"__proto__":{"polluted":true}}')),
      ...ending('tool_use'),
    ]);
    const last = chunks.at(-1);
    const args = last?.type === 'tool_call' ? last.arguments : undefined;
    expect(Object.keys(args ?? {})).toEqual(['__proto__']);
    expect('polluted' in {}).toBe(false);
  });

  it('S10 the characters of text, thinking, arguments and kept blocks together are limited', () => {
    const limits = { maxOutputCharacters: 20 };
    const kinds = [
      block(0, TEXT, text('x'.repeat(11)), text('x'.repeat(11))),
      block(0, { type: 'thinking', thinking: '' }, { type: 'thinking_delta', thinking: 'x'.repeat(30) }),
      block(0, call(), json(`"${'x'.repeat(30)}"`)),
      block(0, { type: 'web_fetch_tool_result', content: { data: 'x'.repeat(30) } }),
      block(0, { type: 'server_tool_use' }, json('x'.repeat(30))),
    ];
    const errors = kinds.map((events) => failure([opening(), ...events, ...ending()], limits).message);
    expect(errors).toEqual(kinds.map(() => 'anthropic: the output exceeds limits.maxOutputCharacters (20)'));
  });

  it('S10 the number of tool calls is limited', () => {
    const calls = [0, 1, 2].flatMap((index) => block(index, call(`t${index}`)));
    expect(failure([opening(), ...calls, ...ending()], { maxToolCalls: 2 })).toMatchObject({
      code: 'protocol',
      message: 'anthropic: the tool calls exceed limits.maxToolCalls (2)',
    });
  });
});
