import assert from 'node:assert/strict';

import type { Lease } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { contentsOf, entries, refused } from './stage.ts';
import { LONG_MS, asked, begun, calls, callsOf, paid } from './steps-stage.ts';

/** Open turns: how they rest, how they are closed, and what is left of them. */
export const openTurnCases: readonly StoreCase[] = [
  {
    name: 'a record with `release` gives its lease back, and ends the records of its run',
    async run({ store, other, key }) {
      const lease = await begun(store, key());
      await store.record(key(), 't', calls('a'), { from: 0, lease });
      await refused(other.lease(key(), LONG_MS), 'session_busy');
      const wait = (): Promise<number> =>
        store.record(key(), 't', calls('b'), { from: 1, lease, release: true });
      await wait();
      await wait();
      await refused(store.record(key(), 't', calls('c'), { from: 2, lease }), 'lease_lost', false);
      await refused(lease.renew(LONG_MS), 'lease_lost');
      const next = await other.lease(key(), LONG_MS);
      await refused(wait(), 'lease_lost');
      assert.equal((await other.load(key()))?.open, 't');
      await other.record(key(), 't', calls('c'), { from: 2, lease: next });
      assert.deepEqual(await callsOf(store, key()), ['a', 'b', 'c']);
    },
  },
  {
    name: 'the append that closes a turn deletes its steps in the same step, or not at all',
    async run({ store, other, key }) {
      const lease = await begun(store, key());
      await store.record(key(), 't', calls('a', 'b'), { from: 0, lease });
      const close = (expectedVersion: number, by = lease): Promise<number> =>
        store.append(key(), entries('answer'), {
          expectedVersion,
          turnId: 't.reply',
          lease: by,
          release: true,
          closes: 't',
        });
      await refused(close(7), 'conflict');
      assert.deepEqual([await callsOf(other, key()), (await other.load(key()))?.open], [['a', 'b'], 't']);
      const next = await other.lease(key(), LONG_MS, { takeOver: true });
      await refused(close(1), 'lease_lost');
      assert.deepEqual(await callsOf(other, key()), ['a', 'b']);
      assert.equal(await close(1, next), 2);
      const state = await other.load(key());
      assert.deepEqual(
        [await other.steps(key(), 't'), state?.open, contentsOf(state)],
        [[], undefined, ['question', 'answer']],
      );
      assert.equal(await close(1, next), 2);
      const unknown = { expectedVersion: 2, turnId: 'later', closes: 'nobody' };
      const last = await store.lease(key(), LONG_MS);
      assert.equal(await store.append(key(), entries('more'), { ...unknown, lease: last }), 3);
    },
  },
  {
    name: 'a record that comes after its run has closed the turn is rejected, also the first one',
    async run({ store, other, key, owner }) {
      const lease = await begun(store, key());
      const first = { from: 0, lease, spent: paid(0.5) };
      await store.record(key(), 't', calls('a'), first);
      await store.append(key(), entries('answer'), {
        expectedVersion: 1,
        turnId: 't.reply',
        lease,
        release: true,
        closes: 't',
      });
      await refused(other.record(key(), 't', calls('a'), first), 'lease_lost', false);
      await refused(other.record(key(), 't', calls('b'), { ...first, from: 1 }), 'conflict', false);
      assert.deepEqual([await store.steps(key(), 't'), (await store.load(key()))?.open], [[], undefined]);
      assert.equal((await store.spend({ owner })).cost.totalUsd, 0.5);
    },
  },
  {
    name: 'keeps the steps of turns apart, and reports the open turn with the newest lease',
    async run({ store, key }) {
      const names = ['t', 'st', '\\st', 't\n', 'T', '\0', 'sluice', '"'];
      const leases: Lease[] = [];
      await asked(store, key());
      for (const [at, name] of names.entries()) {
        const lease = await store.lease(key(), LONG_MS);
        leases.push(lease);
        await store.record(key(), name, calls(`c${at}`), { from: 0, lease, release: true });
        assert.equal((await store.load(key()))?.open, name);
      }
      for (const [at, name] of names.entries()) {
        const steps = await store.steps(key(), name);
        assert.deepEqual(
          steps.map(({ step }) => step),
          calls(`c${at}`),
        );
      }
      assert.ok(leases.every((lease, at) => at === 0 || lease.token > (leases[at - 1]?.token ?? 0)));
      const lease = await store.lease(key(), LONG_MS);
      for (const [at, name] of [...names.entries()].reverse()) {
        assert.equal((await store.load(key()))?.open, name);
        const expectedVersion = names.length - at;
        // An append may have the id of the turn whose steps it replaces.
        assert.equal(await store.turn(key(), name), undefined);
        await store.append(key(), entries('x'), { expectedVersion, turnId: name, lease, closes: name });
        assert.deepEqual(contentsOf(await store.turn(key(), name)), ['x']);
      }
      assert.equal((await store.load(key()))?.open, undefined);
    },
  },
  {
    name: 'a fork has neither an open turn nor its steps',
    async run({ store, key }) {
      const lease = await begun(store, key(), { mood: 'calm' });
      await store.record(key(), 't', calls('a'), { from: 0, lease });
      for (const at of [undefined, 1, 0]) {
        const copy = await store.fork(key(), at);
        const state = await store.load(copy);
        assert.deepEqual(
          [state?.open, state?.metadata, await store.steps(copy, 't'), state?.messageCount],
          [undefined, { mood: 'calm' }, [], at ?? 1],
        );
        const own = await store.lease(copy, LONG_MS);
        await store.record(copy, 't', calls('b'), { from: 0, lease: own });
      }
      assert.deepEqual([await callsOf(store, key()), (await store.load(key()))?.open], [['a'], 't']);
    },
  },
  {
    name: 'delete and forget delete steps with their session',
    async run({ store, other, key, owner }) {
      for (const end of [() => store.delete(key()), () => store.forget(owner)]) {
        const old = await begun(store, key());
        await store.record(key(), 't', calls('old'), { from: 0, lease: old });
        await end();
        assert.deepEqual(await other.steps(key(), 't'), []);
        await refused(store.record(key(), 't', calls('b'), { from: 1, lease: old }), 'lease_lost');
        await refused(store.record(key(), 't', calls('a'), { from: 0, lease: old }), 'lease_lost');
        const lease = await begun(other, key());
        assert.deepEqual([await other.steps(key(), 't'), (await other.load(key()))?.open], [[], undefined]);
        await other.record(key(), 't', calls('new'), { from: 0, lease });
        assert.deepEqual(await callsOf(store, key()), ['new']);
        await store.delete(key());
      }
    },
  },
];
