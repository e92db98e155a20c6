import assert from 'node:assert/strict';

import type { StateStore } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { contentsOf, entries, refused } from './stage.ts';
import { LONG_MS, calls, paid } from './steps-stage.ts';

interface Key {
  owner: string;
  id: string;
}

/** Open turns, forks and deletion of sessions with branches. */
export const branchTurnCases: readonly StoreCase[] = [
  {
    name: 'an open turn stays with its branch, and is told again when that is selected',
    async run({ store, other, key }) {
      const { q, lease } = await opened(store, key(), 'T1');
      await store.append(key(), entries('edited'), { expectedVersion: 1, turnId: 'T2', after: '', lease });
      assert.equal((await other.load(key()))?.open, undefined);
      assert.equal((await other.load(key(), { leaf: q }))?.open, 'T1');
      assert.deepEqual(await opens(store, key()), ['T1', undefined]);
      await store.append(key(), [], { expectedVersion: 2, turnId: 'back', after: q, lease });
      assert.equal((await other.load(key(), { last: 0 }))?.open, 'T1');
      // It goes on where it was, and is closed by what follows it.
      await store.record(key(), 'T1', calls('b'), { from: 1, lease, spent: paid(1) });
      await store.append(key(), entries('a'), { expectedVersion: 3, turnId: 'T1.r', lease, closes: 'T1' });
      assert.deepEqual(await opens(store, key()), [undefined, undefined]);
      assert.deepEqual(
        [await store.steps(key(), 'T1'), contentsOf(await store.load(key()))],
        [[], ['q', 'a']],
      );
    },
  },
  {
    name: 'a turn that answers the same message as an open one hides it until it is closed',
    async run({ store, key }) {
      const { q, lease } = await opened(store, key(), 'T1');
      await store.append(key(), [], { expectedVersion: 1, turnId: 'T2', after: q, lease });
      assert.equal((await store.load(key()))?.open, 'T1');
      await lease.release();
      const next = await store.lease(key(), LONG_MS);
      await store.record(key(), 'T2', calls('x'), { from: 0, lease: next });
      assert.equal((await store.load(key()))?.open, 'T2');
      const reply = { expectedVersion: 2, turnId: 'T2.r', lease: next, closes: 'T2' };
      await store.append(key(), entries('a2'), reply);
      assert.equal((await store.load(key()))?.open, undefined);
      const [head, first] = (await store.branches(key())).sort((a, b) => b.messageCount - a.messageCount);
      assert.deepEqual(
        [head?.isHead, head?.open, first?.id, first?.open, first?.messageCount],
        [true, undefined, q, 'T1', 1],
      );
      await store.append(key(), [], { expectedVersion: 3, turnId: 'back', after: q, lease: next });
      assert.equal((await store.load(key()))?.open, 'T1');
      assert.deepEqual(
        (await store.steps(key(), 'T1')).map(({ n }) => n),
        [0],
      );
    },
  },
  {
    name: 'a fork has the way to the head, and no other branch',
    async run({ store, key }) {
      const { q, lease } = await opened(store, key(), 'T1');
      const extra = { turnId: 'T2', after: q, lease, metadata: { mood: 'calm' } };
      await store.append(key(), entries('a', 'b', 'c'), { expectedVersion: 1, ...extra });
      const [, a = ''] = (await store.load(key(), { ids: true }))?.ids ?? [];
      await store.append(key(), entries('x'), { expectedVersion: 2, turnId: 'T3', after: a, lease });
      const copy = await store.fork(key());
      const state = await store.load(copy, { ids: true });
      assert.deepEqual(
        [contentsOf(state), state?.metadata, state?.open],
        [['q', 'a', 'x'], { mood: 'calm' }, undefined],
      );
      assert.equal(new Set(state?.ids).size, 3);
      assert.deepEqual(
        (await store.branches(copy)).map(({ parent, isHead, messageCount }) => [
          parent,
          isHead,
          messageCount,
        ]),
        [['', true, 3]],
      );
      // It makes branches of its own.
      for (const [at, id] of (state?.ids ?? []).entries()) {
        const options = { expectedVersion: 1 + at, turnId: `t${at}`, after: id };
        await store.append(copy, entries('n'), options);
        const next = await store.load(copy, { ids: true });
        assert.deepEqual(contentsOf(next), [...['q', 'a', 'x'].slice(0, at + 1), 'n']);
        assert.deepEqual(next?.ids?.slice(0, at + 1), state?.ids?.slice(0, at + 1));
      }
      assert.equal((await store.branches(key())).length, 3);
      const part = await store.fork(key(), 1);
      assert.deepEqual(contentsOf(await store.load(part)), ['q']);
    },
  },
  {
    name: 'metadata and sums belong to the session, not to a branch',
    async run({ store, key }) {
      const { q, lease } = await opened(store, key(), 'T1');
      const end = { outcome: 'completed', ...paid(2) } as const;
      const reply = { lease, closes: 'T1', end, metadata: { mood: 'calm' } };
      await store.append(key(), entries('a1'), { expectedVersion: 1, turnId: 'T1.r', ...reply });
      const again = { turnId: 'T2.r', after: q, end, lease };
      await store.append(key(), entries('a2'), { expectedVersion: 2, ...again });
      const state = await store.load(key());
      assert.deepEqual(
        [contentsOf(state), state?.metadata, state?.cost.totalUsd, state?.turns],
        [['q', 'a2'], { mood: 'calm' }, 4, 2],
      );
    },
  },
  {
    name: 'delete and forget delete all branches',
    async run({ store, other, key, owner }) {
      for (const end of [() => store.delete(key()), () => store.forget(owner)]) {
        const { q, lease } = await opened(store, key(), 'T1');
        await store.append(key(), entries('x'), { expectedVersion: 1, turnId: 'T2', after: '', lease });
        await end();
        assert.deepEqual(await other.branches(key()), []);
        assert.equal(await other.load(key(), { leaf: q }), undefined);
        await refused(
          store.append(key(), entries('y'), { expectedVersion: 2, turnId: 'T3', after: q }),
          'not_found',
        );
      }
    },
  },
];

/** Begins a session with a question whose turn has a step. */
async function opened(store: StateStore, key: Key, turnId: string) {
  const lease = await store.lease(key, LONG_MS);
  await store.append(key, entries('q'), { expectedVersion: 0, turnId: `${turnId}.input`, lease });
  await store.record(key, turnId, calls('a'), { from: 0, lease });
  const [q = ''] = (await store.load(key, { ids: true }))?.ids ?? [];
  return { q, lease };
}

/** The open turns of the branches. */
async function opens(store: StateStore, key: Key): Promise<(string | undefined)[]> {
  return (await store.branches(key)).map(({ open }) => open);
}
