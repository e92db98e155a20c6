import { MemoryStore, Pipeline, decide } from 'sluice';
import { tool, tools } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { call, rolesOf, weatherTool, wireStage, wires } from './stage.ts';

const KEY = { owner: 'alice', id: 's' };

describe.each(wires)('branches over $name', (wire) => {
  test('a regenerated turn asks with the message alone, and its tools run again under new ids', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const { weather, runs } = weatherTool();
    const pipeline = new Pipeline([tools([weather]), stage.model], { store });
    stage.enqueue({ thinking: 'Hm.', toolCalls: [call('Rome', 'call_0')] }, { text: 'Sunny.' });
    await pipeline.executeWithContext(KEY, 'user', 'How is it in Rome?');
    stage.enqueue({ thinking: 'Hm.', toolCalls: [call('Rome', 'call_0')] }, { text: 'It is sunny.' });
    expect(await pipeline.regenerate(KEY).text()).toBe('It is sunny.');
    expect(runs).toEqual(['Rome', 'Rome']);
    expect(stage.body(2)).toEqual(stage.body(0));
    const ids = [1, 3].map((number) => wire.calls(stage.body(number))[0]?.id);
    expect(new Set(ids).size).toBe(2);
    expect(wire.results(stage.body(3))).toEqual([{ id: ids[1], text: 'sunny in Rome' }]);
    stage.enqueue({ text: 'Welcome.' });
    await pipeline.executeWithContext(KEY, 'user', 'Thanks.');
    expect(wire.calls(stage.body(4)).map(({ id }) => id)).toEqual([ids[1]]);
  });

  test('an edited message is asked with what came before it, and the other branch is a valid request again', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const { weather } = weatherTool();
    const pipeline = new Pipeline([tools([weather]), stage.model], { store });
    stage.enqueue({ text: 'Hello.' }, { toolCalls: [call('Rome')] }, { text: 'Sunny.' });
    await pipeline.executeWithContext(KEY, 'user', 'Hi.');
    await pipeline.executeWithContext(KEY, 'user', 'How is it in Rome?');
    const { ids = [] } = (await store.load(KEY, { ids: true })) ?? {};
    stage.enqueue({ toolCalls: [call('Paris')] }, { text: 'Fine.' });
    await pipeline.edit(KEY, ids[2] ?? '', 'How is it in Paris?').text();
    const sent = JSON.stringify(stage.body(4));
    expect([sent.includes('Hi.'), sent.includes('Rome?'), sent.includes('Paris?')]).toEqual([
      true,
      false,
      true,
    ]);
    await pipeline.switchTo(KEY, ids.at(-1) ?? '');
    stage.enqueue({ text: 'Welcome.' });
    await pipeline.executeWithContext(KEY, 'user', 'Thanks.');
    expect(wire.results(stage.body(5)).map(({ text }) => text)).toEqual(['sunny in Rome']);
    expect(JSON.stringify(stage.body(5))).not.toContain('Paris');
  });

  test('a reply to a message that came with decisions is regenerated behind that message', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const runs: string[] = [];
    const pay = tool({
      name: 'pay',
      description: 'Pays',
      input: z.object({}),
      needsApproval: true,
      execute: () => `paid ${runs.push('pay')}`,
    });
    const pipeline = new Pipeline([tools([pay]), stage.model], { store });
    stage.enqueue({ toolCalls: [{ name: 'pay', arguments: {} }] }, { text: 'Done.' });
    const { pending = [] } = await pipeline.executeWithContext(KEY, 'user', 'Pay.');
    const on = { [pending[0]?.callId ?? '']: { approve: true as const } };
    await pipeline.executeWithContext(KEY, decide(on, { message: 'And be quick.' }));
    stage.enqueue({ text: 'It is done.' });
    await pipeline.regenerate(KEY).text();
    expect([stage.body(2), runs]).toEqual([stage.body(1), ['pay']]);
    const state = await store.load(KEY);
    expect(rolesOf(state?.messages ?? [])).toEqual(['user', 'assistant', 'tool', 'user', 'assistant']);
    expect(state?.messages.at(-1)?.content).toBe('It is done.');
  });
});
