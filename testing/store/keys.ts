import assert from 'node:assert/strict';

import type { SessionKey } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { contentsOf, entries, refused, write } from './stage.ts';

/** Texts with a special meaning in some database. A store must treat them as plain text. */
const ODD = [
  ' ',
  'a b',
  "it's",
  '"quoted"',
  '`tick`',
  '\\',
  '\\0',
  '\0',
  'nul\0nul',
  '\n\r\t',
  '%',
  '100%',
  '_',
  '*',
  'a*',
  '?',
  '[a-z]',
  '{',
  '}',
  '{}',
  '{tag}',
  ':',
  '::',
  'a:b',
  '/',
  '../..',
  '.',
  '$1',
  '$$',
  '__proto__',
  'constructor',
  'null',
  'undefined',
  '0',
  '-1',
  'emoji 🐙👩‍👩‍👧',
  '😀',
  'שלום',
  'مرحبا\u202e',
  'e\u0301',
  '\u00e9',
  'ß',
  'SS',
  'straße',
  '日本語',
  '\u{10ffff}',
  '\ufeff',
  '\u2028',
  '; DROP TABLE sessions; --',
  "' OR '1'='1",
  'return redis.call("FLUSHALL")',
  'A',
  'a',
];

/** Ids and owners can be any text. */
export const keyCases: readonly StoreCase[] = [
  {
    name: 'accepts any text as an id, without interpreting it or confusing it with another',
    async run({ store, key, owner }) {
      for (const id of ODD) await write(store, key(id), `of ${id}`);
      for (const id of ODD) {
        const state = await store.load(key(id));
        assert.deepEqual([state?.id, contentsOf(state)], [id, [`of ${id}`]]);
      }
      const listed = (await store.list({ owner, limit: 1_000 })).sessions.map(({ id }) => id);
      assert.deepEqual(listed.sort(), [...ODD].sort());
      const [first = '', ...rest] = ODD;
      await store.delete(key(first));
      assert.equal((await store.list({ owner, limit: 1_000 })).sessions.length, rest.length);
    },
  },
  {
    name: 'accepts any text as an owner, a turn id or a metadata key',
    async run({ store, owner }) {
      for (const odd of ODD) {
        const key = { owner: `${owner}${odd}`, id: odd };
        const metadata = Object.fromEntries([[odd, odd]]);
        await store.append(key, entries(odd), { expectedVersion: 0, turnId: odd, metadata });
        await store.append(key, entries(odd), { expectedVersion: 0, turnId: odd, metadata });
      }
      for (const odd of ODD) {
        const key = { owner: `${owner}${odd}`, id: odd };
        const state = await store.load(key);
        assert.deepEqual([state?.owner, contentsOf(state), state?.version], [key.owner, [odd], 1]);
        assert.deepEqual(Object.entries(state?.metadata ?? {}), [[odd, odd]]);
        assert.deepEqual((await store.turn(key, odd))?.turnId, odd);
        const page = await store.list({ owner: key.owner });
        assert.deepEqual(
          page.sessions.map(({ owner: whose, id }) => [whose, id]),
          [[key.owner, odd]],
        );
        const fork = await store.fork(key);
        assert.equal(fork.owner, key.owner);
        assert.equal(await store.forget(key.owner), 2);
      }
    },
  },
  {
    name: 'keeps the sessions of two owners apart, even if owner and id join to the same text',
    async run({ store, owner }) {
      const pairs = [
        [`${owner}a`, 'b:c'],
        [`${owner}a:b`, 'c'],
        [`${owner}a:b:c`, 'c'],
        [`${owner}a`, 'b'],
        [`${owner}ab`, 'c'],
        [`${owner}a`, 'bc'],
        [`${owner}a\0b`, 'c'],
        [`${owner}a`, '\0bc'],
        [`${owner}{a}`, 'c'],
        [`${owner}A`, 'bc'],
      ].map(([mine = '', id = '']) => ({ owner: mine, id }));
      for (const [at, key] of pairs.entries()) await write(store, key, `${at}`);
      for (const [at, key] of pairs.entries()) {
        assert.deepEqual(contentsOf(await store.load(key)), [`${at}`]);
        const lease = await store.lease(key, 60_000);
        await lease.release();
      }
      for (const { owner: mine } of pairs) await store.forget(mine);
      for (const key of pairs) assert.equal(await store.load(key), undefined);
    },
  },
  {
    name: 'treats an id without an owner as owned by the empty owner',
    async run({ store, owner }) {
      const id = `${owner}-alone`;
      await store.append(id, entries('a'), { expectedVersion: 0, turnId: 't' });
      const state = await store.load({ owner: '', id });
      assert.deepEqual([state?.owner, state?.id, contentsOf(state)], ['', id, ['a']]);
      await store.delete(id);
      assert.equal(await store.load(id), undefined);
    },
  },
  {
    name: 'accepts ids up to the length limit, and rejects longer, empty and malformed ones',
    async run({ store, owner }) {
      const long = { owner: owner + 'é'.repeat((512 - owner.length) / 2), id: '日'.repeat(170) + 'ab' };
      await store.append(long, entries('a'), { expectedVersion: 0, turnId: 'x'.repeat(512) });
      assert.deepEqual(contentsOf(await store.load(long)), ['a']);
      await (await store.lease(long, 60_000)).release();
      assert.equal((await store.fork(long)).owner, long.owner);
      await store.forget(long.owner);
      const bad: SessionKey[] = [
        '',
        { owner, id: '' },
        { owner, id: 'x'.repeat(513) },
        { owner, id: '日'.repeat(171) },
        { owner: 'x'.repeat(513), id: 'a' },
        { owner, id: 'half \ud83d' },
        { owner: '\udc00', id: 'a' },
      ];
      for (const key of bad) {
        const write = store.append(key, entries('a'), { expectedVersion: 0, turnId: 't' });
        await refused(write, 'invalid_options');
        await refused(store.load(key), 'invalid_options');
        await refused(store.lease(key, 1_000), 'invalid_options');
        await refused(store.delete(key), 'invalid_options');
      }
    },
  },
];
