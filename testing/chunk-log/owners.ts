import assert from 'node:assert/strict';

import { eventually } from '../store/stage.ts';
import type { LogCase } from './contract.ts';
import { LONG_MS, TINY_MS, done, leaseOver, lost, own, pageOf, refused } from './stage.ts';
import { startOf, takenOver, textOf, texts } from './stage.ts';

/** Owners that die, and owners that only seem to. */
export const ownerCases: readonly LogCase[] = [
  {
    name: 'each append renews the lease',
    async run({ log, other, key }) {
      const { held } = await own(log, key(), { leaseMs: 1 });
      await log.append({ ...held, leaseMs: LONG_MS }, 0, texts(0, 'a'));
      const { leaseLeftMs } = await pageOf(other, key());
      assert.ok(leaseLeftMs > LONG_MS / 2 && leaseLeftMs <= LONG_MS, `${leaseLeftMs} ms are left`);
      assert.equal(await other.settle(key(), lost, { graceMs: 0 }), false);
    },
  },
  {
    name: 'a lease that is over is good until somebody takes the stream',
    async run({ log, key }) {
      const { held } = await own(log, key(), { leaseMs: TINY_MS });
      await leaseOver(log, key());
      await log.append({ ...held, leaseMs: LONG_MS }, 0, texts(0, 'a'));
      assert.equal(await log.settle(key(), lost, { graceMs: 0 }), false);
      assert.deepEqual(await textOf(log, key()), ['a']);
    },
  },
  {
    name: 'a stream without an owner is taken over, goes on after the last chunk, and the old owner is refused',
    async run({ log, other, key }) {
      const first = await own(log, key(), { leaseMs: TINY_MS });
      await log.append(first.held, 0, texts(0, 'a', 'b'));
      const second = await takenOver(other, key());
      assert.deepEqual([second.next, second.takeovers, second.startedAt], [2, 1, first.startedAt]);
      assert.ok(second.held.token > first.held.token);
      await refused(log.append(first.held, 2, texts(2, 'late')), 'lease_lost');
      await refused(log.append(first.held, 2, []), 'lease_lost');
      await refused(log.append(first.held, 2, [], done), 'lease_lost');
      await other.append(second.held, 2, texts(2, 'c'));
      const { entries, token, takeovers, end } = await pageOf(log, key());
      assert.deepEqual([token, takeovers, end], [second.held.token, 1, undefined]);
      assert.deepEqual(
        entries.map(({ epoch }) => epoch),
        [first.held.token, second.held.token],
      );
      assert.deepEqual(await textOf(log, key()), ['a', 'b', 'c']);
    },
  },
  {
    name: 'counts the takeovers',
    async run({ log, other, key }) {
      await own(log, key(), { leaseMs: 1 });
      await takenOver(other, key(), 1);
      const { takeovers } = await takenOver(log, key());
      assert.deepEqual([takeovers, (await pageOf(other, key())).takeovers], [2, 2]);
    },
  },
  {
    name: 'gives a stream without an owner to exactly one of many who take it over or settle it at once',
    async run({ log, other, key }) {
      for (const [at, settles] of [false, true, false, true].entries()) {
        const id = `turn ${at}`;
        await own(log, key(id), { leaseMs: 1 });
        await leaseOver(log, key(id));
        const takes = Array.from({ length: 6 }, async (_, number) => {
          const one = number % 2 === 0 ? log : other;
          if (settles && number < 3) return one.settle(key(id), lost, { graceMs: 0 });
          const options = { leaseMs: LONG_MS, takeOver: true };
          return (await one.open(key(id), startOf(key(id)), options)).as === 'owner';
        });
        const won = await Promise.all(takes);
        assert.equal(won.filter(Boolean).length, 1);
      }
    },
  },
  {
    name: 'a lease has to be over for the whole grace before the stream is taken over or settled',
    async run({ log, other, key }) {
      await own(log, key(), { leaseMs: 1 });
      await leaseOver(log, key());
      const take = { leaseMs: LONG_MS, takeOver: true, graceMs: LONG_MS };
      assert.equal((await other.open(key(), startOf(key()), take)).as, 'reader');
      assert.equal(await other.settle(key(), lost, { graceMs: LONG_MS }), false);
      assert.equal((await pageOf(log, key())).end, undefined);
      await eventually(async () => {
        const opened = await other.open(key(), startOf(key()), { ...take, graceMs: 10 });
        return opened.as === 'owner' ? true : undefined;
      });
    },
  },
  {
    name: 'settle ends a stream without an owner once, and the old owner is refused',
    async run({ log, other, key }) {
      const { held } = await own(log, key(), { leaseMs: LONG_MS });
      await log.append(held, 0, texts(0, 'a'));
      assert.equal(await other.settle(key(), lost, { graceMs: 0 }), false);
      await log.append({ ...held, leaseMs: 1 }, 1, []);
      await leaseOver(log, key());
      assert.equal(await other.settle(key(), lost, { graceMs: 0 }), true);
      assert.equal(await other.settle(key(), done, { graceMs: 0 }), false);
      await refused(log.append(held, 1, texts(1, 'late')), 'lease_lost');
      await refused(log.append(held, 1, [], done), 'lease_lost');
      const page = await pageOf(log, key());
      assert.deepEqual([page.end, page.next], [lost, 1]);
      assert.ok(page.endedAt !== undefined && page.endedAt >= page.startedAt);
      assert.ok(page.token > held.token);
    },
  },
];
