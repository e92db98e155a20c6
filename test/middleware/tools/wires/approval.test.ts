import { MemoryStore, Pipeline, decide } from 'sluice';
import type { DecisionsByCall, ExecutionOptions, ExecutionResult, StateStore } from 'sluice';
import { tool, tools } from 'sluice/middleware/tools';
import type { Tool } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { rolesOf, wireStage, wires } from './stage.ts';
import type { WireStage } from './stage.ts';

const KEY = { owner: 'alice', id: 's' };

/** A tool that has to be approved, and what it has run with. */
function refundTool(): { refund: Tool; runs: unknown[] } {
  const runs: unknown[] = [];
  const refund = tool({
    name: 'refund',
    description: 'Pays money back',
    input: z.object({ amount: z.number() }),
    needsApproval: ({ amount }) => amount > 10 && { reason: 'It is much.' },
    execute: ({ amount }) => {
      runs.push(amount);
      return `paid ${amount}`;
    },
  });
  return { refund, runs };
}

const refundOf = (amount: number) => ({ name: 'refund', arguments: { amount } });

/** A pipeline of its own for each turn, as in another process. */
const pipelineOf = ({ model }: WireStage, store: StateStore, list: Tool[]): Pipeline =>
  new Pipeline([tools(list), model], { store });

describe.each(wires)('R61 calls that are decided on over $name', (wire) => {
  test('run once, after what needs no decision, and the next request has one result for each call', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const { refund, runs } = refundTool();
    const run = (on: DecisionsByCall, options: ExecutionOptions): Promise<ExecutionResult> =>
      pipelineOf(stage, store, [refund]).executeWithContext(KEY, decide(on), options);
    stage.enqueue({
      thinking: 'Hm.',
      text: 'I pay.',
      toolCalls: [refundOf(20), refundOf(5), refundOf(30), refundOf(40)],
    });
    const first = await pipelineOf(stage, store, [refund]).executeWithContext(KEY, 'user', 'Pay me.');
    expect(first).toMatchObject({ outcome: 'interrupted', reason: 'approval' });
    expect(first.pending?.map((call) => [call.arguments, call.reason])).toEqual([
      [{ amount: 20 }, 'It is much.'],
      [{ amount: 30 }, 'It is much.'],
      [{ amount: 40 }, 'It is much.'],
    ]);
    expect(runs).toEqual([5]);

    const [a = '', b = '', c = ''] = first.pending?.map(({ callId }) => callId) ?? [];
    const second = await run({ [b]: { deny: 'No.' } }, { turnId: 'd1' });
    expect(second.pending).toHaveLength(2);
    expect(stage.server.requests).toHaveLength(1);
    stage.enqueue({ text: 'Paid.' });
    const third = await run(
      { [a]: { approve: true }, [c]: { approve: true, arguments: { amount: 4 } } },
      { turnId: 'd2' },
    );
    expect(third.response.content).toBe('I pay.Paid.');
    expect(runs).toEqual([5, 20, 4]);
    const sent = stage.body(1);
    expect(wire.results(sent).map(({ text }) => text)).toEqual([
      'paid 20',
      'paid 5',
      expect.stringContaining('The call was denied, and the tool was not run. No.'),
      expect.stringContaining('approved with other arguments: {"amount":4}'),
    ]);
    expect(wire.results(sent).map(({ id }) => id)).toEqual(wire.calls(sent).map(({ id }) => id));
    expect(wire.calls(sent).map(({ args }) => (typeof args === 'string' ? JSON.parse(args) : args))).toEqual(
      [20, 5, 30, 40].map((amount) => ({ amount })),
    );
    expect(rolesOf((await store.load(KEY))?.messages ?? [])).toEqual([
      ...['user', 'assistant', 'tool', 'assistant'],
    ]);
    const again = await run({ [b]: { deny: 'No.' } }, { turnId: 'd1' });
    expect(again).toMatchObject({ replayed: true, outcome: 'completed' });
    await expect(run({ [a]: { approve: true } }, { turnId: 'd3' })).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  test('take a message with them, which comes after the results', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const { refund } = refundTool();
    stage.enqueue({ toolCalls: [refundOf(20)] }, { text: 'Paid.' }, { text: 'You are welcome.' });
    const { pending } = await pipelineOf(stage, store, [refund]).executeWithContext(KEY, 'user', 'Pay me.');
    const on = { [pending?.[0]?.callId ?? '']: { approve: true as const } };
    const pipeline = pipelineOf(stage, store, [refund]);
    await pipeline.executeWithContext(KEY, decide(on, { message: 'And be quick.' }));
    expect(JSON.stringify(stage.body(1))).toMatch(/paid 20.*And be quick\./);
    await pipeline.executeWithContext(KEY, 'user', 'Thanks.');
    expect(JSON.stringify(stage.body(2))).toMatch(/paid 20.*And be quick\..*Paid\..*Thanks\./);
  });

  test('of the client get their results, checked and in their order', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const where = tool({
      name: 'where',
      description: 'Where the user is',
      input: z.object({}),
      output: z.object({ city: z.string() }),
    });
    stage.enqueue({ toolCalls: [{ name: 'where' }, { name: 'where' }] }, { text: 'Rome and Oslo.' });
    const { pending = [] } = await pipelineOf(stage, store, [where]).executeWithContext(
      KEY,
      'user',
      'Where?',
    );
    const [a = '', b = ''] = pending.map(({ callId }) => callId);
    const pipeline = pipelineOf(stage, store, [where]);
    await expect(pipeline.executeWithContext(KEY, decide({ [a]: { result: 'Rome' } }))).rejects.toMatchObject(
      { code: 'invalid_request' },
    );
    await pipeline.executeWithContext(KEY, decide({ [b]: { result: { city: 'Oslo' } } }));
    await pipeline.executeWithContext(KEY, decide({ [a]: { result: { city: 'Rome' } } }));
    expect(wire.results(stage.body(1)).map(({ text }) => text)).toEqual([
      '{"city":"Rome"}',
      '{"city":"Oslo"}',
    ]);
  });
});
