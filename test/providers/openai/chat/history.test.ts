import { afterEach, describe, expect, it, vi } from 'vitest';

import { CHAT_WIRE } from '../../../../providers/openai/chat/request/messages.ts';
import { DEFAULT_MODEL } from '../../../../providers/openai/index.ts';
import type { OpenAIOptions } from '../../../../providers/openai/index.ts';
import { blockFrom, originOf } from '../../../../providers/wire/index.ts';
import type { Message, Part, ProviderBlock } from '../../../../src/index.ts';
import { at, listAt } from '../../../support/json.ts';
import { ask, bodyOf } from '../support.ts';

const origin = originOf(CHAT_WIRE, DEFAULT_MODEL, 'https://api.openai.com/v1');
const own = (data: object): ProviderBlock => blockFrom(origin, data);

function sent(messages: Message[], options: OpenAIOptions = {}): { messages: unknown; warnings: string[] } {
  const { body, warnings } = bodyOf(ask({ messages }), options);
  return { messages: body['messages'], warnings };
}

const assistant = (...content: Part[]): Message => ({ role: 'assistant', content });
const tool = (...content: Part[]): Message => ({ role: 'tool', content });
const call = (id: string, more: object = {}): Part => ({
  ...{ type: 'tool_call', id, name: 'add', arguments: { x: 1 } },
  ...more,
});
const result = (id: string, content = '2', more: object = {}): Part => ({
  ...{ type: 'tool_result', id, name: 'add', content },
  ...more,
});
const wireCall = (id: string, more: object = {}): object => ({
  id,
  type: 'function',
  function: { name: 'add', arguments: '{"x":1}' },
  ...more,
});

afterEach(() => {
  vi.useRealTimers();
});

describe('ids of calls on Chat Completions', () => {
  it('have at most 40 characters, the same in the call and in its result', () => {
    const id = `chatcmpl-tool-${'0123456789abcdef'.repeat(2)}`;
    const { messages, warnings } = sent([
      assistant(call(id)),
      tool(result(id)),
      { role: 'user', content: 'Go on' },
    ]);
    const name = at(messages, 0, 'tool_calls', 0, 'id');
    expect(name).toMatch(/^chatcmpl-tool-0123456789abcdef0_[0-9a-f]{8}$/);
    expect(at(messages, 1, 'tool_call_id')).toBe(name);
    expect(warnings).toEqual([]);
  });

  it('are unique if call_0 comes in each turn', () => {
    const turn = [assistant(call('call_0')), tool(result('call_0'))];
    const { messages } = sent([...turn, ...turn]);
    expect(at(messages, 0, 'tool_calls', 0, 'id')).toBe('call_0');
    expect(at(messages, 1, 'tool_call_id')).toBe('call_0');
    expect(at(messages, 2, 'tool_calls', 0, 'id')).toMatch(/^call_0_[0-9a-f]{8}$/);
    expect(at(messages, 3, 'tool_call_id')).toBe(at(messages, 2, 'tool_calls', 0, 'id'));
  });

  it.each<[string, OpenAIOptions]>([
    ['by its host', { baseURL: 'https://api.mistral.ai/v1', model: 'mistral-large-latest' }],
    [
      'by a name of its models',
      { baseURL: 'http://127.0.0.1:8000/v1', model: 'mistralai/Devstral-Small-2507' },
    ],
    ['by the name of the provider', { baseURL: 'http://127.0.0.1:8000/v1', name: 'mistral', model: 'm' }],
  ])('have nine letters and digits for Mistral, known %s', (_how, options) => {
    const { messages } = sent([assistant(call('call_1')), tool(result('call_1'))], options);
    const name = at(messages, 0, 'tool_calls', 0, 'id');
    expect(name).toMatch(/^[a-zA-Z0-9]{9}$/);
    expect(at(messages, 1, 'tool_call_id')).toBe(name);
  });

  it("keep LiteLLM's data for LiteLLM, and are short for OpenAI", () => {
    const id = `call_1__thought__${'Eq'.repeat(300)}`;
    const history = [assistant(call(id)), tool(result(id))];
    const proxied = sent(history, { baseURL: 'http://127.0.0.1:4000', model: 'gemini-3-pro' }).messages;
    expect(at(proxied, 0, 'tool_calls', 0, 'id')).toBe(id);
    expect(at(sent(history).messages, 0, 'tool_calls', 0, 'id')).toHaveLength(40);
  });
});

describe('tool results on Chat Completions', () => {
  it('come right after the message with their call, even if another message was in between', () => {
    const { messages, warnings } = sent([
      assistant(call('a')),
      assistant(call('b')),
      { role: 'user', content: 'Quick!' },
      tool(result('b', 'B'), result('a', 'A')),
    ]);
    expect(messages).toEqual([
      { role: 'assistant', content: null, tool_calls: [wireCall('a')] },
      { role: 'tool', tool_call_id: 'a', content: 'A' },
      { role: 'assistant', content: null, tool_calls: [wireCall('b')] },
      { role: 'tool', tool_call_id: 'b', content: 'B' },
      { role: 'user', content: 'Quick!' },
    ]);
    expect(warnings).toEqual([]);
  });

  it('are not sent without a call, a second time, or late', () => {
    const { messages, warnings } = sent([
      { role: 'user', content: 'Hi' },
      tool(result('none')),
      assistant(call('a'), call('b')),
      tool(result('a'), result('a', 'again')),
      assistant({ type: 'text', text: 'Hm' }),
      tool(result('b', 'late')),
      { role: 'user', content: 'Go on' },
    ]);
    expect(messages).toEqual([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: null, tool_calls: [wireCall('a')] },
      { role: 'tool', tool_call_id: 'a', content: '2' },
      { role: 'assistant', content: 'Hm' },
      { role: 'user', content: 'Go on' },
    ]);
    expect(warnings).toEqual([
      'openai: a result of the tool add answers no call, it is left out',
      'openai: a call of the tool add already has a result, another one is left out',
      'openai: a result of the tool add comes after the next reply, it is left out with its call',
    ]);
  });

  it('without a call are an error with strict', () => {
    expect(() => sent([{ role: 'user', content: 'Hi' }, tool(result('none'))], { strict: true })).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });

  it('say that the tool failed if it gave no message, and are empty if it returned nothing', () => {
    const blank: Part = {
      type: 'tool_result',
      id: 'b',
      name: 'add',
      isError: true,
      content: [{ type: 'text', text: ' ' }],
    };
    const { messages } = sent([
      assistant(call('a'), call('b'), call('c'), call('d')),
      tool(result('a', '', { isError: true }), blank, result('c', ''), result('d', 'No', { isError: true })),
    ]);
    expect(listAt(messages).map((message) => at(message, 'content'))).toEqual([
      null,
      'The tool failed and gave no message.',
      'The tool failed and gave no message.',
      '',
      'No',
    ]);
  });
});

describe('blank messages on Chat Completions', () => {
  it('are sent for the user, and left out for the system', () => {
    const { messages, warnings } = sent([
      { role: 'system', content: '' },
      { role: 'system', content: [] },
      { role: 'user', content: '' },
      { role: 'assistant', content: [{ type: 'text', text: '' }] },
      { role: 'user', content: [] },
      { role: 'user', content: [{ type: 'text', text: '' }] },
      {
        role: 'user',
        content: [
          { type: 'text', text: '' },
          { type: 'image', url: 'https://h/i.png' },
          { type: 'text', text: 'Hi' },
        ],
      },
    ]);
    expect(messages).toEqual([
      { role: 'user', content: '' },
      { role: 'user', content: '' },
      { role: 'user', content: '' },
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: 'https://h/i.png' } },
          { type: 'text', text: 'Hi' },
        ],
      },
    ]);
    expect(warnings).toEqual([]);
  });

  it.each<[string, Message[], string]>([
    ['no messages', [], 'openai: messages is empty: give the model something to answer.'],
    [
      'blank system prompts alone',
      [{ role: 'system', content: '' }],
      'openai: messages holds only system prompts: give the model something to answer.',
    ],
    [
      'a blank reply alone',
      [{ role: 'assistant', content: '' }],
      'openai: messages[0].content is blank: give the model something to answer.',
    ],
    [
      'a part that cannot be sent',
      [
        { role: 'system', content: '' },
        {
          role: 'user',
          content: [
            { type: 'text', text: '' },
            { type: 'audio', data: 'AA', mediaType: 'audio/ogg' },
          ],
        },
      ],
      'openai: messages[1].content[1] of type audio cannot be sent: give the model something to answer.',
    ],
  ])('of which nothing is left are an error that names the part: %s', (_name, messages, message) => {
    expect(() => sent(messages)).toThrow(expect.objectContaining({ code: 'invalid_request', message }));
  });

  it("are no error if the caller's own fields have the messages", () => {
    const own = [{ role: 'user', content: 'Hi' }];
    const request = ask({ messages: [], parameters: { providerOptions: { openai: { messages: own } } } });
    expect(bodyOf(request).body['messages']).toEqual(own);
  });
});

describe('the content of a message goes back on Chat Completions', () => {
  const signature = { google: { thought_signature: 'EqQB' } };
  const details = [
    { type: 'reasoning.encrypted', data: 'gAAA', id: 'rs_1', format: 'openai-responses-v1', index: 0 },
  ];
  const history = (model = origin): Message[] => [
    { role: 'user', content: 'Hi' },
    assistant(
      { type: 'thinking', text: 'hm' },
      { type: 'text', text: 'Let me see.' },
      call('a', {
        block: blockFrom(model, { type: 'function', index: 0, id: 'a', extra_content: signature }),
      }),
      {
        type: 'provider',
        block: blockFrom(model, {
          type: 'message',
          role: 'assistant',
          content: 'not this',
          reasoning_details: details,
          phase: 'commentary',
        }),
      },
    ),
    tool(result('a')),
  ];

  it('to the same model at the same address, with the fields of the message and of the call', () => {
    expect(sent(history())).toEqual({
      messages: [
        { role: 'user', content: 'Hi' },
        {
          role: 'assistant',
          content: 'Let me see.',
          reasoning_details: details,
          phase: 'commentary',
          tool_calls: [wireCall('a', { extra_content: signature })],
        },
        { role: 'tool', tool_call_id: 'a', content: '2' },
      ],
      warnings: [],
    });
  });

  it.each([
    ['model', originOf(CHAT_WIRE, 'other', 'https://api.openai.com/v1'), 'belongs to the model other'],
    ['address', originOf(CHAT_WIRE, DEFAULT_MODEL, 'https://h/v1'), 'came from https://h/v1'],
    ['wire', originOf('anthropic', DEFAULT_MODEL, 'https://api.openai.com/v1'), 'belongs to anthropic'],
  ])('but not to another %s: there is one warning, and the rest is complete', (_what, from, why) => {
    expect(sent(history(from))).toEqual({
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Let me see.', tool_calls: [wireCall('a')] },
        { role: 'tool', tool_call_id: 'a', content: '2' },
      ],
      warnings: [`openai: a block that ${why} is left out`],
    });
  });

  it("without another provider's thinking, with a warning, even if the server wants thinking back", () => {
    const block = blockFrom(originOf('anthropic', 'claude', undefined), { type: 'thinking' });
    const messages = [assistant({ type: 'thinking', text: 'theirs', block }, { type: 'text', text: 'Yes' })];
    expect(sent(messages, { reasoningField: 'reasoning' })).toEqual({
      messages: [{ role: 'assistant', content: 'Yes' }],
      warnings: ['openai: a block that belongs to anthropic is left out'],
    });
  });

  it('with audio by its id as long as the server has it, and then as text', () => {
    vi.useFakeTimers({ now: 1_700_000_000_000 });
    const reply = (expires: number): Message =>
      assistant(
        { type: 'text', text: 'Hello' },
        {
          type: 'file',
          mediaType: 'audio/wav',
          data: 'AAAA',
          block: own({ type: 'audio', id: 'audio_1', expires_at: expires }),
        },
      );
    expect(sent([reply(1_700_000_001)])).toEqual({
      messages: [{ role: 'assistant', content: null, audio: { id: 'audio_1' } }],
      warnings: [],
    });
    expect(sent([reply(1_699_999_999)])).toEqual({
      messages: [{ role: 'assistant', content: 'Hello' }],
      warnings: [],
    });
  });

  it('without other files that the model made', () => {
    const image: Part = { type: 'file', mediaType: 'image/png', data: 'AAAA' };
    expect(sent([assistant({ type: 'text', text: 'Here' }, image)])).toEqual({
      messages: [{ role: 'assistant', content: 'Here' }],
      warnings: ['openai: a part of type file in a message of role assistant cannot be sent, it is left out'],
    });
  });

  it('without calls that a provider ran itself, and without messages for their results', () => {
    const run = (block: ProviderBlock | undefined): Message[] => [
      { role: 'user', content: 'Hi' },
      assistant(
        call('s', { providerExecuted: true, ...(block && { block }) }),
        result('s', 'found', { providerExecuted: true }),
        { type: 'text', text: 'Found' },
      ),
    ];
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Found' },
    ];
    expect(sent(run(own({ type: 'function' })))).toEqual({ messages, warnings: [] });
    expect(sent(run({ provider: 'anthropic', data: {} }))).toEqual({
      messages,
      warnings: ['openai: a block that belongs to anthropic is left out'],
    });
    expect(sent(run(undefined))).toEqual({
      messages,
      warnings: ['openai: a call of add that a provider ran itself is left out: its block is missing'],
    });
  });

  it('with an object that holds the arguments if they could not be read', () => {
    const invalid = { raw: '{"x": 1', reason: 'the arguments are not valid JSON' };
    const { messages } = sent([assistant(call('a', { arguments: {}, invalid })), tool(result('a', 'No'))]);
    expect(at(messages, 0, 'tool_calls', 0, 'function', 'arguments')).toBe(
      JSON.stringify({ invalid_json: invalid.raw }),
    );
  });
});

describe('arguments that are not an object, on Chat Completions', () => {
  it.each([
    ['a text', 'ls -l', '{"value":"ls -l"}'],
    ['a list', [1], '{"value":[1]}'],
    ['nothing', undefined, '{}'],
    ['null', null, '{}'],
  ])('are sent as one: %s', (_name, args, text) => {
    const { messages } = sent([assistant(call('a', { arguments: args })), tool(result('a'))]);
    expect(at(messages, 0, 'tool_calls', 0, 'function', 'arguments')).toBe(text);
  });
});

describe('halves of surrogate pairs on Chat Completions', () => {
  it('are in no text, result, argument or kept field that is sent', () => {
    const { messages } = sent([
      { role: 'user', content: 'a\ud83d' },
      assistant(call('i\ud83d', { arguments: { ['k\ude00']: 'v\ud83d' } }), {
        type: 'provider',
        block: own({ type: 'message', reasoning_opaque: 'o\ud83d' }),
      }),
      tool(result('i\ud83d', 'r\ude00')),
    ]);
    expect(messages).toEqual([
      { role: 'user', content: 'a\ufffd' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'i\ufffd', type: 'function', function: { name: 'add', arguments: '{"k\ufffd":"v\ufffd"}' } },
        ],
        reasoning_opaque: 'o\ufffd',
      },
      { role: 'tool', tool_call_id: 'i\ufffd', content: 'r\ufffd' },
    ]);
  });
});
