import { describe, expect, it } from 'vitest';

import { pairedCalls, type IdRule } from '../../../../providers/wire/index.ts';
import type { Message, Part, ToolDefinition } from '../../../../src/index.ts';

const CLEAN: IdRule = { maxLength: 20, forbidden: /[^a-zA-Z0-9_-]/g };

const call = (id: string, name = 'add'): Part => ({ type: 'tool_call', id, name, arguments: {} });
const result = (id: string, content = '1', name = 'add'): Part => ({
  type: 'tool_result',
  id,
  name,
  content,
});
const assistant = (...content: Part[]): Message => ({ role: 'assistant', content });
const tool = (...content: Part[]): Message => ({ role: 'tool', content });

function paired(messages: Message[], rule = CLEAN, hasEarlier = false, tools: ToolDefinition[] = []) {
  const warnings: string[] = [];
  const sent = pairedCalls(messages, {
    tools,
    rule,
    serverId: () => undefined,
    ownId: (part) => (part.type === 'provider' ? String(part.block.data) : undefined),
    hasEarlier,
    unsupported: (message) => warnings.push(message),
  });
  return { sent, warnings };
}

/** The ids of calls and results in order, a list for each message. */
function idsOf(messages: readonly Message[]): string[][] {
  return messages.map(({ content }) =>
    typeof content === 'string' ? [] : content.flatMap((part) => ('id' in part && part.id ? [part.id] : [])),
  );
}

describe('R51 the calls of a conversation and their results in a request', () => {
  it('are paired in a message that holds other parts, too', () => {
    const thought: Part = { type: 'text', text: 'Let me look.' };
    const messages = [assistant(thought, call('a.b')), tool(result('a.b'), thought)];
    expect(idsOf(paired(messages).sent)).toEqual([['a_b'], ['a_b']]);
  });

  it('stay the same objects if nothing is wrong', () => {
    const messages: Message[] = [
      { role: 'user', content: 'Hi' },
      assistant(call('a'), call('b')),
      tool(result('b'), result('a')),
    ];
    expect(paired(messages)).toEqual({ sent: messages, warnings: [] });
    expect(paired(messages).sent).toBe(messages);
    const changed = paired([...messages, assistant(call('f:1')), tool(result('f:1'))]).sent;
    expect(changed.slice(0, 3).every((message, at) => message === messages[at])).toBe(true);
  });

  it('get valid ids, the same in call and result, which stay unique', () => {
    const { sent, warnings } = paired([
      assistant(call('f:1'), call('f.1'), call('x'.repeat(30)), call(`${'x'.repeat(30)}y`), call('')),
      tool(result('f.1'), result('f:1'), result(`${'x'.repeat(30)}y`), result('x'.repeat(30)), result('')),
    ]);
    const [calls = [], results = []] = idsOf(sent);
    expect([calls[0], calls[4]]).toEqual(['f_1', 'call']);
    expect(new Set(calls).size).toBe(5);
    for (const id of calls) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,20}$/);
    expect(results).toEqual([calls[1], calls[0], calls[3], calls[2], calls[4]]);
    expect(warnings).toEqual([]);
  });

  it('get another id if one comes again, in a later turn or in the same reply', () => {
    const turn = [assistant(call('call_0')), tool(result('call_0'))];
    const { sent } = paired([
      ...turn,
      ...turn,
      assistant(call('n'), call('n')),
      tool(result('n'), result('n')),
    ]);
    const ids = idsOf(sent);
    expect(ids[0]).toEqual(['call_0']);
    expect(ids[1]).toEqual(['call_0']);
    expect(ids[2]).toEqual([expect.stringMatching(/^call_0_[0-9a-f]{8}$/)]);
    expect(ids[3]).toEqual(ids[2]);
    expect(ids[4]).toEqual(['n', expect.stringMatching(/^n_[0-9a-f]{8}$/)]);
    expect(ids[5]).toEqual(ids[4]);
  });

  it('are matched by the tool if one reply has an id twice', () => {
    const { sent } = paired([
      assistant(call('n', 'add'), call('n', 'now')),
      tool(result('n', 'noon', 'now'), result('n', '2', 'add')),
    ]);
    const [calls = [], results = []] = idsOf(sent);
    expect(results).toEqual([calls[1], calls[0]]);
  });

  it('keep their ids when the conversation goes on', () => {
    const nasty = ['f:1', 'f.1', 'call_0', 'call_0', 'x'.repeat(50), 'f_1', 'f:1', '\ud800', '\udbff'];
    const messages = nasty.flatMap((id) => [assistant(call(id)), tool(result(id))]);
    const whole = idsOf(paired(messages).sent);
    for (let length = 2; length <= messages.length; length += 2) {
      expect(idsOf(paired(messages.slice(0, length)).sent)).toEqual(whole.slice(0, length));
    }
    expect(new Set(whole.flat()).size).toBe(nasty.length);
  });

  it('have exactly nine letters and digits if the API requires that', () => {
    const rule: IdRule = { maxLength: 9, exact: true };
    const ids = ['aBc123xYz', 'call_abc', 'aBc123xYz', 'é23456789'];
    const { sent } = paired(
      ids.flatMap((id) => [assistant(call(id)), tool(result(id))]),
      rule,
    );
    const named = idsOf(sent);
    expect(named[0]).toEqual(['aBc123xYz']);
    for (const [id] of named) expect(id).toMatch(/^[a-zA-Z0-9]{9}$/);
    expect(new Set(named.flat()).size).toBe(4);
  });

  it('keep an id that holds data of the server, however long it is', () => {
    const id = `call_1__thought__${'A+/='.repeat(200)}`;
    const messages = [assistant(call(id)), tool(result(id))];
    const rule: IdRule = { maxLength: 40, carriesData: /__thought__/ };
    expect(paired(messages, rule).sent).toBe(messages);
    expect(idsOf(paired(messages, { maxLength: 40 }).sent)[0]?.[0]).toHaveLength(40);
  });

  it('do not take the ids of blocks that go back unchanged', () => {
    const kept: Part = { type: 'provider', block: { provider: 'w', data: 'srv' } };
    const { sent } = paired([assistant(kept, call('srv')), tool(result('srv'))]);
    const ids = idsOf(sent);
    expect(ids[0]).toEqual([expect.stringMatching(/^srv_[0-9a-f]{8}$/)]);
    expect(ids[1]).toEqual(ids[0]);
  });

  it('include no result without a call', () => {
    const { sent, warnings } = paired([
      { role: 'user', content: 'Hi' },
      tool(result('a')),
      { role: 'user', content: [result('b'), { type: 'text', text: 'Well?' }] },
    ]);
    expect(sent).toEqual([
      { role: 'user', content: 'Hi' },
      { role: 'tool', content: [] },
      { role: 'user', content: [{ type: 'text', text: 'Well?' }] },
    ]);
    expect(warnings).toEqual([
      'a result of the tool add answers no call, it is left out',
      'a result of the tool add answers no call, it is left out',
    ]);
  });

  it('include no second result of a call', () => {
    const { sent, warnings } = paired([
      assistant(call('a')),
      tool(result('a', 'first')),
      tool(result('a', 'second')),
      assistant({ type: 'text', text: 'Done' }),
      { role: 'user', content: [result('a', 'third')] },
    ]);
    expect(sent.map(({ content }) => content)).toEqual([
      [call('a')],
      [result('a', 'first')],
      [],
      [{ type: 'text', text: 'Done' }],
      [],
    ]);
    expect(warnings).toEqual([
      'a call of the tool add already has a result, another one is left out',
      'a call of the tool add already has a result, another one is left out',
    ]);
  });

  it('include no result that comes after the next reply, and not its call', () => {
    const { sent, warnings } = paired([
      assistant(call('a'), call('b')),
      tool(result('a')),
      assistant({ type: 'text', text: 'Hm' }),
      tool(result('b')),
    ]);
    expect(idsOf(sent)).toEqual([['a'], ['a'], [], []]);
    expect(warnings).toEqual([
      'a result of the tool add comes after the next reply, it is left out with its call',
    ]);
  });

  it('include no thinking that led only to a call which is left out', () => {
    const thinking: Part = { type: 'thinking', text: 'hm' };
    const done = assistant({ type: 'text', text: 'Done' });
    const { sent } = paired([
      assistant({ type: 'text', text: 'Let me see' }, thinking, call('a')),
      { role: 'user', content: 'Well?' },
      assistant(thinking, call('b'), call('c')),
      tool(result('c')),
      done,
      tool(result('a'), result('b')),
    ]);
    expect(sent.map(({ content }) => content)).toEqual([
      [{ type: 'text', text: 'Let me see' }],
      'Well?',
      [thinking, call('c')],
      [result('c')],
      done.content,
      [],
    ]);
  });

  it('match the latest reply with calls, and an earlier one only for late results', () => {
    const { sent, warnings } = paired([
      assistant(call('a')),
      { role: 'user', content: 'Well?' },
      assistant(call('a')),
      tool(result('a', 'new'), result('a', 'old'), result('a', 'again')),
    ]);
    expect(idsOf(sent)).toEqual([[], [], [expect.stringMatching(/^a_/)], [expect.stringMatching(/^a_/)]]);
    expect(sent[3]?.content).toMatchObject([{ content: 'new' }]);
    expect(warnings).toEqual([
      'a result of the tool add comes after the next reply, it is left out with its call',
      'a call of the tool add already has a result, another one is left out',
    ]);
  });

  it('include results after a message of the user, and of calls that were stored one in each message', () => {
    const messages: Message[] = [
      assistant(call('a')),
      assistant(call('b')),
      { role: 'user', content: 'Quick!' },
      { role: 'system', content: 'Be brief' },
      tool(result('a'), result('b')),
    ];
    expect(paired(messages)).toEqual({ sent: messages, warnings: [] });
  });

  it('include a result whose call only the server knows', () => {
    const messages = [tool(result('a'))];
    expect(paired(messages, CLEAN, true)).toEqual({ sent: messages, warnings: [] });
    const twice = [assistant(call('b')), tool(result('b'), result('b'))];
    expect(paired(twice, CLEAN, true).warnings).toHaveLength(1);
  });

  it('are never changed if a provider ran them itself', () => {
    const messages: Message[] = [
      assistant(
        { type: 'tool_call', id: 'srv:1', name: 'search', arguments: {}, providerExecuted: true },
        { type: 'tool_result', id: 'srv:1', name: 'search', content: 'x', providerExecuted: true },
        { type: 'text', text: 'Found' },
      ),
    ];
    expect(paired(messages)).toEqual({ sent: messages, warnings: [] });
  });

  it('cost time in proportion to the conversation', () => {
    const messages = Array.from({ length: 20_000 }, () => [
      assistant(call('call_0')),
      tool(result('call_0')),
    ]).flat();
    const { sent } = paired(messages);
    expect(new Set(idsOf(sent).flat()).size).toBe(20_000);
  });
});

describe('R52 the name of a called tool', () => {
  const named = (name: string, tools: ToolDefinition[] = []): unknown => {
    const { sent } = paired([assistant(call('a', name)), tool(result('a', '1', name))], CLEAN, false, tools);
    const [part] = sent[0]?.content ?? [];
    return typeof part === 'object' && part.type === 'tool_call' ? part.name : undefined;
  };

  it.each([
    ['multi_tool_use.parallel', 'multi_tool_use_parallel'],
    ['get weather?', 'get_weather_'],
    ['', 'unknown'],
    ['x'.repeat(65), 'x'.repeat(64)],
    ['get-weather_2', 'get-weather_2'],
  ])('is changed if no API takes it: %j', (name, sent) => {
    expect(named(name)).toBe(sent);
  });

  it('stays if the request offers it: some servers take other names', () => {
    expect(named('fs.read', [{ name: 'fs.read', parameters: { type: 'object' } }])).toBe('fs.read');
  });
});
