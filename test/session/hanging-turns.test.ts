import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryStore, Pipeline, SluiceError, Stream, terminal } from 'sluice';
import type { PipelineOptions, Reply, StreamChunk } from 'sluice';
import { openConversation } from 'sluice/conversation';
import { Model, answers, failureOf, readAll, says, stop, text, texts } from '../core/harness.ts';
import { TroubledStore, linesOf, processes } from './stage.ts';

const never = new Promise<never>(() => undefined);
const reply = [{ role: 'assistant', content: 'a' }];
const LEASE_MS = 15_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** A turn whose store answers one call only when the test says so. */
function begin(
  verb: 'lease' | 'turn' | 'load' | 'append',
  options: PipelineOptions = {},
): {
  store: TroubledStore;
  pipeline: Pipeline;
  calls: unknown[];
  gate: PromiseWithResolvers<void>;
  turn: (
    content: string,
    more?: { deadline?: number; signal?: AbortSignal },
  ) => ReturnType<Pipeline['execute']>;
} {
  const store = new TroubledStore();
  const gate = Promise.withResolvers<void>();
  store.trouble(verb, gate.promise);
  const { middleware, calls } = answers([texts('a'), stop()], [texts('b'), stop()]);
  const pipeline = new Pipeline([middleware], { store, onBusy: 'reject', ...options });
  const turn = (content: string, more = {}): ReturnType<Pipeline['execute']> =>
    pipeline.executeWithContext('s', 'user', content, { turnId: content, ...more });
  return { store, pipeline, calls, gate, turn };
}

describe('R53 a turn that begins while its store hangs', () => {
  test.each(['turn', 'lease', 'load', 'append'] as const)(
    '%s: fails in time, calls no model, and lets the next turn in',
    async (verb) => {
      const { store, calls, turn } = begin(verb);
      const failed = failureOf(turn('one'));
      await vi.advanceTimersByTimeAsync(5_000);
      const { code, retryable, message } = await failed;
      expect([code, retryable, calls]).toEqual(['store', true, []]);
      expect(message).toContain(`no answer to ${verb} within 5000 ms`);
      expect(vi.getTimerCount()).toBe(0);
      expect((await turn('two')).response.content).toBe('a');
      expect(await linesOf(store)).toEqual(['user: two', 'assistant: a']);
    },
  );

  test.each(['turn', 'lease', 'load', 'append'] as const)(
    '%s: what comes late is given back or ignored, and never stored in another turn',
    async (verb) => {
      const { store, gate, turn } = begin(verb);
      const failed = failureOf(turn('one'));
      await vi.advanceTimersByTimeAsync(5_000);
      await failed;
      expect((await turn('two')).outcome).toBe('completed');
      gate.resolve();
      await vi.advanceTimersByTimeAsync(0);
      expect(await linesOf(store)).toEqual(['user: two', 'assistant: a']);
      expect((await store.load('s'))?.version).toBe(2);
      // Nobody has the session.
      expect((await turn('three')).response.content).toBe('b');
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  test('append: an input that is stored late, but before any other turn, is not stored again by a retry', async () => {
    const { store, gate, turn } = begin('append');
    const failed = failureOf(turn('one'));
    await vi.advanceTimersByTimeAsync(5_000);
    await failed;
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(await linesOf(store)).toEqual(['user: one']);
    await turn('one');
    expect(await linesOf(store)).toEqual(['user: one', 'assistant: a']);
  });

  test('append: an input that is stored late, during its own retry, is stored once', async () => {
    const { store, gate, turn } = begin('append');
    const failed = failureOf(turn('one'));
    await vi.advanceTimersByTimeAsync(5_000);
    await failed;
    const second = Promise.withResolvers<void>();
    store.trouble('append', second.promise);
    const again = turn('one');
    await vi.advanceTimersByTimeAsync(0);
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    second.resolve();
    expect((await again).outcome).toBe('completed');
    expect(await linesOf(store)).toEqual(['user: one', 'assistant: a']);
  });

  test.each(['turn', 'lease', 'load', 'append'] as const)(
    '%s: closing the stream waits for nothing, and lets the next turn in at once',
    async (verb) => {
      const { store, pipeline, gate, turn } = begin(verb);
      const stream = pipeline.executeStreamWithContext('s', 'user', 'one', { turnId: 'one' });
      const first = stream.next();
      await vi.advanceTimersByTimeAsync(0);
      await stream.close();
      expect([await first, (await failureOf(stream.result)).code]).toEqual([
        { done: true, value: undefined },
        'aborted',
      ]);
      await vi.advanceTimersByTimeAsync(0);
      expect(vi.getTimerCount()).toBe(0);
      expect((await turn('two')).outcome).toBe('completed');
      gate.resolve();
      await vi.advanceTimersByTimeAsync(0);
      expect(await linesOf(store)).toEqual(['user: two', 'assistant: a']);
    },
  );

  test.each(['turn', 'lease', 'load', 'append'] as const)(
    '%s: the deadline of the call and its signal end the wait',
    async (verb) => {
      const { turn } = begin(verb);
      const late = failureOf(turn('one', { deadline: Date.now() + 700 }));
      await vi.advanceTimersByTimeAsync(700);
      expect(await late).toMatchObject({ code: 'timeout', phase: 'queue' });
      const other = begin(verb);
      const abort = new AbortController();
      const left = failureOf(other.turn('one', { signal: abort.signal }));
      await vi.advanceTimersByTimeAsync(0);
      abort.abort();
      expect((await left).code).toBe('aborted');
      await vi.advanceTimersByTimeAsync(0);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  test('waits as long as storeTimeoutMs says', async () => {
    const short = begin('load', { storeTimeoutMs: 200 });
    const failed = failureOf(short.turn('one'));
    await vi.advanceTimersByTimeAsync(200);
    expect((await failed).message).toContain('no answer to load within 200 ms');
    const patient = begin('load', { storeTimeoutMs: 0 });
    const turn = patient.turn('one');
    await vi.advanceTimersByTimeAsync(600_000);
    patient.gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect((await turn).outcome).toBe('completed');
  });

  test('the next queued turn does not wait for a lease that is never granted', async () => {
    const { store, turn } = begin('lease', { onBusy: 'queue' });
    const turns = [failureOf(turn('one')), turn('two')];
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await turns[0]) as unknown).toMatchObject({ code: 'store' });
    expect(await turns[1]).toMatchObject({ outcome: 'completed' });
    expect(await linesOf(store)).toEqual(['user: two', 'assistant: a']);
  });

  test('a lease that is granted late does not block another process for long', async () => {
    const [one, two] = processes();
    const late = Promise.withResolvers<void>();
    const lease = one.lease.bind(one);
    one.lease = async (...given) => {
      const leased = await lease(...given);
      await late.promise;
      return leased;
    };
    const failed = failureOf(
      new Pipeline([says('a')], { store: one }).executeWithContext('s', 'user', 'one'),
    );
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await failed).code).toBe('store');
    one.lease = lease;
    expect((await failureOf(two.lease('s', 1_000))).code).toBe('session_busy');
    late.resolve();
    await vi.advanceTimersByTimeAsync(0);
    await two.lease('s', 1_000);
  });
});

describe('R53 a turn whose store hangs while the reply streams', () => {
  /** A turn whose reply has started, and that ends when the test says so. */
  async function running(): Promise<{
    store: TroubledStore;
    model: Model;
    pipeline: Pipeline;
    read: ReturnType<typeof readAll>;
  }> {
    const store = new TroubledStore();
    const model = new Model().give(texts('a'));
    const pipeline = new Pipeline([model.middleware], { store, executionTimeoutMs: 0 });
    const read = readAll(pipeline.executeStreamWithContext('s', 'user', 'one'));
    await vi.advanceTimersByTimeAsync(0);
    return { store, model, pipeline, read };
  }

  test.each([undefined, 0, 60_000])(
    'renews its lease after a renewal that hangs, and keeps the session (storeTimeoutMs: %s)',
    async (storeTimeoutMs) => {
      const store = new TroubledStore();
      const model = new Model().give(texts('a'));
      const read = readAll(
        new Pipeline([model.middleware], {
          store,
          executionTimeoutMs: 0,
          ...(storeTimeoutMs !== undefined && { storeTimeoutMs }),
        }).executeStreamWithContext('s', 'user', 'one'),
      );
      await vi.advanceTimersByTimeAsync(0);
      store.trouble('renew', never);
      for (let second = 0; second < 40; second++) {
        await vi.advanceTimersByTimeAsync(1_000);
        expect((await failureOf(store.lease('s', 1_000))).code).toBe('session_busy');
      }
      expect(store.count('renew')).toBe(7);
      model.give(stop());
      await vi.advanceTimersByTimeAsync(0);
      expect((await read).result?.unsaved).toBeUndefined();
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  test('a renewal that comes after the turn does not keep the session', async () => {
    const { store, model, read } = await running();
    const gate = Promise.withResolvers<void>();
    store.trouble('renew', gate.promise);
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    model.give(stop());
    await vi.advanceTimersByTimeAsync(0);
    expect((await read).result?.outcome).toBe('completed');
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    await (await store.lease('s', 1_000)).release();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('ends with an unsaved reply after saveTimeoutMs if the store never answers again', async () => {
    const { store, model, read } = await running();
    for (const verb of ['renew', 'append', 'load', 'release'] as const) store.trouble(verb, never, 1_000);
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3 + 100);
    model.give(stop());
    let over = false;
    void read.finally(() => (over = true));
    await vi.advanceTimersByTimeAsync(2_999);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    const { result } = await read;
    expect([result?.outcome, result?.unsaved]).toEqual(['completed', reply]);
    expect(result?.warnings).toEqual([
      expect.stringContaining('The turn was not saved: The store gave no answer to append within'),
    ]);
    // A renewal that hangs and the release have a second each, which the reader does not wait for.
    await vi.advanceTimersByTimeAsync(2_000);
    expect([store.count('release'), vi.getTimerCount()]).toEqual([1, 0]);
  });

  test('a reply that is stored after it was given up never ends up in another turn', async () => {
    const { store, model, pipeline, read } = await running();
    const gate = Promise.withResolvers<void>();
    store.trouble('append', gate.promise, 3);
    model.give(stop());
    await vi.advanceTimersByTimeAsync(3_000);
    expect((await read).result?.unsaved).toEqual(reply);
    const next = pipeline.executeWithContext('s', 'user', 'two');
    await vi.advanceTimersByTimeAsync(0);
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    model.give(texts('b'), stop());
    expect((await next).outcome).toBe('completed');
    expect(await linesOf(store)).toEqual(['user: one', 'user: two', 'assistant: b']);
  });

  test('a reply whose append hangs once is stored by the next try, once', async () => {
    const { store, model, read } = await running();
    const gate = Promise.withResolvers<void>();
    store.trouble('append', gate.promise);
    model.give(stop());
    await vi.advanceTimersByTimeAsync(1_600);
    expect((await read).result).toMatchObject({ outcome: 'completed', warnings: [] });
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(await linesOf(store)).toEqual(['user: one', 'assistant: a']);
    expect((await store.load('s'))?.turns).toBe(1);
  });

  test('a load that hangs after a conflict does not hold up the reply', async () => {
    const { store, model, read } = await running();
    await store.update('s', { x: 1 }, { expectedVersion: 1 });
    store.trouble('load', never);
    model.give(stop());
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await read).result?.warnings).toEqual([]);
    expect(await linesOf(store)).toEqual(['user: one', 'assistant: a']);
  });

  test('closing a stream waits at most 3 seconds for its partial reply to be stored', async () => {
    const store = new TroubledStore();
    const model = new Model().give(texts('half '));
    const stream = new Pipeline([model.middleware], { store }).executeStreamWithContext('s', 'user', 'one');
    await stream.next();
    store.trouble('append', never, 1_000);
    let over = false;
    const closed = stream.close().finally(() => (over = true));
    await vi.advanceTimersByTimeAsync(2_999);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await closed;
    expect(vi.getTimerCount()).toBe(0);
  });

  test('the lease is released after a second even if a renewal hangs', async () => {
    const { store, model, read } = await running();
    store.trouble('renew', never);
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    store.trouble('append', new SluiceError('store', 'broken', { retryable: false }));
    model.give(stop());
    await vi.advanceTimersByTimeAsync(999);
    expect(store.count('release')).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect((await read).result?.unsaved).toEqual(reply);
    expect(store.count('release')).toBe(1);
    await store.lease('s', 1_000);
  });
});

test('R33 two pipelines over one store share its queue, even if one uses the `store` of the other', async () => {
  const store = new TroubledStore();
  const model = new Model();
  const one = new Pipeline([model.middleware], { store });
  const two = new Pipeline([says('b')], { store: one.store, onBusy: 'reject' });
  const first = one.executeWithContext('s', 'user', 'one');
  await vi.advanceTimersByTimeAsync(0);
  expect((await failureOf(two.executeWithContext('s', 'user', 'two'))).code).toBe('session_busy');
  expect(store.count('lease')).toBe(1);
  model.give(texts('a'), stop());
  await first;
});

test('a shutdown does not wait forever for a store that cannot be closed, and closes the providers', async () => {
  const log: string[] = [];
  const close = async (): Promise<void> => void log.push('provider closed');
  const model = terminal({ name: 'p', close }, () =>
    Stream.from<StreamChunk, Reply>([text('a')], { finishReason: 'stop' }),
  );
  const store = new MemoryStore();
  store.close = () => never;
  const failed = failureOf(new Pipeline([model], { store, own: true }).shutdown());
  await vi.advanceTimersByTimeAsync(5_000);
  const { code, message } = await failed;
  expect([code, log]).toEqual(['store', ['provider closed']]);
  expect(message).toContain('no answer to close within 5000 ms');
});

test('a conversation does not wait forever for its history, a fork or its deletion', async () => {
  const store = new MemoryStore();
  const pipeline = new Pipeline([says('a')], { store });
  const conversation = openConversation({ pipeline, session: 's' });
  store.load = () => never;
  store.fork = () => never;
  store.delete = () => never;
  const calls = [conversation.history(), conversation.fork(), conversation.clear()].map(failureOf);
  await vi.advanceTimersByTimeAsync(5_000);
  const messages = (await Promise.all(calls)).map(({ code, message }) => [code, message.slice(0, 32)]);
  expect(messages).toEqual([
    ['store', 'The store gave no answer to load'],
    ['store', 'The store gave no answer to fork'],
    ['store', 'The store gave no answer to dele'],
  ]);
});
