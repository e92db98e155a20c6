import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline } from 'sluice';
import type { Message, Middleware, StreamChunk } from 'sluice';
import { seedOf } from '../session/seed.ts';
import { answers, stop, text } from './harness.ts';

const call = (id: string, more: object = {}): StreamChunk => ({
  ...{ type: 'tool_call', id, name: 'look', arguments: {} },
  ...more,
});
const result = (id: string, content = `${id} seen`, more: object = {}): StreamChunk => ({
  ...{ type: 'tool_result', id, name: 'look', content, isError: false },
  ...more,
});

/** Gives these results after the first reply, in this order, and asks again. */
const loop = (results: readonly StreamChunk[]): Middleware =>
  async function* loop(_context, next) {
    yield* next();
    yield* results;
    return yield* next();
  };

const run = (calls: readonly StreamChunk[], results: readonly StreamChunk[], store = new MemoryStore()) => {
  const { middleware } = answers([calls, stop()], [[text('Done.')], stop()]);
  return new Pipeline([loop(results), middleware], { store }).executeWithContext('s', 'user', 'hi');
};

const resultsIn = (messages: readonly Message[] | undefined): unknown[] =>
  (messages ?? [])
    .filter(({ role }) => role === 'tool')
    .map(({ content }) =>
      typeof content === 'string' ? content : content.map((part) => 'content' in part && part.content),
    );

describe('results that come in another order than their calls', () => {
  test('are in the order of the calls in the messages, in the session, and in that of time in the parts', async () => {
    const store = new MemoryStore();
    const calls = [call('a'), text('and'), call('b'), call('c')];
    const { messages, response } = await run(calls, [result('c'), result('a'), result('b')], store);
    const ordered = [['a seen', 'b seen', 'c seen']];
    expect(resultsIn(messages)).toEqual(ordered);
    expect(resultsIn((await store.load('s'))?.messages)).toEqual(ordered);
    const came = response.parts.flatMap((part) => (part.type === 'tool_result' ? [part.id] : []));
    expect(came).toEqual(['c', 'a', 'b']);
  });

  test('of calls that share an id stay in their order among each other', async () => {
    const calls = [call('x'), call('a'), call('x')];
    const { messages } = await run(calls, [result('x', 'first'), result('x', 'second'), result('a')]);
    expect(resultsIn(messages)).toEqual([['first', 'a seen', 'second']]);
  });

  test('come before results that answer no call of the reply, or one that the provider ran', async () => {
    const calls = [call('p', { providerExecuted: true }), call('a'), call('b')];
    const results = [result('z'), result('p'), result('b'), result('a')];
    const { messages } = await run(calls, results);
    expect(resultsIn(messages)).toEqual([['a seen', 'b seen', 'z seen', 'p seen']]);
  });

  test('of a later round are in the order of the calls of that round', async () => {
    const rounds = answers(
      [[call('a'), call('b')], stop()],
      [[call('b'), call('a')], stop()],
      [[text('Done.')], stop()],
    );
    const twice: Middleware = async function* twice(_context, next) {
      for (const _round of [1, 2]) {
        yield* next();
        yield result('b');
        yield result('a');
      }
      return yield* next();
    };
    const { messages } = await new Pipeline([twice, rounds.middleware]).execute('user', 'hi');
    expect(resultsIn(messages)).toEqual([
      ['a seen', 'b seen'],
      ['b seen', 'a seen'],
    ]);
  });
});

test('any order of results gives the same messages', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc
        .array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 6 })
        .map((ids) => [...new Set(ids)])
        .chain((ids) => fc.tuple(fc.constant(ids), fc.shuffledSubarray(ids, { minLength: ids.length }))),
      async ([ids, order]) => {
        const calls = ids.map((id) => call(id));
        const inOrder = await run(
          calls,
          ids.map((id) => result(id)),
        );
        const shuffled = await run(
          calls,
          order.map((id) => result(id)),
        );
        expect(shuffled.messages).toEqual(inOrder.messages);
      },
    ),
    { numRuns: 50, seed: seedOf('result order') },
  );
});
