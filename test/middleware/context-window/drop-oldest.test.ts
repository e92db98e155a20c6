import { Pipeline, type Message, type Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import { retry, system as systemPrompt } from 'sluice/middleware';
import { contextWindow } from 'sluice/middleware/context-window';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { assistant, call, chat, pad, result, run, short, system, tool, user, weight } from './support.ts';

describe('drop-oldest', () => {
  test('a request that fits is passed on unchanged', async () => {
    const messages = chat(3);
    const { sent, cuts, model } = await run(messages, { maxTokens: weight(messages) });
    expect(sent).toEqual(messages.map(short));
    expect(model.requests[0]?.messages).toEqual(messages);
    expect(cuts).toEqual([]);
  });

  test('leaves out whole turns, the oldest first, and as few as possible', async () => {
    const messages = chat(3);
    const total = weight(messages);
    expect((await run(messages, { maxTokens: total - 1 })).sent).toEqual([
      'u:u2',
      'a:a2',
      'u:u3',
      'a:a3',
      'u:u',
    ]);
    expect((await run(messages, { maxTokens: total - 48 })).sent[0]).toBe('u:u2');
    expect((await run(messages, { maxTokens: total - 49 })).sent[0]).toBe('u:u3');
    expect((await run(messages, { maxTokens: 24 })).sent).toEqual(['u:u']);
  });

  test('says what was left out, and what counted', async () => {
    const {
      cuts,
      result: { id },
    } = await run(chat(3), { maxTokens: 130, reserveForOutput: 10 });
    expect(cuts).toEqual([
      {
        executionId: id,
        counter: 'heuristic',
        tokens: 120,
        limit: 120,
        keptTurns: 3,
        droppedTurns: 1,
        droppedRounds: 0,
        summary: 'none',
      },
    ]);
  });

  test('reserveForOutput is subtracted from maxTokens', async () => {
    const messages = chat(3);
    const total = weight(messages);
    expect((await run(messages, { maxTokens: total + 50, reserveForOutput: 50 })).cuts).toEqual([]);
    expect((await run(messages, { maxTokens: total + 50, reserveForOutput: 51 })).cuts).toHaveLength(1);
  });

  test('tools and the schema of the answer are counted', async () => {
    const messages = chat(3);
    const tools = [{ name: 'look_up', parameters: { type: 'object' } }];
    const schema = { type: 'object', properties: {} };
    const maxTokens = weight(messages);
    expect((await run(messages, { maxTokens }, 'ok', { execution: { tools } })).cuts).toHaveLength(1);
    const responseFormat = { type: 'json_schema', name: 'a', schema } as const;
    expect((await run(messages, { maxTokens }, 'ok', { execution: { responseFormat } })).cuts).toHaveLength(
      1,
    );
  });

  test('maxMessages does not count system messages, and keeps the newest turn whole', async () => {
    const messages = [system('S'), ...chat(3)];
    expect((await run(messages, { maxTokens: 9_999, maxMessages: 7 })).cuts).toEqual([]);
    expect((await run(messages, { maxTokens: 9_999, maxMessages: 6 })).sent).toEqual([
      's:S',
      'u:u2',
      'a:a2',
      'u:u3',
      'a:a3',
      'u:u',
    ]);
    const rounds = [
      user('go'),
      ...[1, 2, 3].flatMap((n) => [assistant([call(`${n}`)]), tool(result(`${n}`))]),
    ];
    expect(
      (await run([...chat(1).slice(0, 2), ...rounds], { maxTokens: 9_999, maxMessages: 2 })).sent,
    ).toEqual(rounds.map(short));
  });

  test('a tool call is never separated from its result: parallel calls, several rounds in one turn', async () => {
    const messages = [
      user(pad('weather?')),
      assistant([call('a'), call('b')]),
      tool(result('b')),
      tool(result('a')),
      assistant([{ type: 'text', text: 'more' }, call('c')]),
      tool(result('c', pad('c'))),
      assistant(pad('it rains')),
      user(pad('and now?')),
      assistant([call('d')]),
      tool(result('d')),
    ];
    const newest = messages.slice(7);
    expect((await run(messages, { maxTokens: weight(messages) - 1 })).sent).toEqual(newest.map(short));
    expect((await run(messages, { maxTokens: weight(newest) })).sent).toEqual(newest.map(short));
    await expect(run(messages, { maxTokens: weight(newest) - 1 })).rejects.toMatchObject({
      code: 'context_length',
    });
  });

  test('a message of the user between a call and its result does not start a turn', async () => {
    const messages = [
      ...chat(1),
      assistant([call('slow')]),
      user('still there?'),
      tool(result('slow')),
      assistant(pad('done')),
      user('thanks'),
    ];
    // There would be room for everything from that message on.
    const { sent } = await run(messages, { maxTokens: weight(messages.slice(-4)) });
    expect(sent).toEqual(['u:thanks']);
  });

  test('if ids occur again in each turn, a result belongs to the newest call', async () => {
    const turn = [user(pad('go')), assistant([call('call_1')]), tool(result('call_1')), assistant('done')];
    const messages = [...turn, ...turn, user('bye')];
    const {
      sent,
      result: { warnings },
    } = await run(messages, { maxTokens: weight(turn) + 10 });
    expect(sent).toEqual(['u:go', 'a:tool_call(call_1)', 't:tool_result(call_1)', 'a:done', 'u:bye']);
    expect(warnings).toEqual([]);
  });

  test('a call without a result does not take the result of a later call with the same id', async () => {
    const messages = [
      user('go'),
      assistant([{ type: 'text', text: 'I try' }, call('call_1')]),
      user('again'),
      assistant([call('call_1')]),
      tool(result('call_1')),
    ];
    const { sent } = await run(messages, { maxTokens: 999 });
    expect(sent).toEqual(['u:go', 'a:text', 'u:again', 'a:tool_call(call_1)', 't:tool_result(call_1)']);
  });

  test('messages of the user in a row are one turn: a document stays with its question', async () => {
    const messages = [...chat(1).slice(0, 2), user(pad('the document')), user(pad('the question'))];
    expect((await run(messages, { maxTokens: 50 })).sent).toEqual(['u:the document', 'u:the question']);
    await expect(run(messages, { maxTokens: 40 })).rejects.toMatchObject({ code: 'context_length' });
  });

  test('all system messages are kept in their order', async () => {
    const messages = [
      system('one'),
      ...chat(1).slice(0, 2),
      system('two'),
      ...chat(1).slice(0, 2),
      system('three'),
      user('now'),
    ];
    const { sent } = await run(messages, { maxTokens: 40 });
    expect(sent).toEqual(['s:one', 's:two', 's:three', 'u:now']);
  });

  test('a system message that comes with every turn is sent once for the turns that are left out', async () => {
    const turn = (name: string): Message[] => [system('be brief'), user(pad(name)), assistant(pad(name))];
    const messages = [
      ...turn('1'),
      ...turn('2'),
      ...turn('3'),
      ...turn('4'),
      system('be brief'),
      user('now'),
    ];
    const { sent } = await run(messages, { maxTokens: 100 });
    expect(sent).toEqual(['s:be brief', 's:be brief', 'u:4', 'a:4', 's:be brief', 'u:now']);
    // The order in which the last ones of their kind stand is kept.
    const changing = [system('a'), ...chat(1), system('b'), ...chat(1), system('a'), ...chat(1), user('now')];
    const { sent: changed } = await run(changing, { maxTokens: 60 });
    expect(changed.filter((one) => one.startsWith('s:'))).toEqual(['s:b', 's:a']);
  });

  test('messages before the first message of the user are left out first', async () => {
    const messages = [assistant(pad('Welcome!')), ...chat(1)];
    const { sent } = await run(messages, { maxTokens: 80 });
    expect(sent).toEqual(['u:u1', 'a:a1', 'u:u']);
  });

  test('an image does not count by its bytes', async () => {
    const data = 'A'.repeat(4_000_000);
    const picture = user([
      { type: 'text', text: 'see' },
      { type: 'image', data, mediaType: 'image/png' },
    ]);
    const messages = [...chat(2).slice(0, 4), picture];
    expect((await run(messages, { maxTokens: 1_005 + 48 })).sent).toEqual(['u:u2', 'a:a2', 'u:text+image']);
    expect((await run(messages, { maxTokens: 1_005 + 47 })).sent).toEqual(['u:text+image']);
    await expect(run(messages, { maxTokens: 1_004 })).rejects.toMatchObject({ code: 'context_length' });
  });

  test('the newest turn alone does not fit: an error with the counts, not retryable, without a call', async () => {
    const model = scripted('ok');
    const window = contextWindow({
      maxTokens: 60,
      reserveForOutput: 20,
      strategy: 'drop-oldest',
      counter: 'heuristic',
    });
    const pipeline = new Pipeline([retry({ backoff: constant(0) }), window, provider(model)]);
    const error = await pipeline
      .execute([system('Be brief.'), ...chat(1), assistant('secret'), user(pad('u2') + pad('u3'))])
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'context_length', retryable: false });
    expect(error).toHaveProperty(
      'message',
      'contextWindow: the newest turn alone (51 tokens with the system prompt and tools, 1 message, counted by heuristic) ' +
        'does not fit the window (40 tokens).',
    );
    expect(model.calls).toEqual([]);
  });

  test('a system prompt that alone is too long is the same error', async () => {
    await expect(run([system(pad('s')), user('Hi')], { maxTokens: 20 })).rejects.toMatchObject({
      code: 'context_length',
    });
    await expect(run([system(pad('s'))], { maxTokens: 20 })).rejects.toMatchObject({
      code: 'context_length',
    });
    expect((await run([system(pad('s'))], { maxTokens: 24 })).sent).toEqual(['s:s']);
  });
});

describe('a broken history', () => {
  test('calls without a result and results without a call are left out, with a warning', async () => {
    const messages = [
      tool(result('lost')),
      user('go'),
      assistant([{ type: 'thinking', text: 'hm' }, call('open')]),
      assistant([{ type: 'text', text: 'I look' }, call('a'), call('open-too')]),
      tool(result('a'), result('a')),
      user('bye'),
    ];
    const {
      sent,
      result: { warnings },
    } = await run(messages, { maxTokens: 9_999 });
    expect(sent).toEqual(['u:go', 'a:text+tool_call(a)', 't:tool_result(a)', 'u:bye']);
    expect(warnings).toEqual([
      'contextWindow: 4 tool calls without a result, or results without a call, were left out.',
    ]);
  });
});

describe('fail', () => {
  test('is an error with the counts; a conversation that fits is sent', async () => {
    const messages = [system('S'), ...chat(3)];
    expect((await run(messages, { maxTokens: 999, strategy: 'fail' })).cuts).toEqual([]);
    const error = await run(messages, {
      maxTokens: 100,
      maxMessages: 20,
      strategy: 'fail',
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'context_length', retryable: false });
    expect(error).toHaveProperty(
      'message',
      'contextWindow: the conversation (173 tokens with the system prompt and tools, 7 messages, counted by heuristic) ' +
        'does not fit the window (100 tokens and 20 messages).',
    );
    await expect(run(messages, { maxTokens: 999, maxMessages: 6, strategy: 'fail' })).rejects.toMatchObject({
      code: 'context_length',
    });
  });
});

describe('a strategy of your own', () => {
  test('gets whole turns, and can count tokens', async () => {
    const counts: number[] = [];
    const messages = [system('S'), ...chat(3)];
    const { sent, cuts } = await run(messages, {
      maxTokens: 100,
      strategy: async ({ messages: all, turns, limit, count }) => {
        expect([all.length, turns.length, limit]).toEqual([8, 4, 100]);
        counts.push(await count(turns.flat()));
        return [...(turns[0] ?? []), ...(turns.at(-1) ?? [])];
      },
    });
    expect(sent).toEqual(['u:u1', 'a:a1', 'u:u']);
    expect(counts).toEqual([168]);
    expect(cuts).toMatchObject([{ keptTurns: 2, droppedTurns: 2, tokens: 72, summary: 'none' }]);
  });

  test('is used even if it keeps all turns', async () => {
    const { sent } = await run([system(pad('long')), user('Hi')], {
      maxTokens: 10,
      strategy: ({ turns }) => turns.flat(),
    });
    expect(sent).toEqual(['u:Hi']);
  });

  test('is not called if everything fits', async () => {
    const strategy = (): Message[] => {
      throw new Error('asked');
    };
    expect((await run(chat(3), { maxTokens: 999, strategy })).cuts).toEqual([]);
  });

  test.each<[string, (messages: readonly Message[]) => unknown, object]>([
    ['too much', (messages) => messages, { code: 'context_length' }],
    ['a call without its result', () => [user('a'), assistant([call('x')])], { code: 'middleware' }],
    ['nothing', () => [], { code: 'middleware', message: expect.stringContaining('returned no message') }],
    ['no array', () => 'text', { code: 'middleware', middleware: 'contextWindow' }],
    ['no messages', () => [{ role: 'nobody', content: 'x' }], { code: 'middleware' }],
  ])('fails the execution with %s', async (_, make, error) => {
    const strategy = ({ messages }: { messages: readonly Message[] }): never => make(messages) as never;
    await expect(run(chat(3), { maxTokens: 100, strategy })).rejects.toMatchObject(error);
  });
});

describe('its place in the stack', () => {
  test('counts the text of a system() outside it', async () => {
    const messages = chat(3);
    const { sent } = await run(messages, { maxTokens: weight(messages) }, 'ok', {
      above: [systemPrompt('Be brief.')],
    });
    expect(sent).toEqual(['s:Be brief', 'u:u2', 'a:a2', 'u:u3', 'a:a3', 'u:u']);
  });

  test('a second one changes nothing', async () => {
    const window = (): ReturnType<typeof contextWindow> =>
      contextWindow({ maxTokens: 100, strategy: 'drop-oldest', counter: 'heuristic' });
    const model = scripted('ok');
    await new Pipeline([window(), window(), provider(model)]).execute(chat(3));
    expect(model.requests[0]?.messages.map(short)).toEqual(['u:u3', 'a:a3', 'u:u']);
  });

  test('the stored session is never shortened', async () => {
    const model = scripted(pad('answer'), { repeat: true });
    const window = contextWindow({ maxTokens: 80, strategy: 'drop-oldest', counter: 'heuristic' });
    const loaded: number[] = [];
    const look: Middleware = function look(context, next) {
      loaded.push(context.request.messages.length);
      return next();
    };
    const pipeline = new Pipeline([look, window, provider(model)]);
    for (const question of ['1', '2', '3', '4'])
      await pipeline.executeWithContext('s', 'user', pad(question));
    expect(loaded).toEqual([1, 3, 5, 7]);
    expect(model.requests.map(({ messages }) => messages.length)).toEqual([1, 3, 3, 3]);
  });

  test('what onCut throws becomes a warning', async () => {
    const onCut = (): never => {
      throw new TypeError('x');
    };
    const {
      result: { warnings },
    } = await run(chat(3), { maxTokens: 100, onCut });
    expect(warnings).toEqual(['contextWindow: onCut threw TypeError.']);
  });
});

describe('options', () => {
  test.each<[string, object, string]>([
    ['no maxTokens', { strategy: 'fail' }, 'maxTokens is undefined'],
    ['no strategy', { maxTokens: 10 }, 'give "drop-oldest", "fail", "summarize" or a function'],
    [
      'a reserve that leaves nothing',
      { maxTokens: 10, reserveForOutput: 10, strategy: 'fail' },
      'give less than maxTokens',
    ],
    [
      'a provider that cannot count',
      { maxTokens: 10, strategy: 'fail', counter: scripted('a') },
      'countTokens()',
    ],
    [
      'a summary that nobody makes',
      { maxTokens: 10, strategy: 'fail', summary: {} },
      'only used with strategy',
    ],
    [
      'a summary as large as the window',
      { maxTokens: 100, strategy: 'summarize', summary: { maxTokens: 51 } },
      'summary.maxTokens is a number: give at most half',
    ],
    ['a misspelled one', { maxTokens: 10, strategy: 'fail', maxMesages: 3 }, 'maxMesages is not an option'],
  ])('%s is refused when it is made', (_, options, text) => {
    expect(() => Reflect.apply(contextWindow, undefined, [options])).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining(text) }),
    );
  });
});
