import assert from 'node:assert/strict';

import type { LogCase } from './contract.ts';
import { done, lost, own, pageOf, refused, textOf, texts, written } from './stage.ts';

/** Ends: written once, with the last chunks. */
export const endCases: readonly LogCase[] = [
  {
    name: 'keeps the end together with the last chunks',
    async run({ log, other, key }) {
      const { held, startedAt } = await own(log, key());
      const { next, at } = await log.append(held, 0, texts(0, 'a', 'b'), done);
      const page = await pageOf(other, key());
      assert.deepEqual([next, page.next, page.end, page.endedAt], [2, 2, done, at]);
      assert.ok(at >= startedAt);
      assert.deepEqual(await textOf(other, key()), ['a', 'b']);
    },
  },
  {
    name: 'never shows an end to a reader who does not have all chunks before it',
    async run({ log, other, key }) {
      for (let round = 0; round < 10; round++) {
        const id = `turn ${round}`;
        const { held } = await own(log, key(id));
        const writes = (async () => {
          for (let from = 0; from < 8; from++) await log.append(held, from, texts(from, 'a'));
          await log.append(held, 8, texts(8, 'a'), done);
        })();
        for (let after = 0; ;) {
          const page = await pageOf(other, key(id), after);
          const last = page.entries.at(-1);
          const upTo = last === undefined ? after : last.from + last.chunks.length;
          assert.equal(upTo, page.next, 'a page says that there are chunks which it does not have');
          after = upTo;
          if (page.end === undefined) continue;
          assert.equal(after, 9);
          break;
        }
        await writes;
      }
    },
  },
  {
    name: 'accepts the same end twice, and rejects chunks after it',
    async run({ log, key }) {
      const held = await written(log, key(), 'a');
      await log.append(held, 1, texts(1, 'b'), done);
      assert.equal((await log.append(held, 1, texts(1, 'b'), done)).next, 2);
      await refused(log.append(held, 2, texts(2, 'c')), 'lease_lost');
      await refused(log.append(held, 2, []), 'lease_lost');
      assert.deepEqual(await textOf(log, key()), ['a', 'b']);
    },
  },
  {
    name: 'gives the end to every cursor',
    async run({ log, other, key }) {
      const held = await written(log, key(), 'a', 'b');
      await log.append(held, 2, [], done);
      for (const after of [0, 1, 2, 9]) assert.deepEqual((await pageOf(other, key(), after)).end, done);
    },
  },
  {
    name: 'an end of the owner cannot be replaced',
    async run({ log, other, key }) {
      const held = await written(log, key(), 'a');
      await log.append(held, 1, [], done);
      assert.equal(await other.settle(key(), lost, { graceMs: 0 }), false);
      await log.append(held, 1, [], lost);
      assert.deepEqual((await pageOf(other, key())).end, done);
    },
  },
];
