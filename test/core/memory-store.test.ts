import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryStore } from 'sluice';
import type { SessionEntry } from 'sluice';
import { failureOf, tokens } from './harness.ts';

const entry = (content: string, more: Partial<SessionEntry> = {}): SessionEntry => ({
  message: { role: 'user', content },
  ...more,
});
const contents = async (
  store: MemoryStore,
  key: Parameters<MemoryStore['load']>[0] = 's',
): Promise<unknown[]> => (await store.load(key))?.messages.map(({ content }) => content) ?? ['nothing'];

/** A store with one session of these messages. */
async function storeWith(...messages: string[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  await store.append(
    's',
    messages.map((message) => entry(message)),
    { expectedVersion: 0, turnId: 't0' },
  );
  return store;
}

describe('append', () => {
  test('adds entries, sums usage and cost, and counts the version up', async () => {
    const store = new MemoryStore();
    const first = entry('a', { usage: tokens(1, 2), cost: { status: 'exact', totalUsd: 1 } });
    expect(await store.append('s', [first], { expectedVersion: 0, turnId: 't1' })).toBe(1);
    const second = entry('b', { usage: tokens(3, 4), cost: { status: 'estimated', totalUsd: 2 } });
    expect(await store.append('s', [second], { expectedVersion: 1, turnId: 't2' })).toBe(2);
    expect(await store.load('s')).toMatchObject({
      messages: [first.message, second.message],
      usage: tokens(4, 6),
      cost: { status: 'estimated', totalUsd: 3 },
      version: 2,
    });
  });

  test('the same turnId twice stores nothing twice, whatever version it expects', async () => {
    const store = await storeWith('a');
    expect(await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't0' })).toBe(1);
    expect(await contents(store)).toEqual(['a']);
  });

  test('R34 another version is a conflict', async () => {
    const store = await storeWith('a');
    const late = store.append('s', [entry('b')], { expectedVersion: 0, turnId: 't1' });
    expect((await failureOf(late)).code).toBe('conflict');
    expect(await contents(store)).toEqual(['a']);
  });

  test('what goes in and comes out is copied', async () => {
    const store = new MemoryStore();
    const mine = entry('a');
    await store.append('s', [mine], { expectedVersion: 0, turnId: 't' });
    mine.message.content = 'changed';
    const loaded = await store.load('s');
    loaded?.messages.push({ role: 'user', content: 'b' });
    expect(await contents(store)).toEqual(['a']);
  });

  test('load with last gives the newest messages only', async () => {
    const store = await storeWith('a', 'b', 'c');
    expect((await store.load('s', { last: 2 }))?.messages.map(({ content }) => content)).toEqual(['b', 'c']);
    expect((await store.load('s', { last: 9 }))?.messages).toHaveLength(3);
    expect(await store.load('unknown')).toBeUndefined();
  });
});

describe('leases', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  test('a session under a lease is busy until it is released or runs out', async () => {
    const store = new MemoryStore();
    const first = await store.lease('s', 1_000);
    expect(await failureOf(store.lease('s', 1_000))).toMatchObject({ code: 'session_busy', retryable: true });
    await first.release();
    const second = await store.lease('s', 1_000);
    expect(second.token).toBeGreaterThan(first.token);
    vi.setSystemTime(Date.now() + 1_000);
    expect((await store.lease('s', 1_000)).token).toBeGreaterThan(second.token);
  });

  test('renew puts the end off, by the one who holds it only', async () => {
    const store = new MemoryStore();
    const lease = await store.lease('s', 1_000);
    await lease.renew(5_000);
    expect(lease.expiresAt).toBe(Date.now() + 5_000);
    vi.setSystemTime(Date.now() + 5_000);
    await store.lease('s', 1_000);
    expect((await failureOf(lease.renew(1_000))).code).toBe('lease_lost');
  });

  test('R42 an append with an older lease is refused', async () => {
    const store = new MemoryStore();
    const old = await store.lease('s', 1_000);
    vi.setSystemTime(Date.now() + 1_000);
    const lease = await store.lease('s', 1_000);
    const late = store.append('s', [entry('late')], { expectedVersion: 0, turnId: 'old', lease: old });
    expect((await failureOf(late)).code).toBe('lease_lost');
    await store.append('s', [entry('ok')], { expectedVersion: 0, turnId: 'new', lease });
    await old.release();
    expect((await failureOf(store.lease('s', 1_000))).code).toBe('session_busy');
    expect(await contents(store)).toEqual(['ok']);
  });

  test('R42 also when the session was deleted in between and begun anew', async () => {
    const store = new MemoryStore();
    const old = await store.lease('s', 1_000);
    await store.delete('s');
    await store.lease('s', 1_000);
    const late = store.append('s', [entry('late')], { expectedVersion: 0, turnId: 'old', lease: old });
    expect((await failureOf(late)).code).toBe('lease_lost');
    expect(await contents(store)).toEqual(['nothing']);
  });
});

describe('metadata, lists, forks and the end', () => {
  test('update merges, takes undefined away, and refuses another version', async () => {
    const store = await storeWith('a');
    expect(await store.update('s', { mood: 'calm', count: 1 }, { expectedVersion: 1 })).toBe(2);
    await store.update('s', { mood: undefined }, { expectedVersion: 2 });
    expect((await store.load('s'))?.metadata).toEqual({ count: 1 });
    expect((await failureOf(store.update('s', {}, { expectedVersion: 1 }))).code).toBe('conflict');
  });

  test("list gives an owner's sessions page by page, and never another's", async () => {
    const store = new MemoryStore();
    for (const id of ['c', 'a', 'b'])
      await store.append({ owner: 'acme', id }, [entry('x')], { expectedVersion: 0, turnId: id });
    await store.append({ owner: 'rival', id: 'd' }, [entry('x')], { expectedVersion: 0, turnId: 'd' });
    await store.lease({ owner: 'acme', id: 'only leased' }, 1_000);
    const first = await store.list({ owner: 'acme', limit: 2 });
    expect(first.sessions.map(({ id }) => id)).toEqual(['a', 'b']);
    const second = await store.list({
      owner: 'acme',
      limit: 2,
      ...(first.cursor && { cursor: first.cursor }),
    });
    expect([second.sessions.map(({ id }) => id), second.cursor]).toEqual([['c'], undefined]);
    expect((await store.list({ owner: 'nobody' })).sessions).toEqual([]);
  });

  test('fork copies a session, or its beginning; the two go on apart', async () => {
    const store = await storeWith('a', 'b', 'c');
    const whole = await store.fork('s');
    const part = await store.fork('s', 2);
    await store.append(part, [entry('d')], { expectedVersion: 1, turnId: 't1' });
    expect([await contents(store, whole), await contents(store, part), await contents(store)]).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'd'],
      ['a', 'b', 'c'],
    ]);
    expect((await failureOf(store.fork('unknown'))).code).toBe('not_found');
  });

  test('a fork never takes the place of a session that has such a name, and a leased name is nothing to fork', async () => {
    const store = await storeWith('a');
    await store.append('s~1', [entry('mine')], { expectedVersion: 0, turnId: 't' });
    const fork = await store.fork('s');
    expect([await contents(store, 's~1'), await contents(store, fork)]).toEqual([['mine'], ['a']]);
    await store.lease('empty', 1_000);
    expect((await failureOf(store.fork('empty'))).code).toBe('not_found');
  });

  test('delete and forget', async () => {
    const store = await storeWith('a');
    for (const id of ['x', 'y'])
      await store.append({ owner: 'acme', id }, [entry('x')], { expectedVersion: 0, turnId: id });
    expect(await store.forget('acme')).toBe(2);
    expect(await store.load({ owner: 'acme', id: 'x' })).toBeUndefined();
    await store.delete('s');
    expect(await store.load('s')).toBeUndefined();
  });

  test('owners and ids are data: no pair is taken for another', async () => {
    const store = new MemoryStore();
    const keys = [
      { owner: 'a', id: 'bc' },
      { owner: 'ab', id: 'c' },
      { owner: '', id: 'abc' },
      { owner: '', id: '__proto__' },
    ];
    for (const [index, key] of keys.entries())
      await store.append(key, [entry(String(index))], { expectedVersion: 0, turnId: 't' });
    for (const [index, key] of keys.entries()) expect(await contents(store, key)).toEqual([String(index)]);
  });
});

describe('eviction', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  test('by age: what was not used for maxAgeMs is gone, unless it is in use', async () => {
    const store = new MemoryStore({ maxAgeMs: 1_000 });
    for (const id of ['old', 'used'])
      await store.append(id, [entry(id)], { expectedVersion: 0, turnId: 't' });
    await store.lease('used', 10_000);
    vi.setSystemTime(Date.now() + 1_001);
    expect([await contents(store, 'old'), await contents(store, 'used')]).toEqual([['nothing'], ['used']]);
  });

  test('by count: the longest unused goes first, never one in use', async () => {
    const store = new MemoryStore({ maxSessions: 2 });
    for (const id of ['a', 'b']) await store.append(id, [entry(id)], { expectedVersion: 0, turnId: 't' });
    await store.load('a');
    await store.append('c', [entry('c')], { expectedVersion: 0, turnId: 't' });
    expect([await contents(store, 'a'), await contents(store, 'b')]).toEqual([['a'], ['nothing']]);
    await store.lease('a', 10_000);
    await store.load('c');
    await store.append('d', [entry('d')], { expectedVersion: 0, turnId: 't' });
    expect([await contents(store, 'a'), await contents(store, 'c')]).toEqual([['a'], ['nothing']]);
  });

  test('an age counts from the last use, a read included', async () => {
    const store = new MemoryStore({ maxAgeMs: 1_000 });
    await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    for (let read = 0; read < 3; read++) {
      vi.setSystemTime(Date.now() + 800);
      expect(await contents(store)).toEqual(['a']);
    }
  });
});
