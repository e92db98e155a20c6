import assert from 'node:assert/strict';

import { isSluiceError } from '../../src/index.ts';
import type { Lease, StateStore } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { contentsOf, ended, entries, eventually, refused, tokens, write } from './stage.ts';

const LONG_MS = 60_000;

/** Who may append, and that only one may. */
export const leaseCases: readonly StoreCase[] = [
  {
    name: 'a leased session is busy until the lease is released, and only that session',
    async run({ store, other, key, stranger }) {
      const first = await store.lease(key(), LONG_MS);
      for (const writer of [store, other]) await refused(writer.lease(key(), LONG_MS), 'session_busy', true);
      await (await store.lease(key('another'), LONG_MS)).release();
      await (await store.lease({ owner: stranger, id: key().id }, LONG_MS)).release();
      await first.release();
      const second = await other.lease(key(), LONG_MS);
      assert.ok(second.token > first.token, `token ${second.token} after ${first.token}`);
      await refused(store.lease(key(), LONG_MS), 'session_busy');
      await second.release();
    },
  },
  {
    name: 'appends under the lease, and reads without one',
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
    name: 'a lease that ran out goes to the next writer, and the late one is refused',
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
    name: 'an append that was stored is acknowledged again, even when the lease is lost by then',
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
    name: 'an append under an id that another run of its turn has stored is refused',
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
    name: 'an append gives its lease back where it stores, and is acknowledged again',
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
    name: 'takeOver takes the session at once; the one it was taken from can do nothing any more',
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
    name: 'renew puts the end off, again and again',
    async run({ store, other, key }) {
      const lease = await store.lease(key(), 2_000);
      const before = lease.expiresAt;
      await lease.renew(LONG_MS);
      assert.ok(lease.expiresAt >= before + 30_000, 'expiresAt did not move with renew');
      await refused(other.lease(key(), LONG_MS), 'session_busy');
      await lease.renew(30);
      await leased(other, key());
      await refused(lease.renew(LONG_MS), 'lease_lost');
    },
  },
  {
    name: 'release ends a lease for good, and may be called twice',
    async run({ store, key }) {
      const lease = await store.lease(key(), LONG_MS);
      await lease.release();
      await lease.release();
      await refused(lease.renew(LONG_MS), 'lease_lost');
      await (await store.lease(key(), LONG_MS)).release();
    },
  },
  {
    name: 'deletion ends a lease, also when the session begins anew',
    async run({ store, other, key }) {
      const old = await store.lease(key(), LONG_MS);
      await store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't1', lease: old });
      await other.delete(key());
      const late = { turnId: 'late', lease: old };
      await refused(store.append(key(), entries('x'), { ...late, expectedVersion: 0 }), 'lease_lost');
      await refused(store.append(key(), entries('x'), { ...late, expectedVersion: 1 }), 'lease_lost');
      await refused(old.renew(LONG_MS), 'lease_lost');
      const lease = await other.lease(key(), LONG_MS);
      assert.ok(lease.token > old.token, `token ${lease.token} after ${old.token} of the deleted session`);
      await refused(store.append(key(), entries('x'), { ...late, expectedVersion: 0 }), 'lease_lost');
      await old.release();
      await refused(store.lease(key(), LONG_MS), 'session_busy');
      await other.append(key(), entries('anew'), { expectedVersion: 0, turnId: 't1', lease });
      assert.deepEqual(contentsOf(await store.load(key())), ['anew']);
    },
  },
  {
    name: 'gives one lease to many who ask at once',
    async run({ store, other, key }) {
      const asked = await Promise.allSettled(
        Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? store : other).lease(key(), LONG_MS)),
      );
      assert.equal(asked.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const one of asked)
        assert.ok(
          one.status === 'fulfilled' || isSluiceError(one.reason),
          'refused, but not as a SluiceError',
        );
    },
  },
  {
    name: 'refuses a lease of no time',
    async run({ store, key }) {
      for (const ttlMs of [0, -1, Number.NaN]) await refused(store.lease(key(), ttlMs), 'invalid_options');
    },
  },
];

/** Waits until a session is free. */
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
