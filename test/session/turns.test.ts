import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline, SluiceError, contextKey } from 'sluice';
import type { Message, Middleware, SessionState } from 'sluice';
import {
  Model,
  counted,
  failureOf,
  readAll,
  says,
  settled,
  stop,
  text,
  texts,
  tokens,
} from '../core/harness.ts';

/** Answers with the messages that it was sent, one per line. */
const echo: Middleware = async function* echo(context) {
  yield text(context.request.messages.map(({ role, content }) => `${role}: ${String(content)}`).join('\n'));
  return { finishReason: 'stop' };
};

const stored = async (store: MemoryStore, key = 's'): Promise<Message[] | undefined> =>
  (await store.load(key))?.messages;

describe('turns', () => {
  test('the history is sent with the new message, and the result contains only this turn', async () => {
    const pipeline = new Pipeline([echo]);
    await pipeline.executeWithContext('s', 'user', 'one');
    const { response, messages, sessionId } = await pipeline.executeWithContext('s', 'user', 'two');
    expect(response.content).toBe('user: one\nassistant: user: one\nuser: two');
    expect(messages).toEqual([
      { role: 'user', content: 'two' },
      { role: 'assistant', content: response.content },
    ]);
    expect(sessionId).toBe('s');
  });

  test('sessions are separate, and so are owners with the same session id', async () => {
    const pipeline = new Pipeline([echo]);
    await pipeline.executeWithContext('s', 'user', 'mine');
    for (const key of ['t', { owner: 'acme', id: 's' }, { owner: 's', id: 's' }])
      expect((await pipeline.executeWithContext(key, 'user', 'x')).response.content).toBe('user: x');
    expect((await pipeline.execute('user', 'x')).response.content).toBe('user: x');
  });

  test('a change handed to next() is sent and not stored', async () => {
    const store = new MemoryStore();
    const system: Middleware = function system(context, next) {
      return next({ messages: [{ role: 'system', content: 'be brief' }, ...context.request.messages] });
    };
    const { response } = await new Pipeline([system, echo], { store }).executeWithContext('s', 'user', 'hi');
    expect(response.content).toBe('system: be brief\nuser: hi');
    expect((await stored(store))?.map(({ role }) => role)).toEqual(['user', 'assistant']);
  });

  test('R31 the message is stored before the model is called, and survives an abort with the partial reply, marked', async () => {
    const store = new MemoryStore();
    const model = new Model().give(texts('half an '));
    const stream = new Pipeline([model.middleware], { store }).executeStreamWithContext('s', 'user', 'hi');
    await stream.next();
    expect(await stored(store)).toEqual([{ role: 'user', content: 'hi' }]);
    await stream.close();
    expect(await stored(store)).toEqual([
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'half an ', partial: true },
    ]);
  });

  test('R31 a failure before any chunk leaves the message alone, and the next turn goes on', async () => {
    const store = new MemoryStore();
    const model = new Model().give(new SluiceError('server', 'down'));
    const pipeline = new Pipeline([model.middleware], { store });
    await failureOf(pipeline.executeWithContext('s', 'user', 'hi'));
    expect(await stored(store)).toEqual([{ role: 'user', content: 'hi' }]);
    model.give(texts('ok'), stop());
    await pipeline.executeWithContext('s', []);
    expect(await stored(store)).toEqual([
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'ok' },
    ]);
    expect(model.calls.at(-1)?.request.messages).toEqual([{ role: 'user', content: 'hi' }]);
  });

  test('[] in an empty session calls no model, stores nothing and leaves the session free', async () => {
    const store = new MemoryStore();
    const model = new Model().give(texts('ok'), stop());
    const pipeline = new Pipeline([model.middleware], { store, onBusy: 'reject' });
    const key = { owner: 'ada', id: 's' };
    expect(await failureOf(pipeline.executeWithContext(key, []))).toMatchObject({
      code: 'not_found',
      message: 'The session "s" has no messages to run again: give at least one in place of [].',
    });
    expect(model.calls).toEqual([]);
    expect(await store.load(key)).toBeUndefined();
    expect((await pipeline.executeWithContext(key, 'user', 'hi')).response.content).toBe('ok');
  });

  test('R27 a partial reply is stored without its dangling tool calls', async () => {
    const store = new MemoryStore();
    const model = new Model().give(
      [text('let me see '), { type: 'tool_call', id: 'c', name: 'add', arguments: {} }],
      new SluiceError('truncated', 'cut'),
    );
    const { error } = await readAll(
      new Pipeline([model.middleware], { store }).executeStreamWithContext('s', 'user', 'hi'),
    );
    expect(error?.partial?.toolCalls).toHaveLength(1);
    expect((await stored(store))?.at(-1)).toEqual({
      role: 'assistant',
      content: [{ type: 'text', text: 'let me see ' }],
      partial: true,
    });
  });

  test('usage and cost of the turns add up in the session', async () => {
    const store = new MemoryStore();
    const model = new Model();
    const pipeline = new Pipeline([model.middleware], { store });
    for (const usage of [tokens(1, 2), tokens(10, 20)]) {
      model.give(texts('a'), stop({ usage }));
      await pipeline.executeWithContext('s', 'user', 'hi');
    }
    expect((await store.load('s'))?.usage).toEqual(tokens(11, 22));
  });

  test('values of the session are saved with the turn, and typed', async () => {
    const Mood = contextKey<string>('mood');
    const seen: (string | undefined)[] = [];
    const remembers: Middleware = function remembers(context, next) {
      seen.push(context.session?.get(Mood));
      context.session?.set(Mood, 'calm');
      seen.push(context.session?.get(Mood));
      return next();
    };
    const store = new MemoryStore();
    const pipeline = new Pipeline([remembers, says('a')], { store });
    await pipeline.executeWithContext('s', 'user', 'hi');
    const again = new Pipeline([remembers, says('a')], { store });
    await again.executeWithContext('s', 'user', 'hi');
    await again.execute('user', 'no session');
    expect(seen).toEqual([undefined, 'calm', 'calm', 'calm', undefined, undefined]);
    expect((await store.load('s'))?.metadata).toEqual({ mood: 'calm' });
  });

  test('the reply is stored before the reader sees the end of the stream', async () => {
    const store = new MemoryStore();
    const pipeline = new Pipeline([says('a')], { store });
    for await (const chunk of pipeline.executeStreamWithContext('s', 'user', 'hi'))
      if (chunk.type === 'done') expect(await stored(store)).toHaveLength(2);
  });

  test('a store that cannot be read fails the turn as store, and frees the session', async () => {
    const store = new MemoryStore();
    const load = store.load.bind(store);
    store.load = () => Promise.reject(new Error('down'));
    const pipeline = new Pipeline([says('a')], { store });
    expect(await failureOf(pipeline.executeWithContext('s', 'user', 'hi'))).toMatchObject({
      code: 'store',
      retryable: true,
    });
    store.load = load;
    expect((await pipeline.executeWithContext('s', 'user', 'hi')).outcome).toBe('completed');
  });
});

describe('R33 two turns of one session never interleave', () => {
  test('they queue in the order of asking, and each sees the one before', async () => {
    const sent: unknown[][] = [];
    const looks: Middleware = function looks(context, next) {
      sent.push(context.request.messages.map(({ content }) => content));
      return next();
    };
    const pipeline = new Pipeline([looks, says('ok')]);
    await Promise.all(['a', 'b', 'c'].map((name) => pipeline.executeWithContext('s', 'user', name)));
    expect(sent).toEqual([['a'], ['a', 'ok', 'b'], ['a', 'ok', 'b', 'ok', 'c']]);
  });

  test('a waiting turn holds no slot: other sessions go on', async () => {
    const log: string[] = [];
    const { middleware, finish } = counted(log);
    const pipeline = new Pipeline([middleware], { maxConcurrentExecutions: 2 });
    const turns = ['a1', 'a2', 'a3'].map((name) => pipeline.executeWithContext('a', 'user', name));
    const other = pipeline.executeWithContext('b', 'user', 'b1');
    await settled();
    expect(log).toEqual(['a1 runs', 'b1 runs']);
    for (let turn = 0; turn < 4; turn++) {
      finish();
      await settled();
    }
    await Promise.all([...turns, other]);
    expect(log).toEqual(['a1 runs', 'b1 runs', 'a2 runs', 'a3 runs']);
  });

  test('fail as session_busy, retryable, if too many wait', async () => {
    const { middleware, finish } = counted([]);
    const pipeline = new Pipeline([middleware], { maxQueuedTurns: 1 });
    const first = pipeline.executeWithContext('s', 'user', 'a');
    const second = pipeline.executeWithContext('s', 'user', 'b');
    expect(await failureOf(pipeline.executeWithContext('s', 'user', 'c'))).toMatchObject({
      code: 'session_busy',
      retryable: true,
    });
    await settled();
    finish();
    await settled();
    finish();
    await Promise.all([first, second]);
  });

  test('a turn that aborts while it waits leaves the queue and stores nothing', async () => {
    const store = new MemoryStore();
    const { middleware, finish } = counted([]);
    const pipeline = new Pipeline([middleware], { store });
    const abort = new AbortController();
    const first = pipeline.executeWithContext('s', 'user', 'a');
    const second = failureOf(pipeline.executeWithContext('s', 'user', 'b', { signal: abort.signal }));
    await settled();
    abort.abort();
    expect((await second).code).toBe('aborted');
    finish();
    await first;
    expect((await stored(store))?.map(({ content }) => content)).toEqual(['a', 'x']);
  });

  test('a close while the store is still loading frees the session when the store answers', async () => {
    const store = new MemoryStore();
    const load = store.load.bind(store);
    const gate = Promise.withResolvers<void>();
    store.load = async (key): Promise<SessionState | undefined> => {
      await gate.promise;
      return load(key);
    };
    const pipeline = new Pipeline([says('a')], { store, closeTimeoutMs: 20 });
    const stream = pipeline.executeStreamWithContext('s', 'user', 'hi');
    const read = stream.next();
    await settled();
    await stream.close();
    await read;
    gate.resolve();
    await settled();
    expect((await pipeline.executeWithContext('s', 'user', 'again')).outcome).toBe('completed');
  });
});
