import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryStore, Pipeline, SluiceError, contextKey } from 'sluice';
import type { Middleware } from 'sluice';
import { Model, failureOf, readAll, says, stop, texts } from '../core/harness.ts';
import { TroubledStore, linesOf, processes } from './stage.ts';

const LEASE_MS = 15_000;
const down = new SluiceError('store', 'down');
/** A permanent error, which is not retried. */
const broken = new SluiceError('store', 'broken', { retryable: false });

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** A turn whose reply has started, and that ends when the test says so. */
async function running(store: MemoryStore): Promise<{ model: Model; read: ReturnType<typeof readAll> }> {
  const model = new Model().give(texts('a '));
  const pipeline = new Pipeline([model.middleware], { store, executionTimeoutMs: 0 });
  const read = readAll(pipeline.executeStreamWithContext('s', 'user', 'hi'));
  await vi.advanceTimersByTimeAsync(0);
  return { model, read };
}

describe('a turn that takes long', () => {
  test('renews its lease every third of it, and keeps the session', async () => {
    const store = new TroubledStore();
    const { model, read } = await running(store);
    for (let second = 0; second < 60; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      expect((await failureOf(store.lease('s', 1_000))).code).toBe('session_busy');
    }
    expect(store.log.filter((line) => line === `renew ${LEASE_MS}`)).toHaveLength(12);
    model.give(texts('b'), stop());
    await vi.advanceTimersByTimeAsync(0);
    expect((await read).content).toBe('a b');
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: a b']);
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(store.count('renew')).toBe(12);
  });

  test('releases the session with its reply, even if a renewal comes late', async () => {
    const store = new TroubledStore();
    const { model, read } = await running(store);
    const gate = Promise.withResolvers<void>();
    store.trouble('renew', gate.promise);
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    model.give(stop());
    await vi.advanceTimersByTimeAsync(0);
    const { result, error } = await read;
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect([result?.outcome, error, store.count('renew'), store.count('release')]).toEqual([
      'completed',
      undefined,
      1,
      0,
    ]);
    await (await store.lease('s', 1_000)).release();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('R43 has stored its reply if the answer is lost and a renewal finds the lease released', async () => {
    const store = new TroubledStore();
    const { model, read } = await running(store);
    const append = store.append.bind(store);
    const lost = Promise.withResolvers<void>();
    let appends = 0;
    store.append = async (...given) => {
      const version = await append(...given);
      if (++appends > 1) return version;
      await lost.promise;
      throw down;
    };
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3 - 1);
    model.give(stop());
    await vi.advanceTimersByTimeAsync(1);
    expect(store.count('renew')).toBe(1);
    lost.resolve();
    await vi.advanceTimersByTimeAsync(1_000);
    const { result, error } = await read;
    expect([result?.outcome, result?.warnings, error, appends]).toEqual(['completed', [], undefined, 2]);
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: a ']);
  });

  test('whose reply cannot be stored releases the session after a running renewal', async () => {
    const store = new TroubledStore();
    const { model, read } = await running(store);
    const gate = Promise.withResolvers<void>();
    store.trouble('renew', gate.promise);
    store.trouble('append', broken);
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    model.give(stop());
    await vi.advanceTimersByTimeAsync(100);
    expect(store.count('release')).toBe(0);
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    await read;
    expect(store.log.at(-1)).toBe('release');
    await (await store.lease('s', 1_000)).release();
  });

  test('ends even if its lease cannot be released, which then expires', async () => {
    const store = new TroubledStore();
    const { model, read } = await running(store);
    store.trouble('append', broken);
    store.trouble('release', new Promise<never>(() => undefined));
    model.give(stop());
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await read).result?.outcome).toBe('completed');
    expect((await failureOf(store.lease('s', 1_000))).code).toBe('session_busy');
    await vi.advanceTimersByTimeAsync(LEASE_MS);
    await store.lease('s', 1_000);
  });
});

describe('R42 a lease that is lost', () => {
  test('aborts the turn at its next renewal, with that error and the partial reply, whose append is refused', async () => {
    const [one, two] = processes();
    const { read } = await running(one);
    await two.lease('s', 600_000, { takeOver: true });
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    const { content, error } = await read;
    expect([content, error?.code, error?.partial?.content]).toEqual(['a ', 'lease_lost', 'a ']);
    expect(await linesOf(one)).toEqual(['user: hi']);
    expect((await one.load('s', { last: 0 }))?.turns).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is known, so nothing is sent to the store: it may be one that does not look at leases', async () => {
    const store = new TroubledStore();
    const Mood = contextKey<string>('mood');
    const sets: Middleware = async function* sets(context, next) {
      context.onEnd(() => context.session?.set(Mood, 'late'));
      return yield* next();
    };
    const model = new Model().give(texts('a '));
    const pipeline = new Pipeline([sets, model.middleware], { store, executionTimeoutMs: 0 });
    const read = readAll(pipeline.executeStreamWithContext('s', 'user', 'hi', { turnId: 'mine' }));
    await vi.advanceTimersByTimeAsync(0);
    const asked = store.log.length;
    await MemoryStore.prototype.lease.call(store, 's', 600_000, { takeOver: true });
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    expect((await read).error?.code).toBe('lease_lost');
    await vi.advanceTimersByTimeAsync(LEASE_MS);
    expect(store.log.slice(asked)).toEqual([`renew ${LEASE_MS}`, 'release']);
    const { metadata, turns, version } = (await store.load('s')) ?? {};
    expect([metadata, turns, version]).toEqual([{}, 0, 1]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('frees the next turn of this process', async () => {
    const [one, two] = processes();
    const { read } = await running(one);
    const theirs = await two.lease('s', 600_000, { takeOver: true });
    const next = new Pipeline([says('b')], { store: one, executionTimeoutMs: 0 }).executeWithContext(
      's',
      'user',
      'b',
    );
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    expect((await read).error?.code).toBe('lease_lost');
    await theirs.release();
    await vi.advanceTimersByTimeAsync(250);
    expect((await next).outcome).toBe('completed');
  });

  test('between the last renewal and the end leaves the reply to its reader, unsaved', async () => {
    const [one, two] = processes();
    const { model, read } = await running(one);
    const theirs = await two.lease('s', 600_000, { takeOver: true });
    await two.append('s', [{ message: { role: 'user', content: 'theirs' } }], {
      expectedVersion: 1,
      turnId: 't',
      lease: theirs,
    });
    model.give(texts('b'), stop());
    await vi.advanceTimersByTimeAsync(0);
    const { result } = await read;
    expect([result?.response.content, result?.unsaved]).toEqual([
      'a b',
      [{ role: 'assistant', content: 'a b' }],
    ]);
    expect(result?.warnings).toEqual([
      'The turn was not saved: The lease of the session "s" is lost: another has it, or it was given back.',
    ]);
    expect(await linesOf(one)).toEqual(['user: hi', 'user: theirs']);
  });

  test('by the deletion of the session ends the turn, too', async () => {
    const store = new MemoryStore();
    const { read } = await running(store);
    await store.delete('s');
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    expect((await read).error?.code).toBe('lease_lost');
    expect(await store.load('s')).toBeUndefined();
  });
});

describe('a store that fails while a reply streams', () => {
  test('does not interrupt it: renewals are retried, and one that succeeds keeps the session', async () => {
    const store = new TroubledStore();
    const { model, read } = await running(store);
    store.trouble('renew', down, 8);
    await vi.advanceTimersByTimeAsync(LEASE_MS - 1);
    expect(store.count('renew')).toBe(9);
    expect((await failureOf(store.lease('s', 1_000))).code).toBe('session_busy');
    await vi.advanceTimersByTimeAsync(LEASE_MS);
    expect((await failureOf(store.lease('s', 1_000))).code).toBe('session_busy');
    model.give(texts('b'), stop());
    await vi.advanceTimersByTimeAsync(0);
    expect((await read).result?.unsaved).toBeUndefined();
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: a b']);
  });

  test('for longer than the lease: the reply goes on, and is stored if nobody took the session', async () => {
    const store = new TroubledStore();
    const { model, read } = await running(store);
    store.trouble('renew', new Error('no route'), 1_000);
    await vi.advanceTimersByTimeAsync(4 * LEASE_MS);
    model.give(texts('b'), stop());
    await vi.advanceTimersByTimeAsync(0);
    const { content, result } = await read;
    expect([content, result?.warnings]).toEqual(['a b', []]);
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: a b']);
  });
});
