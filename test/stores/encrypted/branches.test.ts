import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { MemoryStore, Pipeline } from 'sluice';
import type { StateStore } from 'sluice';
import { provider } from 'sluice/middleware';
import { exportOwner } from 'sluice/stores/export-owner';
import { encrypted } from 'sluice/stores/encrypted';
import { scripted } from 'sluice/testing';
import { failureOf } from '../../core/harness.ts';
import { contents, entry } from '../sqlite/stage.ts';

const entries = (...texts: string[]) => texts.map((text) => entry(text));
const place = { owner: 'ada', id: 'talk' };
const key = randomBytes(32);

async function stored(): Promise<{ below: MemoryStore; store: StateStore; ids: string[] }> {
  const below = new MemoryStore();
  const store = encrypted(below, key);
  await store.append(place, entries('a', 'b', 'c', 'd'), { expectedVersion: 0, turnId: 'import' });
  const { ids = [] } = (await store.load(place, { ids: true })) ?? {};
  return { below, store, ids };
}

test('an append is read cut only where a branch follows a message in its middle', async () => {
  const { below, store, ids } = await stored();
  const [, b = '', c = ''] = ids;
  await store.append(place, entries('x'), { expectedVersion: 1, turnId: 'edit', after: b });
  expect(contents(await store.load(place))).toEqual(['a', 'b', 'x']);
  await store.append(place, [], { expectedVersion: 2, turnId: 'back', after: b });
  expect(contents(await store.load(place))).toEqual(['a', 'b']);
  expect((await store.load(place))?.metadata).toEqual({});
  expect(contents(await store.load(place, { leaf: c }))).toEqual(['a', 'b', 'c']);
  // Somebody who can write to the database hides what came after another message.
  await below.append(place, [], { expectedVersion: 3, turnId: 'hide', after: c });
  expect(await failureOf(store.load(place))).toMatchObject({ code: 'store', retryable: false });
  await below.append(place, entries('y'), { expectedVersion: 4, turnId: 'forge', after: ids[0] });
  expect(await failureOf(store.load(place))).toMatchObject({ code: 'store', retryable: false });
});

test('notes each place once, and a copy is whole', async () => {
  const { below, store, ids } = await stored();
  for (const [version, after] of [ids[1], ids[0], ids[1]].entries())
    await store.append(place, entries(`x${version}`), {
      expectedVersion: version + 1,
      turnId: `t${version}`,
      after,
      metadata: { mood: version },
    });
  expect(Object.keys((await below.load(place))?.metadata ?? {})).toHaveLength(2);
  const copy = await store.fork(place);
  const state = await store.load(copy);
  expect([contents(state), state?.metadata]).toEqual([['a', 'b', 'x2'], { mood: 2 }]);
  expect(Object.keys((await below.load(copy))?.metadata ?? {})).toHaveLength(1);
});

test('turns are regenerated and edited, and an export has all branches in plain text', async () => {
  const { store, ids } = await stored();
  const model = scripted(['r1', 'r2']);
  const pipeline = new Pipeline([provider(model)], { store });
  await pipeline.edit(place, ids[2] ?? '', 'e').text();
  await pipeline.regenerate(place).text();
  expect(contents(await store.load(place))).toEqual(['a', 'b', 'e', 'r2']);
  for await (const session of exportOwner(store, 'ada')) {
    expect(contents(session)).toEqual(['a', 'b', 'e', 'r2']);
    expect(session.branches?.map((branch) => contents(branch))).toEqual([
      ['a', 'b', 'c', 'd'],
      ['e', 'r1'],
    ]);
  }
});
