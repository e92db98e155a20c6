import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { root } from '../../../scripts/entry-points.ts';
import { anOwner, contents, type RedisStage } from './stage.ts';

const TURNS = 20;

/** R34 Two processes, one per library, append to one session at once: nothing is lost, doubled or interleaved. */
export async function appendInTwoProcesses({ open, prefix }: RedisStage, where: string): Promise<void> {
  const owner = anOwner();
  const writer = join(root, 'test/stores/redis/writer.ts');
  const run = promisify(execFile);
  await Promise.all(
    ['redis', 'ioredis'].map((library) =>
      run(process.execPath, [writer, where, library, prefix, owner, library, String(TURNS)]),
    ),
  );
  const store = open();
  const state = await store.load({ owner, id: 'shared' });
  const all = contents(state).map(String);
  expect([state?.version, state?.turns, state?.cost.totalUsd]).toEqual([2 * TURNS, 2 * TURNS, TURNS / 2]);
  for (const library of ['redis', 'ioredis'])
    expect(all.filter((content) => content.startsWith(library))).toEqual(
      Array.from({ length: TURNS }, (_, turn) => [`${library}${turn}a`, `${library}${turn}b`]).flat(),
    );
  for (let at = 0; at < all.length; at += 2) expect(all[at]?.slice(0, -1)).toBe(all[at + 1]?.slice(0, -1));
  const spent = await store.spend({ owner });
  expect([spent.turns, spent.usage.totalTokens, spent.cost.totalUsd]).toEqual([
    2 * TURNS,
    2 * TURNS,
    TURNS / 2,
  ]);
  expect((await store.list({ owner })).sessions.map(({ id }) => id)).toEqual(['shared']);
  await store.forget(owner);
}
