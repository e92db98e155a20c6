import { MemoryStore, Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { agentTool, tools } from 'sluice/middleware/tools';
import type { Tool } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { ask, failure, priced, pricedAgent } from './agent-stage.ts';
import { calling, play } from './stage.ts';
import { KEY, counted, run } from './turns.ts';

describe('the money of agents', () => {
  /** A chain of three agents under a loop. The calls cost 1 dollar outside, and 2, 3 and 4 inside. */
  function chain(innermost: Tool, answers: { c?: ScriptedAnswer[]; d?: ScriptedAnswer[] } = {}): Tool {
    const { c = [ask('d'), 'c'], d = [calling(['count', {}]), 'd'] } = answers;
    const one = (name: string, usd: number, list: Tool[], said: ScriptedAnswer[]): Tool =>
      agentTool(new Pipeline([priced(usd), tools(list), provider(scripted(said))]), {
        name,
        description: 'Helps',
      });
    return one('b', 2, [one('c', 3, [one('d', 4, [innermost], d)], c)], [ask('c'), 'b']);
  }

  test('is in each sum around it once, three deep', async () => {
    const store = new MemoryStore();
    const key = { owner: 'acme', id: 's' };
    const pipeline = new Pipeline(
      [priced(1), tools([chain(counted().made)]), provider(scripted([ask('b'), 'a']))],
      {
        store,
      },
    );
    const result = await pipeline.executeWithContext(key, 'user', 'Go on.', { turnId: 't' });
    expect(result.response.content).toBe('a');
    const sums = [
      result.cost,
      result.turn?.cost,
      (await store.spend(key)).cost,
      (await store.spend({ owner: 'acme' })).cost,
    ];
    for (const sum of sums) {
      expect(sum?.status).toBe('exact');
      expect(sum?.totalUsd).toBeCloseTo(20);
    }
    expect((await store.spend(key)).usage.totalTokens).toBe(8 * 20);
    expect((await store.spend(key)).turns).toBe(1);
  });

  test('is in each sum once after a run that ended in the middle', async () => {
    const store = new MemoryStore();
    const { made, runs } = counted();
    // The innermost agent fails after its tool, and that ends the execution.
    const ends = (tool: Tool): Middleware => tools([tool], { onError: 'throw' });
    const one = (name: string, usd: number, inner: Middleware, said: ScriptedAnswer[]): Tool =>
      agentTool(new Pipeline([priced(usd), inner, provider(scripted(said))]), { name, description: 'Helps' });
    const layers = (c: ScriptedAnswer[], b: ScriptedAnswer[]): Middleware[] => [
      priced(1),
      ends(one('b', 2, ends(one('c', 3, ends(made), c)), b)),
    ];
    const died = await run(store, layers([calling(['count', {}]), failure], [ask('c')]), [ask('b')], {
      turnId: 't',
    });
    expect(died.error?.code).toBe('tool');
    expect((await store.spend({ owner: '', id: KEY })).cost.totalUsd).toBeCloseTo(1 + 2 + 3);

    const next = await run(store, layers(['c'], ['b']), ['a'], { turnId: 't' });
    expect(next.result?.response.content).toBe('a');
    expect(runs).toHaveLength(1);
    expect(next.result?.cost.totalUsd).toBeCloseTo(1 + 2 + 3);
    expect(next.result?.turn?.cost.totalUsd).toBeCloseTo(12);
    expect((await store.spend({ owner: '', id: KEY })).cost.totalUsd).toBeCloseTo(12);
    expect((await store.spend({ owner: '' })).cost.totalUsd).toBeCloseTo(12);
  });

  test('is unknown outside if it is unknown inside', async () => {
    const unpriced = agentTool(new Pipeline([provider(scripted(['inner']))]), {
      name: 'agent',
      description: 'Helps',
    });
    const { result } = await play([priced(1), tools([unpriced])], [ask(), 'done']);
    expect(result?.cost).toEqual({ status: 'unknown' });
  });

  test('that was spent before an abort is known', async () => {
    const inner = pricedAgent([calling(['count', {}]), { text: 'Think', hang: true }], [counted().made]);
    const controller = new AbortController();
    const aborted = play([priced(1), tools([inner.made])], [ask()], { signal: controller.signal });
    await inner.model.nextCall();
    await inner.model.nextCall();
    controller.abort();
    const { partial } = (await aborted).error ?? {};
    // The call under way is an estimate.
    expect(partial?.cost?.status).toBe('estimated');
    expect(partial?.usage?.totalTokens).toBeGreaterThan(40);
  });
});
