import assert from 'node:assert/strict';

import type { StateStore } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { contentsOf, ended, entries, refused, tokens, write } from './stage.ts';

/** Lists, forks, deletion, and the newest messages that `load` reads. */
export const sessionCases: readonly StoreCase[] = [
  {
    name: 'load with `last` returns only the newest messages, and the total count',
    async run({ store, key }) {
      await write(store, key(), 'a', 'b', 'c');
      await store.append(key(), entries('d'), { expectedVersion: 1, turnId: 't2' });
      await store.append(key(), [], { expectedVersion: 2, turnId: 't3', metadata: { x: 1 } });
      await store.append(key(), entries('e', 'f'), { expectedVersion: 3, turnId: 't4' });
      const windows = [];
      for (const last of [0, 1, 2, 3, 4, 5, 6, 100]) {
        const state = await store.load(key(), { last });
        windows.push(contentsOf(state).join(''));
        assert.deepEqual([state?.messageCount, state?.version, state?.metadata], [6, 4, { x: 1 }]);
      }
      assert.deepEqual(windows, ['', 'f', 'ef', 'def', 'cdef', 'bcdef', 'abcdef', 'abcdef']);
    },
  },
  {
    name: 'stores ten thousand messages and reads the newest of them',
    async run({ store, key }) {
      for (let turn = 0; turn < 20; turn++) {
        const batch = Array.from({ length: 500 }, (_, at) => `m${turn * 500 + at}`);
        await store.append(key(), entries(...batch), { expectedVersion: turn, turnId: `t${turn}` });
      }
      const state = await store.load(key(), { last: 20 });
      assert.deepEqual(
        contentsOf(state),
        Array.from({ length: 20 }, (_, at) => `m${9_980 + at}`),
      );
      assert.deepEqual([state?.messageCount, state?.version], [10_000, 20]);
      const all = await store.load(key());
      assert.deepEqual([all?.messages.length, all?.messages[5_000]?.content], [10_000, 'm5000']);
    },
  },
  {
    name: "lists each of an owner's sessions once, page by page, and nobody else's",
    async run({ store, key, owner, stranger }) {
      const ids = Array.from({ length: 25 }, (_, at) => `s${at}`);
      for (const id of ids) await write(store, key(id), id);
      await write(store, { owner: stranger, id: 'theirs' }, 'x');
      await store.lease(key('only leased'), 60_000);
      const { listed, pages } = await listAll(store, owner, 10);
      assert.ok(
        pages.every((size) => size <= 10),
        `a page has more than 10 sessions: ${pages.join(', ')}`,
      );
      assert.deepEqual(listed.map(({ id }) => id).sort(), [...ids].sort());
      assert.ok(listed.every((session) => session.owner === owner && session.version === 1));
      assert.ok(listed.every(({ updatedAt }) => updatedAt > 0));
      assert.equal((await store.list({ owner })).sessions.length, 25);
      assert.deepEqual(
        (await store.list({ owner: stranger })).sessions.map(({ id }) => id),
        ['theirs'],
      );
      assert.deepEqual((await store.list({ owner: `${owner}-nobody` })).sessions, []);
    },
  },
  {
    name: 'ends a list correctly if its last page is full',
    async run({ store, key, owner }) {
      for (const id of ['a', 'b', 'c', 'd']) await write(store, key(id), id);
      assert.equal((await listAll(store, owner, 2)).listed.length, 4);
      assert.equal((await store.list({ owner, limit: 4 })).sessions.length, 4);
      await refused(store.list({ owner, limit: 0 }), 'invalid_options');
    },
  },
  {
    name: 'continues a list after the session at the cursor was deleted',
    async run({ store, key, owner }) {
      for (const id of ['a', 'b', 'c', 'd']) await write(store, key(id), id);
      const first = await store.list({ owner, limit: 2 });
      for (const { id } of first.sessions) await store.delete(key(id));
      const second = await store.list({ owner, limit: 10, cursor: first.cursor });
      const seen = [...first.sessions, ...second.sessions].map(({ id }) => id);
      assert.deepEqual(seen.sort(), ['a', 'b', 'c', 'd']);
    },
  },
  {
    name: 'rejects a cursor that it did not make for the same owner',
    async run({ store, other, key, owner, stranger }) {
      for (const id of ['a', 'b', 'c']) {
        await write(store, key(id), id);
        await write(store, { owner: stranger, id }, id);
      }
      const { cursor = '' } = await store.list({ owner, limit: 1 });
      assert.equal((await other.list({ owner, cursor })).sessions.length, 2);
      const cut = cursor.slice(0, -1);
      const foreign = [
        '',
        ' ',
        'a',
        '0',
        'null',
        '{}',
        '%',
        'eyJpZCI6ImEifQ==',
        cut,
        `${cursor} `,
        `${cursor}x`,
      ];
      for (const wrong of foreign) await refusedBy('cursor', store, { owner, cursor: wrong });
      await refusedBy('cursor', store, { owner: stranger, cursor });
      for (const wrong of [null, 1, {}]) await refusedBy('cursor', store, { owner, cursor: wrong });
    },
  },
  {
    name: 'rejects a list limit that is not a positive integer',
    async run({ store, key, owner }) {
      await write(store, key(), 'a');
      for (const limit of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '5', null])
        await refusedBy('limit', store, { owner, limit });
      assert.equal((await store.list({ owner, limit: Number.MAX_SAFE_INTEGER })).sessions.length, 1);
    },
  },
  {
    name: 'forks a whole session or its first messages, and keeps copy and original independent',
    async run({ store, key, owner }) {
      await store.append(key(), entries('a', 'b'), {
        expectedVersion: 0,
        turnId: 't1',
        metadata: { mood: 'calm' },
      });
      await store.append(key(), entries('c'), { expectedVersion: 1, turnId: 't2' });
      const whole = await store.fork(key());
      const part = await store.fork(key(), 1);
      const none = await store.fork(key(), 0);
      const beyond = await store.fork(key(), 99);
      assert.deepEqual(
        [whole, part, none, beyond].map((copy) => copy.owner),
        Array.from({ length: 4 }, () => owner),
      );
      assert.equal(new Set([key().id, whole.id, part.id, none.id, beyond.id]).size, 5);
      await store.append(part, entries('d'), { expectedVersion: 1, turnId: 't1' });
      const read = async (copy: { owner: string; id: string }): Promise<unknown[]> => {
        const state = await store.load(copy);
        return [contentsOf(state).join(''), state?.messageCount, state?.metadata];
      };
      const mood = { mood: 'calm' };
      assert.deepEqual(await read(whole), ['abc', 3, mood]);
      assert.deepEqual(await read(part), ['ad', 2, mood]);
      assert.deepEqual(await read(none), ['', 0, mood]);
      assert.deepEqual(await read(beyond), ['abc', 3, mood]);
      assert.deepEqual(await read(key()), ['abc', 3, mood]);
      assert.deepEqual(contentsOf(await store.load(whole, { last: 2 })), ['b', 'c']);
    },
  },
  {
    name: 'a fork starts without turns and spend, so nothing is counted twice',
    async run({ store, key, owner }) {
      const end = ended(tokens(1, 2), { status: 'exact', totalUsd: 0.5 });
      await store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't1', end });
      const copy = await store.fork(key());
      const state = await store.load(copy);
      assert.deepEqual([state?.usage, state?.cost, state?.turns], [tokens(0, 0), nothing, 0]);
      assert.equal(state?.version, 1);
      assert.deepEqual((await store.spend(copy)).cost, nothing);
      assert.deepEqual((await store.spend({ owner })).cost.totalUsd, 0.5);
      assert.equal(await store.turn(copy, 't1'), undefined);
    },
  },
  {
    name: 'rejects a fork of a session that does not exist',
    async run({ store, key }) {
      await refused(store.fork(key('nowhere')), 'not_found');
      await store.lease(key('only leased'), 60_000);
      await refused(store.fork(key('only leased')), 'not_found');
      await write(store, key(), 'a');
      await refused(store.fork(key(), -1), 'invalid_options');
    },
  },
  {
    name: 'delete removes a session with its turns, and does nothing if the session does not exist',
    async run({ store, key, owner }) {
      await write(store, key(), 'a');
      await write(store, key('kept'), 'b');
      await store.delete(key());
      await store.delete(key());
      assert.equal(await store.load(key()), undefined);
      assert.equal(await store.turn(key(), 'first'), undefined);
      assert.deepEqual(
        (await store.list({ owner })).sessions.map(({ id }) => id),
        ['kept'],
      );
      assert.equal(await write(store, key(), 'anew'), 1);
      assert.deepEqual(contentsOf(await store.load(key())), ['anew']);
    },
  },
  {
    name: 'forget deletes everything of an owner, and returns the number of sessions',
    async run({ store, key, owner, stranger }) {
      const end = ended(tokens(1, 2), { status: 'exact', totalUsd: 0.5 });
      for (const id of ['a', 'b', 'c'])
        await store.append(key(id), entries(id), { expectedVersion: 0, turnId: 't', end });
      const theirs = { owner: stranger, id: 'a' };
      await store.append(theirs, entries('x'), { expectedVersion: 0, turnId: 't', end });
      const lease = await store.lease(key('a'), 60_000);
      assert.equal(await store.forget(owner), 3);
      assert.equal(await store.forget(owner), 0);
      for (const id of ['a', 'b', 'c']) assert.equal(await store.load(key(id)), undefined);
      assert.deepEqual((await store.list({ owner })).sessions, []);
      assert.deepEqual(await store.spend({ owner }), { usage: tokens(0, 0), cost: nothing, turns: 0 });
      await refused(
        store.append(key('a'), entries('late'), { expectedVersion: 0, turnId: 'late', lease }),
        'lease_lost',
      );
      assert.deepEqual(contentsOf(await store.load(theirs)), ['x']);
      assert.deepEqual((await store.spend({ owner: stranger })).turns, 1);
    },
  },
];

const nothing = { status: 'exact', totalUsd: 0 };

/** Asserts that `list` rejects these options with an error that names the field. */
async function refusedBy(field: string, store: StateStore, options: Record<string, unknown>): Promise<void> {
  const listed: Promise<unknown> = Reflect.apply(store.list, store, [options]);
  const message = await refused(listed, 'invalid_options');
  assert.match(message, new RegExp(`\\b${field}\\b`), 'the error does not name the field');
}

async function listAll(
  store: StateStore,
  owner: string,
  limit: number,
): Promise<{ listed: { owner: string; id: string; version: number; updatedAt: number }[]; pages: number[] }> {
  const listed = [];
  const pages: number[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list({ owner, limit, cursor });
    listed.push(...page.sessions);
    pages.push(page.sessions.length);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return { listed, pages };
}
