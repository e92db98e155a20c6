import { describe, expect, it } from 'vitest';

import { blockFrom, originOf } from '../../../../providers/wire/index.ts';
import type { Message, Part, ProviderBlock } from '../../../../src/index.ts';
import { at, listAt } from '../../../support/json.ts';
import { built, messagesOf, NEW, OLD, user } from './requests.ts';

const ADDRESS = 'https://api.anthropic.com';
const own = (data: object): ProviderBlock => blockFrom(originOf('anthropic', OLD, ADDRESS), data);

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
const use = (id: string, more: object = {}): object => ({
  type: 'tool_use',
  id,
  name: 'add',
  input: { x: 1 },
  ...more,
});
const answer = (id: string, more: object = { content: '2' }): object => ({
  type: 'tool_result',
  tool_use_id: id,
  ...more,
});

describe('ids of calls on the Messages API', () => {
  it('have only letters, digits, _ and -, and stay unique', () => {
    const { body, warnings } = messagesOf([
      assistant(call('f:1'), call('f.1')),
      tool(result('f.1', 'second'), result('f:1', 'first')),
    ]);
    const [first, second] = [0, 1].map((place) => at(body, 'messages', 0, 'content', place, 'id'));
    expect([first, second]).toEqual(['f_1', expect.stringMatching(/^f_1_[0-9a-f]{8}$/)]);
    expect(at(body, 'messages', 1, 'content')).toEqual([
      answer(String(second), { content: 'second' }),
      answer('f_1', { content: 'first' }),
    ]);
    expect(warnings).toEqual([]);
  });

  it('are unique if call_0 comes in each turn, also in kept blocks', () => {
    const caller = { type: 'code_execution_20250825', tool_id: 'srvtoolu_1' };
    const block = own({ type: 'tool_use', id: 'call_0', name: 'add', input: {}, caller });
    const turn = [assistant(call('call_0', { block })), tool(result('call_0'))];
    const { body } = messagesOf([...turn, ...turn]);
    const ids = [0, 2].map((place) => at(body, 'messages', place, 'content', 0, 'id'));
    expect(ids).toEqual(['call_0', expect.stringMatching(/^call_0_[0-9a-f]{8}$/)]);
    expect([1, 3].map((place) => at(body, 'messages', place, 'content', 0, 'tool_use_id'))).toEqual(ids);
    expect(at(body, 'messages', 2, 'content', 0, 'caller')).toEqual(caller);
  });

  it.each([
    ['the conversation', { type: 'x' }, 'ours'],
    ['the kept block if a program of the API waits for it', { type: 'x', tool_id: 'srvtoolu_1' }, 'toolu_1'],
  ])('are those of %s if the two differ', (_, caller, id) => {
    const block = own({ type: 'tool_use', id: 'toolu_1', name: 'add', input: {}, caller });
    const { body } = messagesOf([assistant(call('ours', { block })), tool(result('ours'))]);
    expect(at(body, 'messages', 0, 'content', 0)).toMatchObject({ id, caller });
    expect(at(body, 'messages', 1, 'content', 0, 'tool_use_id')).toBe(id);
  });

  it('are never the id of a server tool', () => {
    const search = { type: 'server_tool_use', id: 'x', name: 'web_search', input: {} };
    const { body } = messagesOf([
      assistant({ type: 'provider', block: own(search) }, call('x')),
      tool(result('x')),
    ]);
    expect(at(body, 'messages', 0, 'content', 0)).toEqual(search);
    const id = at(body, 'messages', 0, 'content', 1, 'id');
    expect(id).toMatch(/^x_[0-9a-f]{8}$/);
    expect(at(body, 'messages', 1, 'content', 0, 'tool_use_id')).toBe(id);
  });
});

describe('tool results on the Messages API', () => {
  it('are not sent without a call, a second time, or late', () => {
    const { body, warnings } = messagesOf([
      { role: 'user', content: 'Hi' },
      tool(result('none')),
      assistant(call('a'), call('b')),
      tool(result('a'), result('a', 'again')),
      assistant({ type: 'text', text: 'Hm' }),
      tool(result('b', 'late')),
      { role: 'user', content: 'Go on' },
    ]);
    expect(body['messages']).toEqual([
      user('Hi'),
      { role: 'assistant', content: [use('a')] },
      { role: 'user', content: [answer('a')] },
      { role: 'assistant', content: [{ type: 'text', text: 'Hm' }] },
      user('Go on'),
    ]);
    expect(warnings).toEqual([
      'anthropic: a result of the tool add answers no call, it is left out',
      'anthropic: a call of the tool add already has a result, another one is left out',
      'anthropic: a result of the tool add comes after the next reply, it is left out with its call',
    ]);
  });

  it('without a call are no error at the end', () => {
    const { body, warnings } = messagesOf([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: [result('none')] },
    ]);
    expect(body['messages']).toEqual([
      user('Hi'),
      { role: 'assistant', content: [{ type: 'text', text: 'Hello' }] },
    ]);
    expect(warnings).toEqual(['anthropic: a result of the tool add answers no call, it is left out']);
  });

  it('say that the tool failed if it gave no message, because the API refuses an empty error', () => {
    const blank: Part = {
      type: 'tool_result',
      id: 'b',
      name: 'add',
      isError: true,
      content: [{ type: 'text', text: ' ' }],
    };
    const { body } = messagesOf([
      assistant(call('a'), call('b'), call('c'), call('d')),
      tool(result('a', '', { isError: true }), blank, result('c', ' \n'), {
        ...blank,
        id: 'd',
        isError: false,
      }),
    ]);
    const failed = { content: 'The tool failed and gave no message.', is_error: true };
    expect(at(body, 'messages', 1, 'content')).toEqual([
      answer('a', failed),
      answer('b', failed),
      answer('c', {}),
      answer('d', {}),
    ]);
  });

  it('have only text if they are errors, because the API refuses anything else there', () => {
    const image: Part = { type: 'image', data: 'aW1n', mediaType: 'image/png' };
    const content = [{ type: 'text' as const, text: 'See:' }, image];
    const failed: Part = { type: 'tool_result', id: 'a', name: 'add', isError: true, content };
    const { body, warnings } = messagesOf([assistant(call('a')), tool(failed)]);
    expect(at(body, 'messages', 1, 'content')).toEqual([
      answer('a', {
        content: [
          { type: 'text', text: 'See:' },
          { type: 'text', text: '(image: image/png)' },
        ],
        is_error: true,
      }),
    ]);
    expect(warnings).toEqual([
      'anthropic: an error of a tool takes only text: a part of type image is named in it',
    ]);
  });

  it('and calls in a message of the wrong role are left out with a warning', () => {
    const { body, warnings } = messagesOf([
      { role: 'user', content: [call('a'), { type: 'text', text: 'Hi' }] },
      assistant(result('a'), { type: 'text', text: 'Hm' }),
      { role: 'user', content: 'Go on' },
    ]);
    expect(body['messages']).toEqual([
      user('Hi'),
      { role: 'assistant', content: [{ type: 'text', text: 'Hm' }] },
      user('Go on'),
    ]);
    expect(warnings).toEqual([
      'anthropic: a part of type tool_call in a message of role user cannot be sent, it is left out',
      'anthropic: a part of type tool_result in a message of role assistant cannot be sent, it is left out',
    ]);
  });
});

describe('blank messages on the Messages API', () => {
  const asks = 'give the model something to answer.';

  it.each<[string, Message[], string]>([
    ['of a user', [{ role: 'user', content: '' }], `messages[0].content is blank: ${asks}`],
    ['of no parts', [{ role: 'user', content: [] }], `messages[0].content is empty: ${asks}`],
    [
      'of a blank part',
      [{ role: 'user', content: [{ type: 'text', text: '\n' }] }],
      `messages[0].content[0] is blank: ${asks}`,
    ],
    [
      'at the end, as the API would go on with the reply before',
      [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hello' },
        { role: 'user', content: ' ' },
        { role: 'assistant', content: '' },
      ],
      `messages[2].content is blank: ${asks}`,
    ],
    [
      'of a part that cannot be sent',
      [{ role: 'user', content: [{ type: 'audio', data: 'AA', mediaType: 'audio/wav' }] }],
      `messages[0].content[0] of type audio cannot be sent: ${asks}`,
    ],
    [
      'of a result without a call, if there is nothing else',
      [tool(result('none'))],
      `messages[0].content[0] of type tool_result cannot be sent: ${asks}`,
    ],
    ['that are missing', [], `messages is empty: ${asks}`],
    [
      'with a system prompt',
      [{ role: 'system', content: 'Hi' }],
      `messages holds only system prompts: ${asks}`,
    ],
  ])('are an error that names the part if they come last: %s', (_name, messages, message) => {
    expect(() => messagesOf(messages)).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: `anthropic: ${message}` }),
    );
  });

  it('are left out if others follow', () => {
    const { body, warnings } = messagesOf([
      { role: 'user', content: '' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: [] },
      { role: 'user', content: 'Hi' },
      { role: 'user', content: '' },
    ]);
    expect(body['messages']).toEqual([
      { role: 'assistant', content: [{ type: 'text', text: 'Hello' }] },
      user('Hi'),
    ]);
    expect(warnings).toEqual([]);
  });

  it("are no error if the caller's own fields have the messages", () => {
    const messages = [user('Hi')];
    const { body } = built({ messages: [], parameters: { providerOptions: { anthropic: { messages } } } });
    expect(body['messages']).toEqual(messages);
  });
});

describe('the content of a reply goes back on the Messages API', () => {
  const thinking = { type: 'thinking', thinking: 'Hm.', signature: 'EqQB' };
  const search = { type: 'server_tool_use', id: 'srv', name: 'web_search', input: { query: 'x' } };
  const found = { type: 'web_search_tool_result', tool_use_id: 'srv', content: [] };
  const history = (from = originOf('anthropic', OLD, ADDRESS)): Message[] => [
    { role: 'user', content: 'Hi' },
    assistant(
      { type: 'thinking', text: 'Hm.', block: blockFrom(from, thinking) },
      { type: 'provider', block: blockFrom(from, search) },
      { type: 'provider', block: blockFrom(from, found) },
      call('a', { block: blockFrom(from, use('a', { caller: { type: 'code', tool_id: 'srv' } })) }),
    ),
    tool(result('a')),
  ];

  it('unchanged, to the same model at the same address', () => {
    const { body, warnings } = messagesOf(history());
    expect(at(body, 'messages', 1, 'content')).toEqual([
      thinking,
      search,
      found,
      use('a', { caller: { type: 'code', tool_id: 'srv' } }),
    ]);
    expect(warnings).toEqual([]);
  });

  it.each([
    ['model', originOf('anthropic', NEW, ADDRESS), `belongs to the model ${NEW}`],
    ['address', originOf('anthropic', OLD, 'https://h'), 'came from https://h'],
    ['wire', originOf('openai.responses', OLD, ADDRESS), 'belongs to openai.responses'],
  ])('but not to another %s: there is one warning, and the call becomes a plain one', (_what, from, why) => {
    const { body, warnings } = messagesOf(history(from));
    expect(body['messages']).toEqual([
      user('Hi'),
      { role: 'assistant', content: [use('a')] },
      { role: 'user', content: [answer('a')] },
    ]);
    expect(warnings).toEqual([`anthropic: a block that ${why} is left out`]);
  });

  it('with the calls that the provider ran, unchanged and never as calls of the client', () => {
    const run = (block: ProviderBlock | undefined, answered: ProviderBlock | undefined): Message[] => [
      { role: 'user', content: 'Hi' },
      assistant(
        call('srv', { providerExecuted: true, ...(block && { block }) }),
        result('srv', 'x', { providerExecuted: true, ...(answered && { block: answered }) }),
        { type: 'text', text: 'Found' },
      ),
      { role: 'user', content: 'And?' },
    ];
    const said = { type: 'text', text: 'Found' };
    const kept = messagesOf(run(own(search), own(found)));
    expect(at(kept.body, 'messages', 1, 'content')).toEqual([search, found, said]);
    expect(at(messagesOf(run(own(search), undefined)).body, 'messages', 1, 'content')).toEqual([
      search,
      said,
    ]);
    const foreign = { provider: 'openai.responses', data: {} };
    const other = messagesOf(run(foreign, foreign));
    expect(at(other.body, 'messages', 1, 'content')).toEqual([said]);
    expect(other.warnings).toEqual(['anthropic: a block that belongs to openai.responses is left out']);
    const bare = messagesOf(run(undefined, undefined));
    expect(at(bare.body, 'messages', 1, 'content')).toEqual([said]);
    expect(bare.warnings).toEqual([
      'anthropic: a call of add that a provider ran itself is left out: its block is missing',
    ]);
  });

  it('without files that the model made, except those with a block', () => {
    const file: Part = { type: 'file', mediaType: 'image/png', data: 'AAAA' };
    const upload = { type: 'container_upload', file_id: 'file_1' };
    const { body, warnings } = messagesOf([assistant(file, { ...file, block: own(upload) })]);
    expect(at(body, 'messages', 0, 'content')).toEqual([upload]);
    expect(warnings).toEqual([
      'anthropic: a part of type file in a message of role assistant cannot be sent, it is left out',
    ]);
  });

  it('with an object that holds the arguments if they could not be read', () => {
    const invalid = { raw: '{"x": 1', reason: 'the arguments are not valid JSON' };
    const block = own(use('a', { input: {}, caller: { type: 'x' } }));
    const { body } = messagesOf([
      assistant(call('a', { arguments: {}, invalid, block }), call('b', { arguments: {}, invalid })),
      tool(result('a', 'No'), result('b', 'No')),
    ]);
    expect(listAt(body, 'messages', 0, 'content').map((each) => at(each, 'input'))).toEqual([
      { invalid_json: invalid.raw },
      { invalid_json: invalid.raw },
    ]);
  });
});

describe('halves of surrogate pairs on the Messages API', () => {
  it('are in no text, result, argument or kept block that is sent', () => {
    const kept = { type: 'server_tool_use', id: 'srv', name: 'web_search', input: { query: 'q\ud83d' } };
    const { body } = messagesOf([
      { role: 'user', content: 'a\ud83d' },
      assistant({ type: 'provider', block: own(kept) }, call('i', { arguments: { ['k\ude00']: 'v\ud83d' } })),
      tool(result('i', 'r\ude00')),
    ]);
    expect(body['messages']).toEqual([
      user('a\ufffd'),
      {
        role: 'assistant',
        content: [{ ...kept, input: { query: 'q\ufffd' } }, use('i', { input: { ['k\ufffd']: 'v\ufffd' } })],
      },
      { role: 'user', content: [answer('i', { content: 'r\ufffd' })] },
    ]);
  });
});
