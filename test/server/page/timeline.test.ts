import { expect, test } from 'vitest';
import { Timeline } from '../../../server/page/app/timeline.ts';
import type { ExecutionChunk, ExecutionResult } from '../../../server/page/app/types.ts';

type Span = ExecutionResult['trace'][number];

/** A chunk with what the timeline looks at. */
const made = (chunk: object): ExecutionChunk => chunk as ExecutionChunk;
const content = (call: number): ExecutionChunk => made({ type: 'content', content: 'Hi', call });
const span = (id: string, from: number, to: number, more: Partial<Span> = {}): Span => ({
  ...{ id, kind: 'call', name: 'demo', startMs: 5_000 + from, durationMs: to - from, outcome: 'completed' },
  ...{ attributes: { call: Number(id) }, ...more },
});
const endOf = (trace: Span[]): ExecutionChunk => made({ type: 'done', result: { trace } });

test('shows attempts that failed in the trace, the pauses behind them, and what the last one waited for', () => {
  const timeline = new Timeline(1_000);
  timeline.add(made({ type: 'thinking', content: 'Hm', call: 3 }), 1_800);
  timeline.add(content(3), 1_900);
  const failed = { outcome: 'failed', errorCode: 'overloaded' } as const;
  const root = span('0', 0, 1_000, { kind: 'execution' });
  const trace = [root, span('1', 0, 100, failed), span('2', 300, 400, failed), span('3', 700, 1_000)];
  timeline.add(endOf(trace), 2_000);
  const times = timeline.bars.map(({ pausedFrom, start, first, spoke, end, note }) => [
    ...[pausedFrom, start, first, spoke, end, note],
  ]);
  expect(times).toEqual([
    [undefined, 0, 0, 0, 100, 'overloaded'],
    [100, 300, 300, 300, 400, 'overloaded'],
    [400, 700, 800, 900, 1_000, ''],
  ]);
  expect(timeline.spanAt(9_999)).toBe(1_000);
});

test('follows from the chunks when there is no trace', () => {
  const timeline = new Timeline(0);
  timeline.add(made({ type: 'thinking', content: 'Hm', call: 1 }), 10);
  timeline.add(made({ type: 'tool_call', id: 'a', name: 'look', arguments: {}, call: 1 }), 20);
  timeline.add(
    made({ type: 'tool_result', id: 'a', name: 'look', content: 'x', isError: true, call: 1 }),
    35,
  );
  timeline.add(content(2), 50);
  timeline.add(made({ type: 'reset', reason: 'truncated', calls: [2], epoch: 1 }), 60);
  timeline.end(70);
  expect(
    timeline.bars.map(({ label, start, first, spoke, end, isFailed }) => [
      label,
      start,
      first,
      spoke,
      end,
      isFailed,
    ]),
  ).toEqual([
    ['call 1', 0, 10, 20, 20, false],
    ['look', 20, 20, 20, 35, true],
    ['call 2', 35, 50, 50, 60, true],
    ['call 3', 60, undefined, undefined, 70, true],
  ]);
});
