import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { Lease, LostTurnEnd, MemoryStore } from 'sluice';
import { Model, failureOf, says, stop, texts } from '../core/harness.ts';
import { TroubledStore, linesOf } from './stage.ts';

const LEASE_MS = 15_000;
const SEEN = ['user: hi', 'assistant: Hel *'];

/** A store in which the turn `t` has begun, and the lease of its process, which is dead. */
async function begun(store = new TroubledStore()): Promise<{ store: TroubledStore; lease: Lease }> {
  const lease = await store.lease('s', LEASE_MS);
  await store.append('s', [{ message: { role: 'user', content: 'hi' } }], {
    ...{ expectedVersion: 0, turnId: 't.input', lease },
  });
  return { store, lease };
}

const end = (store: MemoryStore, turnId = 't'): Promise<LostTurnEnd> =>
  new Pipeline([says('never')], { store }).endLostTurn('s', {
    ...{ turnId, outcome: 'failed', messages: [{ role: 'assistant', content: 'Hel' }] },
  });

/** A promise and what it has given so far. */
function watched<T>(promise: Promise<T>): { got: T | undefined } {
  const seen: { got: T | undefined } = { got: undefined };
  void promise.then((value) => (seen.got = value));
  return seen;
}

describe('the end of a turn whose process died', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
  afterEach(() => void vi.useRealTimers());
  const tick = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  test('waits a moment for whoever has the session, who may be about to begin a turn', async () => {
    const { store, lease: dead } = await begun();
    await dead.release();
    const lease = await store.lease('s', LEASE_MS);
    const ended = watched(end(store));
    await tick(150);
    expect(ended.got).toBeUndefined();
    await store.append('s', [{ message: { role: 'user', content: 'ho' } }], {
      ...{ expectedVersion: 1, turnId: 'u.input', lease },
    });
    await tick(100);
    expect(ended.got).toBe('known');
    await lease.renew(LEASE_MS);
    expect(await linesOf(store)).toEqual(['user: hi', 'user: ho']);
  });

  test('takes the session from the dead process after that', async () => {
    const { store, lease } = await begun();
    const ended = watched(end(store));
    await tick(150);
    expect([ended.got, store.log.includes('lease takeOver')]).toEqual([undefined, false]);
    await tick(100);
    expect([ended.got, await linesOf(store)]).toEqual(['stored', SEEN]);
    expect(await failureOf(lease.renew(LEASE_MS))).toMatchObject({ code: 'lease_lost' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('waits for the lease of the dead process if something was written since: it may be that of a turn which answers the same message', async () => {
    const { store } = await begun();
    await store.update('s', { title: 'x' }, { expectedVersion: 1 });
    const ended = watched(end(store));
    await tick(LEASE_MS - 100);
    expect(ended.got).toBeUndefined();
    await tick(200);
    expect([ended.got, await linesOf(store), (await store.load('s'))?.metadata]).toEqual([
      ...['stored', SEEN, { title: 'x' }],
    ]);
    expect(store.log).not.toContain('lease takeOver');
  });

  test('leaves the session to a turn that answers the same message', async () => {
    const { store, lease: dead } = await begun();
    await dead.release();
    const lease = await store.lease('s', LEASE_MS);
    const [id = ''] = (await store.load('s', { ids: true }))?.ids ?? [];
    await store.append('s', [], { expectedVersion: 1, turnId: 'u.input', after: id, lease });
    const ended = watched(end(store));
    for (let passed = 0; passed < LEASE_MS + 500; passed += 5_000) {
      await tick(5_000);
      await lease.renew(LEASE_MS);
    }
    expect([ended.got, await linesOf(store)]).toEqual(['known', ['user: hi']]);
  });

  test('does not touch the session if that does not have the turn', async () => {
    const { store, lease } = await begun();
    expect(await end(store, 'other')).toBe('unknown');
    await lease.renew(LEASE_MS);
    expect(store.count('lease')).toBe(1);
  });

  test('is stored once also if the store fails after it has stored it, or another writes the metadata meanwhile', async () => {
    const { store, lease } = await begun();
    await lease.release();
    const append = store.append.bind(store);
    let calls = 0;
    store.append = async (...given) => {
      if (++calls === 1) {
        await store.update('s', { title: 'x' }, { expectedVersion: 1 });
        return append(...given);
      }
      const version = await append(...given);
      if (calls === 2) throw new SluiceError('store', 'The answer is lost.');
      return version;
    };
    const ended = watched(end(store));
    await tick(1_000);
    expect([calls, ended.got, await linesOf(store)]).toEqual([3, 'stored', SEEN]);
  });

  test('rejects if the store fails, if the session is deleted meanwhile, and for a wrong key', async () => {
    const { store, lease } = await begun();
    await lease.release();
    store.trouble('load', new SluiceError('store', 'down'));
    expect(await failureOf(end(store))).toMatchObject({ code: 'store' });
    const append = store.append.bind(store);
    store.append = async (...given) => {
      await store.delete('s');
      return append(...given);
    };
    const refused = failureOf(end(store));
    await tick(5_000);
    expect(await refused).toMatchObject({ code: 'store', message: expect.stringContaining('was not saved') });
    expect(await store.load('s')).toBeUndefined();
    const pipeline = new Pipeline([says('never')], { store });
    const lost = { turnId: 't', outcome: 'failed', messages: [] } as const;
    expect(() => pipeline.endLostTurn('', lost)).toThrow(SluiceError);
  });

  test('of a reply that goes on with one the provider had paused is stored behind that', async () => {
    const { store, lease } = await begun();
    await store.append('s', [{ message: { role: 'assistant', content: 'One' } }], {
      ...{ expectedVersion: 1, turnId: 'before', lease, release: true, metadata: { 'sluice.paused': true } },
    });
    const model = new Model().give(texts('Two'));
    const pipeline = new Pipeline([model.middleware], { store });
    const stream = pipeline.regenerate('s', { turnId: 'p' });
    await stream.next();
    const ended = watched(end(store, 'p'));
    await tick(300);
    expect([ended.got, await linesOf(store)]).toEqual([
      'stored',
      ['user: hi', 'assistant: One', 'assistant: Hel *'],
    ]);
    void stream.close();
    await tick(5_000);
    // Sent again, it goes on with the same reply.
    const [, before = ''] = (await store.load('s', { ids: true }))?.ids ?? [];
    const { version: expectedVersion = 0 } = (await store.load('s')) ?? {};
    await store.append('s', [], { expectedVersion, turnId: 'back', after: before });
    const again = new Model().give(stop());
    const turn = new Pipeline([again.middleware], { store }).executeWithContext('s', [], { turnId: 'p' });
    await tick(5_000);
    expect((await turn).outcome).toBe('completed');
    const asked = [...model.calls, ...again.calls].map(({ request }) =>
      request.messages.map(({ content }) => content),
    );
    expect(asked).toEqual([
      ['hi', 'One'],
      ['hi', 'One'],
    ]);
  });
});
