import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { ExecutionChunk, Message, Middleware, StreamChunk, TurnEnd } from 'sluice';
import { answers, counted, failureOf, readAll, says, settled, stop, texts, tokens } from '../core/harness.ts';
import { TroubledStore, linesOf, processes } from './stage.ts';

const turnId = 'turn-1';
const crash = new SluiceError('server', 'down');

describe('a turn that is sent again', () => {
  test('R43 has its stored result: the model is not called, and nothing is stored twice', async () => {
    const store = new MemoryStore();
    const reply = stop({ usage: tokens(5, 7), finishReason: 'length', model: 'm-2' });
    const { middleware, calls } = answers([texts('once'), reply]);
    const priced: Middleware = function priced(_context, next) {
      return next().tap({
        call: (call) => ({ end: () => void (call.cost = { status: 'exact', totalUsd: 0.5 }) }),
      });
    };
    const pipeline = new Pipeline([priced, middleware], { store });
    const first = await pipeline.executeWithContext('s', 'user', 'hi', { turnId });
    const again = await pipeline.executeWithContext('s', 'user', 'hi', { turnId });
    expect(calls).toHaveLength(1);
    const same = ({
      response,
      messages,
      usage,
      cost,
      model,
      provider,
      outcome,
      sessionId,
    }: typeof first): unknown => ({
      ...{ response, messages, usage, cost, model, provider, outcome, sessionId },
    });
    expect(same(again)).toEqual(same(first));
    expect([first.replayed, again.replayed, again.cost.totalUsd, again.model]).toEqual([
      undefined,
      true,
      0.5,
      'm-2',
    ]);
    expect(again.trace.filter(({ kind }) => kind === 'call')).toEqual([]);
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: once']);
    expect((await store.spend({ owner: '' })).cost.totalUsd).toBe(0.5);
  });

  test('streams what was streamed: thinking, tools, their results and blocks', async () => {
    const block = { provider: 'p', data: { signature: 'c2ln' } };
    const chunks: StreamChunk[] = [
      { type: 'thinking', content: 'Hm.' },
      { type: 'thinking', content: '', block },
      { type: 'content', content: 'I look. ', citations: [{ url: 'x' }] },
      { type: 'content', content: '', block },
      { type: 'tool_call', id: 'c', name: 'look', arguments: { at: [1] }, block },
      { type: 'tool_result', id: 'c', name: 'look', content: 'none', isError: true },
      { type: 'content', content: 'Nothing there. ' },
      { type: 'content', content: 'I will not look again.', refusal: true },
    ];
    const model: Middleware = async function* model() {
      yield* chunks.map((chunk) => ({ ...chunk }));
      return { finishReason: 'stop' };
    };
    const pipeline = new Pipeline([model]);
    const first = await pipeline.executeWithContext('s', 'user', 'hi', { turnId });
    const stream = pipeline.executeStreamWithContext('s', 'user', 'hi', { turnId });
    const again: ExecutionChunk[] = [];
    for await (const chunk of stream) again.push(chunk);
    expect(again.map(({ type }) => type)).toEqual([...first.response.parts.map(typeOf), 'done']);
    const { response, messages } = await stream.result;
    expect([response, messages]).toEqual([first.response, first.messages]);
  });

  test('streams nothing for an image in its stored reply, which no chunk can hold', async () => {
    const store = new MemoryStore();
    const image = { type: 'image', url: 'https://example.com/a.png' } as const;
    const content = [image, { type: 'text', text: 'A cat.' } as const];
    const messages: Message[] = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content },
    ];
    const end: TurnEnd = { outcome: 'completed', usage: tokens(1, 1), cost: { status: 'unknown' } };
    for (const [version, message] of messages.entries())
      await store.append('s', [{ message }], {
        expectedVersion: version,
        turnId: version === 0 ? `${turnId}.input` : `${turnId}.reply`,
        ...(version === 1 && { end }),
      });
    const { response, replayed } = await new Pipeline([says('no')], { store }).executeWithContext(
      's',
      'user',
      'hi',
      { turnId },
    );
    expect([response.content, replayed]).toEqual(['A cat.', true]);
  });

  test('an interrupted turn stays interrupted, with its reason and its partial reply', async () => {
    const store = new MemoryStore();
    const stops: Middleware = function stops(context, next) {
      return next().tap((chunk) => {
        if (chunk.type === 'content') context.interrupt('enough');
      });
    };
    const { middleware, calls } = answers([texts('half'), stop()]);
    const pipeline = new Pipeline([stops, middleware], { store });
    const first = await pipeline.executeWithContext('s', 'user', 'hi', { turnId });
    const again = await pipeline.executeWithContext('s', 'user', 'hi', { turnId });
    for (const { outcome, reason, response, messages } of [first, again])
      expect([outcome, reason, response.content, messages.at(-1)?.partial]).toEqual([
        'interrupted',
        'enough',
        'half',
        true,
      ]);
    expect(calls).toHaveLength(1);
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: half *']);
  });

  test('gets its stored result while another turn has the session', async () => {
    const { middleware, finish } = counted([]);
    const pipeline = new Pipeline([middleware], { onBusy: 'reject' });
    const first = pipeline.executeWithContext('s', 'user', 'a', { turnId });
    await settled();
    finish();
    await first;
    const other = pipeline.executeWithContext('s', 'user', 'b');
    await settled();
    expect((await pipeline.executeWithContext('s', 'user', 'a', { turnId })).replayed).toBe(true);
    finish();
    await other;
  });

  test('the same id in different sessions or for different owners is a different turn', async () => {
    const { middleware, calls } = answers([texts('a'), stop()], [texts('b'), stop()]);
    const pipeline = new Pipeline([middleware]);
    await pipeline.executeWithContext('s', 'user', 'hi', { turnId });
    await pipeline.executeWithContext({ owner: 'acme', id: 's' }, 'user', 'hi', { turnId });
    expect(calls).toHaveLength(2);
  });
});

describe('a turn that did not finish', () => {
  test('R31 with its input stored and no reply, as after a crash, runs and stores the input once', async () => {
    const store = new MemoryStore();
    await store.append('s', [{ message: { role: 'user', content: 'hi' } }], {
      expectedVersion: 0,
      turnId: `${turnId}.input`,
    });
    const { middleware, calls } = answers([texts('ok'), stop()]);
    const { messages } = await new Pipeline([middleware], { store }).executeWithContext('s', 'user', 'hi', {
      turnId,
    });
    expect(calls[0]?.request.messages).toEqual([{ role: 'user', content: 'hi' }]);
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: ok']);
    expect(messages).toHaveLength(2);
  });

  test('R31 with its input stored and no reply is answered with all that was said before', async () => {
    const store = new MemoryStore();
    const { middleware, calls } = answers([texts('before'), stop()], [texts('ok'), stop()]);
    const pipeline = new Pipeline([middleware], { store });
    await pipeline.executeWithContext('s', 'user', 'first');
    const { version = 0 } = (await store.load('s')) ?? {};
    await store.append('s', [{ message: { role: 'user', content: 'hi' } }], {
      expectedVersion: version,
      turnId: `${turnId}.input`,
    });
    await pipeline.executeWithContext('s', 'user', 'hi', { turnId });
    expect(calls[1]?.request.messages.map(({ content }) => content)).toEqual(['first', 'before', 'hi']);
  });

  test('that failed is run again until it succeeds, without its partial reply', async () => {
    const store = new MemoryStore();
    const { middleware, calls } = answers([texts('one '), crash], [crash], [texts('whole'), stop()]);
    const pipeline = new Pipeline([middleware], { store });
    for (let failure = 0; failure < 2; failure++)
      expect((await failureOf(pipeline.executeWithContext('s', 'user', 'hi', { turnId }))).code).toBe(
        'server',
      );
    expect((await pipeline.executeWithContext('s', 'user', 'hi', { turnId })).response.content).toBe('whole');
    expect((await pipeline.executeWithContext('s', 'user', 'hi', { turnId })).replayed).toBe(true);
    expect(calls.map(({ request }) => request.messages)).toEqual(
      Array.from({ length: 3 }, () => [{ role: 'user', content: 'hi' }]),
    );
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: whole']);
    const [first] = await store.branches('s');
    expect((await store.load('s', { leaf: first?.id }))?.messages.at(-1)).toEqual({
      role: 'assistant',
      content: 'one ',
      partial: true,
    });
    expect((await store.load('s'))?.turns).toBe(3);
  });

  const all = ['first', 'before', 'hi'];
  test.each([
    [undefined, all],
    // Too short for the input, so all is read.
    [1, all],
    [2, all],
    [4, all],
    [7, ['hi']],
  ])(
    'that failed after a round of tools sends nothing of it, even with a historyLimit of %s',
    async (historyLimit, told) => {
      const store = new MemoryStore();
      const round = (id: string): StreamChunk[] => [
        { type: 'tool_call', id, name: 'look', arguments: {} },
        { type: 'tool_result', id, name: 'look', content: 'none', isError: false },
      ];
      const { middleware, calls } = answers(
        [texts('before'), stop()],
        [round('a'), round('b'), texts('half '), crash],
        [texts('whole'), stop()],
      );
      const pipeline = new Pipeline([middleware], {
        store,
        ...(historyLimit !== undefined && { historyLimit }),
      });
      await pipeline.executeWithContext('s', 'user', 'first');
      await failureOf(pipeline.executeWithContext('s', 'user', 'hi', { turnId }));
      await pipeline.executeWithContext('s', 'user', 'hi', { turnId });
      expect((await store.load('s'))?.messages.map(({ role }) => role).slice(2)).toEqual([
        ...['user', 'assistant'],
      ]);
      const sent = calls[2]?.request.messages.map(({ content }) => content);
      expect(sent).toEqual(told);
    },
  );

  test('is sent again as a new message if other turns came after it', async () => {
    const store = new MemoryStore();
    const { middleware, calls } = answers([crash], [texts('of b'), stop()], [texts('of a'), stop()]);
    const pipeline = new Pipeline([middleware], { store });
    await failureOf(pipeline.executeWithContext('s', 'user', 'a', { turnId }));
    await pipeline.executeWithContext('s', 'user', 'b');
    await pipeline.executeWithContext('s', 'user', 'a', { turnId });
    expect(calls.at(-1)?.request.messages.map(({ content }) => content)).toEqual(['a', 'b', 'of b', 'a']);
    expect(await linesOf(store)).toEqual(['user: a', 'user: b', 'assistant: of b', 'assistant: of a']);
  });
});

describe('the same turn twice at once', () => {
  test('in one process: the second waits for the first and has its result, whatever onBusy says', async () => {
    const store = new MemoryStore();
    const log: string[] = [];
    const { middleware, finish } = counted(log);
    const pipelines = [1, 2].map(() => new Pipeline([middleware], { store, maxQueuedTurns: 0 }));
    const turns = (['queue', 'reject', 'supersede'] as const).map((onBusy, at) =>
      (pipelines[at % 2] ?? new Pipeline([middleware])).executeWithContext('s', 'user', 'hi', {
        turnId,
        onBusy,
      }),
    );
    await settled();
    finish();
    const results = await Promise.all(turns);
    expect(results.map(({ response, replayed }) => [response.content, replayed])).toEqual([
      ['x', undefined],
      ['x', true],
      ['x', true],
    ]);
    expect(log).toEqual(['hi runs']);
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: x']);
  });

  test('in one process: when the first fails, the second runs it', async () => {
    const { middleware, calls } = answers([texts('a'), crash], [texts('b'), stop()]);
    const pipeline = new Pipeline([middleware]);
    const turns = [
      readAll(pipeline.executeStreamWithContext('s', 'user', 'hi', { turnId })),
      readAll(pipeline.executeStreamWithContext('s', 'user', 'hi', { turnId })),
    ];
    const [first, second] = await Promise.all(turns);
    expect([first?.error?.code, second?.content]).toEqual(['server', 'b']);
    expect(calls).toHaveLength(2);
  });

  test('in one process: the second stops waiting when it is aborted', async () => {
    const { middleware, finish } = counted([]);
    const pipeline = new Pipeline([middleware]);
    const abort = new AbortController();
    const first = pipeline.executeWithContext('s', 'user', 'hi', { turnId });
    const second = failureOf(
      pipeline.executeWithContext('s', 'user', 'hi', { turnId, signal: abort.signal }),
    );
    await settled();
    abort.abort();
    expect((await second).code).toBe('aborted');
    finish();
    expect((await first).outcome).toBe('completed');
  });

  test('in two processes: the second waits for the session and finds the result', async () => {
    const [one, two] = processes();
    const { middleware, finish } = counted([]);
    const first = new Pipeline([middleware], { store: one }).executeWithContext('s', 'user', 'hi', {
      turnId,
    });
    await settled();
    const never = answers();
    const second = new Pipeline([never.middleware], { store: two }).executeWithContext('s', 'user', 'hi', {
      turnId,
    });
    await settled();
    finish();
    expect([(await first).response.content, (await second).response.content]).toEqual(['x', 'x']);
    expect(never.calls).toEqual([]);
    expect(await linesOf(one)).toEqual(['user: hi', 'assistant: x']);
    for (const store of [one, two]) {
      const next = new Pipeline([says('b')], { store, onBusy: 'reject' });
      expect((await next.executeWithContext('s', 'user', 'next')).outcome).toBe('completed');
    }
  });
});

describe('the option', () => {
  test('without it no turn is looked up, and the same message is a new turn', async () => {
    const store = new TroubledStore();
    const pipeline = new Pipeline([says('a')], { store });
    for (let turn = 0; turn < 2; turn++) await pipeline.executeWithContext('s', 'user', 'hi');
    expect(store.log).toEqual(
      Array.from({ length: 2 }, () => [
        'lease',
        'load {}',
        'append random.input',
        'append random.reply',
      ]).flat(),
    );
    expect(await linesOf(store)).toHaveLength(4);
  });

  test('costs three look-ups, two of them in parallel with the load', async () => {
    const store = new TroubledStore();
    const gate = Promise.withResolvers<void>();
    store.trouble('load', gate.promise);
    const turn = new Pipeline([says('a')], { store }).executeWithContext('s', 'user', 'hi', { turnId });
    await settled();
    expect([store.log.slice(0, 2), store.log.slice(2).sort()]).toEqual([
      [`turn ${turnId}.reply`, 'lease'],
      ['load {}', `turn ${turnId}.input`, `turn ${turnId}.reply`],
    ]);
    gate.resolve();
    await turn;
    expect(store.log.slice(5)).toEqual([`append ${turnId}.input`, `append ${turnId}.reply`]);
  });

  test.each([
    ['', 'turnId is a string: give one that is not empty'],
    ['half \ud800', 'turnId holds half a surrogate pair'],
    ['x'.repeat(501), 'turnId is too long: give at most 500 UTF-8 bytes'],
  ])('is refused if no store could keep it: %j', async (bad, message) => {
    const error = await failureOf(
      new Pipeline([says('a')]).executeWithContext('s', 'user', 'x', { turnId: bad }),
    );
    expect([error.code, error.message.includes(message)]).toEqual(['invalid_options', true]);
  });

  test('is refused without a session', async () => {
    const error = await failureOf(new Pipeline([says('a')]).execute('user', 'x', { turnId }));
    expect(error.message).toContain('turnId is for turns of a session');
  });

  test('of 500 bytes is kept', async () => {
    const pipeline = new Pipeline([says('a')]);
    const long = 'é'.repeat(250);
    await pipeline.executeWithContext('s', 'user', 'x', { turnId: long });
    expect((await pipeline.executeWithContext('s', 'user', 'x', { turnId: long })).replayed).toBe(true);
  });
});

function typeOf(part: Exclude<Message['content'], string>[number]): string {
  return part.type === 'text' || part.type === 'provider' ? 'content' : part.type;
}
