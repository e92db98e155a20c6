import fc from 'fast-check';
import { Pipeline, isSluiceError } from 'sluice';
import type { Message } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import * as z from 'zod';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => void vi.useRealTimers());

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What a tool does when it is called. */
const behavior = fc.record({
  ms: fc.integer({ min: 0, max: 60 }),
  end: fc.constantFrom('ok', 'throw', 'bigint', 'reject on abort', 'never', 'ok' as const),
  wrong: fc.boolean(),
});

const scenario = fc.record({
  rounds: fc.array(fc.array(behavior, { minLength: 1, maxLength: 7 }), { minLength: 1, maxLength: 3 }),
  maxParallel: fc.integer({ min: 1, max: 4 }),
  cancelOnError: fc.boolean(),
  alone: fc.boolean(),
  timeoutMs: fc.integer({ min: 5, max: 50 }),
  onClose: fc.constantFrom('abort', 'finish'),
  abortAtMs: fc.option(fc.integer({ min: 0, max: 150 }), { nil: undefined }),
});

test('every call has exactly one result in what the model is sent, no more run than may, and none starts after the end', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (made) => {
      let ended = false;
      let startedAfterEnd = 0;
      let running = 0;
      let most = 0;
      const runs = new Map<string, number>();
      const all = made.rounds.flat();
      const work = tool({
        name: 'work',
        description: 'Works',
        input: z.object({ n: z.number() }),
        parallel: !made.alone,
        timeoutMs: made.timeoutMs,
        async execute({ n }, { signal, callId }) {
          if (ended) startedAfterEnd++;
          runs.set(callId, (runs.get(callId) ?? 0) + 1);
          most = Math.max(most, ++running);
          // It has its place until it settles, or its time is over.
          const left = Promise.withResolvers<void>();
          signal.addEventListener('abort', () => left.resolve(), { once: true });
          void left.promise.then(() => running--);
          const { ms, end } = all[n] ?? { ms: 0, end: 'ok' };
          try {
            if (end === 'never') await new Promise(() => undefined);
            if (end === 'reject on abort')
              await new Promise((_resolve, reject) =>
                signal.addEventListener('abort', () => reject(new Error('stopped'))),
              );
            await sleep(ms);
            if (end === 'throw') throw new Error('broken');
            return end === 'bigint' ? 1n : `done ${n}`;
          } finally {
            left.resolve();
          }
        },
      });
      let n = 0;
      const model = scripted([
        ...made.rounds.map((calls) => ({
          toolCalls: calls.map(({ wrong }) => ({ name: 'work', arguments: { n: wrong ? (n++, 'x') : n++ } })),
        })),
        'Done.',
      ]);
      const { maxParallel, cancelOnError, onClose } = made;
      const pipeline = new Pipeline(
        [tools([work], { maxParallel, cancelOnError, onClose }), provider(model)],
        { executionTimeoutMs: 0, closeTimeoutMs: 20 },
      );
      const stop = new AbortController();
      if (made.abortAtMs !== undefined) setTimeout(() => stop.abort(), made.abortAtMs);
      const execution = pipeline
        .execute('user', 'Go', { signal: stop.signal })
        .catch((error: unknown) => {
          if (!isSluiceError(error)) throw error;
          return error;
        })
        .finally(() => (ended = true));
      await vi.advanceTimersByTimeAsync(5_000);
      const outcome = await execution;
      expect(isSluiceError(outcome) ? outcome.code : outcome.response.content).toBe(
        isSluiceError(outcome) ? 'aborted' : 'Done.',
      );
      for (const { messages } of model.requests) expectAnswered(messages);
      expect(startedAfterEnd).toBe(0);
      expect(most).toBeLessThanOrEqual(made.alone ? 1 : maxParallel);
      for (const count of runs.values()) expect(count).toBe(1);
    }),
    { numRuns: 150 },
  );
});

/** Each message with calls is followed by one that answers each of them once, in their order. */
function expectAnswered(messages: readonly Message[]): void {
  messages.forEach(({ content }, at) => {
    const calls = idsOf(content, 'tool_call');
    if (calls.length === 0) return;
    expect(messages[at + 1]?.role).toBe('tool');
    expect(idsOf(messages[at + 1]?.content, 'tool_result')).toEqual(calls);
  });
}

function idsOf(content: Message['content'] | undefined, type: 'tool_call' | 'tool_result'): string[] {
  if (content === undefined || typeof content === 'string') return [];
  return content.flatMap((part) => (part.type === type ? [part.id] : []));
}
