import assert from 'node:assert/strict';

import type { LogCase } from './contract.ts';
import { TINY_MS, done, own, pageOf, takenOver, texts, written } from './stage.ts';

/** Stops: recorded under the stream, learned by its owner, gone with its end. */
export const stopCases: readonly LogCase[] = [
  {
    name: "each append's answer says that there is a stop, and the first reason wins",
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      assert.equal((await log.append(held, 0, texts(0, 'a'))).stop, undefined);
      assert.equal(await other.stop(key(), 'stopped'), 'pending');
      assert.equal(await log.stop(key(), 'shutdown'), 'pending');
      const stops = [
        (await log.append(held, 1, [])).stop,
        (await log.append(held, 1, texts(1, 'b'))).stop,
        (await log.append(held, 1, texts(1, 'b'))).stop,
        (await log.append(held, 7, texts(7, 'x'))).stop,
        (await pageOf(other, key())).stop,
      ];
      assert.deepEqual(stops, ['stopped', 'stopped', 'stopped', 'stopped', 'stopped']);
    },
  },
  {
    name: 'a stop of a stream that has ended answers so, and changes nothing',
    async run({ log, other, key }) {
      const held = await written(log, key(), 'a');
      await log.append(held, 1, [], done);
      for (const one of [log, other]) assert.equal(await one.stop(key(), 'stopped'), 'stopped');
      const opened = await own(other, key(), { again: true });
      assert.equal(opened.stop, undefined);
    },
  },
  {
    name: 'whoever takes over a stream gets its stop',
    async run({ log, other, key }) {
      await own(log, key(), { leaseMs: TINY_MS });
      await log.stop(key(), 'stopped "now"');
      const { stop, held } = await takenOver(other, key());
      assert.equal(stop, 'stopped "now"');
      await other.append(held, 0, [], { outcome: 'cancelled', reason: 'stopped "now"' });
      assert.equal(await log.stop(key(), 'again'), 'stopped');
    },
  },
  {
    name: 'a stop that comes before the open waits for it, under its own key only',
    async run({ log, other, key, stranger }) {
      assert.equal(await other.stop(key(), 'early'), 'unknown');
      assert.equal(await other.stop(key(), 'later'), 'unknown');
      assert.equal(await log.read(key(), { after: 0 }), undefined);
      assert.equal((await own(log, { owner: stranger, id: key().id })).stop, undefined);
      assert.equal((await own(log, key('another'))).stop, undefined);
      const opened = await own(log, key());
      assert.deepEqual([opened.stop, opened.next], ['early', 0]);
      assert.equal((await log.append(opened.held, 0, [], done)).next, 0);
      assert.equal((await own(log, key(), { again: true })).stop, undefined);
    },
  },
];
