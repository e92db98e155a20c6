import { SluiceError } from 'sluice';
import type { Span } from 'sluice';
import { tool, tools } from 'sluice/middleware/tools';
import type { ToolsOptions } from 'sluice/middleware/tools';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { calling, play } from './stage.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const work = tool({
  name: 'work',
  description: 'Does what it is told',
  input: z.object({ how: z.string(), ms: z.number().default(0) }),
  timeoutMs: 100,
  execute: async ({ how, ms }) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (how === 'throw') throw new SluiceError('server', 'secret words');
    return how === 'bigint' ? 1n : `secret ${how}`;
  },
});

async function spansOf(args: object, options: ToolsOptions = {}): Promise<Span[]> {
  const played = play(tools([work], options), [calling(['work', args]), 'Done.']);
  await vi.runAllTimersAsync();
  return (await played).result?.trace.filter(({ kind }) => kind === 'tool') ?? [];
}

describe('the span of a tool', () => {
  test.each<[string, object, object]>([
    [
      'done',
      { how: 'well', ms: 40 },
      { outcome: 'completed', durationMs: 40, attributes: { result: 'done' } },
    ],
    [
      'failed',
      { how: 'throw', ms: 20 },
      { outcome: 'failed', durationMs: 20, attributes: { result: 'failed' } },
    ],
    ['failed by its result', { how: 'bigint' }, { outcome: 'failed', attributes: { result: 'failed' } }],
    [
      'stopped by its time',
      { how: 'well', ms: 500 },
      { outcome: 'failed', durationMs: 100, errorCode: 'timeout', attributes: { result: 'unknown' } },
    ],
  ])(
    'of a call that is %s has name, duration and outcome, and nothing that was said',
    async (_how, args, expected) => {
      const spans = await spansOf(args);
      expect(spans).toMatchObject([{ kind: 'tool', name: 'work', ...expected }]);
      expect(spans[0]?.attributes['callId']).toMatch(/_0_0$/);
      expect(JSON.stringify(spans)).not.toMatch(/secret|well|throw/);
    },
  );

  test('is under that of the execution, beside the calls of the model', async () => {
    const played = play(tools([work]), [calling(['work', { how: 'a' }], ['work', { how: 'b' }]), 'Done.']);
    await vi.runAllTimersAsync();
    const { result } = await played;
    expect(result?.trace.map(({ kind }) => kind)).toEqual(['execution', 'call', 'tool', 'tool', 'call']);
    const [root] = result?.trace ?? [];
    for (const span of result?.trace.slice(1) ?? []) expect(span.parentId).toBe(root?.id);
  });

  test('has arguments and results on request, each by itself', async () => {
    const [asked] = await spansOf({ how: 'well' }, { trace: { arguments: true } });
    expect(asked?.attributes).toEqual({
      callId: expect.any(String),
      result: 'done',
      arguments: '{"how":"well"}',
    });
    const [told] = await spansOf({ how: 'well' }, { trace: { results: true } });
    expect(told?.attributes).toEqual({ callId: expect.any(String), result: 'done', content: 'secret well' });
  });

  test('is not made for a call that is not run', async () => {
    const { result } = await play(tools([work]), [calling(['work', { how: 5 }], ['other', {}]), 'Done.']);
    expect(result?.trace.filter(({ kind }) => kind === 'tool')).toEqual([]);
  });
});
