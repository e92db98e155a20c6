import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline } from 'sluice';
import type { Message, Middleware, StreamChunk } from 'sluice';
import { answers, readAll, stop, text } from '../core/harness.ts';

const call = (id: string): StreamChunk => ({ type: 'tool_call', id, name: 'look', arguments: {} });
const result = (id: string): StreamChunk => ({
  ...{ type: 'tool_result', id, name: 'look', content: 'seen', isError: false },
});
const thinking: StreamChunk = { type: 'thinking', content: 'hm' };

/** Gives each round its results, and fails, interrupts or waits after the last. */
const loop = (rounds: readonly (readonly StreamChunk[])[], end: 'fail' | 'interrupt' | 'wait'): Middleware =>
  async function* loop(context, next) {
    for (const results of rounds) {
      yield* next();
      yield* results;
    }
    if (end === 'fail') throw new Error('The store is gone.');
    if (end === 'interrupt') context.interrupt('enough');
    const waiting = { callId: 'b', name: 'look', arguments: {}, waitsFor: 'approval' } as const;
    return { finishReason: 'tool_calls', pending: [waiting] };
  };

const marks = (messages: readonly Message[] | undefined): string =>
  (messages ?? []).map(({ role, partial }) => (partial === true ? `${role} *` : role)).join(', ');

async function run(
  turns: readonly (readonly StreamChunk[])[],
  end: 'fail' | 'interrupt' | 'wait',
  ...rounds: readonly (readonly StreamChunk[])[]
) {
  const store = new MemoryStore();
  const { middleware } = answers(...turns.map((chunks) => [chunks, stop()]));
  const pipeline = new Pipeline([loop(rounds, end), middleware], { store });
  const { result: done } = await readAll(
    pipeline.executeStreamWithContext('s', 'user', 'hi', { turnId: 't' }),
  );
  return { pipeline, done, stored: (await store.load('s'))?.messages };
}

describe.each(['fail', 'interrupt'] as const)('the messages of a turn that ends early (%s)', (end) => {
  test('have a mark in the text that was cut, and none in the round before it', async () => {
    const { done, stored } = await run(
      [[text('I look.'), call('a')], [text('half')]],
      end,
      [result('a')],
      [],
    );
    const expected = 'user, assistant, tool, assistant *';
    expect(marks(stored)).toBe(expected);
    if (end === 'interrupt') expect(marks(done?.messages)).toBe(expected);
  });

  test('have none if all calls of the last round are answered', async () => {
    const calls = [call('a'), call('a'), thinking, call('b')];
    const { done, stored } = await run([calls], end, [result('a'), result('b'), result('a')]);
    expect(marks(stored)).toBe('user, assistant, tool');
    if (end === 'interrupt') expect(marks(done?.messages)).toBe('user, assistant, tool');
  });

  test('have one in a reply of which a call is not answered, and the store does not get that call', async () => {
    const { done, stored } = await run([[call('a'), thinking, call('b')]], end, [result('a')]);
    expect(marks(stored)).toBe('user, assistant *, tool');
    expect(stored?.[1]?.content).toMatchObject([{ type: 'tool_call', id: 'a' }]);
    if (end === 'interrupt') expect(marks(done?.messages)).toBe('user, assistant *, tool');
  });

  test('have one in a reply with two calls of one id and one result', async () => {
    const { stored } = await run([[call('a'), call('a')]], end, [result('a')]);
    expect(marks(stored)).toBe('user, assistant *, tool');
  });
});

describe('the messages of a turn that waits', () => {
  test('keep the open call and the thinking before it, in the result and in the session', async () => {
    const open = [text('Wait.'), call('a'), thinking, call('b')];
    const { done, stored } = await run([[call('x')], open], 'wait', [result('x')], [result('a')]);
    expect(done).toMatchObject({ outcome: 'interrupted', reason: 'approval' });
    for (const messages of [done?.messages, stored]) {
      expect(marks(messages)).toBe('user, assistant, tool, assistant *, tool');
      expect(messages?.[3]?.content).toMatchObject([
        { type: 'text' },
        { type: 'tool_call', id: 'a' },
        { type: 'thinking', text: 'hm' },
        { type: 'tool_call', id: 'b' },
      ]);
    }
  });

  test('are whole once the next message answers the call', async () => {
    const open = [call('a'), thinking, call('b')];
    const { pipeline } = await run([open, [text('Done.')]], 'wait', [result('a')]);
    const answer: Message = {
      role: 'tool',
      content: [{ type: 'tool_result', id: 'b', name: 'look', content: 'seen' }],
    };
    const stream = pipeline.executeStreamWithContext('s', answer);
    const sent: (readonly Message[])[] = [];
    stream.tap({ call: ({ request }) => void sent.push(request.messages) });
    const { result: next } = await readAll(stream);
    expect(next?.warnings).toEqual([]);
    expect(sent[0]?.map(({ role, content }) => [role, content.length])).toEqual([
      ['user', 2],
      ['assistant', 3],
      ['tool', 1],
      ['tool', 1],
    ]);
  });
});
