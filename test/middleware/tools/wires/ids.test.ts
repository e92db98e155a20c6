import { MemoryStore, Pipeline } from 'sluice';
import { tool, tools } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { call, messages, weatherLoop, wireStage, wires } from './stage.ts';

/** A tool that keeps the keys that it was called with. */
function keeping() {
  const keys: string[] = [];
  const ids: string[] = [];
  const made = tool({
    name: 'weather',
    description: 'The weather of a city',
    input: z.object({ city: z.string().default('Rome') }),
    execute: ({ city }, { idempotencyKey, callId }) => {
      keys.push(idempotencyKey);
      ids.push(callId);
      return `sunny in ${city}`;
    },
  });
  return { made, keys, ids };
}

const unique = (list: readonly unknown[]): number => new Set(list).size;

describe.each(wires)('ids of calls over $name', (wire) => {
  test('R45 R51 three rounds that all answer call_0 run three times, with three keys', async () => {
    await using stage = await wireStage(wire);
    const { made, keys, ids } = keeping();
    const again = { toolCalls: [call('Rome', 'call_0')] };
    stage.enqueue(again, again, again, { text: 'Sunny.' });
    const result = await new Pipeline([tools([made]), stage.model]).execute('user', 'Weather?');
    expect([keys.length, unique(keys), unique(ids)]).toEqual([3, 3, 3]);
    expect(wire.calls(stage.body(3)).map(({ id }) => id)).toEqual(ids);
    expect(wire.results(stage.body(3)).map(({ id }) => id)).toEqual(ids);
    expect(result.response.toolCalls.map(({ id }) => id)).toEqual(ids);
  });

  test.each(['shared', ''])('R45 R52 two parallel calls with the one id %j run twice', async (id) => {
    await using stage = await wireStage(wire);
    const { made, keys, ids } = keeping();
    stage.enqueue({ toolCalls: [call('Rome', id), call('Oslo', id)] }, { text: 'Sunny.' });
    await new Pipeline([tools([made]), stage.model]).execute('user', 'Weather?');
    expect([keys.length, unique(keys), unique(ids)]).toEqual([2, 2, 2]);
    expect(wire.results(stage.body(1)).map(({ text }) => text)).toEqual(['sunny in Rome', 'sunny in Oslo']);
  });

  test('R51 all ids of a session differ, turn after turn, and stay the same', async () => {
    await using stage = await wireStage(wire);
    const { made } = keeping();
    const store = new MemoryStore();
    const pipeline = new Pipeline([tools([made]), stage.model], { store });
    for (let turn = 0; turn < 3; turn++) {
      stage.enqueue({ toolCalls: [call('Rome', 'call_0'), call('Oslo', 'call_1')] }, { text: 'Sunny.' });
      await pipeline.executeWithContext('s', 'user', `Weather ${turn}?`);
    }
    const last = wire.calls(stage.body(5)).map(({ id }) => id);
    expect([last.length, unique(last)]).toEqual([6, 6]);
    expect(wire.calls(stage.body(3)).map(({ id }) => id)).toEqual(last.slice(0, 4));
    for (const id of last) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,40}$/);
  });

  test('are the same in chunks from the first delta on, whatever the provider calls them', async () => {
    await using stage = await wireStage(wire);
    const { pipeline } = weatherLoop(stage);
    stage.enqueue({ toolCalls: [call('Rome', 'theirs_1'), call('Oslo', 'theirs_2')] }, { text: 'Sunny.' });
    const seen: Record<string, string[]> = {};
    for await (const chunk of pipeline.executeStream('user', 'Weather?'))
      if ('id' in chunk && typeof chunk.id === 'string') (seen[chunk.type] ??= []).push(chunk.id);
    const sent = wire.calls(stage.body(1)).map(({ id }) => id);
    expect(seen['tool_call']).toEqual(sent);
    expect([...new Set(seen['tool_call_delta'])]).toEqual(sent);
    expect(seen['tool_result']?.toSorted()).toEqual(sent.toSorted());
    expect(JSON.stringify(stage.body(1))).not.toContain('theirs_');
  });
});

test('the original form of a call of Anthropic goes back with our id, and with what else it had', async () => {
  await using stage = await wireStage(messages);
  const { pipeline } = weatherLoop(stage);
  const use = { type: 'tool_use', id: 'theirs', name: 'weather', input: { city: 'Rome' }, mark: 'kept' };
  stage.enqueue({ blocks: [{ type: 'other', block: use }], stopReason: 'tool_use' }, { text: 'Sunny.' });
  const result = await pipeline.execute('user', 'Weather?');
  const [id] = result.response.toolCalls.map((one) => one.id);
  expect(messages.results(stage.body(1))).toEqual([{ id, text: 'sunny in Rome' }]);
  expect(JSON.stringify(stage.body(1))).toContain('"mark":"kept"');
});
