import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { MemoryStore } from 'sluice';
import type { SessionEntry, TurnEnd } from 'sluice';
import { stateStoreContract } from 'sluice/testing';
import { failureOf, tokens } from '../core/harness.ts';

stateStoreContract({
  name: 'MemoryStore',
  makeStore: (options) => new MemoryStore(options),
  describe,
  test: (name, body) => it(name, body, 30_000),
});

const entry = (content: string): SessionEntry => ({ message: { role: 'user', content } });
const end: TurnEnd = {
  outcome: 'completed',
  usage: tokens(1, 2),
  cost: { status: 'exact', totalUsd: 0.5 },
};
const contents = async (
  store: MemoryStore,
  key: Parameters<MemoryStore['load']>[0] = 's',
): Promise<unknown[]> => (await store.load(key))?.messages.map(({ content }) => content) ?? ['nothing'];

describe('the clock', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  test('a lease expires to the millisecond', async () => {
    const store = new MemoryStore();
    const first = await store.lease('s', 1_000);
    expect(first.expiresAt).toBe(Date.now() + 1_000);
    vi.setSystemTime(Date.now() + 999);
    expect(await failureOf(store.lease('s', 1_000))).toMatchObject({ code: 'session_busy', retryable: true });
    vi.setSystemTime(Date.now() + 1);
    expect((await store.lease('s', 1_000)).token).toBeGreaterThan(first.token);
  });

  test('an append under an expired lease is stored if nobody has leased the session since', async () => {
    const store = new MemoryStore();
    const lease = await store.lease('s', 1_000);
    vi.setSystemTime(Date.now() + 5_000);
    expect(await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't', lease })).toBe(1);
    await lease.renew(1_000);
    expect(lease.expiresAt).toBe(Date.now() + 1_000);
  });

  test('R35 a session expires ttlMs after its last append, update or lease, even if it is read', async () => {
    const store = new MemoryStore({ ttlMs: 1_000 });
    await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    vi.setSystemTime(Date.now() + 800);
    await store.update('s', {}, { expectedVersion: 1 });
    vi.setSystemTime(Date.now() + 800);
    await (await store.lease('s', 10)).release();
    for (let read = 0; read < 9; read++) {
      vi.setSystemTime(Date.now() + 111);
      expect(await contents(store)).toEqual(['a']);
    }
    vi.setSystemTime(Date.now() + 1);
    expect(await contents(store)).toEqual(['nothing']);
  });

  test('without ttlMs it is an hour', async () => {
    const store = new MemoryStore();
    await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    expect((await store.load('s'))?.expiresAt).toBe(Date.now() + 3_600_000);
  });
});

describe('the bounds', () => {
  test('by count: the least recently used session is dropped first, and never a leased one', async () => {
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

  test('the spend of the owner who has spent nothing for the longest time is dropped first', async () => {
    const store = new MemoryStore({ maxOwners: 2 });
    const pay = (owner: string, turn: number): Promise<number> =>
      store.append({ owner, id: 's' }, [], { expectedVersion: turn, turnId: `t${turn}`, end });
    await pay('a', 0);
    await pay('b', 0);
    await pay('a', 1);
    await pay('c', 0);
    const turns = await Promise.all(
      ['a', 'b', 'c'].map(async (owner) => (await store.spend({ owner })).turns),
    );
    expect(turns).toEqual([2, 0, 1]);
  });

  test('nothing is left of it when it is closed', async () => {
    const store = new MemoryStore();
    await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't', end });
    await store.close();
    expect([await contents(store), (await store.spend({ owner: '' })).turns]).toEqual([['nothing'], 0]);
  });
});

test('a fork has an id that nobody can guess', async () => {
  const store = new MemoryStore();
  await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
  expect((await store.fork('s')).id).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
});

test('a call with wrong arguments is refused, with the name of the call', async () => {
  const store = new MemoryStore();
  const wrong: Record<string, Promise<unknown>> = {
    'load()': store.load('s', { last: -1 }),
    'append()': store.append('s', [entry('a')], { expectedVersion: -1, turnId: 't' }),
    'update()': store.update('s', {}, { expectedVersion: 0.5 }),
    'fork()': store.fork('s', -1),
    'list()': store.list({ owner: '', limit: 0 }),
    'lease()': store.lease('s', 0),
    // Without a check, these would find nothing.
    'spend()': Reflect.apply(store.spend.bind(store), undefined, [{ id: 's' }]),
    'owner is a number': Reflect.apply(store.forget.bind(store), undefined, [7]),
    'owner holds half a surrogate pair': store.spend({ owner: '\ud800' }),
    'sessionId is a number': Reflect.apply(store.load.bind(store), undefined, [7]),
    'sessionId is null': Reflect.apply(store.load.bind(store), undefined, [null]),
    'sessionId.owner is a number': Reflect.apply(store.load.bind(store), undefined, [{ owner: 7, id: 's' }]),
    'sessionId.id is empty': store.spend({ owner: '', id: '' }),
  };
  const failures = await Promise.all(Object.values(wrong).map(failureOf));
  expect(failures.map(({ code, message }) => [code, message])).toEqual(
    Object.keys(wrong).map((names) => ['invalid_options', expect.stringContaining(names)]),
  );
});
