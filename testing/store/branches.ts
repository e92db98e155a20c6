import assert from 'node:assert/strict';

import type { SessionState, StateStore } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { contentsOf, entries, refused, write } from './stage.ts';

interface Key {
  owner: string;
  id: string;
}

/** The ids of messages, appends that follow an older message, and the head that moves. */
export const branchCases: readonly StoreCase[] = [
  {
    name: 'gives each message an id of its own, which never changes',
    async run({ store, other, key }) {
      await write(store, key(), 'a', 'b');
      const before = await idsOf(store, key());
      await add(store, key(), 'c');
      await add(store, key(), 'd', 'e', 'f');
      const ids = await idsOf(other, key());
      assert.deepEqual([ids.slice(0, 2), new Set(ids).size, ids.length], [before, 6, 6]);
      for (const last of [0, 1, 2, 4, 5, 6, 9]) {
        const state = await store.load(key(), { last, ids: true });
        assert.deepEqual(state?.ids, last === 0 ? [] : ids.slice(-last));
      }
      assert.deepEqual((await store.turn(key(), 'first'))?.ids, before);
      assert.equal((await store.load(key()))?.ids, undefined);
    },
  },
  {
    name: 'an append after an older message begins a branch, and the other one stays readable',
    async run({ store, other, key }) {
      await write(store, key(), 'q');
      await add(store, key(), 'a1');
      const [q = '', a1 = ''] = await idsOf(store, key());
      await store.append(key(), entries('a2'), { expectedVersion: 2, turnId: 't2', after: q });
      assert.equal(await read(other, key()), 'q a2');
      assert.equal(await read(other, key(), a1), 'q a1');
      const [first, a2 = ''] = await idsOf(store, key());
      assert.equal(first, q);
      await add(store, key(), 'b');
      assert.equal(await read(store, key()), 'q a2 b');
      assert.equal(await read(store, key(), a2), 'q a2');
      assert.deepEqual(await listed(store, key()), [
        { end: 'q a1', parent: '', isHead: false },
        { end: 'q a2 b', parent: q, isHead: true },
      ]);
      const stored = await store.turn(key(), 't2');
      assert.deepEqual([contentsOf(stored), stored?.ids, stored?.after], [['a2'], [a2], q]);
    },
  },
  {
    name: 'reads the newest messages of a way across its branches',
    async run({ store, key }) {
      await write(store, key(), 'a');
      await add(store, key(), 'b');
      const [a = '', b = ''] = await idsOf(store, key());
      await add(store, key(), 'c');
      await hang(store, key(), b, 'd');
      await add(store, key(), 'e');
      await hang(store, key(), a, 'x');
      const leaves = await store.branches(key());
      const ways = ['a b c', 'a b d e', 'a x'];
      assert.deepEqual(
        leaves.map(({ messageCount }) => messageCount),
        [3, 4, 2],
      );
      for (const [at, { id, messageCount }] of leaves.entries()) {
        const all = (ways[at] ?? '').split(' ');
        for (const last of [0, 1, 2, 3, 4, 9]) {
          const state = await store.load(key(), { leaf: id, last });
          assert.deepEqual(contentsOf(state), last === 0 ? [] : all.slice(-last));
          assert.equal(state?.messageCount, messageCount);
        }
      }
      assert.deepEqual(contentsOf(await store.load(key(), { last: 1 })), ['x']);
    },
  },
  {
    name: 'all appends after one message are siblings, also of the first message',
    async run({ store, key }) {
      await write(store, key(), 'q1');
      await add(store, key(), 'a');
      for (const text of ['q2', 'q3']) await hang(store, key(), '', text);
      assert.deepEqual(await listed(store, key()), [
        { end: 'q1 a', parent: '', isHead: false },
        { end: 'q2', parent: '', isHead: false },
        { end: 'q3', parent: '', isHead: true },
      ]);
      const [a1 = ''] = await idsOf(store, key());
      for (const text of ['x', 'y', 'z']) await hang(store, key(), a1, text);
      const siblings = (await listed(store, key())).filter(({ parent }) => parent === a1);
      // The first one goes on with the branch itself.
      assert.deepEqual(
        siblings.map(({ end }) => end),
        ['q3 y', 'q3 z'],
      );
      assert.equal((await store.branches(key())).length, 5);
    },
  },
  {
    name: 'an append can follow a message in the middle of another, whose messages keep their ids',
    async run({ store, other, key }) {
      await write(store, key(), 'a');
      await add(store, key(), 'b', 'c', 'd');
      const [a = '', b = '', c = '', d = ''] = await idsOf(store, key());
      await store.append(key(), entries('x', 'y'), { expectedVersion: 2, turnId: 'tx', after: b });
      assert.equal(await read(other, key()), 'a b x y');
      const [, , x = '', y = ''] = await idsOf(store, key());
      assert.deepEqual((await idsOf(store, key())).slice(0, 2), [a, b]);
      assert.deepEqual([await read(store, key(), c), await read(store, key(), d)], ['a b c', 'a b c d']);
      const stored = await store.turn(key(), 'tx');
      assert.deepEqual(
        [contentsOf(stored), stored?.ids],
        [
          ['x', 'y'],
          [x, y],
        ],
      );
      await hang(store, key(), b, 'z');
      await hang(store, key(), x, 'w');
      assert.deepEqual(await listed(store, key()), [
        { end: 'a b c d', parent: '', isHead: false },
        { end: 'a b x y', parent: b, isHead: false },
        { end: 'a b z', parent: b, isHead: false },
        { end: 'a b x w', parent: x, isHead: true },
      ]);
      for (const { id, messageCount } of await store.branches(key()))
        assert.equal((await store.load(key(), { leaf: id }))?.messages.length, messageCount);
      for (const last of [1, 2, 3, 4])
        assert.deepEqual(contentsOf(await store.load(key(), { last })), ['a', 'b', 'x', 'w'].slice(-last));
    },
  },
  {
    name: 'an append can follow any message of one that fills several rows',
    async run({ store, key }) {
      const texts = Array.from({ length: 120 }, (_, at) => `m${at}`);
      await write(store, key(), ...texts);
      const ids = await idsOf(store, key());
      assert.equal(new Set(ids).size, 120);
      for (const at of [0, 49, 50, 73, 119]) {
        await hang(store, key(), ids[at] ?? '', 'x', 'y');
        const state = await store.load(key(), { ids: true });
        assert.deepEqual(contentsOf(state), [...texts.slice(0, at + 1), 'x', 'y']);
        assert.deepEqual(state?.ids?.slice(0, at + 1), ids.slice(0, at + 1));
        assert.deepEqual(contentsOf(await store.load(key(), { leaf: ids[at], last: 2 })), [
          ...(at > 0 ? [texts[at - 1]] : []),
          texts[at],
        ]);
      }
      assert.equal((await store.branches(key())).length, 5);
    },
  },
  {
    name: 'an append after the head is an append as any other',
    async run({ store, key }) {
      await write(store, key(), 'a', 'b');
      const [, b = ''] = await idsOf(store, key());
      await hang(store, key(), b, 'c');
      assert.equal(await read(store, key()), 'a b c');
      assert.deepEqual(await listed(store, key()), [{ end: 'a b c', parent: '', isHead: true }]);
    },
  },
  {
    name: 'the head moves without messages, to the end of another branch and on from there',
    async run({ store, other, key }) {
      await write(store, key(), 'q');
      await add(store, key(), 'a1');
      const [q = '', a1 = ''] = await idsOf(store, key());
      await hang(store, key(), q, 'a2');
      const [, a2 = ''] = await idsOf(store, key());
      await hang(store, key(), a1);
      assert.equal(await read(other, key()), 'q a1');
      await add(store, key(), 'b1');
      assert.deepEqual(await listed(store, key()), [
        { end: 'q a1 b1', parent: '', isHead: true },
        { end: 'q a2', parent: q, isHead: false },
      ]);
      await hang(store, key(), a2);
      await add(store, key(), 'b2');
      assert.deepEqual(await listed(store, key()), [
        { end: 'q a1 b1', parent: '', isHead: false },
        { end: 'q a2 b2', parent: q, isHead: true },
      ]);
    },
  },
  {
    name: 'the head moves back to any message, and only what is appended there makes a branch',
    async run({ store, key }) {
      await write(store, key(), 'a');
      await add(store, key(), 'b', 'c');
      await add(store, key(), 'd');
      const [a = '', b = ''] = await idsOf(store, key());
      for (const [to, way] of [
        [a, 'a'],
        [b, 'a b'],
        [a, 'a'],
      ]) {
        await hang(store, key(), to ?? '');
        assert.equal(await read(store, key()), way);
        assert.deepEqual(await listed(store, key()), [
          { end: 'a b c d', parent: '', isHead: false },
          { end: way, parent: to, isHead: true },
        ]);
      }
      await hang(store, key(), b);
      await add(store, key(), 'x');
      assert.equal(await read(store, key()), 'a b x');
      assert.deepEqual(
        (await listed(store, key())).map(({ end }) => end),
        ['a b c d', 'a b x'],
      );
    },
  },
  {
    name: 'a move of the head is stored once, under the conditions of every append',
    async run({ store, other, key }) {
      await write(store, key(), 'q');
      await add(store, key(), 'a1');
      const [q = ''] = await idsOf(store, key());
      const old = await store.lease(key(), 60_000);
      const lease = await other.lease(key(), 60_000, { takeOver: true });
      const move = { expectedVersion: 2, turnId: 'move', after: q };
      await refused(store.append(key(), [], { ...move, lease: old }), 'lease_lost');
      await refused(store.append(key(), [], { ...move, expectedVersion: 1, lease }), 'conflict');
      assert.equal(await read(store, key()), 'q a1');
      assert.equal(await store.append(key(), [], { ...move, lease, release: true }), 3);
      const moved = await store.turn(key(), 'move');
      assert.deepEqual([moved?.messages, moved?.ids, moved?.after, moved?.version], [[], [], q, 3]);
      await add(store, key(), 'a2');
      assert.equal(await store.append(key(), [], { ...move, lease: old }), 4);
      assert.equal(await read(store, key()), 'q a2');
      await store.lease(key(), 60_000);
    },
  },
  {
    name: 'rejects ids that no message of the session has',
    async run({ store, key, stranger }) {
      await write(store, key(), 'a', 'b');
      await write(store, key('other'), 'x', 'y', 'z');
      const [a = '', b = ''] = await idsOf(store, key());
      const [position = ''] = a.split('.');
      const more = Number(position) + 1_000_000_007;
      const wrong = ['x', '0.0', `${position}.2`, `${position}.-1`, `${position}.00`, `${more}.0`, `${a} `];
      for (const id of [...wrong, position, '9007199254740993.0']) {
        await refused(store.load(key(), { leaf: id }), 'not_found');
        await refused(hang(store, key(), id, 'c'), 'not_found');
      }
      await refused(store.load(key(), { leaf: '' }), 'not_found');
      await refused(
        store.append(key('none'), entries('c'), { expectedVersion: 0, turnId: 't', after: a }),
        'not_found',
      );
      assert.equal(await store.load({ owner: stranger, id: key().id }, { leaf: a }), undefined);
      await refused(hang(store, key(), ''), 'invalid_options');
      await refused(store.load(key(), { leaf: JSON.parse('1') }), 'invalid_options');
      assert.deepEqual(
        [await read(store, key()), await idsOf(store, key()), (await store.load(key()))?.version],
        ['a b', [a, b], 1],
      );
    },
  },
  {
    name: 'an append after a message that comes first is not a branch of an empty session',
    async run({ store, key }) {
      assert.deepEqual(await store.branches(key()), []);
      await store.append(key(), [], { expectedVersion: 0, turnId: 't0', metadata: { x: 1 } });
      assert.deepEqual(await store.branches(key()), []);
      await store.append(key(), entries('a'), { expectedVersion: 1, turnId: 't1', after: '' });
      assert.deepEqual(await listed(store, key()), [{ end: 'a', parent: '', isHead: true }]);
      const [branch] = await store.branches(key());
      const [a] = await idsOf(store, key());
      assert.deepEqual([branch?.id, branch?.messageCount], [a, 1]);
      assert.ok(Math.abs((branch?.updatedAt ?? 0) - Date.now()) < 60_000);
    },
  },
];

/** Appends messages at the head, or moves it. */
async function add(store: StateStore, key: Key, ...contents: string[]): Promise<void> {
  const { version = 0 } = (await store.load(key, { last: 0 })) ?? {};
  await store.append(key, entries(...contents), { expectedVersion: version, turnId: `t-${version}` });
}

/** Appends messages after one, or without messages moves the head there. */
async function hang(store: StateStore, key: Key, after: string, ...contents: string[]): Promise<void> {
  const { version = 0 } = (await store.load(key, { last: 0 })) ?? {};
  await store.append(key, entries(...contents), { expectedVersion: version, turnId: `t-${version}`, after });
}

async function idsOf(store: StateStore, key: Key): Promise<string[]> {
  return (await store.load(key, { ids: true }))?.ids ?? [];
}

function said(state: SessionState | undefined): string {
  return contentsOf(state).join(' ');
}

async function read(store: StateStore, key: Key, leaf?: string): Promise<string> {
  return said(await store.load(key, { leaf }));
}

/** The branches, each with the messages on the way to its end. */
async function listed(
  store: StateStore,
  key: Key,
): Promise<{ end: string; parent: string; isHead: boolean }[]> {
  const branches = await store.branches(key);
  return Promise.all(
    branches.map(async ({ id, parent, isHead }) => ({ end: await read(store, key, id), parent, isHead })),
  );
}
