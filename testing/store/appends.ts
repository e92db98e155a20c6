import assert from 'node:assert/strict';

import type { Message } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { contentsOf, ended, entries, refused, tokens, write } from './stage.ts';

/** Appends and updates, and the checks that guard them. */
export const appendCases: readonly StoreCase[] = [
  {
    name: 'returns undefined for a session that was never written',
    async run({ store, key }) {
      assert.equal(await store.load(key()), undefined);
      assert.equal(await store.turn(key(), 'first'), undefined);
    },
  },
  {
    name: 'keeps messages in the order they were appended, and increments the version',
    async run({ store, key }) {
      assert.equal(await store.append(key(), entries('a', 'b'), { expectedVersion: 0, turnId: 't1' }), 1);
      assert.equal(await store.append(key(), entries('c'), { expectedVersion: 1, turnId: 't2' }), 2);
      const state = await store.load(key());
      assert.deepEqual(contentsOf(state), ['a', 'b', 'c']);
      assert.deepEqual(
        [state?.owner, state?.id, state?.version, state?.messageCount, state?.turns],
        [key().owner, key().id, 2, 3, 0],
      );
      assert.deepEqual([state?.open, state?.metadata], [undefined, {}]);
      assert.ok(state !== undefined && state.createdAt > 0 && state.updatedAt >= state.createdAt);
    },
  },
  {
    name: 'rejects an append if the version has changed since the writer read it',
    async run({ store, key }) {
      await write(store, key(), 'a');
      for (const expectedVersion of [0, 2])
        await refused(store.append(key(), entries('b'), { expectedVersion, turnId: 't2' }), 'conflict');
      await refused(store.append(key('new'), entries('b'), { expectedVersion: 1, turnId: 't2' }), 'conflict');
      assert.deepEqual(contentsOf(await store.load(key())), ['a']);
      assert.equal(await store.load(key('new')), undefined);
    },
  },
  {
    name: 'stores a repeated turn once, whatever version the repetition expects',
    async run({ store, key }) {
      const end = ended(tokens(1, 2), { status: 'exact', totalUsd: 0.5 });
      const append = (expectedVersion: number, content: string): Promise<number> =>
        store.append(key(), entries(content), {
          expectedVersion,
          turnId: 't1',
          end,
          metadata: { from: content },
        });
      assert.equal(await append(0, 'a'), 1);
      await store.append(key(), entries('b'), { expectedVersion: 1, turnId: 't2' });
      for (const expectedVersion of [0, 1, 2, 9]) assert.equal(await append(expectedVersion, 'again'), 2);
      const state = await store.load(key());
      assert.deepEqual(contentsOf(state), ['a', 'b']);
      assert.deepEqual([state?.metadata, state?.usage, state?.turns], [{ from: 'a' }, tokens(1, 2), 1]);
    },
  },
  {
    name: 'allows the same turn id in different sessions',
    async run({ store, key }) {
      for (const id of ['one', 'two']) await write(store, key(id), id);
      assert.deepEqual(contentsOf(await store.load(key('two'))), ['two']);
      assert.deepEqual(contentsOf(await store.turn(key('one'), 'first')), ['one']);
    },
  },
  {
    name: 'returns a turn as it was appended',
    async run({ store, key }) {
      const reply: Message = { role: 'assistant', content: 'b', partial: true };
      const end = {
        ...ended(
          { ...tokens(1, 2), estimated: true },
          { status: 'estimated', totalUsd: 0.5, inputUsd: 0.25 },
        ),
        outcome: 'interrupted',
        reason: 'enough',
        finishReason: 'length',
        model: 'm-1',
        provider: 'p',
      } as const;
      await store.append(key(), entries('a'), { expectedVersion: 0, turnId: 't.input' });
      await store.append(key(), [{ message: reply }], { expectedVersion: 1, turnId: 't.reply', end });
      await store.append(key(), entries('c'), { expectedVersion: 2, turnId: 'later' });
      const stored = await store.turn(key(), 't.reply');
      assert.deepEqual([stored?.turnId, stored?.messages, stored?.version], ['t.reply', [reply], 2]);
      assert.deepEqual(JSON.parse(JSON.stringify(stored?.end)), end);
      const input = await store.turn(key(), 't.input');
      assert.deepEqual([contentsOf(input), input?.end, input?.version], [['a'], undefined, 1]);
      assert.equal(await store.turn(key(), 't'), undefined);
      assert.equal(await store.turn(key('other'), 't.reply'), undefined);
    },
  },
  {
    name: 'stores messages, metadata and sums in one append',
    async run({ store, key }) {
      const end = ended(tokens(1, 2), { status: 'exact', totalUsd: 0.5 });
      await store.append(key(), entries('a'), {
        expectedVersion: 0,
        turnId: 't1',
        metadata: { mood: 'calm', count: 1 },
        end,
      });
      let state = await store.load(key());
      assert.deepEqual(
        [state?.metadata, state?.usage, state?.version],
        [{ mood: 'calm', count: 1 }, tokens(1, 2), 1],
      );
      await store.append(key(), [], {
        expectedVersion: 1,
        turnId: 't2',
        metadata: { mood: undefined, new: null },
      });
      state = await store.load(key());
      assert.deepEqual(
        [state?.metadata, state?.version, contentsOf(state)],
        [{ count: 1, new: null }, 2, ['a']],
      );
    },
  },
  {
    name: 'stores the end of a turn without messages, and rejects an empty append',
    async run({ store, key }) {
      const end = ended(tokens(3, 0), { status: 'exact', totalUsd: 0.25 });
      assert.equal(await store.append(key(), [], { expectedVersion: 0, turnId: 't1', end }), 1);
      const state = await store.load(key());
      assert.deepEqual([state?.messages, state?.usage, state?.turns], [[], tokens(3, 0), 1]);
      await refused(store.append(key(), [], { expectedVersion: 1, turnId: 't2' }), 'invalid_options');
    },
  },
  {
    name: 'rejects invalid messages, metadata, versions and turn ids, and stores nothing',
    async run({ store, key }) {
      const circle: Record<string, unknown> = {};
      circle['self'] = circle;
      const bad: Parameters<typeof store.append>[] = [
        [
          key(),
          [{ message: JSON.parse('{"role":"nobody","content":"a"}') }],
          { expectedVersion: 0, turnId: 't' },
        ],
        [key(), entries('a'), { expectedVersion: 0, turnId: '' }],
        [key(), entries('a'), { expectedVersion: 0, turnId: '\ud800' }],
        [key(), entries('a'), { expectedVersion: -1, turnId: 't' }],
        [key(), entries('a'), { expectedVersion: 0, turnId: 't', metadata: { at: new Date() } }],
        [key(), entries('a'), { expectedVersion: 0, turnId: 't', metadata: circle }],
      ];
      for (const given of bad) await refused(store.append(...given), 'invalid_options');
      assert.equal(await store.load(key()), undefined);
    },
  },
  {
    name: 'copies what it is given and what it returns',
    async run({ store, key }) {
      const mine = entries('a');
      const metadata = { list: ['x'] };
      await store.append(key(), mine, { expectedVersion: 0, turnId: 't1', metadata });
      for (const { message } of mine) message.content = 'changed';
      metadata.list.push('y');
      const loaded = await store.load(key());
      for (const message of loaded?.messages ?? []) message.content = 'changed';
      const turn = await store.turn(key(), 't1');
      for (const message of turn?.messages ?? []) message.content = 'changed';
      const state = await store.load(key());
      assert.deepEqual([contentsOf(state), state?.metadata], [['a'], { list: ['x'] }]);
    },
  },
  {
    name: 'update merges metadata, removes keys set to undefined, and rejects a stale version',
    async run({ store, key }) {
      await write(store, key(), 'a');
      assert.equal(await store.update(key(), { mood: 'calm', count: 1 }, { expectedVersion: 1 }), 2);
      assert.equal(await store.update(key(), { mood: undefined, late: true }, { expectedVersion: 2 }), 3);
      await refused(store.update(key(), { mood: 'lost' }, { expectedVersion: 2 }), 'conflict');
      const state = await store.load(key());
      assert.deepEqual(
        [state?.metadata, state?.version, contentsOf(state)],
        [{ count: 1, late: true }, 3, ['a']],
      );
      await store.append(key(), entries('b'), { expectedVersion: 3, turnId: 't2' });
    },
  },
  {
    name: 'update creates a session if the expected version is 0',
    async run({ store, key }) {
      assert.equal(await store.update(key(), { title: 'New' }, { expectedVersion: 0 }), 1);
      const state = await store.load(key());
      assert.deepEqual([state?.metadata, state?.messages], [{ title: 'New' }, []]);
    },
  },
];
