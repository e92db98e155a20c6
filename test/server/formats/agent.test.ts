import { expect, test } from 'vitest';
import type { SentChunk, SentEnd } from 'sluice/server';
import { agentFormat } from 'sluice/server';

const usage = {
  inputTokens: 3,
  outputTokens: 2,
  totalTokens: 5,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
};
const completed: SentEnd = {
  outcome: 'completed',
  finishReason: 'stop',
  usage,
  cost: { status: 'exact', totalUsd: 0.5 },
  warnings: ['odd'],
};
const start = { turnId: 't1', name: 'helper', session: { owner: 'ada', id: 'c1' }, startedAt: 1_000 };

function events(chunks: SentChunk[], end: SentEnd, include: string[] = []): unknown[] {
  const encoder = agentFormat.encoder({ include: new Set(include) });
  const frames = [
    ...encoder.start(start),
    ...chunks.flatMap((chunk) => encoder.chunk(chunk, chunk.index + 1, 2_000)),
    ...encoder.end(end, chunks.length + 1, 3_000),
  ];
  return frames.map(({ event, data }) => {
    const parsed: unknown = JSON.parse(data);
    expect(parsed).toMatchObject({ type: event });
    return parsed;
  });
}

const at = (index: number): { call: number; index: number } => ({ call: 1, index });

test('an answer is connected, content, complete and done, each with all of its fields', () => {
  expect(events([{ type: 'content', content: 'Hi "you"\n', ...at(0) }], completed)).toEqual([
    {
      type: 'connected',
      metadata: { agent: 'helper', turn_id: 't1', conversation_id: 'c1' },
      is_final: false,
      timestamp: 1_000,
    },
    { type: 'content', content: 'Hi "you"\n', metadata: {}, is_final: false, timestamp: 2_000 },
    {
      type: 'complete',
      metadata: { agent: 'helper', turn_id: 't1', outcome: 'completed', finish_reason: 'stop', usage },
      is_final: true,
      timestamp: 3_000,
    },
    { type: 'done', metadata: {}, is_final: true, timestamp: 3_000 },
  ]);
});

test('cost and warnings come only to a client that asked for them', () => {
  const [, complete] = events([], completed, ['cost', 'warnings']);
  expect(complete).toMatchObject({
    metadata: { cost: { status: 'exact', totalUsd: 0.5 }, warnings: ['odd'] },
  });
});

test('a tool call has its arguments as JSON text, and its result repeats the call', () => {
  const shown = events(
    [
      { type: 'thinking', content: 'hm', ...at(0) },
      { type: 'tool_call_delta', id: 'a', name: 'add', argumentsDelta: '{"x"', ...at(1) },
      { type: 'tool_call', id: 'a', name: 'add', arguments: { x: 1 }, ...at(2) },
      { type: 'tool_result', id: 'a', name: 'add', content: '2', isError: false, ...at(3) },
    ],
    completed,
  );
  expect(shown.slice(1, 4)).toMatchObject([
    { type: 'thinking', thinking_step: 'hm' },
    { type: 'tool_call', tool_call: { id: 'a', name: 'add', arguments: '{"x":1}', status: 'running' } },
    {
      type: 'tool_result',
      tool_call: { id: 'a', name: 'add', arguments: '{"x":1}', result: '2', status: 'completed' },
    },
  ]);
});

test('an error is an error event and done, without complete', () => {
  const failed: SentEnd = {
    outcome: 'failed',
    error: { code: 'overloaded', message: 'Busy.', retryable: true, retryAfterMs: 500 },
  };
  expect(events([], failed).slice(1)).toMatchObject([
    {
      type: 'error',
      error: 'Busy.',
      metadata: { code: 'overloaded', outcome: 'failed', retryable: true, retry_after_ms: 500 },
    },
    { type: 'done', is_final: true },
  ]);
});

test('a stop is told from a cut by its reason', () => {
  const stopped: SentEnd = {
    outcome: 'cancelled',
    reason: 'stopped',
    error: { code: 'aborted', message: 'The request was cancelled.', retryable: false },
  };
  expect(events([], stopped)[1]).toMatchObject({
    type: 'error',
    metadata: { code: 'aborted', outcome: 'cancelled', reason: 'stopped' },
  });
});

test('other events come only to a client that asked for them', () => {
  const chunks: SentChunk[] = [
    { type: 'tool_call_delta', id: 'a', argumentsDelta: '{', ...at(0) },
    { type: 'reset', from: 1, calls: [1], reason: 'retry', ...at(1) },
  ];
  const pending: SentEnd = { ...completed, outcome: 'interrupted', reason: 'approval' };
  const types = (include: string[]): unknown[] =>
    events(chunks, pending, include).map((event) => Reflect.get(Object(event), 'type'));
  expect(types([])).toEqual(['connected', 'complete', 'done']);
  expect(types(['tool_call_delta', 'reset', 'interrupted'])).toEqual([
    'connected',
    'tool_call_delta',
    'reset',
    'interrupted',
    'complete',
    'done',
  ]);
  expect(agentFormat.showsResets({})).toBe(false);
  expect(agentFormat.showsResets({ include: new Set(['reset']) })).toBe(true);
});

test('a piece without text is not an event, and a reason is told', () => {
  const block = { provider: 'anthropic', data: { type: 'thinking', thinking: '', signature: 's' } };
  const sealed: SentChunk = { type: 'thinking', content: '', block, ...at(0) };
  const [, ...rest] = events([sealed, { type: 'content', content: '', ...at(1) }], {
    ...completed,
    ...{ outcome: 'interrupted', reason: 'guard' },
  });
  expect(rest).toMatchObject([
    { type: 'complete', metadata: { outcome: 'interrupted', reason: 'guard' } },
    { type: 'done' },
  ]);
});
