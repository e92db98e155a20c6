import { Pipeline } from 'sluice';
import type { DecisionsByCall } from 'sluice';
import { provider } from 'sluice/middleware';
import { agentTool, tool, tools } from 'sluice/middleware/tools';
import type { Tool } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ask, priced, pricedAgent } from './agent-stage.ts';
import { Desk, guarded, kept } from './desk.ts';
import type { Turn, TurnSetup } from './desk.ts';
import { calling, placeOf, play, resultsIn } from './stage.ts';

/** An agent whose calls cost 10 dollars each. */
const agent = (...given: Parameters<typeof pricedAgent>): Tool => pricedAgent(...given).made;

const above = [priced(1)];

/** Decides on the calls that wait, by the names of their tools. */
async function decideByName(
  desk: Desk,
  list: Tool[],
  on: DecisionsByCall,
  setup: TurnSetup = {},
): Promise<Turn> {
  const pending = await desk.pending();
  const named = Object.entries(on).map(([name, decision]) => {
    const ids = pending.filter((call) => call.name === name).map(({ callId }) => callId);
    expect(ids).toHaveLength(1);
    return [ids[0] ?? name, decision] as const;
  });
  return desk.decide(list, Object.fromEntries(named), setup);
}

describe('a decision on a call inside an agent', () => {
  test('that approves it runs it, once, and both answers follow', async () => {
    const desk = new Desk();
    const pay = guarded();
    const first = await desk.turn([agent([calling(['pay', { amount: 7 }])], [pay.made])], 'Go on.', {
      ...{ above, answers: [ask()] },
      options: { turnId: 't' },
    });
    expect(first.result).toMatchObject({ outcome: 'interrupted', reason: 'approval' });
    expect(first.result?.pending).toMatchObject([
      { name: 'pay', arguments: { amount: 7 }, waitsFor: 'approval' },
    ]);
    expect(first.result?.pending).toEqual(await desk.pending());
    expect(pay.runs).toHaveLength(0);

    const list = [agent(['paid'], [pay.made])];
    const next = await decideByName(
      desk,
      list,
      { pay: { approve: true } },
      { above, options: { turnId: 'd' } },
    );
    expect(next.seen).toEqual(['call 0_0 agent', 'result 0_0 paid', 'done', 'done']);
    expect(pay.runs.map(({ input, run }) => [input, run.approval?.by])).toEqual([[{ amount: 7 }, 'd']]);
    expect(next.result?.cost.totalUsd).toBeCloseTo(11);
    expect(next.result?.turn?.cost.totalUsd).toBeCloseTo(22);
    expect((await desk.store.spend({ owner: 'alice' })).cost.totalUsd).toBeCloseTo(22);
    expect(await desk.roles()).toEqual(['user', 'assistant', 'tool', 'assistant']);
  });

  test.each<[string, DecisionsByCall, RegExp]>([
    [
      'denies it',
      { pay: { deny: 'Too much.' } },
      /^ok 0_0 The call was denied, and the tool was not run. Too much.$/,
    ],
    [
      'changes its arguments',
      { pay: { approve: true, arguments: { amount: 3 } } },
      /^ok 0_0 The call was approved with other arguments[^]*pay {"amount":3}$/,
    ],
  ])('that %s is told to the agent', async (_what, on, told) => {
    const desk = new Desk();
    const pay = guarded();
    await desk.turn([agent([calling(['pay', {}])], [pay.made])], 'Go on.', { answers: [ask()] });
    const model = scripted(['paid']);
    const pipeline = new Pipeline([tools([pay.made]), provider(model)]);
    const next = await decideByName(desk, [agentTool(pipeline, { name: 'agent', description: 'Helps' })], on);
    expect(next.result?.response.content).toContain('done');
    expect(resultsIn(model.requests[0]?.messages).join()).toMatch(told);
  });

  test('may be a result of the client, three deep', async () => {
    const desk = new Desk();
    const client = tool({ name: 'client', description: 'Asks', input: z.object({}) });
    const chain = (a: ScriptedAnswer[], b: ScriptedAnswer[], c: ScriptedAnswer[]): Tool[] => [
      agent(a, [agent(b, [agent(c, [client], 'c')], 'b')]),
    ];
    const first = await desk.turn(chain([ask('b')], [ask('c')], [calling(['client', {}])]), 'Go on.', {
      answers: [ask()],
    });
    expect(first.result?.pending?.map(({ path }) => path?.split('/').map(placeOf))).toEqual([
      ['0_0', '0_0', '0_0'],
    ]);
    const next = await decideByName(desk, chain(['a'], ['b'], ['c']), { client: { result: 'given' } });
    expect(next.seen).toEqual(['call 0_0 agent', 'result 0_0 a', 'done', 'done']);
  });

  test('is refused if the agent or its tool is gone, and nothing has changed then', async () => {
    const desk = new Desk();
    const pay = guarded();
    await desk.turn([agent([calling(['pay', {}])], [pay.made])], 'Go on.', { answers: [ask()] });
    const before = await desk.snapshot();
    for (const list of [[kept('other').made], [agent([], [kept('other').made])], [agent([], [])]]) {
      const refused = await decideByName(desk, list, { pay: { approve: true } });
      expect(refused.error).toMatchObject({ code: 'tool', message: expect.stringContaining('pay') });
    }
    expect(await desk.snapshot()).toEqual(before);
  });

  test('is checked against the schema of the tool inside, before anything runs', async () => {
    const desk = new Desk();
    const pay = guarded();
    const beside = kept('beside');
    const answers = [calling(['agent', { prompt: 'A' }], ['beside', {}])];
    const list = [agent([calling(['pay', {}])], [pay.made]), beside.made];
    await desk.turn(list, 'Go on.', { answers });
    const before = await desk.snapshot();
    const wrong = { pay: { approve: true as const, arguments: { amount: 'much' } } };
    const refused = await decideByName(desk, [agent([], [pay.made]), beside.made], wrong);
    expect(refused.error?.code).toBe('invalid_request');
    expect(await desk.snapshot()).toEqual(before);
    expect(beside.runs).toHaveLength(1);
  });

  test('on one of several leaves the others waiting', async () => {
    const desk = new Desk();
    const [one, other] = [guarded('one'), guarded('other')];
    const both = calling(['a', { prompt: 'A' }], ['b', { prompt: 'B' }]);
    const list = (a: ScriptedAnswer[], b: ScriptedAnswer[]): Tool[] => [
      agent(a, [one.made], 'a'),
      agent(b, [other.made], 'b'),
    ];
    const asking = list([calling(['one', {}])], [calling(['other', {}])]);
    const first = await desk.turn(asking, 'Go on.', { answers: [both] });
    expect(first.result?.pending?.map(({ name }) => name)).toEqual(['one', 'other']);
    const second = await decideByName(desk, list(['A'], []), { one: { approve: true } });
    expect(second.result?.pending?.map(({ name }) => name)).toEqual(['other']);
    expect(second.seen).toContain('result 0_0 A');
    const third = await decideByName(desk, list([], ['B']), { other: { approve: true } });
    expect(third.result?.outcome).toBe('completed');
    expect([one.runs, other.runs].map(({ length }) => length)).toEqual([1, 1]);
    expect(resultsIn(third.model.requests[0]?.messages)).toEqual(['ok 0_0 A', 'ok 0_1 B']);
  });

  test('by somebody else after it was decided is a conflict', async () => {
    const desk = new Desk();
    const pay = guarded();
    const first = await desk.turn([agent([calling(['pay', {}])], [pay.made])], 'Go on.', {
      answers: [ask()],
    });
    const id = first.result?.pending?.[0]?.callId ?? '';
    const approved = (turnId: string): Promise<Turn> =>
      desk.decide([agent(['paid'], [pay.made])], { [id]: { approve: true } }, { options: { turnId } });
    expect((await approved('d')).result?.outcome).toBe('completed');
    expect((await approved('d')).result).toMatchObject({ replayed: true });
    expect((await approved('e')).error?.code).toBe('conflict');
    expect(pay.runs).toHaveLength(1);
  });
});

describe('an approval', () => {
  test('of the agent itself lets it run', async () => {
    const desk = new Desk();
    const made = (answers: ScriptedAnswer[]): Tool =>
      agentTool(new Pipeline([provider(scripted(answers))]), {
        ...{ name: 'agent', description: 'Helps', needsApproval: ({ prompt }) => ({ reason: prompt }) },
      });
    const first = await desk.turn([made([])], 'Go on.', { answers: [ask()] });
    expect(first.result?.pending).toMatchObject([{ name: 'agent', reason: 'Help.' }]);
    const next = await desk.decide([made(['helped'])], { '0_0': { approve: true } });
    expect(next.seen).toContain('result 0_0 helped');
  });

  test('inside an agent is an error without a session, before the agent is asked', async () => {
    const pay = guarded();
    const model = scripted([calling(['pay', {}])]);
    const inner = agentTool(new Pipeline([tools([pay.made]), provider(model)]), {
      name: 'agent',
      description: 'Helps',
    });
    const { error } = await play(tools([inner]), [ask(), 'done']);
    expect(error).toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining('needsApproval of pay'),
    });
    expect(model.calls).toHaveLength(0);
    expect(pay.runs).toHaveLength(0);
  });
});
