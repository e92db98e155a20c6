import assert from 'node:assert/strict';

import type { StateStore } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { clockMoves, contentsOf, ended, entries, eventually, refused, tokens, write } from './stage.ts';

const LONG_MS = 60_000;
const TINY_MS = 50;

/** When sessions expire. These cases wait in real time, because a store has a clock of its own. */
export const ttlCases: readonly StoreCase[] = [
  {
    name: 'every append, update and lease extends the life of a session, and a read does not',
    ttlMs: LONG_MS,
    async run({ store, key }) {
      const before = Date.now();
      await write(store, key(), 'a');
      const ends = [await expiryOf(store, key())];
      assert.ok(
        Math.abs((ends[0] ?? 0) - before - LONG_MS) < 10_000,
        `the session expires in ${(ends[0] ?? 0) - before} ms, expected about ${LONG_MS}`,
      );
      const uses = [
        () => store.append(key(), entries('b'), { expectedVersion: 1, turnId: 't2' }),
        () => store.update(key(), { x: 1 }, { expectedVersion: 2 }),
        async () => (await store.lease(key(), 1_000)).release(),
      ];
      for (const use of uses) {
        await clockMoves();
        await use();
        const end = await expiryOf(store, key());
        assert.ok(end > (ends.at(-1) ?? 0), `use ${ends.length} did not extend the life of the session`);
        await clockMoves();
        assert.equal(await expiryOf(store, key()), end);
        ends.push(end);
      }
    },
  },
  {
    name: "an unused session expires with all its data, except for the owner's spend",
    ttlMs: TINY_MS,
    async run({ store, key, owner }) {
      const end = ended(tokens(1, 2), { status: 'exact', totalUsd: 0.5 });
      await store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't', end, metadata: { x: 1 } });
      await gone(store, key());
      assert.equal(await store.turn(key(), 't'), undefined);
      assert.deepEqual((await store.list({ owner })).sessions, []);
      await refused(store.fork(key()), 'not_found');
      assert.equal((await store.spend(key())).turns, 0);
      assert.equal((await store.spend({ owner })).cost.totalUsd, 0.5);
      assert.equal(await store.forget(owner), 0);
    },
  },
  {
    name: 'a record extends the life of a session',
    ttlMs: LONG_MS,
    async run({ store, key }) {
      const lease = await store.lease(key(), 1_000);
      await store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't.input', lease });
      const end = await expiryOf(store, key());
      await clockMoves();
      await store.record(key(), 't', [{ kind: 'started', callId: 'a' }], { from: 0, lease });
      assert.ok((await expiryOf(store, key())) > end, 'a record did not extend the life of the session');
    },
  },
  {
    name: 'an open turn expires with its session, and leaves nothing to the next one',
    ttlMs: TINY_MS,
    async run({ store, key, owner }) {
      const old = await store.lease(key(), LONG_MS);
      await store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't.input', lease: old });
      const spent = { usage: tokens(1, 2), cost: { status: 'exact', totalUsd: 0.5 } } as const;
      const steps = [{ kind: 'started', callId: 'a' }] as const;
      await store.record(key(), 't', steps, { from: 0, lease: old, spent });
      assert.equal((await store.steps(key(), 't')).length, 1);
      await store.record(key(), 't', steps, { from: 1, lease: old, release: true });
      await gone(store, key());
      assert.deepEqual(await store.steps(key(), 't'), []);
      await refused(store.record(key(), 't', steps, { from: 0, lease: old }), 'lease_lost');
      assert.equal((await store.spend({ owner })).cost.totalUsd, 0.5);
      const lease = await store.lease(key(), LONG_MS);
      await store.append(key(), entries('b'), { expectedVersion: 0, turnId: 't.input', lease });
      assert.deepEqual([await store.steps(key(), 't'), (await store.load(key()))?.open], [[], undefined]);
      await store.record(key(), 't', steps, { from: 0, lease, release: true });
    },
  },
  {
    name: 'a session created in place of an expired one contains nothing of it',
    ttlMs: TINY_MS,
    async run({ store, key }) {
      const metadata = { old: true };
      await store.append(key(), entries('old'), { expectedVersion: 0, turnId: 't', metadata });
      await gone(store, key());
      const lease = await store.lease(key(), LONG_MS);
      assert.equal(await store.append(key(), entries('new'), { expectedVersion: 0, turnId: 't', lease }), 1);
      const state = await store.load(key());
      assert.deepEqual([contentsOf(state), state?.messageCount, state?.metadata], [['new'], 1, {}]);
      await lease.release();
    },
  },
  {
    name: 'a session does not expire while it is leased',
    ttlMs: TINY_MS,
    async run({ store, key }) {
      const lease = await store.lease(key(), LONG_MS);
      await store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't1', lease });
      await write(store, key('later'), 'b');
      await gone(store, key('later'));
      assert.deepEqual(contentsOf(await store.load(key())), ['a']);
      await store.append(key(), entries('c'), { expectedVersion: 1, turnId: 't2', lease });
      await lease.release();
    },
  },
  {
    name: 'the lease of an expired session cannot be renewed',
    ttlMs: TINY_MS,
    async run({ store, key }) {
      // The long lease keeps the session alive until the short one takes over, however long the steps take.
      const first = await store.lease(key(), LONG_MS);
      await store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't1', lease: first });
      const lease = await store.lease(key(), TINY_MS, { takeOver: true });
      await gone(store, key());
      await refused(lease.renew(LONG_MS), 'lease_lost');
      assert.equal(await store.load(key()), undefined);
      await refused(
        store.append(key(), entries('late'), { expectedVersion: 0, turnId: 't2', lease }),
        'lease_lost',
      );
    },
  },
  {
    name: 'a write that expects an old version does not bring back an expired session',
    ttlMs: TINY_MS,
    async run({ store, key }) {
      await write(store, key(), 'a');
      await gone(store, key());
      await refused(store.append(key(), entries('late'), { expectedVersion: 1, turnId: 't2' }), 'conflict');
      await refused(store.update(key(), { late: true }, { expectedVersion: 1 }), 'conflict');
      assert.equal(await store.load(key()), undefined);
    },
  },
  {
    name: 'the tokens of leases keep growing after a session has expired',
    ttlMs: TINY_MS,
    async run({ store, key }) {
      const old = await store.lease(key(), LONG_MS);
      const options = { expectedVersion: 0, turnId: 't1', lease: old, release: true };
      await store.append(key(), entries('a'), options);
      await gone(store, key());
      const lease = await store.lease(key(), LONG_MS);
      assert.ok(lease.token > old.token, `the token ${lease.token} is not larger than ${old.token}`);
      await refused(
        store.append(key(), entries('late'), { expectedVersion: 0, turnId: 't2', lease: old }),
        'lease_lost',
      );
      await lease.release();
    },
  },
];

async function expiryOf(store: StateStore, key: { owner: string; id: string }): Promise<number> {
  const state = await store.load(key);
  assert.ok(state?.expiresAt !== undefined, 'a session of a store with ttlMs has no expiresAt');
  return state.expiresAt;
}

async function gone(store: StateStore, key: { owner: string; id: string }): Promise<void> {
  await eventually(async () => ((await store.load(key)) === undefined ? true : undefined));
}
