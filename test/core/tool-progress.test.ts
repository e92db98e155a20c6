import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { ExecutionChunk, Message, Middleware, StreamChunk, ToolProgressChunk } from 'sluice';
import { retry } from 'sluice/middleware';
import { answers, failureOf, says, stop, text } from './harness.ts';

const call: StreamChunk = { type: 'tool_call', id: 'a', name: 'look', arguments: {} };
const progress = (data: unknown): StreamChunk => ({ type: 'tool_progress', id: 'a', name: 'look', data });
const result: StreamChunk = { type: 'tool_result', id: 'a', name: 'look', content: 'seen', isError: false };

/** Runs one tool, which reports its progress twice, and asks the model again. */
const loop: Middleware = async function* loop(context, next) {
  const stream = next().collect();
  const { message } = yield* stream;
  yield progress(0.5);
  yield progress({ step: 2 });
  yield result;
  const answer: Message = {
    role: 'tool',
    content: [{ type: 'tool_result', id: 'a', name: 'look', content: 'seen' }],
  };
  return yield* next({ messages: [...context.request.messages, ...(message ? [message] : []), answer] });
};

const rounds = () => answers([[text('Let me see.'), call], stop()], [[text('Done.')], stop()]);

async function chunksOf(stream: AsyncIterable<ExecutionChunk>): Promise<ExecutionChunk[]> {
  const all: ExecutionChunk[] = [];
  for await (const chunk of stream) all.push(chunk);
  return all;
}

describe('the progress of a tool', () => {
  test('reaches the consumer under the number of the reply with its call, as does the result', async () => {
    const pipeline = new Pipeline([loop, rounds().middleware]);
    const chunks = await chunksOf(pipeline.executeStream('user', 'hi'));
    expect(chunks.map(({ type, call: number, index }) => [type, number, index])).toEqual([
      ['content', 1, 0],
      ['tool_call', 1, 1],
      ['tool_progress', 1, 2],
      ['tool_progress', 1, 3],
      ['tool_result', 1, 4],
      ['content', 2, 5],
      ['done', 0, 6],
    ]);
    expect(chunks[3]).toEqual({ ...progress({ step: 2 }), call: 1, index: 3 });
  });

  test('is in no message: not in the result, not in the session, not in what a layer collects', async () => {
    const store = new MemoryStore();
    const pipeline = new Pipeline([loop, rounds().middleware], { store });
    const done = await pipeline.executeWithContext('s', 'user', 'hi');
    const stored = await store.load('s');
    for (const kept of [done.messages, done.response.parts, stored?.messages])
      expect(JSON.stringify(kept)).not.toMatch(/progress|0\.5|step/);
    expect(done.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  });

  test('does not end a text between two of its pieces', async () => {
    const between: Middleware = async function* between(_context, next) {
      for await (const chunk of next()) {
        yield chunk;
        yield progress(1);
      }
    };
    const { response } = await new Pipeline([between, says('one ', 'two')]).execute('user', 'hi');
    expect(response.parts).toEqual([{ type: 'text', text: 'one two' }]);
  });

  test('with half a character in it is delivered in whole characters', async () => {
    const half: Middleware = async function* half(_context, next) {
      yield progress({ text: '\ud83d' });
      return yield* next();
    };
    const [first] = await chunksOf(new Pipeline([half, says('x')]).executeStream('user', 'hi'));
    expect(first).toMatchObject({ data: { text: '\ufffd' } });
  });

  test.each([
    ['no id', { type: 'tool_progress', name: 'look', data: 1 }],
    ['no name', { type: 'tool_progress', id: 'a', data: 1 }],
  ])('with %s is an error that names the layer', async (_, wrong) => {
    const odd: Middleware = async function* odd(_context, next) {
      yield wrong as StreamChunk;
      return yield* next();
    };
    const error = await failureOf(new Pipeline([odd, says('x')]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', message: expect.stringContaining('"odd"') });
  });
});

describe('handle({ onToolProgress })', () => {
  test('is called for each progress, in order', async () => {
    const seen: (string | ToolProgressChunk)[] = [];
    await new Pipeline([loop, rounds().middleware]).executeStream('user', 'hi').handle({
      onToolCall: ({ id }) => void seen.push(`call ${id}`),
      onToolProgress: (chunk) => void seen.push(chunk),
      onContent: (content) => void seen.push(content),
    });
    expect(seen).toEqual([
      'Let me see.',
      'call a',
      { ...progress(0.5), call: 1, index: 2 },
      { ...progress({ step: 2 }), call: 1, index: 3 },
      'Done.',
    ]);
  });

  test('needs no onReset: progress that is void is not taken back', async () => {
    const lost = new SluiceError('network', 'The connection was lost.');
    const { middleware } = answers([[call], stop()], [lost], [[call], stop()], [[text('Done.')], stop()]);
    const stack = [retry({ afterContent: 'reset', backoff: () => 0 }), loop, middleware];
    const data: unknown[] = [];
    const done = await new Pipeline(stack)
      .executeStream('user', 'hi')
      .handle({ onToolProgress: (chunk) => void data.push(chunk.data) });
    expect(data).toEqual([0.5, { step: 2 }, 0.5, { step: 2 }]);
    expect(done?.response.content).toBe('Done.');
  });
});

test('a reset that voids a round voids the results and the progress of its tools', async () => {
  const lost = new SluiceError('network', 'The connection was lost.');
  const { middleware } = answers([[call], stop()], [lost], [[call], stop()], [[text('Done.')], stop()]);
  const stack = [retry({ afterContent: 'reset', backoff: () => 0 }), loop, middleware];
  const chunks = await chunksOf(new Pipeline(stack).executeStream('user', 'hi'));
  const reset = chunks.find(({ type }) => type === 'reset');
  const before = chunks.slice(
    0,
    chunks.findIndex((chunk) => chunk === reset),
  );
  expect(before.map(({ type }) => type)).toEqual([
    'tool_call',
    'tool_progress',
    'tool_progress',
    'tool_result',
  ]);
  const voided = reset?.type === 'reset' ? reset.calls : [];
  for (const { call: number } of before) expect(voided).toContain(number);
});

test('a result that a layer gives under the number of an earlier reply keeps that number', async () => {
  const late: Middleware = async function* late(_context, next) {
    const numbers: (number | undefined)[] = [];
    for (const _round of [1, 2])
      for await (const chunk of next()) {
        numbers.push(chunk.call);
        yield chunk;
      }
    yield { ...result, call: numbers[0] };
    return { finishReason: 'stop' };
  };
  const { middleware } = answers([[call], stop()], [[text('second')], stop()]);
  const chunks = await chunksOf(new Pipeline([late, middleware]).executeStream('user', 'hi'));
  expect(chunks.map(({ type, call: number }) => [type, number])).toEqual([
    ['tool_call', 1],
    ['content', 2],
    ['tool_result', 1],
    ['done', 0],
  ]);
});
