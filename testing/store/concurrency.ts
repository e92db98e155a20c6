import assert from 'node:assert/strict';

import { isSluiceError } from '../../src/index.ts';
import type { StateStore } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { contentsOf, ended, entries, tokens } from './stage.ts';

const WRITERS = 20;

/** Many writers at once, on both stores if there is a second one over the same data. */
export const concurrencyCases: readonly StoreCase[] = [
  {
    name: 'loses no append when many writers append at once and retry after conflicts',
    async run({ store, other, key }) {
      const write = async (at: number): Promise<void> => {
        const mine = at % 2 === 0 ? store : other;
        const end = ended(tokens(1, 1), { status: 'exact', totalUsd: 0.25 });
        await retried(mine, key(), (expectedVersion) =>
          mine.append(key(), entries(`w${at}a`, `w${at}b`), { expectedVersion, turnId: `w${at}`, end }),
        );
      };
      await Promise.all(Array.from({ length: WRITERS }, (_, at) => write(at)));
      const state = await store.load(key());
      const contents = contentsOf(state);
      assert.deepEqual([state?.version, state?.messageCount, state?.turns], [WRITERS, 2 * WRITERS, WRITERS]);
      assert.deepEqual([state?.usage, state?.cost], [tokens(20, 20), { status: 'exact', totalUsd: 5 }]);
      for (let at = 0; at < WRITERS; at++) {
        const first = contents.indexOf(`w${at}a`);
        assert.ok(first >= 0, `the append of writer ${at} was lost`);
        assert.equal(
          contents[first + 1],
          `w${at}b`,
          `the messages of writer ${at} are not next to each other`,
        );
      }
    },
  },
  {
    name: 'exactly one of several appends that expect the same version succeeds',
    async run({ store, other, key }) {
      const race = await Promise.allSettled(
        Array.from({ length: WRITERS }, (_, at) =>
          (at % 2 === 0 ? store : other).append(key(), entries(`w${at}`), {
            expectedVersion: 0,
            turnId: `w${at}`,
          }),
        ),
      );
      assert.equal(race.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const one of race)
        assert.ok(
          one.status === 'fulfilled' || (isSluiceError(one.reason) && one.reason.code === 'conflict'),
        );
      assert.equal((await store.load(key()))?.messageCount, 1);
    },
  },
  {
    name: 'stores a turn once if several writers append it at once',
    async run({ store, other, key }) {
      for (let turn = 0; turn < 10; turn++) {
        const end = ended(tokens(1, 1), { status: 'exact', totalUsd: 0.25 });
        const options = { expectedVersion: turn, turnId: `t${turn}`, end };
        const versions = await Promise.all(
          [store, other, store, other].map((writer) => writer.append(key(), entries(`m${turn}`), options)),
        );
        assert.deepEqual(versions, [turn + 1, turn + 1, turn + 1, turn + 1]);
      }
      const state = await store.load(key());
      assert.deepEqual([state?.messageCount, state?.turns, state?.cost.totalUsd], [10, 10, 2.5]);
    },
  },
  {
    name: 'loses no metadata update when many writers update at once',
    async run({ store, other, key }) {
      await Promise.all(
        Array.from({ length: WRITERS }, async (_, at) => {
          const mine = at % 2 === 0 ? store : other;
          await retried(mine, key(), (expectedVersion) =>
            mine.update(key(), { [`w${at}`]: at }, { expectedVersion }),
          );
        }),
      );
      const state = await store.load(key());
      assert.deepEqual([Object.keys(state?.metadata ?? {}).length, state?.version], [WRITERS, WRITERS]);
    },
  },
];

/** Reads the version and writes, again and again until there is no conflict. */
async function retried(
  store: StateStore,
  key: { owner: string; id: string },
  write: (expectedVersion: number) => Promise<number>,
): Promise<void> {
  for (;;) {
    const version = (await store.load(key, { last: 0 }))?.version ?? 0;
    try {
      await write(version);
      return;
    } catch (error) {
      if (!isSluiceError(error) || error.code !== 'conflict') throw error;
    }
  }
}
