import assert from 'node:assert/strict';

import type { RecordOptions, Spent, Step } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { contentsOf, ended, entries, refused, tokens } from './stage.ts';
import { LONG_MS, begun, calls, callsOf, everyStep, paid, plain } from './steps-stage.ts';

/** What a store promises about the steps of a turn: they are numbered, and each is stored once. */
export const stepCases: readonly StoreCase[] = [
  {
    name: 'stores steps of every kind in order, under the lease, and reports the open turn',
    async run({ store, other, key }) {
      const lease = await begun(store, key());
      assert.deepEqual([await store.steps(key(), 't'), (await store.load(key()))?.open], [[], undefined]);
      assert.equal(await store.record(key(), 't', everyStep.slice(0, 4), { from: 0, lease }), 1);
      assert.equal(await store.record(key(), 't', everyStep.slice(4), { from: 4, lease }), 1);
      const stored = await other.steps(key(), 't');
      assert.deepEqual(
        stored.map(({ n, step, spent, token }) => [n, plain(step), spent, token]),
        everyStep.map((step, n) => [n, step, undefined, lease.token]),
      );
      for (const { at } of stored)
        assert.ok(Math.abs(at - Date.now()) < 600_000, `${at} is not the time of the record`);
      const state = await other.load(key());
      assert.deepEqual(
        [state?.open, state?.version, contentsOf(state), state?.messageCount, state?.metadata],
        ['t', 1, ['question'], 1, {}],
      );
      assert.equal((await other.load(key(), { last: 0 }))?.open, 't');
      assert.deepEqual(await store.steps(key('other'), 't'), []);
    },
  },
  {
    name: 'stores a record once: what the same lease sends again is skipped',
    async run({ store, other, key }) {
      const lease = await begun(store, key());
      const spent = paid(0.5);
      for (const writer of [store, other, store])
        assert.equal(await writer.record(key(), 't', calls('a', 'b'), { from: 0, lease, spent }), 1);
      // Its contents are not compared.
      await store.record(key(), 't', calls('x', 'y'), { from: 0, lease, spent });
      await store.record(key(), 't', calls('c'), { from: 2, lease, spent });
      await store.record(key(), 't', calls('a', 'b'), { from: 0, lease, spent });
      await store.record(key(), 't', calls('b', 'c', 'd'), { from: 1, lease, spent: paid(7) });
      assert.deepEqual(await callsOf(store, key()), ['a', 'b', 'c', 'd']);
      assert.equal((await store.spend(key())).cost.totalUsd, 1);
    },
  },
  {
    name: 'rejects a record that leaves a gap, and stores nothing of it',
    async run({ store, key }) {
      const lease = await begun(store, key());
      const late = { lease, spent: paid(7), metadata: { late: true }, release: true };
      await refused(store.record(key(), 't', calls('b'), { ...late, from: 1 }), 'conflict', false);
      assert.equal((await store.load(key()))?.open, undefined);
      await store.record(key(), 't', calls('a'), { from: 0, lease });
      await refused(store.record(key(), 't', calls('c'), { ...late, from: 2 }), 'conflict', false);
      assert.deepEqual(await callsOf(store, key()), ['a']);
      const state = await store.load(key());
      assert.deepEqual([state?.metadata, state?.version, state?.cost.totalUsd], [{}, 1, 0]);
      await lease.renew(LONG_MS);
    },
  },
  {
    name: 'rejects a number that another run has stored, and goes on after it',
    async run({ store, other, key }) {
      const old = await begun(store, key());
      await store.record(key(), 't', calls('a', 'b'), { from: 0, lease: old });
      const lease = await other.lease(key(), LONG_MS, { takeOver: true });
      for (const from of [0, 1])
        await refused(other.record(key(), 't', calls('x'), { from, lease }), 'conflict', false);
      await refused(other.record(key(), 't', calls('x', 'y'), { from: 1, lease }), 'conflict');
      await other.record(key(), 't', calls('c'), { from: 2, lease });
      assert.deepEqual(await callsOf(store, key()), ['a', 'b', 'c']);
      const stored = await store.steps(key(), 't');
      assert.deepEqual(
        stored.map(({ token }) => token),
        [old.token, old.token, lease.token],
      );
    },
  },
  {
    name: 'rejects the records of a run whose session was taken over, also those that are stored',
    async run({ store, other, key, owner }) {
      const old = await begun(store, key());
      await store.record(key(), 't', calls('a'), { from: 0, lease: old });
      const lease = await other.lease(key(), LONG_MS, { takeOver: true });
      const late = { lease: old, spent: paid(7), metadata: { late: true }, release: true };
      const reject = async (): Promise<void> => {
        // The lease is checked before the time and the number.
        for (const from of [0, 1, 7])
          for (const before of [undefined, 1])
            await refused(
              store.record(key(), 't', calls('x'), { ...late, from, before }),
              'lease_lost',
              false,
            );
      };
      await reject();
      await refused(store.lease(key(), LONG_MS), 'session_busy');
      await other.record(key(), 't', calls('b'), { from: 1, lease, release: true });
      await reject();
      const state = await store.load(key());
      assert.deepEqual(await callsOf(store, key()), ['a', 'b']);
      assert.deepEqual([state?.metadata, state?.version], [{}, 1]);
      assert.equal((await store.spend({ owner })).cost.totalUsd, 0);
    },
  },
  {
    name: 'rejects a record after its time, by the clock of the store, unless it is stored already',
    async run({ store, key }) {
      const lease = await begun(store, key());
      await store.record(key(), 't', calls('a'), { from: 0, lease, before: Date.now() + 600_000 });
      const late = { lease, before: Date.now() - 600_000, spent: paid(7), metadata: { late: true } };
      await refused(store.record(key(), 't', calls('b'), { ...late, from: 1 }), 'conflict', false);
      assert.equal(await store.record(key(), 't', calls('a'), { ...late, from: 0 }), 1);
      assert.deepEqual(await callsOf(store, key()), ['a']);
      const state = await store.load(key());
      assert.deepEqual([state?.metadata, state?.cost.totalUsd], [{}, 0]);
    },
  },
  {
    name: 'adds the money of each record once, to the session and to its owner',
    async run({ store, other, key, owner }) {
      const lease = await begun(store, key());
      const spend = async (): Promise<unknown[]> => {
        const [session, all] = [await other.spend(key()), await other.spend({ owner })];
        assert.deepEqual(session, all);
        return [session.usage.inputTokens, session.cost.status, session.cost.totalUsd, session.turns];
      };
      const first = { from: 0, lease, spent: paid(0.5, 10) };
      await store.record(key(), 't', calls('a', 'b'), first);
      await other.record(key(), 't', calls('a', 'b'), first);
      assert.deepEqual(await spend(), [10, 'exact', 0.5, 0]);
      await store.record(key(), 't', calls('c'), { from: 2, lease });
      const estimated: Spent = { usage: tokens(5, 0), cost: { status: 'estimated', totalUsd: 0.25 } };
      await store.record(key(), 't', calls('d'), { from: 3, lease, spent: estimated });
      assert.deepEqual(await spend(), [15, 'estimated', 0.75, 0]);
      const stored = await store.steps(key(), 't');
      assert.deepEqual(
        stored.map(({ spent }) => spent && plain(spent)),
        [first.spent, undefined, undefined, estimated],
      );
      const close = (): Promise<number> =>
        store.append(key(), entries('answer'), {
          expectedVersion: 1,
          turnId: 't.reply',
          lease,
          closes: 't',
          end: ended(tokens(16, 0), { status: 'estimated', totalUsd: 1.75 }),
          spent: paid(1, 1),
        });
      for (const version of [await close(), await close()]) assert.equal(version, 2);
      assert.deepEqual(await spend(), [16, 'estimated', 1.75, 1]);
      const turn = await store.turn(key(), 't.reply');
      assert.deepEqual([turn?.end?.usage.inputTokens, turn?.end?.cost.totalUsd], [16, 1.75]);
    },
  },
  {
    name: 'stores metadata with a record, and only then increments the version',
    async run({ store, key }) {
      const lease = await begun(store, key(), { mood: 'calm', rank: 1 });
      const record = (at: number, metadata?: RecordOptions['metadata']): Promise<number> =>
        store.record(key(), 't', calls(`c${at}`), { from: at, lease, metadata });
      assert.deepEqual(
        [await record(0), await record(1, { mood: undefined, list: ['x'] }), await record(2)],
        [1, 2, 2],
      );
      assert.equal(await record(1, { mood: 'again' }), 2);
      const state = await store.load(key());
      assert.deepEqual([state?.metadata, state?.version], [{ rank: 1, list: ['x'] }, 2]);
      assert.equal(await store.append(key(), entries('b'), { expectedVersion: 2, turnId: 'next', lease }), 3);
    },
  },
  {
    name: 'rejects invalid steps and options, and stores nothing',
    async run({ store, key }) {
      const lease = await begun(store, key());
      const circle: Record<string, unknown> = {};
      circle['self'] = circle;
      const odd: Step = {
        kind: 'decision',
        callId: 'a',
        by: 'd',
        decision: { approve: true, arguments: circle },
      };
      const at = new Date();
      const bad: Parameters<typeof store.record>[] = [
        [key(), 't', [JSON.parse('{"kind":"started"}')], { from: 0, lease }],
        [key(), 't', [JSON.parse('{"kind":"nothing","callId":"a"}')], { from: 0, lease }],
        [key(), 't', JSON.parse('"a"'), { from: 0, lease }],
        [key(), 't', [], { from: 0, lease }],
        [key(), 't', [odd], { from: 0, lease }],
        [key(), 't', calls('a'), { from: 0, lease: JSON.parse('null') }],
        [key(), 't', calls('a'), { from: 0, lease, metadata: { at } }],
        [key(), '', calls('a'), { from: 0, lease }],
        [key(), '\ud800', calls('a'), { from: 0, lease }],
      ];
      const options = ['{"from":-1}', '{"from":0.5}', '{"from":null}', '{"before":"now"}', '{"spent":{}}'];
      for (const option of options)
        bad.push([key(), 't', calls('a'), { from: 0, lease, ...JSON.parse(option) }]);
      for (const given of bad) await refused(store.record(...given), 'invalid_options');
      const append = { expectedVersion: 1, turnId: 'x', end: ended(tokens(1, 1), { status: 'unknown' }) };
      for (const options of [
        { ...append, closes: 't' },
        { ...append, closes: '', lease },
        { ...append, end: undefined, spent: paid(1) },
      ])
        await refused(store.append(key(), entries('x'), options), 'invalid_options');
      assert.deepEqual([await store.steps(key(), 't'), (await store.load(key()))?.version], [[], 1]);
    },
  },
  {
    name: 'copies steps that it is given and that it returns',
    async run({ store, key }) {
      const lease = await begun(store, key());
      const pending = { callId: 'a', name: 'pay', arguments: { list: ['x'] }, waitsFor: 'client' as const };
      const step: Step = { kind: 'wait', pending: [pending] };
      const spent = paid(0.5);
      await store.record(key(), 't', [step], { from: 0, lease, spent });
      pending.arguments.list.push('y');
      step.pending.push(pending);
      spent.cost.totalUsd = 9;
      for (const stored of await store.steps(key(), 't')) {
        if (stored.step.kind === 'wait') stored.step.pending.length = 0;
        stored.token = 0;
      }
      const [stored] = await store.steps(key(), 't');
      assert.deepEqual(
        [plain(stored?.step), stored?.token, stored?.spent?.cost.totalUsd],
        [{ kind: 'wait', pending: [{ ...pending, arguments: { list: ['x'] } }] }, lease.token, 0.5],
      );
    },
  },
  {
    name: 'stores each number once if the same record is sent many times at once',
    async run({ store, other, key, owner }) {
      const lease = await begun(store, key());
      const send = (from: number, metadata?: RecordOptions['metadata']): Promise<number>[] =>
        Array.from({ length: 8 }, (_, at) =>
          (at % 2 === 0 ? store : other).record(key(), 't', calls(`a${from}`, `b${from}`), {
            from,
            lease,
            spent: paid(0.5),
            metadata,
          }),
        );
      await Promise.all(send(0));
      await Promise.all(send(2, { x: 1 }));
      await Promise.all(send(4));
      assert.deepEqual(await callsOf(store, key()), ['a0', 'b0', 'a2', 'b2', 'a4', 'b4']);
      const [state, spend] = [await store.load(key()), await store.spend({ owner })];
      assert.deepEqual([state?.version, state?.cost.totalUsd, spend.cost.totalUsd], [2, 1.5, 1.5]);
    },
  },
  {
    name: 'stores megabytes and hundreds of steps in a turn',
    async run({ store, key }) {
      const lease = await begun(store, key());
      const content = 'é\0"\\'.repeat(250_000);
      const result: Step = { kind: 'result', callId: 'r', content, isError: false, outcome: 'done' };
      const many = Array.from({ length: 300 }, (_, at) => `c${at}`);
      await store.record(key(), 't', [result, ...calls(...many.slice(0, 250))], { from: 0, lease });
      for (const [at, name] of many.slice(250).entries())
        await store.record(key(), 't', calls(name), { from: 251 + at, lease });
      const [first, ...steps] = await store.steps(key(), 't');
      assert.ok(first?.step.kind === 'result' && first.step.content === content);
      assert.deepEqual(
        steps.map(({ n, step }) => [n, step.kind === 'started' && step.callId]),
        many.map((name, at) => [at + 1, name]),
      );
      await store.append(key(), entries('x'), { expectedVersion: 1, turnId: 'r', lease, closes: 't' });
      assert.deepEqual(await store.steps(key(), 't'), []);
    },
  },
];
