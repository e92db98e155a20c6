import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { Message, Part, SessionKey } from 'sluice';
import { wholeTurns } from '../../src/session/repair.ts';
import { Model, answers, failureOf, readAll, stop, texts } from '../core/harness.ts';
import { linesOf, repaired } from './stage.ts';

const user = (content: string): Message => ({ role: 'user', content });
const says = (...content: Part[]): Message => ({ role: 'assistant', content });
const text = (said: string): Part => ({ type: 'text', text: said });
const call = (id: string): Part => ({ type: 'tool_call', id, name: 'look', arguments: {} });
const results = (...ids: string[]): Message => ({
  role: 'tool',
  content: ids.map((id) => ({ type: 'tool_result', id, name: 'look', content: 'none' })),
});
const thinking = (said: string): Part => ({
  type: 'thinking',
  text: said,
  block: { provider: 'openai.responses', data: { type: 'reasoning', id: said } },
});
const block = (data: Record<string, unknown>): Part => ({
  type: 'provider',
  block: { provider: 'anthropic', data },
});

describe('a valid conversation', () => {
  const sound: Message[] = [
    { role: 'system', content: 'Be brief.' },
    user('hi'),
    says(thinking('t1'), call('a'), call('b')),
    results('b', 'a'),
    says(thinking('t2'), text('done'), thinking('t3'), call('c')),
    results('c'),
    { role: 'user', content: [text('and'), { type: 'image', url: 'https://example.com/a.png' }] },
    says(
      block({ type: 'server_tool_use', id: 's' }),
      block({ type: 'web_search_tool_result', tool_use_id: 's' }),
    ),
    { role: 'assistant', content: 'two in a row' },
  ];

  test('stays as it is, message by message', () => {
    const { messages, warning } = repaired(sound);
    expect(warning).toBeUndefined();
    expect(messages).toHaveLength(sound.length);
    messages.forEach((message, at) => expect(message).toBe(sound[at]));
  });

  test('may end with calls that the next messages answer, all or some of them', () => {
    const history = [user('hi'), says(call('a'), call('b'))];
    expect(repaired(history, { followedBy: [results('a', 'b')] })).toEqual({
      messages: history,
      warning: undefined,
    });
    expect(repaired(history, { lastReply: 'open' }).messages).toEqual(history);
    expect(repaired(history, { followedBy: [results('b')] })).toEqual({
      messages: [user('hi'), says(call('b'))],
      warning: 'The stored conversation was repaired: 1 tool call without its result left out.',
    });
  });
});

describe('R27 what no provider accepts is left out', () => {
  const cases: [string, Message[], Message[], string][] = [
    [
      'a call without a result at the end',
      [user('a'), says(text('x'), call('a'))],
      [user('a'), says(text('x'))],
      '1 tool call',
    ],
    [
      'a call without a result in the midst',
      [says(call('a')), user('b'), says(call('c')), results('c')],
      [user('b'), says(call('c')), results('c')],
      '1 tool call without its result',
    ],
    [
      'one of several calls',
      [says(call('a'), call('b')), results('a')],
      [says(call('a')), results('a')],
      '1 tool call',
    ],
    [
      'a result that comes too late',
      [says(call('a')), user('b'), results('a')],
      [user('b')],
      '1 tool call without its result, 1 tool result without its call',
    ],
    [
      'a result without a call',
      [user('a'), results('x'), says(text('b'))],
      [user('a'), says(text('b'))],
      '1 tool result',
    ],
    [
      'a second result of a call',
      [says(call('a')), results('a', 'a')],
      [says(call('a')), results('a')],
      '1 tool result',
    ],
    [
      'a second result in a second message',
      [says(call('a')), results('a'), results('a'), user('b')],
      [says(call('a')), results('a'), user('b')],
      '1 tool result',
    ],
    [
      'empty messages',
      [user(''), { role: 'assistant', content: [] }, user(' \n'), says(text('')), user('b')],
      [user('b')],
      '4 empty messages',
    ],
    [
      'a call of the provider’s own that was cut',
      [{ ...says(text('x'), block({ type: 'server_tool_use', id: 's' })), partial: true }, user('b')],
      [{ ...says(text('x')), partial: true }, user('b')],
      '1 tool call',
    ],
  ];
  test.each(cases)('%s', (_name, given, left, why) => {
    const { messages, warning } = repaired(given);
    expect(messages).toEqual(left);
    expect(warning).toContain(why);
    expect(repaired(messages)).toEqual({ messages, warning: undefined });
  });

  test('results may be in several messages, and in a user message', () => {
    const answer: Message = {
      role: 'user',
      content: [...(results('b').content as Part[]), text('and more')],
    };
    const history = [says(call('a'), call('b')), results('a'), answer];
    expect(repaired(history)).toEqual({ messages: history, warning: undefined });
  });

  test('the result of a server tool may be in the reply that continues after a pause', () => {
    const history = [
      user('a'),
      says(block({ type: 'server_tool_use', id: 's' })),
      says(block({ type: 'web_search_tool_result', tool_use_id: 's' }), text('b')),
    ];
    expect(repaired(history)).toEqual({ messages: history, warning: undefined });
    const paused = history.slice(0, 2);
    expect(repaired(paused, { lastReply: 'paused' }).messages).toEqual(paused);
    expect(repaired([...paused, user('b')]).messages).toEqual([user('a'), user('b')]);
  });

  test('a provider program that waits for a client tool stays together with its call', () => {
    const server = { type: 'server_tool_use', id: 's', name: 'code_execution', input: {} };
    const caller = { type: 'code_execution_20260120', tool_id: 's' };
    const program: Part = {
      ...{ type: 'tool_call', id: 's', name: 'code_execution', arguments: {}, providerExecuted: true },
      block: { provider: 'anthropic', data: server },
    };
    const asked: Part = {
      ...{ type: 'tool_call', id: 'a', name: 'look', arguments: {} },
      block: { provider: 'anthropic', data: { type: 'tool_use', caller } },
    };
    const done = block({ type: 'code_execution_tool_result', tool_use_id: 's' });
    const history = [user('x'), says(program, asked), results('a'), says(done, text('y'))];
    expect(repaired(history)).toEqual({ messages: history, warning: undefined });
    const waiting = history.slice(0, 2);
    expect(repaired(waiting, { followedBy: [results('a')] }).messages).toEqual(waiting);
    expect(repaired(waiting, { lastReply: 'open' }).messages).toEqual(waiting);
    expect(repaired(waiting, { followedBy: [user('z')] }).messages).toEqual([user('x')]);
  });
});

describe('R29 reasoning is left out together with the call that it led to', () => {
  const cases: [string, Part[], Part[]][] = [
    ['its only call', [thinking('t'), call('x')], []],
    ['all of its calls', [text('a'), thinking('t'), call('x'), call('y')], [text('a')]],
    ['one of its calls', [thinking('t'), call('x'), call('a')], [thinking('t'), call('a')]],
    ['its own alone', [thinking('t1'), call('a'), thinking('t2'), call('x')], [thinking('t1'), call('a')]],
    ['not that which led to text', [thinking('t'), text('b'), call('x')], [thinking('t'), text('b')]],
    ['several thoughts in a row', [thinking('t1'), thinking('t2'), call('x'), text('b')], [text('b')]],
    ['thinking with nothing behind it', [text('b'), thinking('t')], [text('b')]],
  ];
  test.each(cases)('%s', (_name, parts, left) => {
    const { messages } = repaired([says(...parts)], { followedBy: [results('a')] });
    expect(messages).toEqual(left.length === 0 ? [] : [says(...left)]);
  });
});

describe('the newest messages are cut to whole turns', () => {
  const cases: [string, Message[], number][] = [
    ['from the first message of the user', [says(text('a')), user('b'), says(text('c'))], 1],
    [
      'not from one that only answers a tool',
      [{ ...results('a'), role: 'user' }, says(text('b')), user('c')],
      2,
    ],
    [
      'from the first message that is not a tool result, if the user says nothing',
      [results('a'), says(call('b')), results('b')],
      1,
    ],
    ['none where there are only results', [results('a'), results('b')], 2],
    ['nothing of nothing', [], 0],
  ];
  test.each(cases)('%s', (_name, messages, from) => {
    expect(wholeTurns(messages)).toEqual(messages.slice(from));
  });
});

describe('in a turn', () => {
  /** A session as an older writer may have left it. */
  async function broken(...messages: Message[]): Promise<MemoryStore> {
    const store = new MemoryStore();
    await store.append(
      's',
      messages.map((message) => ({ message })),
      { expectedVersion: 0, turnId: 'old' },
    );
    return store;
  }
  async function ask(
    store: MemoryStore,
    input: Message | [] = user('next'),
    key: SessionKey = 's',
  ): ReturnType<typeof asked> {
    return asked(store, input, key);
  }
  async function asked(
    store: MemoryStore,
    input: Message | [],
    key: SessionKey,
  ): Promise<{ sent: readonly Message[]; warnings: string[] }> {
    const { middleware, calls } = answers([texts('ok'), stop()]);
    const { warnings } = await new Pipeline([middleware], { store }).executeWithContext(key, input);
    return { sent: calls[0]?.request.messages ?? [], warnings };
  }

  test('R27 a broken session of an older writer is repaired when it is sent, with a warning, and stays stored as it is', async () => {
    const store = await broken(user('a'), says(text('I look. '), call('x')), user('b'), results('y'));
    const { sent, warnings } = await ask(store);
    expect(sent).toEqual([user('a'), says(text('I look. ')), user('b'), user('next')]);
    expect(warnings).toEqual([
      'The stored conversation was repaired: 1 tool call without its result, 1 tool result without its call left out.',
    ]);
    expect((await store.load('s'))?.messages.slice(0, 4)).toHaveLength(4);
  });

  test('R28 thinking is sent back byte for byte', async () => {
    const data = { type: 'thinking', thinking: 'Hm.', signature: 'c2ln/+==', extra: [1, { z: 1, a: 2 }] };
    const block = { provider: 'anthropic', data };
    const store = new MemoryStore();
    const { middleware, calls } = answers(
      [
        [
          { type: 'thinking', content: 'Hm.' },
          { type: 'thinking', content: '', block },
        ],
        [{ type: 'tool_call', id: 'a', name: 'look', arguments: { b: 1, a: 2 } }],
        stop({ finishReason: 'tool_calls' }),
      ],
      [texts('done'), stop()],
    );
    const pipeline = new Pipeline([middleware], { store });
    await pipeline.executeWithContext('s', 'user', 'hi');
    const { warnings } = await pipeline.executeWithContext('s', results('a'));
    const sent = calls[1]?.request.messages ?? [];
    expect(sent.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
    expect(JSON.stringify(sent[1]?.content)).toBe(
      JSON.stringify([
        { type: 'thinking', text: 'Hm.', block },
        { type: 'tool_call', id: 'a', name: 'look', arguments: { b: 1, a: 2 } },
      ]),
    );
    expect(warnings).toEqual([]);
  });

  test('R27 a finished call that the user does not answer is left out of what is sent', async () => {
    const { sent, warnings } = await ask(await broken(user('a'), says(text('I look. '), call('x'))));
    expect(sent).toEqual([user('a'), says(text('I look. ')), user('next')]);
    expect(warnings).toHaveLength(1);
  });

  test('R27 an interrupted reply is stored with its finished rounds of tools, and without dangling calls', async () => {
    const store = new MemoryStore();
    const model = new Model().give(
      texts('one '),
      [
        { type: 'thinking', content: 'a' },
        { type: 'tool_call', id: 'a', name: 'look', arguments: {} },
      ],
      [{ type: 'tool_result', id: 'a', name: 'look', content: 'none', isError: false }],
      texts('two '),
      [
        { type: 'thinking', content: 'b' },
        { type: 'tool_call', id: 'b', name: 'look', arguments: {} },
      ],
      new Error('cut'),
    );
    await readAll(new Pipeline([model.middleware], { store }).executeStreamWithContext('s', 'user', 'hi'));
    const stored = (await store.load('s'))?.messages ?? [];
    expect(stored.slice(1)).toEqual([
      {
        role: 'assistant',
        content: [text('one '), { type: 'thinking', text: 'a' }, call('a')],
      },
      results('a'),
      { role: 'assistant', content: [text('two ')], partial: true },
    ]);
    expect(repaired(stored).warning).toBeUndefined();
  });

  test('[] runs the stored conversation again, up to the message to answer', async () => {
    const store = await broken(user('a'), says(text('b')), user('c'), says(text('d')), {
      ...says(text('e')),
      partial: true,
    });
    const { sent } = await ask(store, []);
    expect(sent).toEqual([user('a'), says(text('b')), user('c')]);
    expect(await linesOf(store)).toEqual(['user: a', 'assistant: b', 'user: c', 'assistant: ok']);
    const [old] = await store.branches('s');
    expect((await store.load('s', { leaf: old?.id }))?.messages.at(-1)).toMatchObject({ partial: true });
  });

  test('[] continues after tool results, and without a warning if the last reply called a tool', async () => {
    const tools = [user('a'), says(call('x')), results('x')];
    expect(await ask(await broken(...tools), [])).toEqual({ sent: tools, warnings: [] });
    expect(await ask(await broken(user('a'), says(call('x'))), [])).toEqual({
      sent: [user('a')],
      warnings: [],
    });
  });

  test('[] sends a reply back only if the provider has paused it', async () => {
    const store = new MemoryStore();
    const chunk = {
      type: 'content',
      content: '',
      block: { provider: 'anthropic', data: { type: 'server_tool_use', id: 's' } },
    } as const;
    const { middleware, calls } = answers(
      [texts('I search. '), [chunk], stop({ finishReason: 'pause' })],
      [texts('found'), stop()],
      [texts('again'), stop()],
    );
    const pipeline = new Pipeline([middleware], { store });
    await pipeline.executeWithContext('s', 'user', 'hi');
    await pipeline.executeWithContext('s', []);
    expect(calls[1]?.request.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
    expect(calls[1]?.request.messages[1]?.content).toEqual([
      text('I search. '),
      { type: 'provider', block: chunk.block },
    ]);
    await pipeline.executeWithContext('s', []);
    expect(calls[2]?.request.messages).toEqual([user('hi')]);
    expect((await store.load('s'))?.metadata).toEqual({});
  });

  test('[] sends a paused reply back again if the provider failed before it said anything', async () => {
    const store = new MemoryStore();
    const { middleware, calls } = answers(
      [texts('I search. '), stop({ finishReason: 'pause' })],
      [new SluiceError('server', 'down')],
      [texts('found'), stop()],
    );
    const pipeline = new Pipeline([middleware], { store });
    await pipeline.executeWithContext('s', 'user', 'hi');
    await failureOf(pipeline.executeWithContext('s', []));
    await pipeline.executeWithContext('s', []);
    const roles = calls.map(({ request }) => request.messages.map(({ role }) => role));
    expect(roles).toEqual([['user'], ['user', 'assistant'], ['user', 'assistant']]);
  });
});
