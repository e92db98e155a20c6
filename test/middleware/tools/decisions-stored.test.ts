import { randomBytes } from 'node:crypto';
import { MemoryStore, Pipeline, SluiceError, decide } from 'sluice';
import type { Decision, StateStore, Step } from 'sluice';
import { openConversation } from 'sluice/conversation';
import { provider } from 'sluice/middleware';
import { tools } from 'sluice/middleware/tools';
import { encrypted } from 'sluice/stores/encrypted';
import { sqliteStore } from 'sluice/stores/sqlite';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { ForwardingStore } from '../../support/forwarding-store.ts';
import { newPath } from '../../stores/sqlite/stage.ts';
import { Desk, KEY, guarded } from './desk.ts';
import { calling, resultsIn } from './stage.ts';

const APPROVE = { '0_0': { approve: true as const } };

/** A store whose records fail as the test says: before or after they are stored. */
class Failing extends ForwardingStore {
  readonly kinds: string[][] = [];
  fails: 'before' | 'after' | undefined;

  override async record(...given: Parameters<StateStore['record']>): Promise<number> {
    this.kinds.push(given[2].map(({ kind }) => kind));
    const { fails } = this;
    this.fails = undefined;
    const error = new SluiceError('store', 'The line is dead.', { retryable: fails === 'after' });
    if (fails === 'before') throw error;
    const version = await super.record(...given);
    if (fails === 'after') throw error;
    return version;
  }
}

describe('R61 the claim of decisions', () => {
  test.each([
    ['SQLite', (path: string) => sqliteStore({ path })],
    ['an encrypted store', (path: string, key: Buffer) => encrypted(sqliteStore({ path }), key)],
  ] as const)('over two connections of %s runs each call once', async (_name, connect) => {
    const path = newPath();
    const key = randomBytes(32);
    await using one = connect(path, key);
    await using other = connect(path, key);
    const { made, runs } = guarded();
    const desk = new Desk(one);
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', { amount: 1 }], ['pay', { amount: 2 }])] });
    const both = { ...APPROVE, '0_1': { approve: true as const, arguments: { amount: 3 } } };
    const ends = await Promise.all([
      desk.decide([made], both, { options: { turnId: 'd1' } }),
      new Desk(other).decide([made], both, { options: { turnId: 'd2' } }),
    ]);
    expect(ends.map(({ result, error }) => error?.code ?? result?.outcome).toSorted()).toEqual([
      'completed',
      'conflict',
    ]);
    expect(runs.map(({ input }) => input)).toEqual([{ amount: 1 }, { amount: 3 }]);
    expect(await new Desk(other).roles()).toEqual(['user', 'assistant', 'tool', 'assistant']);
  });

  test('is one record, with what follows at once', async () => {
    const store = new Failing(new MemoryStore());
    const { made } = guarded();
    const desk = new Desk(store);
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}], ['pay', {}])] });
    store.kinds.length = 0;
    await desk.decide([made], { ...APPROVE, '0_1': { deny: '' } }, { message: 'Be quick.' });
    expect(store.kinds).toEqual([['decision', 'decision', 'result', 'message', 'started'], ['result']]);
  });

  test('that is not stored changes nothing, and nothing runs', async () => {
    const store = new Failing(new MemoryStore());
    const { made, runs } = guarded();
    const desk = new Desk(store);
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    const before = await desk.snapshot();
    store.fails = 'before';
    const { error } = await desk.decide([made], APPROVE, { options: { turnId: 'd1' } });
    expect(error?.code).toBe('store');
    expect(await desk.snapshot()).toEqual(before);
    expect(runs).toEqual([]);
    const again = await desk.decide([made], APPROVE, { options: { turnId: 'd1' } });
    expect(again.result?.outcome).toBe('completed');
    expect(runs).toHaveLength(1);
  });

  test('whose acknowledgment is lost is a claim, and the call runs once', async () => {
    const store = new Failing(new MemoryStore());
    const { made, runs } = guarded();
    const desk = new Desk(store);
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    store.fails = 'after';
    const { result } = await desk.decide([made], APPROVE);
    expect(result?.outcome).toBe('completed');
    expect(runs).toHaveLength(1);
  });
});

describe('a turn that waits', () => {
  test('and is sent again waits on, and stores nothing', async () => {
    const store = new Failing(new MemoryStore());
    const { made } = guarded();
    const desk = new Desk(store);
    const options = { turnId: 't' };
    const first = await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])], options });
    const before = await desk.snapshot();
    const again = await desk.turn([made], 'Pay.', { answers: [], options });
    expect(again.result?.pending).toEqual(first.result?.pending);
    expect(await desk.snapshot()).toEqual(before);
  });

  test('whose record has a decision and nothing that was done about it, follows the decision', async () => {
    const { made, runs } = guarded();
    const desk = new Desk();
    const options = { turnId: 't' };
    const calls = calling(['pay', { amount: 1 }], ['pay', { amount: 2 }], ['pay', { amount: 3 }]);
    const { result } = await desk.turn([made], 'Pay.', { answers: [calls], options });
    const [a = '', b = '', c = ''] = result?.pending?.map(({ callId }) => callId) ?? [];
    const from = (await desk.store.steps(KEY, 't')).length;
    {
      await using lease = await desk.store.lease(KEY, 10_000);
      const decisions: [string, Decision][] = [
        [a, { deny: 'No.' }],
        [b, { result: 'by hand' }],
        [c, { approve: true }],
      ];
      const steps = decisions.map(([callId, decision]): Step => ({
        kind: 'decision',
        callId,
        by: 'd',
        decision,
      }));
      await desk.store.record(KEY, 't', steps, { from, lease });
    }
    const { model } = await desk.turn([made], 'Pay.', { options });
    expect(runs.map(({ input }) => input)).toEqual([{ amount: 3 }]);
    expect(resultsIn(model.requests[0]?.messages)).toEqual([
      'ok 0_0 The call was denied, and the tool was not run. No.',
      'ok 0_1 by hand',
      'ok 0_2 pay {"amount":3}',
    ]);
  });

  test('without input of its own is gone on with, too', async () => {
    const { made, runs } = guarded();
    const desk = new Desk();
    await desk.turn([made], 'Pay.', { answers: ['No.'] });
    const again = await desk.turn([made], [], { answers: [calling(['pay', {}])] });
    expect(again.result?.reason).toBe('approval');
    const { model, result } = await desk.decide([made], APPROVE);
    expect(result?.outcome).toBe('completed');
    expect(runs).toHaveLength(1);
    expect(model.requests[0]?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
  });

  test('is gone on with by a conversation, too', async () => {
    const { made } = guarded();
    const model = scripted([calling(['pay', {}]), 'done']);
    const pipeline = new Pipeline([tools([made]), provider(model)]);
    await using conversation = openConversation({ pipeline, session: KEY });
    const { pending = [] } = await conversation.send('Pay.');
    const { response } = await conversation.send(decide({ [pending[0]?.callId ?? '']: { approve: true } }));
    expect(response.content).toBe('done');
    expect(resultsIn(model.requests[1]?.messages)).toEqual(['ok 0_0 pay {"amount":1}']);
  });

  test('has spent what its runs have spent, once', async () => {
    const { made } = guarded();
    const desk = new Desk();
    const first = await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    const second = await desk.decide([made], APPROVE);
    const { usage, turns } = await desk.store.spend({ owner: 'alice', id: 's' });
    expect(turns).toBe(1);
    expect(usage).toEqual(second.result?.turn?.usage);
    expect(usage.totalTokens).toBe(
      (first.result?.usage.totalTokens ?? Number.NaN) + (second.result?.usage.totalTokens ?? Number.NaN),
    );
    expect(usage.estimated).toBeUndefined();
  });
});
