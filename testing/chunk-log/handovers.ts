import assert from 'node:assert/strict';

import type { ChunkLog, StreamKey } from '../../server/chunk-log.ts';
import { eventually } from '../store/stage.ts';
import type { LogCase } from './contract.ts';
import { LONG_MS, TINY_MS, done, leaseOver, lost, own, ownerOf, pageOf, refused } from './stage.ts';
import { startOf, textOf, texts, written } from './stage.ts';

/** All of them: other cases may use the same database. */
const MOST = 100_000;

/** Whether the log lists a stream as one without an owner. */
async function isUnowned(log: ChunkLog, key: StreamKey, graceMs = 0): Promise<boolean> {
  const keys = await log.unowned({ graceMs, most: MOST });
  return keys.some(({ owner, id }) => owner === key.owner && id === key.id);
}

/** Owners that give their streams up, and streams that nobody has. */
export const handoverCases: readonly LogCase[] = [
  {
    name: 'a stream that its owner gives up is taken over at once, also with a grace, and that does not count as a takeover',
    async run({ log, other, key }) {
      const held = await written(log, key(), 'a', 'b');
      const take = { leaseMs: LONG_MS, takeOver: true, graceMs: LONG_MS };
      assert.equal((await other.open(key(), startOf(key()), take)).as, 'reader');
      await log.release(held);
      const page = await pageOf(other, key());
      assert.equal(page.released, true);
      assert.ok(page.leaseLeftMs <= 0 && page.token > held.token);
      const next = ownerOf(await other.open(key(), startOf(key()), take));
      assert.deepEqual([next.released, next.takeovers, next.next], [true, 0, 2]);
      assert.equal((await pageOf(log, key())).released, undefined);
      await other.append(next.held, 2, texts(2, 'c'), done);
      assert.deepEqual(await textOf(log, key()), ['a', 'b', 'c']);
    },
  },
  {
    name: 'whoever has given a stream up is refused, and so is whoever does not have it',
    async run({ log, other, key }) {
      const held = await written(log, key(), 'a');
      await log.release(held);
      await refused(log.append(held, 1, texts(1, 'late')), 'lease_lost');
      await refused(log.append(held, 1, [], done), 'lease_lost');
      await refused(log.release(held), 'lease_lost');
      const next = ownerOf(await other.open(key(), startOf(key()), { leaseMs: LONG_MS, takeOver: true }));
      await refused(log.release(held), 'lease_lost');
      await other.append(next.held, 1, [], done);
      await refused(other.release(next.held), 'lease_lost');
      await refused(log.release({ ...held, key: key('another') }), 'lease_lost');
      assert.deepEqual((await pageOf(log, key())).end, done);
    },
  },
  {
    name: 'a stream that was given up is settled at once, and keeps its stop',
    async run({ log, other, key }) {
      const held = await written(log, key(), 'a');
      assert.equal(await other.stop(key(), 'enough'), 'pending');
      await log.release(held);
      assert.equal((await pageOf(other, key())).stop, 'enough');
      assert.equal(await other.settle(key(), lost, { graceMs: LONG_MS }), true);
      const { end, released } = await pageOf(log, key());
      assert.deepEqual([end, released], [lost, undefined]);
    },
  },
  {
    name: 'is taken over by one of many at once after it was given up',
    async run({ log, other, key }) {
      await log.release(await written(log, key(), 'a'));
      const takes = Array.from({ length: 6 }, async (_, number) => {
        const options = { leaseMs: LONG_MS, takeOver: true, graceMs: LONG_MS };
        return (await (number % 2 === 0 ? log : other).open(key(), startOf(key()), options)).as;
      });
      assert.equal((await Promise.all(takes)).filter((as) => as === 'owner').length, 1);
    },
  },
  {
    name: 'lists the streams without an owner, and no other one',
    async run({ log, other, key }) {
      await own(log, key('alive'));
      const ended = await own(log, key('ended'), { leaseMs: TINY_MS });
      await log.append(ended.held, 0, [], done);
      await own(log, key('dead'), { leaseMs: TINY_MS });
      await leaseOver(log, key('dead'));
      assert.equal(await isUnowned(other, key('alive')), false);
      // The call before may have listed it already.
      await eventually(async () => ((await isUnowned(other, key('dead'))) ? true : undefined));
      assert.equal(await isUnowned(other, key('ended')), false);
      assert.equal(await other.settle(key('dead'), lost, { graceMs: 0 }), true);
      assert.equal(await isUnowned(log, key('dead')), false);
    },
  },
  {
    name: 'lists a stream that was given up, whatever the grace, and one whose lease is over only after it',
    async run({ log, other, key }) {
      await own(log, key('dead'), { leaseMs: 1 });
      await leaseOver(log, key('dead'));
      await log.release(await written(log, key('given up'), 'a'));
      await eventually(async () => {
        const keys = await other.unowned({ graceMs: LONG_MS, most: MOST });
        const ids = keys.filter(({ owner }) => owner === key().owner).map(({ id }) => id);
        assert.ok(!ids.includes('dead'));
        return ids.includes('given up') ? true : undefined;
      });
    },
  },
  {
    name: 'lists as many streams as were asked for at most, and the rest after that',
    async run({ log, other, key }) {
      const ids = ['a', 'b', 'c'];
      for (const id of ids) await own(log, key(id), { leaseMs: 1 });
      await leaseOver(log, key('c'));
      const found = new Set<string>();
      await eventually(async () => {
        const keys = await other.unowned({ graceMs: 0, most: 1 });
        assert.ok(keys.length <= 1);
        for (const one of keys) {
          if (one.owner === key().owner) found.add(one.id);
          // Those of other cases are theirs to end, but they must not hide those of this case.
          if (one.owner === key().owner) await other.settle(one, lost, { graceMs: 0 });
        }
        if (keys.length === 1 && keys[0]?.owner !== key().owner) return true;
        return found.size === ids.length ? true : undefined;
      });
    },
  },
];
