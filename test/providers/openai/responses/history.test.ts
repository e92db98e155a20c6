import { describe, expect, it } from 'vitest';

import type { OpenAIOptions } from '../../../../providers/openai/index.ts';
import { DEFAULT_MODEL } from '../../../../providers/openai/index.ts';
import { RESPONSES_WIRE } from '../../../../providers/openai/responses/request/input.ts';
import { blockFrom, originOf } from '../../../../providers/wire/index.ts';
import type { Message, Parameters, Part, ProviderBlock } from '../../../../src/index.ts';
import { at, listAt } from '../../../support/json.ts';
import { ask, blockOf, bodyOf } from '../support.ts';

function inputOf(
  messages: Message[],
  options: OpenAIOptions = {},
  parameters: Parameters = {},
): { input: unknown; warnings: string[] } {
  const { body, warnings } = bodyOf(ask({ messages, parameters }), { api: 'responses', ...options });
  return { input: body['input'], warnings };
}

const assistant = (...content: Part[]): Message => ({ role: 'assistant', content });
const tool = (...content: Part[]): Message => ({ role: 'tool', content });
const item = (callId: string, more: object = {}): object => ({
  type: 'function_call',
  id: `fc_${callId}`,
  call_id: callId,
  name: 'add',
  arguments: '{"x": 1}',
  status: 'completed',
  ...more,
});
const call = (id: string, block: ProviderBlock | undefined = blockOf(item(id)), more: object = {}): Part => ({
  ...{ type: 'tool_call', id, name: 'add', arguments: { x: 1 }, block },
  ...more,
});
const plainCall = (id: string): Part => ({ type: 'tool_call', id, name: 'add', arguments: { x: 1 } });
const result = (id: string, content = '2', more: object = {}): Part => ({
  ...{ type: 'tool_result', id, name: 'add', content },
  ...more,
});
const reasoning = (id: string, block = blockOf): Part => ({
  type: 'thinking',
  text: 'hm',
  block: block({ type: 'reasoning', id, summary: [], encrypted_content: `secret ${id}` }),
});
const output = (id: string, content: unknown = '2'): object => ({
  type: 'function_call_output',
  call_id: id,
  output: content,
});

describe('ids of calls on Responses', () => {
  it('are those of the conversation, in the call and in its result, even if the provider gave another id', () => {
    const { input, warnings } = inputOf([
      assistant(call('ours', blockOf(item('call_1')))),
      tool(result('ours')),
    ]);
    expect(input).toEqual([item('call_1', { call_id: 'ours' }), output('ours')]);
    expect(warnings).toEqual([]);
  });

  it('have at most 64 characters, also in a kept item, the same in the call and in its result', () => {
    const long = `call_${'a'.repeat(64)}`;
    const short = expect.stringMatching(/^call_a{50}_[0-9a-f]{8}$/);
    const kept = inputOf([assistant(call(long)), tool(result(long))]).input;
    expect(at(kept, 0, 'call_id')).toEqual(short);
    expect(at(kept, 1, 'call_id')).toBe(at(kept, 0, 'call_id'));
    const plain = inputOf([assistant(plainCall(long)), tool(result(long))]).input;
    expect(plain).toEqual([
      { type: 'function_call', call_id: short, name: 'add', arguments: '{"x":1}' },
      output(String(at(plain, 0, 'call_id'))),
    ]);
  });

  it('are unique if one comes again, in kept items and in plain ones', () => {
    const turn = [assistant(call('call_0')), tool(result('call_0'))];
    const { input } = inputOf([...turn, ...turn, assistant(plainCall('call_0')), tool(result('call_0'))]);
    const ids = listAt(input).map((each) => at(each, 'call_id'));
    expect([ids[0], ids[2], ids[4]]).toEqual([ids[1], ids[3], ids[5]]);
    expect(ids[0]).toBe('call_0');
    expect(new Set(ids).size).toBe(3);
    // For the server the second item is the same one: its id is removed, and the call stays.
    expect(at(input, 0, 'id')).toBe('fc_call_0');
    expect(at(input, 2)).not.toHaveProperty('id');
  });

  it('give a result the form of its own call if an id comes twice', () => {
    const custom = blockOf({ type: 'custom_tool_call', call_id: 'c', name: 'code', input: 'ls' });
    const { input } = inputOf([
      assistant({ type: 'tool_call', id: 'c', name: 'code', arguments: 'ls', block: custom }),
      tool({ type: 'tool_result', id: 'c', name: 'code', content: 'a' }),
      assistant(plainCall('c')),
      tool(result('c')),
    ]);
    expect(listAt(input).map((each) => at(each, 'type'))).toEqual([
      'custom_tool_call',
      'custom_tool_call_output',
      'function_call',
      'function_call_output',
    ]);
  });
});

describe('ids of items on Responses', () => {
  it.each([
    ['too long', 'x'.repeat(65)],
    ['of other characters', 'fc:1'],
  ])('are left out if they are %s', (_name, id) => {
    const { input } = inputOf([assistant(call('a', blockOf(item('a', { id })))), tool(result('a'))]);
    const { id: _id, ...rest } = Object(item('a'));
    expect(input).toEqual([rest, output('a')]);
  });

  it('of reasoning that comes again are left out together with the id of its call', () => {
    const { input } = inputOf([
      assistant(reasoning('rs_1'), call('a')),
      tool(result('a')),
      assistant(reasoning('rs_1'), call('b')),
      tool(result('b')),
    ]);
    expect(listAt(input).map((each) => at(each, 'id'))).toEqual([
      'rs_1',
      'fc_a',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(at(input, 3, 'encrypted_content')).toBe('secret rs_1');
  });

  it("keep LiteLLM's data for LiteLLM", () => {
    const id = `encitem_${'QUJD'.repeat(40)}`;
    const options: OpenAIOptions = { baseURL: 'http://127.0.0.1:4000', model: 'm' };
    const origin = originOf(RESPONSES_WIRE, 'm', 'http://127.0.0.1:4000');
    const kept = reasoning(id, (data) => blockFrom(origin, data));
    const { input } = inputOf([assistant(kept, { type: 'text', text: 'Yes' })], options);
    expect(at(input, 0, 'id')).toBe(id);
  });
});

describe('tool results on Responses', () => {
  it('are not sent without a call, a second time, or late', () => {
    const { input, warnings } = inputOf([
      tool(result('none')),
      { role: 'user', content: 'Hi' },
      assistant(call('a'), call('b')),
      tool(result('a'), result('a', 'again')),
      assistant({ type: 'text', text: 'Hm' }),
      tool(result('b', 'late')),
    ]);
    expect(input).toEqual([
      { role: 'user', content: 'Hi' },
      item('a'),
      output('a'),
      { role: 'assistant', content: 'Hm' },
    ]);
    expect(warnings).toEqual([
      'openai: a result of the tool add answers no call, it is left out',
      'openai: a call of the tool add already has a result, another one is left out',
      'openai: a result of the tool add comes after the next reply, it is left out with its call',
    ]);
  });

  it('are sent if the server knows the call from an earlier response', () => {
    const parameters = { providerOptions: { openai: { previous_response_id: 'resp_1', store: true } } };
    expect(inputOf([tool(result('call_1'))], {}, parameters)).toEqual({
      input: [output('call_1')],
      warnings: [],
    });
  });

  it('say that the tool failed if it gave no message, and are empty if it returned nothing', () => {
    const parts = (isError: boolean, ...content: string[]): Part => ({
      ...{ type: 'tool_result', id: String(isError), name: 'add', isError },
      content: content.map((text) => ({ type: 'text', text })),
    });
    const { input } = inputOf([
      assistant(plainCall('a'), plainCall('b'), plainCall('true'), plainCall('false')),
      tool(result('a', '', { isError: true }), result('b', ''), parts(true, ' ', ''), parts(false, '')),
    ]);
    const failed = 'The tool failed and gave no message.';
    expect(listAt(input).slice(4)).toEqual([
      output('a', failed),
      output('b', ''),
      output('true', failed),
      output('false', ''),
    ]);
  });
});

describe('blank messages on Responses', () => {
  it('are sent for the user, and left out for the system', () => {
    expect(
      inputOf([
        { role: 'system', content: '' },
        { role: 'user', content: '' },
        { role: 'assistant', content: '' },
        { role: 'user', content: [] },
        {
          role: 'user',
          content: [
            { type: 'text', text: '' },
            { type: 'text', text: 'Hi' },
          ],
        },
      ]),
    ).toEqual({
      input: [
        { role: 'user', content: '' },
        { role: 'user', content: '' },
        { role: 'user', content: 'Hi' },
      ],
      warnings: [],
    });
  });

  it('of which nothing is left are an error that names the part', () => {
    const unsent: Message[] = [
      { role: 'user', content: [{ type: 'audio', data: 'AA', mediaType: 'audio/ogg' }] },
    ];
    expect(() => inputOf(unsent)).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message:
          'openai: messages[0].content[0] of type audio cannot be sent: give the model something to answer.',
      }),
    );
    expect(() => inputOf([])).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });

  it('may be missing if the server has the conversation', () => {
    const parameters = { providerOptions: { openai: { conversation: 'conv_1' } } };
    expect(inputOf([], {}, parameters).input).toEqual([]);
  });
});

describe('the content of a reply goes back on Responses', () => {
  const search = { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search' } };
  const history = (from: (data: unknown) => ProviderBlock): Message[] => [
    { role: 'user', content: 'Hi' },
    assistant(
      reasoning('rs_0', from),
      { type: 'provider', block: from(search) },
      reasoning('rs_1', from),
      call('a', from(item('a'))),
    ),
    tool(result('a')),
  ];

  it('byte for byte, to the same model at the same address', () => {
    const { input, warnings } = inputOf(history(blockOf));
    expect(input).toEqual([
      { role: 'user', content: 'Hi' },
      { type: 'reasoning', id: 'rs_0', summary: [], encrypted_content: 'secret rs_0' },
      search,
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'secret rs_1' },
      item('a'),
      output('a'),
    ]);
    expect(JSON.stringify(at(input, 4))).toBe(JSON.stringify(item('a')));
    expect(warnings).toEqual([]);
  });

  it.each([
    ['model', originOf(RESPONSES_WIRE, 'o3', 'https://api.openai.com/v1'), 'belongs to the model o3'],
    ['address', originOf(RESPONSES_WIRE, DEFAULT_MODEL, 'https://h/v1'), 'came from https://h/v1'],
    ['wire', originOf('openai.chat', DEFAULT_MODEL, 'https://api.openai.com/v1'), 'belongs to openai.chat'],
  ])('but not to another %s: there is one warning, and the call becomes a plain one', (_what, from, why) => {
    expect(inputOf(history((data) => blockFrom(from, data)))).toEqual({
      input: [
        { role: 'user', content: 'Hi' },
        { type: 'function_call', call_id: 'a', name: 'add', arguments: '{"x":1}' },
        output('a'),
      ],
      warnings: [`openai: a block that ${why} is left out`],
    });
  });

  it('with a call that has lost the id of its reasoning, if that is of another model', () => {
    const other = originOf(RESPONSES_WIRE, 'o3', 'https://api.openai.com/v1');
    const { id: _id, ...rest } = Object(item('a'));
    const { input } = inputOf([
      assistant(
        reasoning('rs_1', (data) => blockFrom(other, data)),
        call('a'),
      ),
      tool(result('a')),
    ]);
    expect(input).toEqual([rest, output('a')]);
  });

  it('with the calls that the provider ran, unchanged and never as calls of the client', () => {
    const run = { type: 'custom_tool_call', id: 'xs_1', call_id: 'xs_call_1', name: 'x_search', input: '{}' };
    const found = { type: 'custom_tool_call_output', call_id: 'xs_call_1', output: 'found' };
    const messages = (block: ProviderBlock, answer?: ProviderBlock): Message[] => [
      assistant(
        {
          type: 'tool_call',
          id: 'xs_call_1',
          name: 'x_search',
          arguments: {},
          providerExecuted: true,
          block,
        },
        {
          ...{ type: 'tool_result', id: 'xs_call_1', name: 'x_search', content: 'found' },
          providerExecuted: true,
          ...(answer && { block: answer }),
        },
        { type: 'text', text: 'Found' },
      ),
    ];
    const said = { role: 'assistant', content: 'Found' };
    expect(inputOf(messages(blockOf(run)))).toEqual({ input: [run, said], warnings: [] });
    expect(inputOf(messages(blockOf(run), blockOf(found)))).toEqual({
      input: [run, found, said],
      warnings: [],
    });
    const foreign = { provider: 'anthropic', data: run };
    expect(inputOf(messages(foreign, foreign))).toEqual({
      input: [said],
      warnings: ['openai: a block that belongs to anthropic is left out'],
    });
  });

  it('with an image that the model made if it has an item, and without others', () => {
    const made = { type: 'image_generation_call', id: 'ig_1', status: 'completed', result: 'AAAA' };
    const file = { type: 'file', mediaType: 'image/png', data: 'AAAA' } as const;
    expect(inputOf([assistant({ ...file, block: blockOf(made) })]).input).toEqual([made]);
    // The data is kept once, in the file.
    const { result: _result, ...kept } = made;
    expect(inputOf([assistant({ ...file, block: blockOf(kept) })]).input).toEqual([made]);
    expect(inputOf([{ role: 'user', content: 'Hi' }, assistant(file)])).toEqual({
      input: [{ role: 'user', content: 'Hi' }],
      warnings: ['openai: a part of type file in a message of role assistant cannot be sent, it is left out'],
    });
  });

  it('with an object that holds the arguments if they could not be read', () => {
    const invalid = { raw: '{"x": 1', reason: 'the arguments are not valid JSON' };
    const text = JSON.stringify({ invalid_json: invalid.raw });
    const kept = call('a', blockOf(item('a', { arguments: invalid.raw })), { arguments: {}, invalid });
    expect(inputOf([assistant(kept), tool(result('a', 'No'))]).input).toEqual([
      item('a', { arguments: text }),
      output('a', 'No'),
    ]);
    const foreign = call('a', { provider: 'anthropic', data: {} }, { arguments: {}, invalid });
    expect(at(inputOf([assistant(foreign)]).input, 0, 'arguments')).toBe(text);
  });
});

describe('arguments that are not an object, on Responses', () => {
  it('are sent as one', () => {
    const { input } = inputOf([assistant({ type: 'tool_call', id: 'a', name: 'sh', arguments: 'ls -l' })]);
    expect(at(input, 0, 'arguments')).toBe('{"value":"ls -l"}');
  });
});

describe('halves of surrogate pairs on Responses', () => {
  it('are in no text, result, argument or kept item that is sent', () => {
    const kept = { type: 'web_search_call', id: 'ws_1', action: { query: 'q\ud83d' } };
    const { input } = inputOf([
      { role: 'user', content: 'a\ud83d' },
      assistant(
        { type: 'provider', block: blockOf(kept) },
        { type: 'tool_call', id: 'i', name: 'add', arguments: { ['k\ude00']: 'v\ud83d' } },
      ),
      tool(result('i', 'r\ude00')),
    ]);
    expect(input).toEqual([
      { role: 'user', content: 'a\ufffd' },
      { type: 'web_search_call', id: 'ws_1', action: { query: 'q\ufffd' } },
      { type: 'function_call', call_id: 'i', name: 'add', arguments: '{"k\ufffd":"v\ufffd"}' },
      output('i', 'r\ufffd'),
    ]);
  });
});
