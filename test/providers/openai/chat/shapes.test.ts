import { describe, expect, it } from 'vitest';

import { callsOf, chat, decode, finish, joined } from '../support.ts';

const called = (fields: object): object => chat({ tool_calls: [fields] });

describe('forms of a Chat Completions stream', () => {
  it('may be one chunk with everything in it', () => {
    const { chunks, reply, call } = decode('chat', [
      {
        id: 'c1',
        choices: [
          {
            index: 0,
            delta: {
              role: 'assistant',
              reasoning_content: 'Hm',
              content: 'Yes',
              tool_calls: [
                { index: 0, id: 'a', type: 'function', function: { name: 'one', arguments: '{"x":1}' } },
                { index: 1, id: 'b', type: 'function', function: { name: 'two', arguments: '{"y":2}' } },
              ],
            },
            finish_reason: 'tool_calls',
          },
        ],
        usage: { prompt_tokens: 3, completion_tokens: 4 },
      },
    ]);
    expect([joined(chunks, 'thinking'), joined(chunks, 'content'), callsOf(chunks)]).toEqual([
      'Hm',
      'Yes',
      [
        { id: 'a', name: 'one', arguments: { x: 1 } },
        { id: 'b', name: 'two', arguments: { y: 2 } },
      ],
    ]);
    expect([reply?.finishReason, call.usage?.totalTokens]).toEqual(['tool_calls', 7]);
  });

  it('may have a message with an empty delta', () => {
    const message = { role: 'assistant', content: 'Yes' };
    const { chunks } = decode('chat', [
      { choices: [{ index: 0, delta: {}, message, finish_reason: 'stop' }] },
    ]);
    expect(joined(chunks, 'content')).toBe('Yes');
  });

  it('may have the message so far with each delta', () => {
    const both = (content: string, whole: string): object => ({
      choices: [{ index: 0, delta: { content }, message: { role: 'assistant', content: whole } }],
    });
    const { chunks } = decode('chat', [both('Hel', 'Hel'), both('lo', 'Hello'), finish('stop')]);
    expect(joined(chunks, 'content')).toBe('Hello');
  });

  const message = (content: string, reason: string | null = null): object => ({
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: reason }],
  });

  it.each<[string, object[]]>([
    ['in pieces', [message('ha'), message('ha'), message('!', 'stop')]],
    [
      'in pieces, and complete at the end',
      [message('ha'), message('ha'), message('!'), message('haha!', 'stop')],
    ],
    ['that grow', [message('ha'), message('haha'), message('haha!', 'stop')]],
  ])('may have messages in place of deltas, %s', (_name, events) => {
    expect(joined(decode('chat', events).chunks, 'content')).toBe('haha!');
  });

  it('may have the text of a legacy completion', () => {
    const events = ['Hel', 'lo'].map((text) => ({ choices: [{ index: 0, text, finish_reason: null }] }));
    const { chunks, reply } = decode('chat', [
      ...events,
      { choices: [{ index: 0, text: '', finish_reason: 'length' }] },
    ]);
    expect([joined(chunks, 'content'), reply?.finishReason]).toEqual(['Hello', 'length']);
  });

  it('may have content as a part, as texts in a list, and a refusal among the parts', () => {
    const { chunks, reply } = decode('chat', [
      chat({ content: { type: 'text', text: 'Hel' } }),
      chat({ content: ['l', 'o'] }),
      chat({ content: [{ type: 'refusal', refusal: ', no' }] }),
      finish('stop'),
    ]);
    expect([joined(chunks, 'content'), reply?.finishReason]).toEqual(['Hello, no', 'refusal']);
  });

  it('may increase the index of the choice with each chunk, if each has an id of its own', () => {
    const events = ['Hel', 'lo', '!'].map((content, index) => ({
      id: `chat.id.${index}`,
      choices: [{ index, delta: { role: 'assistant', content, tool_calls: [] }, finish_reason: null }],
    }));
    const { chunks, warnings } = decode('chat', [...events, finish('stop')]);
    expect([joined(chunks, 'content'), warnings]).toEqual(['Hello!', []]);
  });

  it('have only the first choice if several were asked for, whatever the ids are', () => {
    const events = [0, 1, 0, 1].map((index, at) => ({
      id: `chat.id.${at}`,
      choices: [{ index, delta: { content: `${index}` } }],
    }));
    const request = { parameters: { providerOptions: { openai: { n: 2 } } } };
    const { chunks, warnings } = decode('chat', [...events, finish('stop')], { request });
    expect([joined(chunks, 'content'), warnings.length]).toEqual(['00', 1]);
  });

  it('may have a call that is not in a list, and an empty function_call', () => {
    const call = { index: 0, id: 'a', function: { name: 'now', arguments: '{}' } };
    const { chunks, reply } = decode('chat', [
      chat({ content: 'x', function_call: { name: '', arguments: '' } }),
      chat({ tool_calls: call }),
      finish('stop'),
    ]);
    expect(callsOf(chunks)).toEqual([{ id: 'a', name: 'now', arguments: {} }]);
    expect(reply?.finishReason).toBe('tool_calls');
  });

  it('may have two calls in a message without ids and indices', () => {
    const calls = ['now', 'now'].map((name) => ({ function: { name, arguments: '{}' } }));
    const whole = { role: 'assistant', content: null, tool_calls: calls };
    const { chunks } = decode('chat', [
      { choices: [{ index: 0, message: whole, finish_reason: 'tool_calls' }] },
    ]);
    expect(callsOf(chunks)).toEqual([
      { id: 'call_1', name: 'now', arguments: {} },
      { id: 'call_2', name: 'now', arguments: {} },
    ]);
  });
});

describe('R52 an invalid call on Chat Completions', () => {
  it('does not affect the text, the other calls and the usage', () => {
    const { chunks, reply, call } = decode('chat', [
      chat({ content: 'Let me see.' }),
      called({ index: 0, id: 'a', function: { name: 'one', arguments: '{"x":' } }),
      called({ index: 1, id: 'b', function: { name: 'two', arguments: '{"y":2}' } }),
      finish('tool_calls', { usage: { prompt_tokens: 3, completion_tokens: 4 } }),
    ]);
    expect(chunks.filter((chunk) => chunk.type !== 'tool_call_delta')).toEqual([
      { type: 'content', content: 'Let me see.' },
      {
        type: 'tool_call',
        id: 'a',
        name: 'one',
        arguments: {},
        invalid: { raw: '{"x":', reason: 'the arguments are not valid JSON' },
      },
      { type: 'tool_call', id: 'b', name: 'two', arguments: { y: 2 } },
    ]);
    expect([reply?.finishReason, call.usage?.totalTokens]).toEqual(['tool_calls', 7]);
  });

  it('with a name in pieces is known by the tools that are offered', () => {
    const events = [
      called({ index: 0, id: 'a', function: { name: 'get_', arguments: '' } }),
      called({ index: 0, function: { name: 'weather', arguments: '{"city":"Paris"}' } }),
      finish('tool_calls'),
    ];
    const request = { tools: [{ name: 'get_weather', parameters: { type: 'object' } }] };
    for (const result of [decode('chat', events), decode('chat', events, { request })]) {
      expect(callsOf(result.chunks)).toEqual([
        { id: 'a', name: 'get_weather', arguments: { city: 'Paris' } },
      ]);
    }
  });

  it("with only an id is not a call, and the finish reason is the server's", () => {
    const empty = { id: '', type: 'function' };
    const { chunks, reply } = decode('chat', [chat({ content: 'x', tool_calls: [empty] }), finish('stop')]);
    expect([callsOf(chunks), reply?.finishReason]).toEqual([[], 'stop']);
  });
});

describe('the end of a Chat Completions stream that comes more than once', () => {
  it.each([
    [['tool_calls', 'stop'], 'tool_calls', 'tool_calls'],
    [['length', 'stop'], 'length', 'length'],
    [['length', 'tool_calls'], 'length', 'length'],
    [['stop', 'tool_calls'], 'tool_calls', 'tool_calls'],
    [['tool_calls', 'tool_calls'], 'tool_calls', 'tool_calls'],
    [['stop', 'length'], 'length', 'length'],
    [['content_filter', 'stop'], 'content_filter', 'content_filter'],
    [['eos', 'stop'], 'stop', 'eos'],
    [['moon', 'stop'], 'other', 'moon'],
  ])('as %j is %s', (reasons, expected, raw) => {
    const { reply } = decode('chat', [chat({ content: 'x' }), ...reasons.map((reason) => finish(reason))]);
    expect([reply?.finishReason, reply?.rawFinishReason]).toEqual([expected, raw]);
  });

  it('keeps its reason if a later chunk has null or none', () => {
    const { reply } = decode('chat', [
      chat({ content: 'x' }),
      finish('length'),
      chat({}, { finish_reason: null }),
      chat({}, { finish_reason: '' }),
    ]);
    expect(reply?.finishReason).toBe('length');
  });

  it('may be an object that holds the word', () => {
    const { reply } = decode('chat', [
      chat({ content: 'x' }, { finish_reason: { type: 'length', length: 10 } }),
    ]);
    expect([reply?.finishReason, reply?.rawFinishReason]).toEqual(['length', 'length']);
  });

  it.each([
    ['MALFORMED_FUNCTION_CALL', 'other'],
    ['eos_token', 'stop'],
    ['tool_use', 'tool_calls'],
    ['SAFETY', 'content_filter'],
    ['sensitive', 'content_filter'],
    ['max_output_tokens', 'length'],
  ])('%s is %s', (raw, reason) => {
    const { reply } = decode('chat', [chat({ content: 'x' }), finish(raw)]);
    expect([reply?.finishReason, reply?.rawFinishReason]).toEqual([reason, raw]);
  });
});

describe('R50 usage of Chat Completions', () => {
  const usage = { prompt_tokens: 7, completion_tokens: 9, total_tokens: 16 };

  it.each<[string, object]>([
    ['null', { usage: null }],
    ['counts of 0', { usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } }],
    ['nulls', { usage: { prompt_tokens: null, completion_tokens: null } }],
    ['a total of 0 alone', { usage: { total_tokens: 0, total_characters: 0 } }],
    ['counts of 0 in the choice', { choices: [{ index: 0, delta: {}, usage: { prompt_tokens: 0 } }] }],
    ['counts of 0 of Groq', { x_groq: { usage: { prompt_tokens: 0, completion_tokens: 0 } } }],
  ])('never falls for %s', (_name, later) => {
    const { call } = decode('chat', [
      chat({ content: 'x' }),
      { ...finish('stop'), usage },
      { choices: [], ...later },
    ]);
    expect(call.usage).toMatchObject({ inputTokens: 7, outputTokens: 9, totalTokens: 16 });
  });

  it('is read from Groq next to a null', () => {
    const { call } = decode('chat', [
      chat({ content: 'x' }),
      finish('stop', { usage: null, x_groq: { usage } }),
    ]);
    expect(call.usage).toMatchObject({ totalTokens: 16 });
  });
});
