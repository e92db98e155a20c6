import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline, SluiceError, decide } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import * as z from 'zod';
import { failureOf } from '../core/harness.ts';
import { calling } from '../middleware/tools/stage.ts';
import { KEY, ended, idsOf, stage, waysOf } from './branch-stage.ts';

const failure = { error: new SluiceError('invalid_request', 'No.') };

describe('an open turn', () => {
  const open = async (answers: ScriptedAnswer[]) => {
    const on = stage(['a1', calling(['count', {}]), failure, ...answers]);
    await on.say('a');
    await failureOf(on.pipeline.executeWithContext(KEY, 'user', 'b', { turnId: 'T' }));
    expect((await on.store.load(KEY))?.open).toBe('T');
    return on;
  };

  test('is not settled by an edit beside it, and goes on after its branch was selected', async () => {
    const { pipeline, runs, store, sent } = await open(['x1', 'b1']);
    const [, , b = ''] = await idsOf(store);
    await ended(pipeline.edit(KEY, b, 'x'));
    expect((await store.load(KEY))?.open).toBeUndefined();
    expect((await pipeline.branches(KEY)).map(({ open }) => open)).toEqual(['T', undefined]);
    const elsewhere = await failureOf(pipeline.executeWithContext(KEY, 'user', 'b', { turnId: 'T' }));
    expect(elsewhere.code).toBe('conflict');
    await pipeline.switchTo(KEY, b);
    expect((await store.load(KEY))?.open).toBe('T');
    const { response } = await pipeline.executeWithContext(KEY, 'user', 'b', { turnId: 'T' });
    expect([response.content, runs.length]).toEqual(['b1', 1]);
    expect(sent().at(-1)).toEqual(['u a', 'a a1', 'u b', 'a tool_call', 't run 1']);
    expect(await waysOf(store)).toEqual([
      '> u a | a a1 | u b | a tool_call | t run 1 | a b1',
      'u a | a a1 | u x | a x1',
    ]);
  });

  test('is not settled by a regenerated turn, which runs its tools again', async () => {
    const { pipeline, runs, store } = await open([calling(['count', {}]), 'b1', 'b2']);
    const [, , b = ''] = await idsOf(store);
    await ended(pipeline.regenerate(KEY));
    expect([runs.length, (await store.load(KEY))?.open]).toEqual([2, undefined]);
    expect((await pipeline.branches(KEY)).map(({ id, open }) => [id === b, open])).toEqual([
      [false, undefined],
      [true, 'T'],
    ]);
    // The reply that the other has got becomes a branch.
    const { response } = await pipeline.executeWithContext(KEY, 'user', 'b', { turnId: 'T' });
    expect([response.content, runs.length]).toEqual(['b2', 2]);
    expect(await waysOf(store)).toEqual([
      'u a | a a1 | u b | a tool_call | t run 2 | a b1',
      '> u a | a a1 | u b | a tool_call | t run 1 | a b2',
    ]);
  });

  test('is settled by a turn behind it', async () => {
    const { say, store } = await open(['c1']);
    await say('c');
    expect(await waysOf(store)).toEqual(['> u a | a a1 | u b | a tool_call | t run 1 | u c | a c1']);
    expect((await store.load(KEY))?.open).toBeUndefined();
  });

  test('that is hidden by another one on the same message goes on when it is sent again', async () => {
    const { pipeline, runs, store } = await open([calling(['count', {}]), failure, 'b1']);
    await failureOf(ended(pipeline.regenerate(KEY, { turnId: 'T2' })));
    expect((await store.load(KEY))?.open).toBe('T2');
    await pipeline.executeWithContext(KEY, 'user', 'b', { turnId: 'T' });
    expect(runs).toHaveLength(2);
    expect((await waysOf(store)).at(0)).toBe('> u a | a a1 | u b | a tool_call | t run 1 | a b1');
    expect((await store.load(KEY))?.open).toBeUndefined();
  });

  test('whose call waits on another branch takes its decision after that was selected', async () => {
    const runs: unknown[] = [];
    const pay = tool({
      name: 'pay',
      description: 'Pays',
      input: z.object({}),
      needsApproval: true,
      execute: () => `paid ${runs.push('pay')}`,
    });
    const store = new MemoryStore();
    const model = scripted([calling(['pay', {}]), 'x1', 'done']);
    const pipeline = new Pipeline([tools([pay]), provider(model)], { store });
    const { pending = [] } = await pipeline.executeWithContext(KEY, 'user', 'a');
    const [a = ''] = await idsOf(store);
    const callId = pending[0]?.callId ?? '';
    await ended(pipeline.edit(KEY, a, 'x'));
    const approve = () => pipeline.executeWithContext(KEY, decide({ [callId]: { approve: true } }));
    expect(await failureOf(approve())).toMatchObject({
      code: 'conflict',
      message: `The call "${callId}" waits on another branch of the session "s": select that with switchTo(), and decide then.`,
    });
    const unknown = pipeline.executeWithContext(KEY, decide({ nope: { approve: true } }));
    expect((await failureOf(unknown)).code).toBe('invalid_request');
    await pipeline.switchTo(KEY, a);
    expect((await approve()).response.content).toBe('done');
    expect([runs, await waysOf(store)]).toEqual([
      ['pay'],
      ['> u a | a tool_call | t paid 1 | a done', 'u x | a x1'],
    ]);
  });
});
