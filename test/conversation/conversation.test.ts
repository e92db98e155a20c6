import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline } from 'sluice';
import type { ExecutionChunk, Message } from 'sluice';
import { openConversation } from 'sluice/conversation';
import { provider, system } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { manualGate, scripted } from 'sluice/testing';
import type { ScriptedProvider } from 'sluice/testing';
import { refusal } from '../cases/refusal.ts';
import { failureOf } from '../core/harness.ts';

/** A model that answers with the last message. */
const echo = (): ScriptedProvider =>
  scripted(({ messages }) => `re: ${String(messages.at(-1)?.content)}`, { repeat: true });

/** The role and text of each message. */
const lines = (messages: readonly Message[]): string[] =>
  messages.map(
    ({ role, content, partial }) => `${role}${partial === true ? ' (partial)' : ''}: ${String(content)}`,
  );

describe('a conversation with a pipeline', () => {
  test('sends turns of one session and keeps their history', async () => {
    const model = echo();
    const conversation = openConversation({ pipeline: new Pipeline([provider(model)]) });
    const first = await conversation.send('one');
    await conversation.send({ role: 'user', content: 'two' });
    expect(first.response.content).toBe('re: one');
    expect(first.sessionId).toBe(conversation.id);
    const expected = ['user: one', 'assistant: re: one', 'user: two', 'assistant: re: two'];
    expect(lines(await conversation.history())).toEqual(expected);
    expect(lines(await conversation.history({ last: 2 }))).toEqual(expected.slice(2));
    expect(lines(model.requests[1]?.messages ?? [])).toEqual(expected.slice(0, 3));
  });

  test('two conversations without a session are separate; one with a session continues it', async () => {
    const pipeline = new Pipeline([provider(echo())]);
    const [a, b] = [openConversation({ pipeline }), openConversation({ pipeline })];
    await a.send('mine');
    expect(a.id).not.toBe(b.id);
    expect(await b.history()).toEqual([]);
    const again = openConversation({ pipeline, session: a.id });
    expect(lines(await again.history())).toEqual(['user: mine', 'assistant: re: mine']);
  });

  test('sessions with the same id and different owners are separate', async () => {
    const pipeline = new Pipeline([provider(echo())]);
    const acme = openConversation({ pipeline, session: { owner: 'acme', id: 's' } });
    await acme.send('mine');
    expect([acme.owner, acme.id]).toEqual(['acme', 's']);
    expect(await openConversation({ pipeline, session: 's' }).history()).toEqual([]);
    expect(await openConversation({ pipeline, session: { owner: 'other', id: 's' } }).history()).toEqual([]);
  });

  test('a stream ends with a chunk that has content, cost, latency and tokens', async () => {
    const model = scripted(
      { text: ['Hel', 'lo'], usage: { inputTokens: 100, outputTokens: 10 } },
      { model: 'gpt-4o', name: 'openai' },
    );
    const conversation = openConversation({ pipeline: new Pipeline([cost(), provider(model)]) });
    const stream = conversation.stream('Hi');
    expect(model.calls).toHaveLength(0);
    const chunks: ExecutionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map(({ type }) => type)).toEqual(['content', 'content', 'done']);
    const done = chunks.at(-1);
    if (done?.type !== 'done') throw new Error('the last chunk is not done');
    expect(done.result.response.content).toBe('Hello');
    expect(done.result.usage.totalTokens).toBe(110);
    expect(done.result.cost.status).toBe('exact');
    expect(done.result.cost.totalUsd).toBeGreaterThan(0);
    expect(done.result.latencyMs).toBeGreaterThan(0);
    expect(lines(await conversation.history())).toEqual(['user: Hi', 'assistant: Hello']);
  });

  test('two turns at once run one after the other', async () => {
    const gate = manualGate();
    const model = scripted([{ text: 'first', gate: gate.gate }, 'second']);
    const conversation = openConversation({ pipeline: new Pipeline([provider(model)]) });
    const both = Promise.all([conversation.send('one'), conversation.send('two')]);
    await model.nextCall();
    expect(model.calls).toHaveLength(1);
    gate.open();
    expect((await both).map(({ response }) => response.content)).toEqual(['first', 'second']);
    expect(lines(await conversation.history())).toEqual([
      'user: one',
      'assistant: first',
      'user: two',
      'assistant: second',
    ]);
  });

  test('[] runs the stored conversation again; options are passed to the turn', async () => {
    const model = echo();
    const conversation = openConversation({ pipeline: new Pipeline([provider(model)]) });
    await conversation.send('one', { model: 'other', parameters: { maxTokens: 5 } });
    expect(model.requests[0]).toMatchObject({ model: 'other', parameters: { maxTokens: 5 } });
    await conversation.send([]);
    expect(lines(model.requests[1]?.messages ?? [])[0]).toBe('user: one');
    expect((await conversation.history()).filter(({ role }) => role === 'user')).toHaveLength(1);
  });

  test('text that arrived before an abort is in the history, marked as partial', async () => {
    const model = scripted({ text: ['Once ', 'upon'], batchSize: 1, after: 1, hang: true });
    const conversation = openConversation({ pipeline: new Pipeline([provider(model)]) });
    const stream = conversation.stream('Tell');
    await stream.next();
    await stream.close();
    expect(lines(await conversation.history())).toEqual(['user: Tell', 'assistant (partial): Once ']);
  });

  test('has no variables', async () => {
    const conversation = openConversation({ pipeline: new Pipeline([system('x'), provider(echo())]) });
    expect(conversation.warnings).toEqual([]);
    expect(await refusal(() => conversation.setVariable('a', 'b'))).toBe(
      'invalid_options: The conversation has no pack and so no variables: open it with a pack, or put system() into the pipeline.',
    );
  });
});

describe('branches', () => {
  test('an answer is regenerated, a message is edited, and each branch can be selected and read', async () => {
    const model = scripted(['a1', 'a2', 'x1']);
    const conversation = openConversation({ pipeline: new Pipeline([provider(model)]) });
    await conversation.send('a');
    expect(await conversation.regenerate().text()).toBe('a2');
    const [first] = await conversation.entries();
    expect(first?.message).toEqual({ role: 'user', content: 'a' });
    expect(await conversation.edit(first?.id ?? '', 'x').text()).toBe('x1');
    const branches = await conversation.branches();
    const ways = branches.map(async ({ id }) =>
      lines((await conversation.entries({ leaf: id })).map(({ message }) => message)).join(', '),
    );
    expect(await Promise.all(ways)).toEqual([
      'user: a, assistant: a1',
      'user: a, assistant: a2',
      'user: x, assistant: x1',
    ]);
    await conversation.switchTo(branches[1]?.id ?? '');
    expect(lines(await conversation.history())).toEqual(['user: a', 'assistant: a2']);
    const last = await conversation.entries({ last: 1 });
    expect(last.map(({ id }) => id)).toEqual([branches[1]?.id]);
    expect(await (await conversation.fork()).history()).toHaveLength(2);
    await conversation.close();
    expect(() => conversation.regenerate()).toThrow('closed');
    expect((await failureOf(conversation.branches())).code).toBe('shutting_down');
  });
});

describe('fork and clear', () => {
  test('a fork begins with the stored messages, and then both are independent', async () => {
    const conversation = openConversation({
      pipeline: new Pipeline([provider(echo())]),
      session: { owner: 'acme', id: 's' },
    });
    await conversation.send('one');
    const fork = await conversation.fork();
    await conversation.send('left');
    await fork.send('right');
    const common = ['user: one', 'assistant: re: one'];
    expect(fork.id).not.toBe(conversation.id);
    expect(fork.owner).toBe('acme');
    expect(lines(await conversation.history())).toEqual([...common, 'user: left', 'assistant: re: left']);
    expect(lines(await fork.history())).toEqual([...common, 'user: right', 'assistant: re: right']);
  });

  test('a fork may begin with only the first messages', async () => {
    const conversation = openConversation({ pipeline: new Pipeline([provider(echo())]) });
    await conversation.send('one');
    await conversation.send('two');
    const fork = await conversation.fork({ at: 2 });
    expect(lines(await fork.history())).toEqual(['user: one', 'assistant: re: one']);
  });

  test('a fork of an empty conversation is empty, and a different one', async () => {
    const conversation = openConversation({ pipeline: new Pipeline([provider(echo())]) });
    const fork = await conversation.fork();
    await fork.send('one');
    expect(fork.id).not.toBe(conversation.id);
    expect(await conversation.history()).toEqual([]);
  });

  test('clear() deletes the messages, and the next turn starts without any', async () => {
    const model = echo();
    const conversation = openConversation({ pipeline: new Pipeline([provider(model)]) });
    await conversation.send('one');
    await conversation.clear();
    expect(await conversation.history()).toEqual([]);
    await conversation.clear();
    await conversation.send('two');
    expect(lines(model.requests[1]?.messages ?? [])).toEqual(['user: two']);
  });

  test('if a session is cleared during a turn, the reader gets the whole reply, and the turn is not stored', async () => {
    const gate = manualGate();
    const model = scripted([{ text: 'late', gate: gate.gate }, 'next']);
    const conversation = openConversation({ pipeline: new Pipeline([provider(model)]) });
    const turn = conversation.send('one');
    await model.nextCall();
    await conversation.clear();
    gate.open();
    const { response, warnings } = await turn;
    expect(response.content).toBe('late');
    expect(warnings.join('\n')).toMatch(/not saved|unsaved/i);
    expect(await conversation.history()).toEqual([]);
    await conversation.send('two');
    expect(lines(await conversation.history())).toEqual(['user: two', 'assistant: next']);
  });
});

describe('close', () => {
  test('refuses further turns, and does not shut down a pipeline that was passed in', async () => {
    const model = echo();
    const store = new MemoryStore();
    const pipeline = new Pipeline([provider(model)], { store });
    const conversation = openConversation({ pipeline, session: 's' });
    await conversation.send('one');
    await conversation.close();
    await conversation.close();
    const refused = 'shutting_down: The conversation is closed: open another one.';
    for (const use of [
      () => conversation.send('x'),
      () => conversation.stream('x'),
      () => conversation.history(),
      () => conversation.fork(),
      () => conversation.clear(),
      () => conversation.setVariable('a', 'b'),
    ])
      expect(await refusal(use)).toBe(refused);
    expect(model.calls).toHaveLength(1);
    expect(model.closed).toBe(0);
    expect((await pipeline.executeWithContext('s', 'user', 'two')).response.content).toBe('re: two');
  });

  test('refuses a fork that the store is still copying', async () => {
    const copying = Promise.withResolvers<void>();
    const store = new (class extends MemoryStore {
      override async fork(...given: Parameters<MemoryStore['fork']>): ReturnType<MemoryStore['fork']> {
        await copying.promise;
        return super.fork(...given);
      }
    })();
    const conversation = openConversation({ pipeline: new Pipeline([provider(echo())], { store }) });
    await conversation.send('one');
    const fork = refusal(() => conversation.fork());
    await conversation.close();
    copying.resolve();
    expect(await fork).toBe('shutting_down: The conversation is closed: open another one.');
  });

  test('is called at the end of the scope by await using', async () => {
    let conversation;
    {
      await using scoped = openConversation({ pipeline: new Pipeline([provider(echo())]) });
      conversation = scoped;
    }
    expect(await refusal(() => conversation.send('x'))).toMatch(/^shutting_down/);
  });
});

const notOptions: [what: string, options: unknown, message: string][] = [
  ['nothing', undefined, 'openConversation(): what was given is undefined: give an object'],
  ['no pipeline', { pipeline: undefined }, 'openConversation(): pipeline is undefined: give a Pipeline'],
  [
    'a wrong session',
    { pipeline: new Pipeline([provider(echo())]), session: '' },
    'sessionId is empty: give a string that is not empty',
  ],
  [
    'a session without an owner',
    { pipeline: new Pipeline([provider(echo())]), session: { id: 's' } },
    "sessionId.owner is undefined: give a string, '' where there is none",
  ],
  [
    'a pack and a pipeline',
    { pipeline: new Pipeline([provider(echo())]), pack: {} },
    'openConversation(): pipeline and pack are both given: give only one of them. With a pack, pipelineOptions are the options of its pipeline',
  ],
  [
    'neither',
    {},
    'openConversation(): neither pipeline nor pack is given: give a pipeline, or a pack with prompt and provider',
  ],
  [
    'a pack without prompt and provider',
    { pack: {} },
    'openConversation(): prompt is undefined: give a string; provider is undefined: give a provider such as openai()',
  ],
];

test.each(notOptions)('openConversation() refuses %s', async (_what, options, message) => {
  const call = (): unknown => Reflect.apply(openConversation, undefined, [options]);
  expect(await refusal(call)).toBe(`invalid_options: ${message}.`);
});
