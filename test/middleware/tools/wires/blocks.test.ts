import { MemoryStore, Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import { retry } from 'sluice/middleware/retry';
import { tool, tools } from 'sluice/middleware/tools';
import type { MadeBlock } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { at, listAt, textAt } from '../../../support/json.ts';
import { call, chat, messages, responses, weatherLoop, weatherTool, wireStage, wires } from './stage.ts';
import type { ToolWire, WireStage } from './stage.ts';

const BUDGET = { parameters: { reasoning: { budgetTokens: 2_000 }, maxTokens: 4_000 } } as const;

const thinking = (text: string, signature: string): MadeBlock => ({
  type: 'thinking',
  thinking: text,
  signature,
});
const use = (city: string): MadeBlock => ({ type: 'tool_use', name: 'weather', input: { city } });

/** The replies of a request to Anthropic, block by block in a word. */
const repliesIn = (body: unknown): string[][] =>
  listAt(body, 'messages')
    .filter((message) => at(message, 'role') === 'assistant')
    .map((message) => listAt(message, 'content').map(wordFor));

function wordFor(block: unknown): string {
  const type = textAt(block, 'type');
  const said = { thinking: textAt(block, 'signature'), redacted_thinking: textAt(block, 'data') }[type];
  return said === undefined ? type : `${type} ${said}`;
}

describe('thinking of Anthropic', () => {
  test('R28 goes back verbatim and in place over the rounds: signed, redacted, and without text', async () => {
    await using stage = await wireStage(messages);
    const { pipeline } = weatherLoop(stage);
    stage.enqueue(
      {
        blocks: [
          thinking('Where  is it?\n', 'sig a'),
          { type: 'redacted_thinking', data: 'sealed a' },
          use('Rome'),
        ],
      },
      { blocks: [thinking('', 'sig b'), { type: 'text', text: 'And the other.' }, use('Oslo')] },
      { blocks: [thinking('So.', 'sig c'), { type: 'text', text: 'Sunny.' }] },
      { text: 'You are welcome.' },
    );
    const result = await pipeline.executeWithContext('s', 'user', 'Weather?', BUDGET);
    expect(result.warnings).toEqual([]);
    const rounds = [
      ['thinking sig a', 'redacted_thinking sealed a', 'tool_use'],
      ['thinking sig b', 'text', 'tool_use'],
    ];
    expect(repliesIn(stage.body(1))).toEqual(rounds.slice(0, 1));
    expect(repliesIn(stage.body(2))).toEqual(rounds);
    expect(at(stage.body(2), 'thinking', 'type')).toBe('enabled');
    await pipeline.executeWithContext('s', 'user', 'Thanks!', BUDGET);
    expect(repliesIn(stage.body(3))).toEqual([...rounds, ['thinking sig c', 'text']]);
  });

  test('R28 goes back verbatim after a retry above, and after the turn has gone on elsewhere', async () => {
    await using stage = await wireStage(messages);
    const store = new MemoryStore();
    const { weather, runs } = weatherTool();
    const above = retry({ backoff: constant(0), afterContent: 'reset' });
    const process = () => new Pipeline([above, tools([weather]), stage.model], { store });
    stage.enqueue(
      { blocks: [thinking('Hm', 'sig a'), use('Rome'), use('Oslo')] },
      messages.error(529),
      messages.error(400),
      { text: 'Sunny.' },
    );
    const options = { ...BUDGET, turnId: 't' };
    await expect(process().executeWithContext('s', 'user', 'Weather?', options)).rejects.toMatchObject({
      code: 'invalid_request',
    });
    const result = await process().executeWithContext('s', 'user', 'Weather?', options);
    expect([runs, result.warnings]).toEqual([['Rome', 'Oslo'], []]);
    for (const request of [1, 2, 3])
      expect(repliesIn(stage.body(request))).toEqual([['thinking sig a', 'tool_use', 'tool_use']]);
  });

  test('R28 is left out together with a call that nobody answers', async () => {
    await using stage = await wireStage(messages);
    const { pipeline } = weatherLoop(stage);
    const theirs = { name: 'theirs', parameters: { type: 'object', properties: {} } };
    stage.enqueue(
      { blocks: [thinking('Hm', 'sig a'), { type: 'tool_use', name: 'theirs', input: {} }] },
      { text: 'Hello again.' },
    );
    await pipeline.executeWithContext('s', 'user', 'Go', { tools: [theirs] });
    const next = await pipeline.executeWithContext('s', 'user', 'Still there?', { tools: [theirs] });
    expect(repliesIn(stage.body(1))).toEqual([]);
    expect(next.warnings).toEqual([
      'The stored conversation was repaired: 1 tool call without its result, 1 piece of thinking with nothing after it left out.',
    ]);
  });
});

/** The items of a request to Responses after the question, in a word each. */
const itemsIn = (body: unknown): string[] =>
  listAt(body, 'input')
    .slice(1)
    .map((item) =>
      [at(item, 'type') ?? at(item, 'role'), at(item, 'encrypted_content')].filter(Boolean).join(' '),
    );

describe('reasoning of Responses', () => {
  test('R29 goes back sealed, right before what it led to, round after round', async () => {
    await using stage = await wireStage(responses);
    const { pipeline } = weatherLoop(stage);
    stage.enqueue(
      { thinking: 'one', toolCalls: [call('Rome'), call('Oslo')] },
      { thinking: 'two', text: 'And another.', toolCalls: [call('Bern')] },
      { thinking: 'three', text: 'Sunny.' },
      { text: 'You are welcome.' },
    );
    const result = await pipeline.executeWithContext('s', 'user', 'Weather?');
    expect(result.warnings).toEqual([]);
    const first = ['reasoning sealed one', 'function_call', 'function_call'];
    const outputs = ['function_call_output', 'function_call_output'];
    const second = ['reasoning sealed two', 'assistant', 'function_call', 'function_call_output'];
    expect(itemsIn(stage.body(1))).toEqual([...first, ...outputs]);
    expect(itemsIn(stage.body(2))).toEqual([...first, ...outputs, ...second]);
    await pipeline.executeWithContext('s', 'user', 'Thanks!');
    expect(itemsIn(stage.body(3))).toEqual([
      ...[...first, ...outputs, ...second],
      ...['reasoning sealed three', 'assistant', 'user'],
    ]);
  });

  test('R29 is left out together with a call that nobody answers', async () => {
    await using stage = await wireStage(responses);
    const { pipeline } = weatherLoop(stage);
    const theirs = { name: 'theirs', parameters: { type: 'object', properties: {} } };
    stage.enqueue({ thinking: 'one', toolCalls: [{ name: 'theirs' }] }, { text: 'Hello again.' });
    await pipeline.executeWithContext('s', 'user', 'Go', { tools: [theirs] });
    await pipeline.executeWithContext('s', 'user', 'Still there?', { tools: [theirs] });
    expect(itemsIn(stage.body(1))).toEqual(['user']);
  });

  test('R29 a call whose reasoning is not sealed goes back without both, and without the id that asks for it', async () => {
    await using stage = await wireStage(responses);
    const { pipeline } = weatherLoop(stage);
    const { lines } = responses.stream({ thinking: 'one', toolCalls: [call('Rome')] }, 7);
    const open = lines.map((line) => line.replaceAll(',"encrypted_content":"sealed one"', ''));
    stage.enqueue({ stream: { lines: open } }, { text: 'Sunny.' });
    await pipeline.execute('user', 'Weather?');
    expect(itemsIn(stage.body(1))).toEqual(['function_call', 'function_call_output']);
    expect(JSON.stringify(stage.body(1))).not.toContain('fc_7');
  });
});

/** A model that asks one provider, and from a round on another. */
function switching(first: WireStage, second: WireStage, from: number): Middleware {
  let round = 0;
  return function switching(context) {
    return context.run(round++ < from ? first.model : second.model);
  };
}

const pairs = wires.flatMap((one) =>
  wires.filter((other) => other !== one).map((other) => [one, other] as const),
);
const named = pairs.map(([one, other]): [string, ToolWire, ToolWire] => [
  `${one.name} to ${other.name}`,
  one,
  other,
]);

describe.each(named)('from %s', (_name, one, other) => {
  const reply = { thinking: 'Where is it?', toolCalls: [call('Rome', 'call_0'), call('Oslo', 'call_0')] };
  const foreign = (warnings: readonly string[]) => warnings.filter((text) => text.includes('block'));

  test('in mid-loop: the other provider gets a valid request without foreign blocks, and there is one warning', async () => {
    await using from = await wireStage(one);
    await using to = await wireStage(other);
    const { weather, runs } = weatherTool();
    from.enqueue(reply);
    to.enqueue({ toolCalls: [call('Bern', 'call_0')] }, { text: 'Sunny.' });
    const pipeline = new Pipeline([tools([weather]), switching(from, to, 1), to.model]);
    const result = await pipeline.execute('user', 'Weather?');
    expect(runs).toEqual(['Rome', 'Oslo', 'Bern']);
    expect(other.results(to.body(1)).map(({ text }) => text)).toEqual([
      ...['sunny in Rome', 'sunny in Oslo', 'sunny in Bern'],
    ]);
    expect(JSON.stringify(to.body(0))).not.toMatch(/sealed|sig_|Where is it/);
    // Chat gives its thinking as text, which no wire wants back, so there is no block to leave out.
    expect(foreign(result.warnings)).toHaveLength(one === chat ? 0 : 1);
    expect(result.warnings).toHaveLength(foreign(result.warnings).length);
  });

  test('in the next turn of a session: the same', async () => {
    await using from = await wireStage(one);
    await using to = await wireStage(other);
    const store = new MemoryStore();
    from.enqueue(reply, { text: 'Sunny.' });
    await weatherOn(from, store).executeWithContext('s', 'user', 'Weather?');
    to.enqueue({ toolCalls: [call('Bern')] }, { text: 'Sunny, too.' });
    const result = await weatherOn(to, store).executeWithContext('s', 'user', 'And in Bern?');
    expect(other.results(to.body(1)).map(({ text }) => text)).toEqual([
      ...['sunny in Rome', 'sunny in Oslo', 'sunny in Bern'],
    ]);
    expect(foreign(result.warnings)).toHaveLength(one === chat ? 0 : 1);
  });

  test('and back: the first provider gets its own blocks again', async () => {
    await using from = await wireStage(one);
    await using to = await wireStage(other);
    const { weather } = weatherTool();
    from.enqueue(reply, { text: 'Sunny.' });
    to.enqueue({ toolCalls: [call('Bern')] });
    let round = 0;
    const middle: Middleware = (context) => context.run(round++ === 1 ? to.model : from.model);
    await new Pipeline([tools([weather]), middle, from.model]).execute('user', 'Weather?');
    expect(one.results(from.body(1)).map(({ text }) => text)).toHaveLength(3);
    if (one !== chat) expect(JSON.stringify(from.body(1))).toMatch(/sealed Where is it|sig_0/);
  });
});

function weatherOn({ model }: WireStage, store: MemoryStore): Pipeline {
  return new Pipeline([tools([weatherTool().weather]), model], { store });
}

test('another provider in mid-loop cannot think with a budget after a reply without its thinking, and is told so once', async () => {
  await using from = await wireStage(chat);
  await using to = await wireStage(messages);
  const { weather } = weatherTool();
  from.enqueue({ toolCalls: [call('Rome')] });
  to.enqueue({ text: 'Sunny.' });
  const pipeline = new Pipeline([tools([weather]), switching(from, to, 1), to.model]);
  const parameters = {
    providerOptions: { anthropic: {} },
    maxTokens: 4_000,
    reasoning: { budgetTokens: 2_000 },
  };
  const result = await pipeline.execute('user', 'Weather?', { parameters });
  expect(at(to.body(0), 'thinking')).toBeUndefined();
  expect(result.warnings.filter((text) => text.startsWith('anthropic'))).toEqual([
    'anthropic: the model cannot continue to think after a reply without its thinking: thinking is left out',
  ]);
});

test('a result that another provider refuses as an empty error has words on each wire', async () => {
  for (const wire of wires) {
    await using stage = await wireStage(wire);
    const silent = tool({
      name: 'weather',
      description: 'Fails and says nothing',
      input: z.object({}),
      execute: () => Promise.reject(new Error('')),
    });
    stage.enqueue({ toolCalls: [{ name: 'weather' }] }, { text: 'Sorry.' });
    await new Pipeline([tools([silent], { onError: () => '' }), stage.model]).execute('user', 'Weather?');
    expect(wire.results(stage.body(1)).map(({ text }) => text)).toEqual([
      'The tool failed and gave no message.',
    ]);
  }
});

describe('what servers behind Chat want back with a call', () => {
  const chunk = (delta: object, finish_reason: string | null = null) =>
    JSON.stringify({
      ...{ id: 'gen-1', object: 'chat.completion.chunk', model: 'google/gemini-3-flash-preview' },
      choices: [{ index: 0, delta, finish_reason }],
    });
  const called = (id: string, city: string, more: object = {}) => ({
    ...{ index: 0, id, type: 'function', function: { name: 'weather', arguments: JSON.stringify({ city }) } },
    ...more,
  });
  const stream = (...deltas: object[]) => ({
    stream: { lines: [...deltas.map((delta) => chunk(delta)), chunk({}, 'tool_calls')] },
  });
  const repliesOf = (body: unknown) =>
    listAt(body, 'messages').filter((message) => at(message, 'role') === 'assistant');

  test('R48 OpenRouter names calls in its sealed details: they keep its ids, however long, over rounds and turns', async () => {
    await using stage = await wireStage(chat, 64);
    const { pipeline } = weatherLoop(stage);
    const detail = (id: string) => ({
      type: 'reasoning.encrypted',
      format: 'google-gemini-v1',
      index: 0,
      id,
      data: id,
    });
    const ids = ['tool_weather_1', `tool_weather_${'x'.repeat(40)}`];
    const [first = '', second = ''] = ids;
    stage.enqueue(
      stream({ reasoning_details: [detail(first)], tool_calls: [called(first, 'Rome')] }),
      stream({ tool_calls: [called(second, 'Oslo')] }, { reasoning_details: [detail(second)] }),
      { text: 'Sunny.' },
      { text: 'You are welcome.' },
    );
    const result = await pipeline.executeWithContext('s', 'user', 'Weather?');
    for (const { id } of result.response.toolCalls) expect(ids).not.toContain(id);
    await pipeline.executeWithContext('s', 'user', 'Thanks!');
    for (const request of [2, 3]) {
      const details = repliesOf(stage.body(request)).flatMap((reply) => listAt(reply, 'reasoning_details'));
      expect(details.map((one) => at(one, 'id'))).toEqual(ids);
      expect(chat.calls(stage.body(request)).map(({ id }) => id)).toEqual(ids);
      expect(chat.results(stage.body(request))).toEqual([
        { id: first, text: 'sunny in Rome' },
        { id: second, text: 'sunny in Oslo' },
      ]);
    }
  });

  test("R48 Gemini's signature goes back on the one call that it came on", async () => {
    await using stage = await wireStage(chat);
    const { pipeline } = weatherLoop(stage);
    const signed = { extra_content: { google: { thought_signature: 'sig' } } };
    stage.enqueue(
      stream({ tool_calls: [called('a', 'Rome', signed), { ...called('b', 'Oslo'), index: 1 }] }),
      { text: 'Sunny.' },
    );
    await pipeline.execute('user', 'Weather?');
    const calls = listAt(repliesOf(stage.body(1))[0], 'tool_calls');
    expect(calls.map((one) => at(one, 'extra_content'))).toEqual([signed.extra_content, undefined]);
  });
});
