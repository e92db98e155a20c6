import { MemoryStore, Pipeline } from 'sluice';
import type { ExecutionOptions } from 'sluice';
import { tools } from 'sluice/middleware/tools';
import type { ToolsOptions } from 'sluice/middleware/tools';
import type { MadeBlock, WireStream } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { at, listAt, textAt } from '../../../support/json.ts';
import { call, messages, responses, rolesOf, weatherTool, wireStage } from './stage.ts';
import type { WireStage } from './stage.ts';

const other = (block: object): MadeBlock => ({ type: 'other', block });
const search = (id: string) => ({ type: 'server_tool_use', id, name: 'web_search', input: { query: 'x' } });
const found = (id: string) => ({
  ...{ type: 'web_search_tool_result', tool_use_id: id },
  content: [{ type: 'web_search_result', url: 'https://h/', title: 'T', encrypted_content: 'sealed' }],
});
const thinking: MadeBlock = { type: 'thinking', thinking: 'hm', signature: 'signed' };
const use: MadeBlock = { type: 'tool_use', name: 'weather', input: { city: 'Rome' } };
const paused = (...blocks: MadeBlock[]) => ({ blocks, stopReason: 'pause_turn' });
const searching: ExecutionOptions = {
  parameters: {
    providerOptions: { anthropic: { tools: [{ type: 'web_search_20250305', name: 'web_search' }] } },
  },
};

function looping({ model }: WireStage, options: ToolsOptions = {}, store = new MemoryStore()) {
  const { weather, runs } = weatherTool();
  return { pipeline: new Pipeline([tools([weather], options), model], { store }), runs, store };
}

/** What follows the question in a request to Anthropic, a word for each block. */
const saidIn = (body: unknown): string[][] =>
  listAt(body, 'messages')
    .slice(1)
    .map((message) => listAt(message, 'content').map((block) => textAt(block, 'type')));

describe('a paused reply', () => {
  test('goes back as it is, and its late result is joined to its call', async () => {
    await using stage = await wireStage(messages);
    const { pipeline, store } = looping(stage);
    stage.enqueue(
      paused(thinking, other(search('s1'))),
      paused(other(found('s1')), other(search('s2'))),
      { blocks: [other(found('s2'))], text: 'Found.' },
      { text: 'You are welcome.' },
    );
    const result = await pipeline.executeWithContext('s', 'user', 'Go', searching);
    expect(saidIn(stage.body(1))).toEqual([['thinking', 'server_tool_use']]);
    const both = ['thinking', 'server_tool_use', 'web_search_tool_result', 'server_tool_use'];
    expect(saidIn(stage.body(2))).toEqual([both]);
    expect(result.response).toMatchObject({ content: 'Found.', finishReason: 'stop' });
    expect([result.warnings, rolesOf(result.messages)]).toEqual([[], ['user', 'assistant']]);
    const next = await pipeline.executeWithContext('s', 'user', 'Thanks!', searching);
    expect(saidIn(stage.body(3))).toEqual([[...both, 'web_search_tool_result', 'text'], ['text']]);
    expect([next.warnings, (await store.load('s'))?.open]).toEqual([[], undefined]);
  });

  test('goes back at most ten times, also if the rounds may be more', async () => {
    await using stage = await wireStage(messages);
    const { pipeline } = looping(stage, { maxRounds: 50 });
    stage.enqueue(...Array.from({ length: 11 }, () => paused({ type: 'text', text: 'Searching.' })));
    const result = await pipeline.execute('user', 'Go', searching);
    expect(stage.server.requests).toHaveLength(11);
    expect(result.response.finishReason).toBe('pause');
  });

  test('is a round: it counts toward maxRounds', async () => {
    await using stage = await wireStage(messages);
    const { pipeline, runs } = looping(stage, { maxRounds: 2 });
    stage.enqueue(paused({ type: 'text', text: 'Searching.' }), { blocks: [use] }, { text: 'Sunny.' });
    await pipeline.execute('user', 'Go', searching);
    expect([0, 1, 2].map((request) => at(stage.body(request), 'tool_choice'))).toEqual([
      ...[undefined, undefined],
      { type: 'none' },
    ]);
    expect(runs).toEqual(['Rome']);
  });

  test('is not asked for again by a turn that goes on: it was said before, and counts as a round', async () => {
    await using stage = await wireStage(messages);
    const { pipeline, runs, store } = looping(stage);
    stage.enqueue(paused(thinking, other(search('s1'))), messages.error(400), {
      blocks: [other(found('s1')), use],
    });
    const options = { ...searching, turnId: 't' };
    await expect(pipeline.executeWithContext('s', 'user', 'Go', options)).rejects.toThrow();
    stage.enqueue({ text: 'Sunny.' });
    const result = await pipeline.executeWithContext('s', 'user', 'Go', options);
    expect(saidIn(stage.body(2))).toEqual(saidIn(stage.body(1)));
    expect([runs, result.response.content]).toEqual([['Rome'], 'Sunny.']);
    expect((await store.load('s'))?.open).toBeUndefined();
  });
});

describe('a server tool without a result beside tools of the loop', () => {
  test('stays in the history; the next message has the results and nothing else; its late result is kept', async () => {
    await using stage = await wireStage(messages);
    const { pipeline, runs } = looping(stage, { maxCalls: 1 });
    stage.enqueue(
      { blocks: [thinking, other(search('s1')), use] },
      { blocks: [other(found('s1'))], text: 'Found, and sunny.' },
      { text: 'You are welcome.' },
    );
    const result = await pipeline.executeWithContext('s', 'user', 'Go', searching);
    const rounds = [['thinking', 'server_tool_use', 'tool_use'], ['tool_result']];
    expect(saidIn(stage.body(1))).toEqual(rounds);
    expect([runs, result.warnings]).toEqual([['Rome'], []]);
    await pipeline.executeWithContext('s', 'user', 'Thanks!', searching);
    expect(saidIn(stage.body(2))).toEqual([...rounds, ['web_search_tool_result', 'text'], ['text']]);
  });

  test('alone it starts no further call', async () => {
    await using stage = await wireStage(messages);
    const { pipeline } = looping(stage);
    stage.enqueue({ blocks: [other(search('s1'))], text: 'I search.' }, { text: 'Hello again.' });
    const result = await pipeline.executeWithContext('s', 'user', 'Go', searching);
    expect([stage.server.requests.length, result.outcome]).toEqual([1, 'completed']);
    await pipeline.executeWithContext('s', 'user', 'And?', searching);
    expect(JSON.stringify(stage.body(1))).not.toContain('server_tool_use');
  });

  test('R49 is never in pending, in the record, or among the calls that may be run', async () => {
    await using stage = await wireStage(messages);
    const { pipeline, runs, store } = looping(stage, { maxCalls: 1 });
    const theirs = { name: 'theirs', parameters: { type: 'object', properties: {} } };
    stage.enqueue({ blocks: [other(search('s1')), other(found('s1')), use] }, messages.error(400));
    const options = { ...searching, tools: [theirs], turnId: 't' };
    await expect(pipeline.executeWithContext('s', 'user', 'Go', options)).rejects.toThrow();
    const steps = await store.steps('s', 't');
    expect(steps.map(({ step }) => step.kind)).toEqual(['reply', 'result', 'cut']);
    expect(JSON.stringify(steps.slice(1))).not.toContain('s1');
    expect(runs).toEqual(['Rome']);
  });
});

/** A stream of Responses with these items. */
function itemStream(number: number, ...items: Record<string, unknown>[]): WireStream {
  const output = items.map((item, index) => ({
    id: `item_${number}_${index}`,
    status: 'completed',
    ...item,
  }));
  const response = { id: `resp_${number}`, object: 'response', model: 'gpt-5-mini', usage: null };
  const events = [
    { type: 'response.created', response: { ...response, status: 'in_progress', output: [] } },
    ...output.flatMap((item, output_index) => [
      { type: 'response.output_item.added', output_index, item },
      { type: 'response.output_item.done', output_index, item },
    ]),
    { type: 'response.completed', response: { ...response, status: 'completed', output } },
  ];
  return { lines: events.map((event) => JSON.stringify(event)) };
}

test('R49 a call that Responses has run goes back in its place beside calls of the loop, and is not run', async () => {
  await using stage = await wireStage(responses);
  const { pipeline, runs } = looping(stage, { maxCalls: 1 });
  const hosted = { type: 'web_search_call', action: { type: 'search', query: 'x' } };
  const mine = { type: 'function_call', call_id: 'call_0', name: 'weather', arguments: '{"city":"Rome"}' };
  stage.enqueue({ stream: itemStream(0, hosted, mine) }, { toolCalls: [call('Oslo')] }, { text: 'Sunny.' });
  const result = await pipeline.execute('user', 'Go');
  expect(runs).toEqual(['Rome']);
  const types = listAt(stage.body(2), 'input').map((item) => at(item, 'type') ?? at(item, 'role'));
  expect(types).toEqual([
    ...['user', 'web_search_call', 'function_call', 'function_call_output'],
    ...['function_call', 'function_call_output'],
  ]);
  expect(responses.results(stage.body(2))[1]?.text).toContain('no more than 1 calls may be run');
  expect(result.response.toolCalls.map(({ providerExecuted }) => providerExecuted)).toEqual([
    ...[true, undefined, undefined],
  ]);
});
