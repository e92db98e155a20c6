import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryStore, Pipeline, SluiceError, contextKey } from 'sluice';
import type { Middleware } from 'sluice';
import { Model, answers, failureOf, says, settled, stop, texts, tokens } from '../core/harness.ts';
import { TroubledStore, linesOf } from './stage.ts';

const down = new SluiceError('store', 'The database is down.');
const never = new Promise<never>(() => undefined);
const reply = [{ role: 'assistant', content: 'a' }];

describe('a reply whose append fails', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  /** A turn whose reply cannot be appended at first. */
  async function turnWith(...troubles: [Error | Promise<never>, number][]): Promise<{
    store: TroubledStore;
    turn: ReturnType<Pipeline['executeWithContext']>;
  }> {
    const store = new TroubledStore();
    store.trouble('append', Promise.resolve());
    for (const [trouble, times] of troubles) store.trouble('append', trouble, times);
    const turn = new Pipeline([says('a')], { store }).executeWithContext('s', 'user', 'hi');
    await vi.advanceTimersByTimeAsync(0);
    return { store, turn };
  }

  test('is stored by a later try, without a warning', async () => {
    const { store, turn } = await turnWith([new Error('blip'), 3]);
    await vi.advanceTimersByTimeAsync(100 + 200 + 400);
    const { warnings, unsaved } = await turn;
    expect([warnings, unsaved]).toEqual([[], undefined]);
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: a']);
  });

  test('is returned unsaved after several tries, with a warning; the session is free', async () => {
    const { store, turn } = await turnWith([down, 1_000]);
    await vi.advanceTimersByTimeAsync(60_000);
    const { outcome, warnings, unsaved, response } = await turn;
    expect([outcome, response.content, unsaved]).toEqual(['completed', 'a', reply]);
    expect(warnings).toEqual(['The turn was not saved: The database is down.']);
    expect(store.log.filter((line) => line === 'append random.reply')).toHaveLength(8);
    expect(vi.getTimerCount()).toBe(0);
    await store.lease('s', 1_000);
  });

  test.each([
    [undefined, 3_000],
    [700, 700],
    [60_000, 14_000],
  ])(
    'saveTimeoutMs %d: a store that is down delays the end by less than %d ms',
    async (saveTimeoutMs, mostMs) => {
      const store = new TroubledStore();
      store.trouble('append', Promise.resolve());
      for (const verb of ['append', 'renew', 'release'] as const) store.trouble(verb, down, 1_000);
      const model = new Model().give(texts('a'));
      const options = { store, ...(saveTimeoutMs !== undefined && { saveTimeoutMs }) };
      const turn = new Pipeline([model.middleware], options).executeWithContext('s', 'user', 'hi');
      await vi.advanceTimersByTimeAsync(1_000);
      model.give(stop());
      const textEnded = performance.now();
      await vi.advanceTimersByTimeAsync(0);
      const ended = turn.then(({ unsaved }) => [unsaved, performance.now() - textEnded] as const);
      await vi.advanceTimersByTimeAsync(60_000);
      const [unsaved, tookMs] = await ended;
      expect(unsaved).toEqual(reply);
      expect(tookMs).toBeLessThanOrEqual(mostMs);
      expect(tookMs).toBeGreaterThan(mostMs - 1_000);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  test('a store that answers nothing at all delays the end by saveTimeoutMs, all calls together', async () => {
    const store = new TroubledStore();
    store.trouble('append', Promise.resolve());
    const model = new Model().give(texts('a'));
    const pipeline = new Pipeline([model.middleware], { store, executionTimeoutMs: 0 });
    const turn = pipeline.executeWithContext('s', 'user', 'hi');
    await vi.advanceTimersByTimeAsync(0);
    for (const verb of ['load', 'append', 'renew', 'release'] as const) store.trouble(verb, never, 1_000);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(store.count('renew')).toBe(1);
    model.give(stop());
    let over = false;
    void turn.finally(() => (over = true));
    await vi.advanceTimersByTimeAsync(2_999);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect([over, (await turn).unsaved]).toEqual([true, reply]);
    // What is left is given up in the background.
    await vi.advanceTimersByTimeAsync(10_000);
    expect([store.count('release'), vi.getTimerCount()]).toEqual([1, 0]);
  });

  test('the next turn of this process begins when the session is released, not before', async () => {
    const store = new TroubledStore();
    store.trouble('append', Promise.resolve());
    store.trouble('append', never, 3);
    const gate = Promise.withResolvers<void>();
    store.trouble('release', gate.promise);
    const { middleware } = answers([texts('a'), stop()], [texts('b'), stop()]);
    const pipeline = new Pipeline([middleware], { store });
    const first = pipeline.executeWithContext('s', 'user', 'hi');
    const second = pipeline.executeWithContext('s', 'user', 'ho');
    await vi.advanceTimersByTimeAsync(3_000);
    expect((await first).unsaved).toEqual(reply);
    expect(store.count('lease')).toBe(1);
    gate.resolve();
    await vi.advanceTimersByTimeAsync(10);
    expect((await second).response.content).toBe('b');
    expect(await linesOf(store)).toEqual(['user: hi', 'user: ho', 'assistant: b']);
  });

  test('is not tried any more after the lease has expired', async () => {
    const store = new TroubledStore();
    store.trouble('append', Promise.resolve());
    store.trouble('append', down, 1_000);
    store.trouble('renew', down, 1_000);
    const model = new Model().give(texts('a'));
    const pipeline = new Pipeline([model.middleware], { store, executionTimeoutMs: 0 });
    const turn = pipeline.executeWithContext('s', 'user', 'hi');
    await vi.advanceTimersByTimeAsync(14_000);
    model.give(stop());
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await turn).unsaved).toEqual(reply);
  });

  test('that gets no answer is given up after saveTimeoutMs', async () => {
    const { store, turn } = await turnWith([never, 1_000]);
    let over = false;
    void turn.finally(() => (over = true));
    await vi.advanceTimersByTimeAsync(2_999);
    expect([over, store.count('append')]).toEqual([false, 4]);
    await vi.advanceTimersByTimeAsync(1);
    const { outcome, warnings, unsaved } = await turn;
    expect([outcome, unsaved]).toEqual(['completed', reply]);
    expect(warnings).toEqual([
      'The turn was not saved: The store gave no answer to append within 500 ms (see storeTimeoutMs): check that its database can be reached and that its pool has free connections.',
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('permanently, such as one that cannot be stored, is tried once', async () => {
    const { store, turn } = await turnWith([new SluiceError('invalid_options', 'Too much.'), 1]);
    const { warnings, unsaved } = await turn;
    expect([warnings, unsaved]).toEqual([['The turn was not saved: Too much.'], reply]);
    expect(store.count('append')).toBe(2);
  });

  test('R43 whose acknowledgement is lost is stored once', async () => {
    const store = new TroubledStore();
    const append = store.append.bind(store);
    store.append = async (...given) => {
      const version = await append(...given);
      if (store.count('append') === 2) throw new Error('reset');
      return version;
    };
    const end = stop({ usage: tokens(1, 2) });
    const turn = new Pipeline([answers([texts('a'), end]).middleware], { store }).executeWithContext(
      's',
      'user',
      'hi',
    );
    await vi.advanceTimersByTimeAsync(100);
    expect((await turn).unsaved).toBeUndefined();
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: a']);
    expect((await store.load('s'))?.usage).toEqual(tokens(1, 2));
  });

  test('because the session was updated in the meantime is stored after the update', async () => {
    const store = new MemoryStore();
    const updates: Middleware = async function* updates(_context, next) {
      await store.update('s', { title: 'New' }, { expectedVersion: 1 });
      return yield* next();
    };
    const turn = new Pipeline([updates, says('a')], { store }).executeWithContext('s', 'user', 'hi');
    await vi.advanceTimersByTimeAsync(100);
    expect((await turn).warnings).toEqual([]);
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: a']);
    expect((await store.load('s'))?.metadata).toEqual({ title: 'New' });
  });

  test('of a turn that was closed does not hold its reader for long', async () => {
    const store = new TroubledStore();
    const model = new Model().give(texts('half '));
    const stream = new Pipeline([model.middleware], { store }).executeStreamWithContext('s', 'user', 'hi');
    await stream.next();
    store.trouble('append', down, 1_000);
    const closed = stream.close();
    await vi.advanceTimersByTimeAsync(3_000);
    await closed;
    expect(store.log.filter((line) => line === 'append random.reply')).toHaveLength(8);
    expect(await linesOf(store)).toEqual(['user: hi']);
  });
});

describe('a turn that cannot begin', () => {
  test.each(['lease', 'load', 'append'] as const)(
    '%s fails: a retryable error, no model call, the session is free',
    async (verb) => {
      const store = new TroubledStore();
      store.trouble(verb, verb === 'load' ? new Error('ECONNRESET') : down);
      const { middleware, calls } = answers([texts('a'), stop()]);
      const pipeline = new Pipeline([middleware], { store, onBusy: 'reject' });
      const error = await failureOf(pipeline.executeWithContext('s', 'user', 'hi'));
      expect(error).toMatchObject({ code: 'store', retryable: true });
      expect(calls).toEqual([]);
      expect((await pipeline.executeWithContext('s', 'user', 'hi')).outcome).toBe('completed');
      expect(await linesOf(store)).toEqual(['user: hi', 'assistant: a']);
    },
  );

  test('an update between the load and the append of the input does not fail the turn', async () => {
    const store = new TroubledStore();
    await store.update('s', { n: 0 }, { expectedVersion: 0 });
    const load = store.load.bind(store);
    let updates = 0;
    store.load = async (...given) => {
      const state = await load(...given);
      if (updates++ < 3) await store.update('s', { n: updates }, { expectedVersion: state?.version ?? 0 });
      return state;
    };
    const { outcome } = await new Pipeline([says('a')], { store }).executeWithContext('s', 'user', 'hi');
    expect([outcome, await linesOf(store)]).toEqual(['completed', ['user: hi', 'assistant: a']]);
    expect((await store.load('s'))?.metadata).toEqual({ n: 3 });
  });

  test('a session that is written to all the time fails with a conflict after some tries', async () => {
    const store = new TroubledStore();
    const load = store.load.bind(store);
    store.load = async (...given) => {
      const state = await load(...given);
      await store.update('s', { n: store.count('load') }, { expectedVersion: state?.version ?? 0 });
      return state;
    };
    const error = await failureOf(new Pipeline([says('a')], { store }).executeWithContext('s', 'user', 'hi'));
    expect([error.code, store.count('append')]).toEqual(['conflict', 6]);
  });

  test('that is aborted while its input is stored keeps the input, calls no model and frees the session', async () => {
    const store = new TroubledStore();
    const gate = Promise.withResolvers<void>();
    store.trouble('append', gate.promise);
    const { middleware, calls } = answers();
    const abort = new AbortController();
    const turn = failureOf(
      new Pipeline([middleware], { store }).executeWithContext('s', 'user', 'hi', { signal: abort.signal }),
    );
    await settled();
    abort.abort();
    expect((await turn).code).toBe('aborted');
    gate.resolve();
    await settled();
    expect([calls, await linesOf(store), store.log.at(-2)]).toEqual([[], ['user: hi'], 'release']);
  });
});

describe('what is stored at the end of a turn', () => {
  test('R38 a turn without a message stores its end: outcome, usage and cost', async () => {
    const store = new MemoryStore();
    const { middleware } = answers([stop({ usage: tokens(3, 0) })], [new SluiceError('server', 'down')]);
    const pipeline = new Pipeline([middleware], { store });
    await pipeline.executeWithContext('s', 'user', 'hi', { turnId: 'empty' });
    await failureOf(pipeline.executeWithContext('s', 'user', 'ho', { turnId: 'failed' }));
    expect(await linesOf(store)).toEqual(['user: hi', 'user: ho']);
    expect((await store.turn('s', 'empty.reply'))?.end).toMatchObject({
      outcome: 'completed',
      finishReason: 'stop',
      usage: tokens(3, 0),
      cost: { status: 'unknown' },
      model: 'model-1',
      provider: 'model',
    });
    const failed = (await store.turn('s', 'failed.reply'))?.end;
    expect([failed?.outcome, failed?.usage.estimated]).toEqual(['failed', true]);
    const { turns, usage, cost } = await store.spend({ owner: '', id: 's' });
    expect([turns, cost]).toEqual([2, { status: 'unknown' }]);
    expect(usage.inputTokens).toBe(3 + (failed?.usage.inputTokens ?? 0));
  });

  test('values set in the turn are stored with the reply, in one append, and those of a failed turn too', async () => {
    const store = new TroubledStore();
    const Mood = contextKey<string | undefined>('mood');
    const moods: (string | undefined)[] = ['calm', undefined];
    const sets: Middleware = function sets(context, next) {
      context.session?.set(Mood, moods.shift());
      return next();
    };
    const { middleware } = answers([texts('a'), stop()], [new SluiceError('server', 'down')]);
    const pipeline = new Pipeline([sets, middleware], { store });
    await pipeline.executeWithContext('s', 'user', 'hi');
    expect(store.count('append')).toBe(2);
    expect((await store.load('s'))?.metadata).toEqual({ mood: 'calm' });
    await failureOf(pipeline.executeWithContext('s', 'user', 'ho'));
    expect((await store.load('s'))?.metadata).toEqual({});
  });

  test('a value that no store could keep is refused when it is set', async () => {
    const When = contextKey<unknown>('when');
    const sets: Middleware = function sets(context, next) {
      context.session?.set(When, { at: new Date() });
      return next();
    };
    const error = await failureOf(new Pipeline([sets, says('a')]).executeWithContext('s', 'user', 'hi'));
    expect([error.code, error.message]).toEqual([
      'invalid_options',
      'session.set(): when.at cannot be stored: give plain data, as JSON has it.',
    ]);
  });

  test('R35 each turn extends the life of the session', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const store = new MemoryStore({ ttlMs: 1_000 });
      const pipeline = new Pipeline([says('a')], { store });
      for (let turn = 0; turn < 3; turn++) {
        await pipeline.executeWithContext('s', 'user', 'hi');
        vi.setSystemTime(Date.now() + 900);
      }
      expect(await linesOf(store)).toHaveLength(6);
      vi.setSystemTime(Date.now() + 14_100);
      expect(await linesOf(store)).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });
});
