import assert from 'node:assert/strict';

import { isSluiceError } from '../../src/index.ts';
import type { Lease, StateStore } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { contentsOf, ended, entries, eventually, refused, tokens, write } from './stage.ts';

const LONG_MS = 60_000;

/** Leases: only one writer at a time may append. */
export const leaseCases: readonly StoreCase[] = [
  {
    name: 'a lease keeps others from leasing that session, and no other, until it is released',
    async run({ store, other, key, stranger }) {
      const first = await store.lease(key(), LONG_MS);
      for (const writer of [store, other]) await refused(writer.lease(key(), LONG_MS), 'session_busy', true);
      await (await store.lease(key('another'), LONG_MS)).release();
      await (await store.lease({ owner: stranger, id: key().id }, LONG_MS)).release();
      await first.release();
      const second = await other.lease(key(), LONG_MS);
      assert.ok(second.token > first.token, `the token ${second.token} is not larger than ${first.token}`);
      await refused(store.lease(key(), LONG_MS), 'session_busy');
      await second.release();
    },
  },
  {
    name: 'appends with a lease, and reads without one',
    async run({ store, other, key }) {
      const lease = await store.lease(key(), LONG_MS);
      await store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't1', lease });
      assert.deepEqual(contentsOf(await other.load(key())), ['a']);
      await store.append(key(), entries('b'), { expectedVersion: 1, turnId: 't2', lease });
      await lease.release();
      assert.deepEqual(contentsOf(await other.load(key())), ['a', 'b']);
    },
  },
  {
    name: 'a session can be leased again after its lease expires, and the old lease is rejected',
    async run({ store, other, key }) {
      await write(store, key(), 'a');
      const old = await store.lease(key(), 30);
      const lease = await leased(other, key());
      assert.ok(lease.token > old.token);
      await refused(
        store.append(key(), entries('late'), { expectedVersion: 1, turnId: 'old', lease: old }),
        'lease_lost',
      );
      await refused(old.renew(LONG_MS), 'lease_lost');
      await old.release();
      await refused(store.lease(key(), LONG_MS), 'session_busy');
      await other.append(key(), entries('b'), { expectedVersion: 1, turnId: 'new', lease });
      await refused(
        store.append(key(), entries('late'), { expectedVersion: 2, turnId: 'old', lease: old }),
        'lease_lost',
      );
      assert.deepEqual(contentsOf(await store.load(key())), ['a', 'b']);
    },
  },
  {
    name: 'repeating a stored append succeeds, even if the lease has been lost since',
    async run({ store, other, key }) {
      const lease = await store.lease(key(), LONG_MS);
      const append = (): Promise<number> =>
        store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't1', lease });
      assert.equal(await append(), 1);
      await other.lease(key(), LONG_MS, { takeOver: true });
      assert.equal(await append(), 1);
      assert.deepEqual(contentsOf(await store.load(key())), ['a']);
    },
  },
  {
    name: 'rejects an append if another run of the same turn has stored its own',
    async run({ store, other, key }) {
      const spent = ended(tokens(1, 2), { status: 'exact', totalUsd: 0.5 });
      const old = await store.lease(key(), LONG_MS);
      const lease = await other.lease(key(), LONG_MS, { takeOver: true });
      const append = (by: Lease, content: string): Promise<number> =>
        store.append(key(), entries(content), {
          expectedVersion: 0,
          turnId: 't1',
          lease: by,
          end: { ...spent, leaseToken: by.token },
        });
      assert.equal(await append(lease, 'theirs'), 1);
      await refused(append(old, 'mine'), 'lease_lost', false);
      assert.equal(await append(lease, 'theirs'), 1);
      assert.equal(
        await store.append(key(), entries('anyone'), { expectedVersion: 0, turnId: 't1', end: spent }),
        1,
      );
      const state = await store.load(key());
      assert.deepEqual([contentsOf(state), state?.turns], [['theirs'], 1]);
    },
  },
  {
    name: 'an append with `release` releases its lease if it succeeds, and can be repeated',
    async run({ store, other, key }) {
      const lease = await store.lease(key(), LONG_MS);
      const append = (expectedVersion: number, release = true): Promise<number> =>
        store.append(key(), entries('a'), {
          expectedVersion,
          turnId: `t${expectedVersion}`,
          lease,
          release,
        });
      await append(0, false);
      await refused(append(7), 'conflict');
      await refused(other.lease(key(), LONG_MS), 'session_busy');
      assert.equal(await append(1), 2);
      await refused(lease.renew(LONG_MS), 'lease_lost');
      const next = await other.lease(key(), LONG_MS);
      assert.equal(await append(1), 2);
      await lease.release();
      await refused(store.lease(key(), LONG_MS), 'session_busy');
      await refused(append(2), 'lease_lost');
      assert.equal(
        await other.append(key(), entries('b'), { expectedVersion: 2, turnId: 'next', lease: next }),
        3,
      );
      const without = { expectedVersion: 3, turnId: 'without', release: true };
      await refused(store.append(key(), entries('c'), without), 'invalid_options');
    },
  },
  {
    name: 'takeOver takes a leased session at once, and the old lease is rejected from then on',
    async run({ store, other, key }) {
      const old = await store.lease(key(), LONG_MS);
      const lease = await other.lease(key(), LONG_MS, { takeOver: true });
      assert.ok(lease.token > old.token);
      await refused(
        store.append(key(), entries('late'), { expectedVersion: 0, turnId: 'old', lease: old }),
        'lease_lost',
        false,
      );
      await refused(old.renew(LONG_MS), 'lease_lost');
      await old.release();
      await refused(store.lease(key(), LONG_MS), 'session_busy');
      await other.append(key(), entries('mine'), { expectedVersion: 0, turnId: 'new', lease });
      assert.deepEqual(contentsOf(await store.load(key())), ['mine']);
      const free = await store.lease(key('free'), LONG_MS, { takeOver: true });
      await free.release();
    },
  },
  {
    name: 'an append with a lost lease changes nothing, also after the newer lease was released',
    async run({ store, other, key, owner }) {
      const old = await store.lease(key(), LONG_MS);
      await store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't1', lease: old });
      const late = async (expectedVersion: number): Promise<void> => {
        const before = [await store.load(key()), await store.spend({ owner })];
        const what = {
          metadata: { late: true },
          end: ended(tokens(7, 7), { status: 'unknown' }),
          release: true,
        };
        for (const turnId of ['late', 't2']) {
          const options = { ...what, expectedVersion, turnId, lease: old };
          await refused(store.append(key(), entries('late'), options), 'lease_lost', false);
        }
        assert.deepEqual([await store.load(key()), await store.spend({ owner })], before);
        assert.equal(await store.turn(key(), 'late'), undefined);
      };
      const lease = await other.lease(key(), LONG_MS, { takeOver: true });
      await late(1);
      await refused(store.lease(key(), LONG_MS), 'session_busy');
      await other.append(key(), entries('b'), { expectedVersion: 1, turnId: 't3', lease, release: true });
      await late(2);
      const next = await store.lease(key(), LONG_MS);
      await late(2);
      await next.release();
    },
  },
  {
    name: 'renew sets a new end of the lease each time',
    async run({ store, other, key }) {
      const lease = await store.lease(key(), 2_000);
      const before = lease.expiresAt;
      await lease.renew(LONG_MS);
      assert.ok(lease.expiresAt >= before + 30_000, 'renew did not change expiresAt');
      await refused(other.lease(key(), LONG_MS), 'session_busy');
      await lease.renew(30);
      await leased(other, key());
      await refused(lease.renew(LONG_MS), 'lease_lost');
    },
  },
  {
    name: 'release ends a lease for good, and can be called twice',
    async run({ store, key }) {
      const lease = await store.lease(key(), LONG_MS);
      await lease.release();
      await lease.release();
      await refused(lease.renew(LONG_MS), 'lease_lost');
      await (await store.lease(key(), LONG_MS)).release();
    },
  },
  {
    name: 'delete ends a lease, which stays invalid if the session is created again',
    async run({ store, other, key }) {
      const old = await store.lease(key(), LONG_MS);
      await store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't1', lease: old });
      await other.delete(key());
      const late = { turnId: 'late', lease: old };
      await refused(store.append(key(), entries('x'), { ...late, expectedVersion: 0 }), 'lease_lost');
      await refused(store.append(key(), entries('x'), { ...late, expectedVersion: 1 }), 'lease_lost');
      await refused(old.renew(LONG_MS), 'lease_lost');
      const lease = await other.lease(key(), LONG_MS);
      assert.ok(
        lease.token > old.token,
        `the token ${lease.token} is not larger than ${old.token}, of the deleted session`,
      );
      await refused(store.append(key(), entries('x'), { ...late, expectedVersion: 0 }), 'lease_lost');
      await old.release();
      await refused(store.lease(key(), LONG_MS), 'session_busy');
      await other.append(key(), entries('anew'), { expectedVersion: 0, turnId: 't1', lease });
      assert.deepEqual(contentsOf(await store.load(key())), ['anew']);
    },
  },
  {
    name: 'grants one lease if many are requested at once',
    async run({ store, other, key }) {
      const asked = await Promise.allSettled(
        Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? store : other).lease(key(), LONG_MS)),
      );
      assert.equal(asked.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const one of asked)
        assert.ok(one.status === 'fulfilled' || isSluiceError(one.reason), 'the error is not a SluiceError');
    },
  },
  {
    name: 'rejects a lease whose duration is not positive',
    async run({ store, key }) {
      for (const ttlMs of [0, -1, Number.NaN]) await refused(store.lease(key(), ttlMs), 'invalid_options');
    },
  },
];

/** Waits until a session can be leased. */
function leased(store: StateStore, key: { owner: string; id: string }): Promise<Lease> {
  return eventually(async () => {
    try {
      return await store.lease(key, LONG_MS);
    } catch (error) {
      if (isSluiceError(error) && error.code === 'session_busy') return undefined;
      throw error;
    }
  });
}
