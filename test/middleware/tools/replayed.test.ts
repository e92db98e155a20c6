import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { ExecutionChunk, Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import { provider, retry } from 'sluice/middleware';
import { mockTool, tool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { calling, resultsIn, wordFor } from './stage.ts';

const broken = { error: new SluiceError('invalid_request', 'No.') };
const busy = { error: new SluiceError('overloaded', 'Busy.') };

/** One run of the turn `t`. It ends with its error in place of the last chunk. */
async function run(store: MemoryStore, layers: Middleware[], answers: ScriptedAnswer[]) {
  const model = scripted(answers);
  const pipeline = new Pipeline([...layers, provider(model)], { store });
  const chunks: ExecutionChunk[] = [];
  const options = { turnId: 't' };
  let error: unknown;
  try {
    for await (const chunk of pipeline.executeStreamWithContext('s', 'user', 'Go on.', options))
      if (chunk.type !== 'tool_call_delta') chunks.push(chunk);
  } catch (thrown) {
    error = thrown;
  }
  return { model, chunks, error, seen: chunks.map(wordFor) };
}

const again = retry({ backoff: constant(0) });

describe('a turn that goes on', () => {
  test('marks what it says again, and nothing else', async () => {
    const store = new MemoryStore();
    const work = mockTool('work', { answers: ['one', 'two'] });
    const first = await run(
      store,
      [tools([work])],
      [{ text: 'Wait. ', toolCalls: [{ name: 'work' }] }, broken],
    );
    expect(first.chunks.every((chunk) => !('replayed' in chunk))).toBe(true);
    const second = await run(store, [tools([work])], [calling(['work', {}]), 'Done.']);
    expect(second.chunks.map((chunk) => [wordFor(chunk), chunk.replayed])).toEqual([
      ['Wait. ', true],
      ['call 0_0 work', true],
      ['result 0_0 one', true],
      ['call 1_0 work', undefined],
      ['result 1_0 two', undefined],
      ['Done.', undefined],
      ['done', undefined],
    ]);
  });

  test.each([
    ['that has finished', 'Done.'],
    ['that goes on', broken],
  ])('%s has the same chunk for a result with an image', async (_what, end) => {
    const store = new MemoryStore();
    const image = { type: 'image', data: 'AAAA', mediaType: 'image/png' } as const;
    const draw = tool({
      ...{ name: 'draw', description: 'Draws', input: z.object({}) },
      execute: () => [{ type: 'text', text: 'A tree:' }, image],
    });
    const resultOf = ({ chunks }: Awaited<ReturnType<typeof run>>) => {
      const chunk = chunks.find(({ type }) => type === 'tool_result');
      if (chunk?.type !== 'tool_result') throw new Error('expected a result');
      return { content: chunk.content, parts: chunk.parts, isError: chunk.isError };
    };
    const live = await run(store, [tools([draw])], [calling(['draw', {}]), end]);
    const later = await run(store, [tools([draw])], ['Done.']);
    expect(resultOf(live).content).toBe('A tree:\n(image: image/png)');
    expect(resultOf(later)).toEqual(resultOf(live));
  });

  test.each(['fail', 'reset', 'continue'] as const)(
    'is tried again by a retry above with afterContent %s: what was said again is taken back and said once more',
    async (afterContent) => {
      const store = new MemoryStore();
      const work = mockTool('work', { answers: ['one'] });
      await run(store, [tools([work])], [{ text: 'Wait. ', toolCalls: [{ name: 'work' }] }, broken]);
      const above = retry({ backoff: constant(0), afterContent });
      const { seen, chunks, model } = await run(store, [above, tools([work])], [busy, 'Done.']);
      const replay = ['Wait. ', 'call 0_0 work', 'result 0_0 one'];
      expect(seen).toEqual([...replay, 'reset', ...replay, 'Done.', 'done']);
      const reset = chunks.find((chunk) => chunk.type === 'reset');
      expect(chunks.slice(0, 3).map(({ call }) => reset?.calls.includes(call))).toEqual([true, true, true]);
      expect([work.calls.length, model.calls.length]).toEqual([1, 2]);
      expect((await store.load('s'))?.messages.map(({ role }) => role)).toEqual([
        ...['user', 'assistant', 'tool', 'assistant'],
      ]);
    },
  );

  test('is tried again also if a tool has run in it: its result is taken back, and it does not run again', async () => {
    const store = new MemoryStore();
    let runs = 0;
    const flaky = tool({
      name: 'flaky',
      description: 'Fails once',
      input: z.object({}),
      idempotent: true,
      execute: () => {
        if (++runs === 1) throw new Error('not yet');
        return `run ${runs}`;
      },
    });
    const loop = tools([flaky], { onError: 'throw' });
    await run(store, [loop], [calling(['flaky', {}])]);
    const { seen, chunks, model } = await run(store, [again, loop], [busy, 'Done.']);
    expect(seen).toEqual([
      ...['call 0_0 flaky', 'result 0_0 run 2', 'reset'],
      ...['call 0_0 flaky', 'result 0_0 run 2', 'Done.', 'done'],
    ]);
    expect(chunks.map(({ replayed }) => replayed === true)).toEqual([
      ...[true, false, false],
      ...[true, true, false, false],
    ]);
    expect(runs).toBe(2);
    expect(resultsIn(model.requests[1]?.messages)).toEqual(['ok 0_0 run 2']);
  });

  test('is not tried again with afterContent fail if the model has said something new', async () => {
    const store = new MemoryStore();
    const work = mockTool('work', { answers: ['one'] });
    await run(store, [tools([work])], [calling(['work', {}]), broken]);
    const { seen, error, model } = await run(
      store,
      [again, tools([work])],
      [{ text: 'Now', error: busy.error }, 'Done.'],
    );
    expect(error).toMatchObject({ code: 'overloaded' });
    expect([seen.at(-1), model.calls.length]).toEqual(['Now', 1]);
  });
});

test('a loop that runs again within an execution marks what it says again, too', async () => {
  const work = mockTool('work', { answers: ['one'] });
  const above = retry({ backoff: constant(0), afterContent: 'reset' });
  const { chunks } = await run(
    new MemoryStore(),
    [above, tools([work])],
    [calling(['work', {}]), busy, 'Done.'],
  );
  expect(chunks.map((chunk) => [chunk.type, chunk.replayed === true])).toEqual([
    ['tool_call', false],
    ['tool_result', false],
    ['reset', false],
    ['tool_call', true],
    ['tool_result', true],
    ['content', false],
    ['done', false],
  ]);
});
