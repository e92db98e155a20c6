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

  test('R35 a lease that is renewed keeps its session from expiring', async () => {
    const store = new MemoryStore({ ttlMs: 1_000 });
    await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    const lease = await store.lease('s', 900);
    for (let renewals = 0; renewals < 3; renewals++) {
      vi.setSystemTime(Date.now() + 800);
      await lease.renew(900);
    }
    await lease.release();
    vi.setSystemTime(Date.now() + 800);
    expect(await contents(store)).toEqual(['a']);
    vi.setSystemTime(Date.now() + 1_001);
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

test('a call with wrong arguments is refused, and told which', async () => {
  const store = new MemoryStore();
  const untyped = (name: 'append' | 'update' | 'load' | 'turn' | 'spend' | 'forget', ...given: unknown[]) =>
    Promise.resolve(Reflect.apply(store[name].bind(store), undefined, given));
  const at = { expectedVersion: 0, turnId: 't' };
  const calls = [
    store.load('s', { last: -1 }),
    store.append('s', [entry('a')], { ...at, expectedVersion: -1 }),
    untyped('append', 's', [{ message: { role: 'user' } }], at),
    store.append('s', [entry('a')], { ...at, turnId: 'x'.repeat(600) }),
    untyped('turn', 's', ''),
    untyped('turn', 's', 7),
    store.update('s', {}, { expectedVersion: 0.5 }),
    untyped('update', 's', 'red', { expectedVersion: 1 }),
    untyped('update', 's', null, { expectedVersion: 1 }),
    store.fork('s', -1),
    store.list({ owner: '', limit: 0 }),
    store.list({ owner: '\ud800' }),
    store.lease('s', 0),
    untyped('spend', { id: 's' }),
    store.spend({ owner: '\ud800' }),
    store.spend({ owner: '', id: '' }),
    untyped('forget', 7),
    untyped('load', 7),
    untyped('load', null),
    untyped('load', { owner: 7, id: 's' }),
    store.load(''),
    store.load('\ud800'),
    store.load({ owner: '\ud800', id: 's' }),
  ];
  const failures = await Promise.all(calls.map(failureOf));
  expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(['invalid_options']));
  expect(failures.map(({ message }) => message)).toEqual([
    'load(): last is a number: give a number of at least 0.',
    'append(): expectedVersion is a number: give a number of at least 0.',
    'append(): the messages of the entries: 0.content is undefined: give a value of its type.',
    'turnId is too long: give at most 512 UTF-8 bytes.',
    'turnId is empty: give a string that is not empty.',
    'turnId is a number: give a string that is not empty.',
    'update(): expectedVersion is a number: give a whole number.',
    'update(): metadata is a string: give an object of plain data, as JSON has it.',
    'update(): metadata is null: give an object of plain data, as JSON has it.',
    'fork(): at is a number: give a number of at least 0.',
    'list(): limit is a number: give a number of at least 1.',
    'owner holds half a surrogate pair: give well-formed text.',
    'lease(): ttlMs is a number: give a number of at least 1.',
    'spend(): owner is undefined: give a string.',
    'owner holds half a surrogate pair: give well-formed text.',
    'sessionId.id is empty: give a string that is not empty.',
    'owner is a number: give a string.',
    'sessionId is a number: give a string that is not empty, or { owner, id }.',
    'sessionId is null: give a string that is not empty, or { owner, id }.',
    "sessionId.owner is a number: give a string, '' where there is none.",
    'sessionId is empty: give a string that is not empty.',
    'sessionId holds half a surrogate pair: give well-formed text.',
    'owner holds half a surrogate pair: give well-formed text.',
  ]);
});

test('a page that ends with the last session has no cursor', async () => {
  const store = new MemoryStore();
  for (const id of ['a', 'b'])
    await store.append({ owner: 'o', id }, [entry(id)], { expectedVersion: 0, turnId: 't' });
  const first = await store.list({ owner: 'o', limit: 1 });
  const page = { owner: 'o', limit: 1, cursor: first.cursor };
  expect((await store.list(page)).cursor).toBeUndefined();
  expect((await store.list({ owner: 'o', limit: 2 })).cursor).toBeUndefined();
});
