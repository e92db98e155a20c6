import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { ExecutionChunk, Middleware, StreamChunk } from 'sluice';
import { retry } from 'sluice/middleware';
import type { RetryOptions } from 'sluice/middleware';
import { answers, failureOf, stop, text, tokens } from './harness.ts';

const call = (id: string): StreamChunk => ({ type: 'tool_call', id, name: 'look', arguments: {} });
const result = (id: string): StreamChunk => ({
  ...{ type: 'tool_result', id, name: 'look', content: `${id} seen`, isError: false },
});
const again = (chunk: StreamChunk, round: number): StreamChunk => ({
  ...{ ...chunk, call: -1 - round, replayed: true },
});

/** Says two rounds of an earlier run again, of which the last call is answered now, and goes on. */
const resumes: Middleware = async function* resumes(_context, next) {
  yield again(text('First.'), 0);
  yield again(call('a'), 0);
  yield again(result('a'), 0);
  yield again(call('b'), 1);
  yield { ...result('b'), call: -2 };
  return yield* next();
};

/** The same without a call that is answered now. */
const repeats: Middleware = async function* repeats(_context, next) {
  yield again(text('First.'), 0);
  yield again(call('a'), 0);
  yield again(result('a'), 0);
  return yield* next();
};

async function read(stack: Middleware[]) {
  const stream = new Pipeline(stack).executeStream('user', 'hi');
  const chunks: ExecutionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks, result: await stream.result };
}

const lost = new SluiceError('network', 'The connection was lost.');
const end = stop({ usage: tokens(1, 1) });

describe('chunks that are said again', () => {
  test('have a number for each round that no call has: nothing is traced, counted or shown to taps', async () => {
    const { middleware } = answers([[text('Done.')], end]);
    const seen: number[] = [];
    const watches: Middleware = (_context, next) =>
      next().tap({ call: ({ number }) => void seen.push(number) });
    const { chunks, result: done } = await read([watches, resumes, middleware]);
    expect(chunks.map(({ type, call: number, replayed }) => [type, number, replayed])).toEqual([
      ['content', 1, true],
      ['tool_call', 1, true],
      ['tool_result', 1, true],
      ['tool_call', 2, true],
      ['tool_result', 2, undefined],
      ['content', 3, undefined],
      ['done', 0, undefined],
    ]);
    expect(seen).toEqual([3]);
    expect(done.trace.map(({ kind }) => kind)).toEqual(['execution', 'call']);
    expect(done.usage).toMatchObject({ inputTokens: 1, outputTokens: 1 });
    expect(done.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
      'tool',
      'assistant',
    ]);
  });

  test('keep their mark through layers that change them', async () => {
    const { middleware } = answers([[text('Done.')], end]);
    const upper: Middleware = (_context, next) =>
      next().map((chunk) =>
        chunk.type === 'content' ? { ...chunk, content: chunk.content.toUpperCase() } : chunk,
      );
    const { chunks } = await read([upper, repeats, middleware]);
    expect(chunks[0]).toEqual({ type: 'content', content: 'FIRST.', call: 1, index: 0, replayed: true });
    expect(chunks[3]).toEqual({ type: 'content', content: 'DONE.', call: 2, index: 3 });
  });
});

describe('retry() above chunks that are said again', () => {
  const options = (more: RetryOptions): RetryOptions => ({ backoff: () => 0, ...more });

  test.each(['fail', 'reset', 'continue'] as const)(
    'tries again with afterContent %s, and takes them back first',
    async (afterContent) => {
      const { middleware, calls } = answers([lost], [lost], [[text('Done.')], end]);
      const { chunks, result: done } = await read([retry(options({ afterContent })), repeats, middleware]);
      expect(calls).toHaveLength(3);
      expect(chunks.map(({ type }) => type)).toEqual([
        ...['content', 'tool_call', 'tool_result', 'reset'],
        ...['content', 'tool_call', 'tool_result', 'reset'],
        ...['content', 'tool_call', 'tool_result', 'content', 'done'],
      ]);
      const [first, second] = chunks.filter((chunk) => chunk.type === 'reset');
      for (const [reset, part] of [
        [first, chunks.slice(0, 3)],
        [second, chunks.slice(4, 7)],
      ] as const)
        for (const chunk of part) expect(reset?.calls).toContain(chunk.call);
      expect(done.response.content).toBe('First.Done.');
      expect(done.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    },
  );

  test('does not if something new was said after them', async () => {
    const { middleware, calls } = answers([[text('Now')], lost], [[text('Done.')], end]);
    const error = await failureOf(
      new Pipeline([retry(options({})), repeats, middleware]).execute('user', 'hi'),
    );
    expect([error.code, calls.length]).toEqual(['network', 1]);
    expect(error.partial?.content).toBe('First.Now');
  });

  test.each(['fail', 'reset', 'continue'] as const)(
    'tries again with afterContent %s if a tool has run after them, and takes back its result, too',
    async (afterContent) => {
      const { middleware, calls } = answers([lost], [[text('Done.')], end]);
      const { chunks, result: done } = await read([retry(options({ afterContent })), resumes, middleware]);
      expect(calls).toHaveLength(2);
      const at = chunks.findIndex(({ type }) => type === 'reset');
      const reset = chunks[at];
      expect(chunks.slice(0, at).map(({ type }) => type)).toEqual([
        ...['content', 'tool_call', 'tool_result'],
        ...['tool_call', 'tool_result'],
      ]);
      for (const { call: number } of chunks.slice(0, at))
        expect(reset?.type === 'reset' && reset.calls).toContain(number);
      expect(done.response).toMatchObject({ content: 'First.Done.', toolCalls: [{ id: 'a' }, { id: 'b' }] });
    },
  );

  test('does not continue a text after them, since they would come twice', async () => {
    const { middleware, calls } = answers([[text('Now')], lost], [[text('Done.')], end]);
    const stack = [retry(options({ afterContent: 'continue' })), repeats, middleware];
    expect((await failureOf(new Pipeline(stack).execute('user', 'hi'))).code).toBe('network');
    expect(calls).toHaveLength(1);
  });

  test('gives up after maxRetries', async () => {
    const { middleware, calls } = answers([lost], [lost], [lost]);
    const stack = [retry(options({ maxRetries: 1 })), repeats, middleware];
    expect(await failureOf(new Pipeline(stack).execute('user', 'hi'))).toMatchObject({
      code: 'network',
      attempts: 2,
    });
    expect(calls).toHaveLength(2);
  });
});
