import assert from 'node:assert/strict';

import type { SentChunk } from '../../server/chunk-log.ts';
import { clockMoves } from '../store/stage.ts';
import type { LogCase } from './contract.ts';
import { LONG_MS, TINY_MS, own, pageOf, takenOver, textOf, texts, written } from './stage.ts';

const call = (number: number, index: number): SentChunk => ({
  ...{ type: 'content', content: 'a', call: number, index },
});
const reset = (index: number, own: number, ...calls: number[]): SentChunk => ({
  ...{ type: 'reset', from: Math.min(...calls), calls, reason: 'anew', call: own, index },
});

/** Reads from any place. */
export const readCases: readonly LogCase[] = [
  {
    name: 'gives what follows any number of chunks, on every process',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      const contents = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
      for (const [from, to] of [
        [0, 1],
        [1, 4],
        [4, 6],
        [6, 7],
      ] as const)
        await log.append(held, from, texts(from, ...contents.slice(from, to)));
      for (const reader of [log, other])
        for (let after = 0; after <= contents.length; after++)
          assert.deepEqual(await textOf(reader, key(), after), contents.slice(after), `after ${after}`);
    },
  },
  {
    name: 'gives nothing, and no error, to a reader that is ahead of the log',
    async run({ log, key }) {
      await written(log, key(), 'a');
      const page = await pageOf(log, key(), 5);
      assert.deepEqual([page.entries, page.next], [[], 1]);
    },
  },
  {
    name: 'ends a page with the entry that has the last chunk that was asked for',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      for (let from = 0; from < 12; from += 3) await log.append(held, from, texts(from, 'a', 'b', 'c'));
      for (const [after, most, froms] of [
        [0, 1, [0]],
        [0, 3, [0]],
        [0, 4, [0, 3]],
        [2, 1, [0]],
        [2, 2, [0, 3]],
        [3, 6, [3, 6]],
        [9, 100, [9]],
      ] as const) {
        const { entries } = await pageOf(other, key(), after, most);
        assert.deepEqual(
          entries.map(({ from }) => from),
          froms,
          `after ${after}, most ${most}`,
        );
      }
      assert.equal((await textOf(other, key(), 0, 1)).length, 12);
    },
  },
  {
    name: 'gives a long stream in pages, each chunk once',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      const contents = Array.from({ length: 700 }, (_, at) => `${at}`);
      for (let from = 0; from < contents.length; from += 2)
        await log.append(held, from, texts(from, ...contents.slice(from, from + 2)));
      assert.deepEqual((await pageOf(other, key())).entries.length, 128);
      assert.deepEqual(await textOf(other, key()), contents);
      assert.deepEqual(await textOf(other, key(), 333, 10), contents.slice(333));
    },
  },
  {
    name: 'lists the resets that void chunks, also those that the page does not hold',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      await log.append(held, 0, [reset(0, 1, 1), call(1, 1), call(2, 2)]);
      await log.append(held, 3, [reset(3, 3, 7), reset(4, 3, 1)]);
      await log.append(held, 5, [reset(5, 4, 1), call(3, 6), reset(7, 4, 2, 3)]);
      await log.append(held, 8, [call(1, 8)]);
      await log.append(held, 9, [reset(9, 5, 1)]);
      for (const after of [0, 10]) {
        const { resets } = await pageOf(other, key(), after);
        assert.deepEqual(resets, [reset(4, 3, 1), reset(7, 4, 2, 3), reset(9, 5, 1)]);
      }
    },
  },
  {
    name: 'lists a reset once whose append was given again, and one of a further owner',
    async run({ log, other, key }) {
      const { held } = await own(log, key(), { leaseMs: TINY_MS });
      const first = [call(1, 0), reset(1, 2, 1), call(2, 2)];
      await log.append(held, 0, first);
      await log.append(held, 0, [...first, call(2, 3)]);
      const next = await takenOver(other, key());
      await other.append(next.held, 4, [reset(4, 1, 1, 2), call(1, 5)]);
      assert.deepEqual((await pageOf(log, key())).resets, [reset(1, 2, 1), reset(4, 1, 1, 2)]);
    },
  },
  {
    name: 'says how long nobody has been reading, from the open on',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      await clockMoves();
      const { unreadMs } = await log.append(held, 0, texts(0, 'a'));
      assert.ok(unreadMs >= 5 && unreadMs < 30_000, `unread for ${unreadMs} ms`);
      await other.read(key(), { after: 0 });
      assert.ok((await log.append(held, 1, [])).unreadMs >= 5, 'a read without presentMs counts as presence');
      await other.read(key(), { after: 0, presentMs: LONG_MS });
      await log.read(key(), { after: 0, presentMs: 1 });
      await clockMoves();
      assert.equal((await log.append(held, 1, [])).unreadMs, 0);
    },
  },
  {
    name: 'a reader that has left is absent when its time is over',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      await other.read(key(), { after: 0, presentMs: 20 });
      for (;;) {
        const { unreadMs } = await log.append(held, 0, []);
        if (unreadMs > 0) break;
        await clockMoves();
      }
    },
  },
];
