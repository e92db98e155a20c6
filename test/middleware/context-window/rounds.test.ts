import type { Message, Part } from 'sluice';
import { describe, expect, test } from 'vitest';
import { assistant, call, chat, pad, result, run, short, system, tool, user, weight } from './support.ts';
import { ASK, pipelineOf, sentOf, summariesOf, summarizer } from './summaries.ts';

/** A question, and rounds of a call and its result. */
function loop(rounds: number, question: Message = user(pad('go'))): Message[] {
  return [question, ...roundsFrom(1, rounds)];
}

function roundsFrom(first: number, last: number): Message[] {
  const numbers = Array.from({ length: last - first + 1 }, (_, at) => `${first + at}`);
  return numbers.flatMap((id) => [assistant([call(id)]), tool(result(id, pad(`r${id}`)))]);
}

describe('a tool loop within the newest turn', () => {
  test('loses its oldest rounds, as few as possible, and keeps the question', async () => {
    const messages = [...chat(2).slice(0, 4), ...loop(6)];
    const kept = [user(pad('go')), ...roundsFrom(4, 6)];
    const { sent, cuts } = await run(messages, { maxTokens: weight(kept) });
    expect(sent).toEqual(kept.map(short));
    expect(cuts).toMatchObject([
      { keptTurns: 0, droppedTurns: 2, droppedRounds: 3, tokens: weight(kept), summary: 'none' },
    ]);
    expect((await run(messages, { maxTokens: weight(kept) - 1 })).sent).toEqual(
      [user(pad('go')), ...roundsFrom(5, 6)].map(short),
    );
  });

  test('is sent whole if it fits, and no round is counted as dropped', async () => {
    const messages = [...chat(2).slice(0, 4), ...loop(3)];
    const { sent, cuts } = await run(messages, { maxTokens: weight(loop(3)) });
    expect(sent).toEqual(loop(3).map(short));
    expect(cuts).toMatchObject([{ keptTurns: 1, droppedTurns: 2, droppedRounds: 0 }]);
  });

  test('keeps parallel calls with all of their results', async () => {
    const both: Message[] = [
      assistant([call('a'), call('b')]),
      tool(result('b', pad('b'))),
      tool(result('a', pad('a'))),
    ];
    const messages = [user('go'), ...both, ...roundsFrom(1, 1)];
    const last = [user('go'), ...roundsFrom(1, 1)];
    for (let maxTokens = weight(last); maxTokens < weight(messages); maxTokens += 7)
      expect((await run(messages, { maxTokens })).sent).toEqual(last.map(short));
  });

  test('keeps what the user and the system said within a round that is left out', async () => {
    const messages: Message[] = [
      user('go'),
      assistant([call('slow')]),
      user([{ type: 'text', text: 'hurry' }, result('slow', pad('late'))]),
      system('be brief'),
      ...roundsFrom(1, 2),
    ];
    const { sent } = await run(messages, { maxTokens: weight(roundsFrom(1, 2)) + 22 });
    expect(sent).toEqual(['u:go', 'u:text', 's:be brief', ...roundsFrom(1, 2).map(short)]);
  });

  test.each<[string, Part, Part]>([
    [
      'as a block',
      {
        type: 'tool_call',
        id: 'srv',
        name: 'run',
        arguments: {},
        providerExecuted: true,
        block: { provider: 'anthropic', data: { type: 'server_tool_use', id: 'srv' } },
      },
      {
        type: 'provider',
        block: { provider: 'anthropic', data: { type: 'code_execution_tool_result', tool_use_id: 'srv' } },
      },
    ],
    [
      'as a result',
      { type: 'tool_call', id: 'srv', name: 'run', arguments: {}, providerExecuted: true },
      { type: 'tool_result', id: 'srv', name: 'run', content: 'done', providerExecuted: true },
    ],
  ])(
    'does not separate a call of the provider from its answer in a later round, %s',
    async (_, asked, answered) => {
      const first = [assistant([asked, call('1')]), tool(result('1', pad('r1')))];
      const second = [assistant([answered, call('2')]), tool(result('2', pad('r2')))];
      const messages = [user('go'), ...first, ...second, ...roundsFrom(3, 3)];
      const { sent, cuts } = await run(messages, { maxTokens: weight(messages) - 1 });
      expect(sent).toEqual([user('go'), ...roundsFrom(3, 3)].map(short));
      expect(cuts).toMatchObject([{ droppedRounds: 1 }]);
    },
  );

  test('replies in a row are one round, as after a pause of the provider', async () => {
    const messages = [
      user('go'),
      assistant(pad('first half')),
      assistant([{ type: 'text', text: pad('second half') }, call('1')]),
      tool(result('1')),
      ...roundsFrom(2, 2),
    ];
    const { sent } = await run(messages, { maxTokens: weight(messages) - 1 });
    expect(sent).toEqual([user('go'), ...roundsFrom(2, 2)].map(short));
  });

  test('fails if not even the last round fits, with the counts of what is always sent', async () => {
    const least = [user(pad('go')), ...roundsFrom(6, 6)];
    const error = await run(loop(6), { maxTokens: weight(least) - 1 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'context_length', retryable: false });
    expect(error).toHaveProperty(
      'message',
      expect.stringContaining('the newest turn alone, with its last round'),
    );
  });

  test.each([0.5, 3])(
    'is shortened by the counts of a remote counter that counts %d times as much',
    async (factor) => {
      const counted: number[] = [];
      const counter = ({ messages }: { messages: readonly Message[] }): number => {
        counted.push(messages.length);
        return weight(messages) * factor;
      };
      const kept = [user(pad('go')), ...roundsFrom(28, 30)];
      const { sent } = await run(loop(30), { maxTokens: Math.ceil(weight(kept) * factor), counter });
      expect(sent).toEqual(kept.map(short));
      expect(counted.length).toBeLessThan(8);
    },
  );

  test('fails with the strategy fail as before', async () => {
    await expect(run(loop(6), { maxTokens: 200, strategy: 'fail' })).rejects.toMatchObject({
      code: 'context_length',
    });
  });

  test('is shortened with summarize, too, and keeps the summary of older turns if there is room', async () => {
    const model = summarizer();
    const { pipeline, cuts } = pipelineOf(model);
    await pipeline.executeWithContext('s', chat(15));
    expect(summariesOf(model)).toHaveLength(1);
    await pipeline.executeWithContext('s', loop(20));
    expect(sentOf(model).slice(0, 3)).toEqual([ASK, 'a:sum 1', 'u:go']);
    expect(sentOf(model).at(-1)).toBe('t:tool_result(20)');
    expect(cuts.at(-1)).toMatchObject({ summary: 'reused', keptTurns: 0 });
    expect(cuts.at(-1)?.droppedRounds).toBeGreaterThan(0);
    expect(cuts.at(-1)?.tokens).toBeLessThanOrEqual(600);
    expect(summariesOf(model)).toHaveLength(1);
  });
});

describe('tools of providerOptions', () => {
  const tools = [{ type: 'web_search', description: pad('searches the web') }];

  test.each([
    ['tools', { openai: { tools } }],
    ['functions', { openai: { functions: tools } }],
  ])('%s are counted like other tools', async (_, providerOptions) => {
    const messages = chat(3);
    const execution = { parameters: { providerOptions } };
    const { cuts } = await run(messages, { maxTokens: weight(messages) }, 'ok', { execution });
    expect(cuts).toHaveLength(1);
    const room = Math.ceil(JSON.stringify(tools).length / 4);
    expect((await run(messages, { maxTokens: weight(messages) + room }, 'ok', { execution })).cuts).toEqual(
      [],
    );
  });

  test('only those of the provider with the most are counted, because one provider gets the request', async () => {
    const messages = chat(3);
    const providerOptions = { openai: { tools }, anthropic: { tools: [...tools, ...tools] } };
    const room = Math.ceil(JSON.stringify([...tools, ...tools]).length / 4);
    const execution = { parameters: { providerOptions } };
    expect((await run(messages, { maxTokens: weight(messages) + room }, 'ok', { execution })).cuts).toEqual(
      [],
    );
    expect(
      (await run(messages, { maxTokens: weight(messages) + room - 1 }, 'ok', { execution })).cuts,
    ).toHaveLength(1);
  });
});
