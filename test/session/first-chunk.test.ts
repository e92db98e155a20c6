import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline } from 'sluice';
import type { ExecutionChunk, ExecutionOptions, ExecutionResult, Middleware } from 'sluice';
import { answers, says, stop, text, texts } from '../core/harness.ts';

async function read(
  layers: Middleware[],
  options: ExecutionOptions = {},
  store = new MemoryStore(),
): Promise<{ chunks: ExecutionChunk[]; result: ExecutionResult }> {
  const stream = new Pipeline(layers, { store }).executeStreamWithContext('s', 'user', 'hi', options);
  const chunks: ExecutionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks, result: await stream.result };
}

const turnsOf = (chunks: readonly ExecutionChunk[]) =>
  chunks.map((chunk) => ('turnId' in chunk ? chunk.turnId : 'absent'));

/** Gives its chunks one by one, so that they are delivered as copies. */
const generates: Middleware = async function* generates(_context, next) {
  return yield* next();
};

describe('the first chunk of a turn of a session', () => {
  test.each<[string, Middleware[]]>([
    ['stamped in place', []],
    ['delivered as copies', [generates]],
  ])('has the id of the turn, and no other chunk, if chunks are %s', async (_how, layers) => {
    const { chunks, result } = await read([...layers, says('a', 'b')]);
    expect(result.turn?.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(turnsOf(chunks)).toEqual([result.turn?.id, 'absent', 'absent']);
    expect(chunks[0]).toEqual({ type: 'content', content: 'a', call: 1, index: 0, turnId: result.turn?.id });
  });

  test('has the id that the caller gave', async () => {
    const { chunks } = await read([says('a')], { turnId: 'mine' });
    expect(turnsOf(chunks)).toEqual(['mine', 'absent']);
  });

  test('has it also in the replay of a finished turn, all of whose chunks are replayed', async () => {
    const store = new MemoryStore();
    await read([says('a')], { turnId: 'mine' }, store);
    const { chunks, result } = await read([says('no')], { turnId: 'mine' }, store);
    expect(result.replayed).toBe(true);
    expect(chunks).toEqual([
      { type: 'content', content: 'a', call: 1, index: 0, turnId: 'mine', replayed: true },
      { type: 'done', result, call: 0, index: 1 },
    ]);
  });

  test('is the done of a turn without chunks', async () => {
    const { chunks } = await read([answers([stop()]).middleware], { turnId: 'mine' });
    expect(chunks.map(({ type, turnId }) => [type, turnId])).toEqual([['done', 'mine']]);
  });

  test('has none without a session', async () => {
    const stream = new Pipeline([says('a')]).executeStream('user', 'hi');
    const chunks: ExecutionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(turnsOf(chunks)).toEqual(['absent', 'absent']);
  });

  test('has it also in a view that drops the first chunk because it is void', async () => {
    const { middleware } = answers([
      texts('a'),
      [{ type: 'reset', from: 0, reason: 'again' }],
      texts('b'),
      stop(),
    ]);
    const stream = new Pipeline([middleware]).executeStreamWithContext('s', 'user', 'hi', { turnId: 'mine' });
    const seen: unknown[] = [];
    for await (const { type, index, turnId } of stream.throttle(60_000)) seen.push([type, index, turnId]);
    expect(seen).toEqual([
      ['reset', 0, 'mine'],
      ['content', 1, undefined],
      ['done', 2, undefined],
    ]);
  });

  test('does not have that of another turn, whose chunks a layer gives', async () => {
    const inner = new Pipeline([says('a')]);
    const relays: Middleware = async function* relays(_context, next) {
      yield text('First. ');
      for await (const chunk of inner.executeStreamWithContext('other', 'user', 'hi', { turnId: 'theirs' }))
        if (chunk.type !== 'done') yield { ...chunk, replayed: true };
      return yield* next();
    };
    const { chunks } = await read([relays, answers([texts('b'), stop()]).middleware], { turnId: 'mine' });
    expect(turnsOf(chunks)).toEqual(['mine', 'absent', 'absent', 'absent']);
  });
});
