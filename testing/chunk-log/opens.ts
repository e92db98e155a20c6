import assert from 'node:assert/strict';

import type { LogCase } from './contract.ts';
import { LONG_MS, done, own, ownerOf, pageOf, refused, startOf, textOf, texts, written } from './stage.ts';

/** Who may run a turn. */
export const openCases: readonly LogCase[] = [
  {
    name: 'knows nothing of a stream that was never opened',
    async run({ log, key }) {
      assert.equal(await log.read(key(), { after: 0 }), undefined);
      assert.equal(await log.settle(key(), done, { graceMs: 0 }), false);
      assert.deepEqual(await log.running(key('session')), []);
    },
  },
  {
    name: 'the first who opens a stream owns it, and all others read it',
    async run({ log, other, key }) {
      const opened = await own(log, key());
      assert.deepEqual(
        [opened.next, opened.takeovers, opened.stop, opened.held.leaseMs, opened.held.key],
        [0, 0, undefined, LONG_MS, key()],
      );
      for (const one of [log, other])
        for (const takeOver of [false, true])
          assert.deepEqual(await one.open(key(), startOf(key()), { leaseMs: LONG_MS, takeOver }), {
            as: 'reader',
          });
      await own(other, key('another'));
    },
  },
  {
    name: 'gives a stream to exactly one of many who open it at once',
    async run({ log, other, key }) {
      const tries = Array.from({ length: 10 }, (_, at) =>
        (at % 2 === 0 ? log : other).open(key(), startOf(key()), { leaseMs: LONG_MS }),
      );
      const opened = await Promise.all(tries);
      assert.equal(opened.filter(({ as }) => as === 'owner').length, 1);
    },
  },
  {
    name: 'gives back the start as it was, and the time of the first open',
    async run({ log, other, key }) {
      const session = { owner: key().owner, id: 'session' };
      const start = { turnId: 'turn', session, name: 'writer "1"', model: 'größe\n', fingerprint: 'f' };
      const { startedAt } = ownerOf(await log.open(key(), start, { leaseMs: LONG_MS }));
      const page = await pageOf(other, key());
      assert.deepEqual([page.start, page.startedAt], [start, startedAt]);
      assert.ok(Math.abs(startedAt - Date.now()) < 60_000, `startedAt is ${startedAt}`);
    },
  },
  {
    name: 'rejects another fingerprint under the same id, while the stream runs and afterwards',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      const start = startOf(key(), { fingerprint: 'something else' });
      for (const options of [{ leaseMs: LONG_MS }, { leaseMs: LONG_MS, takeOver: true }])
        await refused(other.open(key(), start, options), 'conflict');
      await log.append(held, 0, texts(0, 'a'), done);
      for (const options of [{ leaseMs: LONG_MS }, { leaseMs: LONG_MS, again: true }])
        await refused(other.open(key(), start, options), 'conflict');
      assert.deepEqual((await pageOf(log, key())).end, done);
    },
  },
  {
    name: 'gives the end of a stream that has ended, and does not open it',
    async run({ log, other, key }) {
      const held = await written(log, key(), 'a');
      await log.append(held, 1, [], done);
      for (const options of [{ leaseMs: LONG_MS }, { leaseMs: LONG_MS, takeOver: true }])
        assert.deepEqual(await other.open(key(), startOf(key()), options), { as: 'ended', end: done });
      await refused(log.append(held, 1, texts(1, 'b')), 'lease_lost');
    },
  },
  {
    name: 'opens an ended stream again for a further run, which goes on after the last chunk',
    async run({ log, other, key }) {
      const old = await written(log, key(), 'a', 'b');
      await log.stop(key(), 'stopped');
      await log.append(old, 2, [], done);
      const { startedAt } = await pageOf(log, key());
      const opened = await own(other, key(), { again: true });
      assert.deepEqual(
        [opened.next, opened.takeovers, opened.stop, opened.startedAt],
        [2, 0, undefined, startedAt],
      );
      assert.ok(opened.held.token > old.token, `the token ${opened.held.token} is not above ${old.token}`);
      const page = await pageOf(log, key());
      assert.deepEqual([page.end, page.endedAt, page.stop], [undefined, undefined, undefined]);
      const { stop } = await other.append(opened.held, 2, texts(2, 'c'));
      assert.equal(stop, undefined);
      assert.deepEqual(await textOf(log, key()), ['a', 'b', 'c']);
      await refused(log.append(old, 3, texts(3, 'late')), 'lease_lost');
    },
  },
  {
    name: 'does not open a stream again that runs',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      const opened = await other.open(key(), startOf(key()), { leaseMs: LONG_MS, again: true });
      assert.deepEqual(opened, { as: 'reader' });
      await log.append(held, 0, texts(0, 'a'));
    },
  },
];
