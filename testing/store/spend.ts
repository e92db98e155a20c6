import assert from 'node:assert/strict';

import type { Cost, StateStore, Usage } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { ended, entries, tokens } from './stage.ts';

/** Usage and cost, summed by session and by owner. */
export const spendCases: readonly StoreCase[] = [
  {
    name: 'spend is an exact zero if no turn has ended',
    async run({ store, owner, key }) {
      const nothing = { usage: tokens(0, 0), cost: { status: 'exact', totalUsd: 0 }, turns: 0 };
      assert.deepEqual(await store.spend({ owner }), nothing);
      assert.deepEqual(await store.spend(key('nowhere')), nothing);
      await store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't' });
      assert.deepEqual([await store.spend(key()), await store.spend({ owner })], [nothing, nothing]);
    },
  },
  {
    name: 'sums usage and cost of all turns by session and by owner',
    async run({ store, owner, key, stranger }) {
      const pay = payer(store);
      const usage: Usage = {
        ...tokens(10, 20),
        cachedInputTokens: 4,
        cacheWriteTokens: 2,
        reasoningTokens: 8,
      };
      const cost: Cost = {
        status: 'exact',
        totalUsd: 0.75,
        inputUsd: 0.25,
        outputUsd: 0.5,
        cacheReadUsd: 0.125,
      };
      await pay(key('a'), usage, cost);
      await pay(key('a'), usage, cost);
      await pay(key('b'), tokens(1, 2), { status: 'exact', totalUsd: 0.5, cacheWriteUsd: 0.25 });
      await pay({ owner: stranger, id: 'a' }, tokens(100, 100), { status: 'exact', totalUsd: 64 });
      const a = {
        usage: { ...tokens(20, 40), cachedInputTokens: 8, cacheWriteTokens: 4, reasoningTokens: 16 },
        cost: { status: 'exact', totalUsd: 1.5, inputUsd: 0.5, outputUsd: 1, cacheReadUsd: 0.25 },
        turns: 2,
      };
      assert.deepEqual(await store.spend(key('a')), a);
      const { usage: sum, cost: paid, turns } = (await store.load(key('a'), { last: 0 })) ?? {};
      assert.deepEqual({ usage: sum, cost: paid, turns }, a);
      assert.deepEqual(await store.spend({ owner }), {
        usage: { ...tokens(21, 42), cachedInputTokens: 8, cacheWriteTokens: 4, reasoningTokens: 16 },
        cost: { ...a.cost, totalUsd: 2, cacheWriteUsd: 0.25 },
        turns: 3,
      });
      assert.equal((await store.spend({ owner: stranger })).cost.totalUsd, 64);
    },
  },
  {
    name: 'one estimate makes a sum estimated, and one unknown cost makes it unknown from then on',
    async run({ store, owner, key }) {
      const pay = payer(store);
      await pay(key(), tokens(1, 1), { status: 'exact', totalUsd: 0.5 });
      await pay(key(), { ...tokens(2, 2), estimated: true }, { status: 'estimated', totalUsd: 0.25 });
      await pay(key(), tokens(4, 4), { status: 'exact', totalUsd: 1 });
      const estimated = {
        usage: { ...tokens(7, 7), estimated: true },
        cost: { status: 'estimated', totalUsd: 1.75 },
      };
      for (const scope of [key(), { owner }])
        assert.deepEqual(await store.spend(scope), { ...estimated, turns: 3 });
      await pay(key(), tokens(8, 8), { status: 'unknown' });
      await pay(key(), tokens(16, 16), { status: 'exact', totalUsd: 1 });
      for (const scope of [key(), { owner }]) {
        const { usage, cost, turns } = await store.spend(scope);
        assert.deepEqual(
          [usage, cost, turns],
          [{ ...tokens(31, 31), estimated: true }, { status: 'unknown' }, 5],
        );
      }
    },
  },
  {
    name: "keeps an owner's spend when sessions are deleted",
    async run({ store, owner, key }) {
      const pay = payer(store);
      await pay(key(), tokens(1, 1), { status: 'exact', totalUsd: 0.5 });
      await store.delete(key());
      assert.equal((await store.spend(key())).turns, 0);
      await pay(key(), tokens(2, 2), { status: 'exact', totalUsd: 0.25 });
      assert.deepEqual((await store.spend(key())).usage, tokens(2, 2));
      const { usage, cost, turns } = await store.spend({ owner });
      assert.deepEqual([usage, cost.totalUsd, turns], [tokens(3, 3), 0.75, 2]);
    },
  },
  {
    name: "counts every turn in an owner's spend when many sessions write at once",
    async run({ store, other, owner, key }) {
      await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          payer(at % 2 === 0 ? store : other)(key(`s${at}`), tokens(1, 2), {
            status: 'exact',
            totalUsd: 0.25,
          }),
        ),
      );
      const { usage, cost, turns } = await store.spend({ owner });
      assert.deepEqual([usage, cost, turns], [tokens(20, 40), { status: 'exact', totalUsd: 5 }, 20]);
    },
  },
];

type Pay = (key: { owner: string; id: string }, usage: Usage, cost: Cost) => Promise<void>;

function payer(store: StateStore): Pay {
  return async (key, usage, cost) => {
    const expectedVersion = (await store.load(key, { last: 0 }))?.version ?? 0;
    const end = ended(usage, cost);
    await store.append(key, entries('paid'), { expectedVersion, turnId: `t${expectedVersion}`, end });
  };
}
