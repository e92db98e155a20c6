import assert from 'node:assert/strict';

import type { LogCase } from './contract.ts';
import { done, own, pageOf, refused, textOf, texts, written } from './stage.ts';

/** Appends: each chunk is kept once, at its place. */
export const appendCases: readonly LogCase[] = [
  {
    name: 'keeps chunks in the order of the appends, and counts them',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      const answers = [
        await log.append(held, 0, texts(0, 'a', 'b')),
        await log.append(held, 2, texts(2, 'c')),
        await log.append(held, 3, []),
      ];
      assert.deepEqual(
        answers.map(({ next, stop }) => [next, stop]),
        [
          [2, undefined],
          [3, undefined],
          [3, undefined],
        ],
      );
      const page = await pageOf(other, key());
      assert.deepEqual([page.first, page.next, page.end], [0, 3, undefined]);
      assert.deepEqual(
        page.entries.map(({ from, chunks }) => [from, chunks]),
        [
          [0, texts(0, 'a', 'b')],
          [2, texts(2, 'c')],
        ],
      );
    },
  },
  {
    name: 'says when an append was kept, which is the time of its entry',
    async run({ log, other, key }) {
      const { held, startedAt } = await own(log, key());
      const answers = [];
      for (let at = 0; at < 3; at++) answers.push(await log.append(held, at, texts(at, 'a')));
      const { entries } = await pageOf(other, key());
      assert.deepEqual(
        entries.map(({ at }) => at),
        answers.map(({ at }) => at),
      );
      const times = [startedAt, ...entries.map(({ at }) => at)];
      assert.deepEqual([...times].sort(), times, 'the times are not in order');
    },
  },
  {
    name: 'keeps chunks once that are given again',
    async run({ log, key }) {
      const { held } = await own(log, key());
      const twice = async (from: number, ...contents: string[]): Promise<void> => {
        for (let tries = 0; tries < 2; tries++) {
          const { next } = await log.append(held, from, texts(from, ...contents));
          assert.equal(next, 3);
        }
      };
      await log.append(held, 0, texts(0, 'a'));
      await twice(1, 'b', 'c');
      await twice(0, 'a');
      await twice(0, 'a', 'b', 'c');
      assert.deepEqual(await textOf(log, key()), ['a', 'b', 'c']);
    },
  },
  {
    name: 'keeps the rest of an append whose first chunks it has',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      await log.append(held, 0, texts(0, 'a', 'b'));
      const { next } = await log.append(held, 1, texts(1, 'b', 'c', 'd'));
      assert.equal(next, 4);
      assert.deepEqual(await textOf(other, key()), ['a', 'b', 'c', 'd']);
      assert.deepEqual(await textOf(other, key(), 3), ['d']);
    },
  },
  {
    name: 'keeps nothing if chunks before it are missing, and says from where to give them again',
    async run({ log, key }) {
      const held = await written(log, key(), 'a');
      assert.equal((await log.append(held, 3, texts(3, 'd'))).next, 1);
      assert.equal((await log.append(held, 3, texts(3, 'd'), done)).next, 1);
      assert.equal((await log.append(held, 3, [])).next, 1);
      const page = await pageOf(log, key());
      assert.deepEqual([page.next, page.end, page.entries.length], [1, undefined, 1]);
      assert.equal((await log.append(held, 1, texts(1, 'b', 'c'))).next, 3);
      assert.equal((await log.append(held, 3, texts(3, 'd'), done)).next, 4);
      assert.deepEqual(await textOf(log, key()), ['a', 'b', 'c', 'd']);
    },
  },
  {
    name: 'an append that is kept nowhere renews the lease, and so does one that was kept before',
    async run({ log, key }) {
      const { held } = await own(log, key(), { leaseMs: 1_000 });
      const renewed = { ...held, leaseMs: 50_000 };
      for (const from of [0, 0, 7]) {
        await log.append(held, 0, []);
        await log.append(renewed, from, texts(from, 'a'));
        const { leaseLeftMs } = await pageOf(log, key());
        assert.ok(leaseLeftMs > 20_000, `${leaseLeftMs} ms are left after an append from ${from}`);
      }
    },
  },
  {
    name: 'rejects an append to a stream that is not there',
    async run({ log, key, owner }) {
      const { held } = await own(log, key());
      const elsewhere = { ...held, key: { owner, id: 'nowhere' } };
      await refused(log.append(elsewhere, 0, texts(0, 'a')), 'lease_lost');
      await refused(log.append(elsewhere, 0, []), 'lease_lost');
      assert.equal(await log.read(elsewhere.key, { after: 0 }), undefined);
    },
  },
  {
    name: 'keeps the appends of many streams apart',
    async run({ log, other, key }) {
      const ids = Array.from({ length: 20 }, (_, at) => `turn ${at}`);
      await Promise.all(
        ids.map(async (id, at) => {
          const writer = at % 2 === 0 ? log : other;
          const { held } = await own(writer, key(id));
          for (let from = 0; from < 5; from++) await writer.append(held, from, texts(from, `${id}: ${from}`));
        }),
      );
      for (const id of ids)
        assert.deepEqual(
          await textOf(log, key(id)),
          [0, 1, 2, 3, 4].map((from) => `${id}: ${from}`),
        );
    },
  },
];
