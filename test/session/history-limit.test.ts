import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline } from 'sluice';
import type { Message, SessionEntry } from 'sluice';
import { answers, failureOf, says, stop, texts } from '../core/harness.ts';
import { TroubledStore, lineOf } from './stage.ts';

/** The messages that are sent for a new message, or for none. */
async function sent(
  entries: readonly Message[],
  historyLimit: number | undefined,
  input: string | [] = 'next',
): Promise<{ lines: string[]; log: string[]; warnings: string[] }> {
  const store = new TroubledStore();
  const stored: SessionEntry[] = entries.map((message) => ({ message }));
  await store.append('s', stored, { expectedVersion: 0, turnId: 'old' });
  const { middleware, calls } = answers([texts('ok'), stop()]);
  const pipeline = new Pipeline([middleware], { store, ...(historyLimit !== undefined && { historyLimit }) });
  const { warnings } =
    typeof input === 'string'
      ? await pipeline.executeWithContext('s', 'user', input)
      : await pipeline.executeWithContext('s', input);
  const log = store.log.filter((line) => line.startsWith('load'));
  return { lines: (calls[0]?.request.messages ?? []).map(lineOf), log, warnings };
}

const turns = (count: number): Message[] =>
  Array.from({ length: count }, (_, at) => [
    { role: 'user', content: `q${at}` } as const,
    { role: 'assistant', content: `a${at}` } as const,
  ]).flat();

const tools: Message[] = [
  { role: 'user', content: 'q' },
  { role: 'assistant', content: [{ type: 'tool_call', id: 'c', name: 'look', arguments: {} }] },
  { role: 'tool', content: [{ type: 'tool_result', id: 'c', name: 'look', content: 'none' }] },
  { role: 'assistant', content: 'a' },
];

describe('historyLimit', () => {
  test('reads only the newest messages, and sends whole turns of them', async () => {
    expect(await sent(turns(10), 4)).toEqual({
      lines: ['user: q8', 'assistant: a8', 'user: q9', 'assistant: a9', 'user: next'],
      log: ['load {"last":4}'],
      warnings: [],
    });
    expect((await sent(turns(10), 5)).lines).toHaveLength(5);
  });

  test('never starts inside a round of tools, and does not warn about it', async () => {
    const history = [...tools, ...turns(1)];
    for (const limit of [2, 3, 4, 5])
      expect(await sent(history, limit)).toMatchObject({
        lines: ['user: q0', 'assistant: a0', 'user: next'],
        warnings: [],
      });
    expect((await sent(history, 6)).lines).toHaveLength(7);
  });

  test('keeps all loaded messages if none of them is from the user', async () => {
    expect(await sent(tools, 2)).toMatchObject({ lines: ['assistant: a', 'user: next'], warnings: [] });
    expect((await sent(tools, 3)).lines).toEqual([
      'assistant: tool_call',
      'tool: tool_result',
      'assistant: a',
      'user: next',
    ]);
  });

  test('of the length of the session changes nothing; without it all messages are read', async () => {
    const history: Message[] = [{ role: 'system', content: 'Be brief.' }, ...turns(2)];
    for (const limit of [5, 6, undefined])
      expect((await sent(history, limit)).lines).toEqual([...history.map(lineOf), 'user: next']);
  });

  test('[] finds the message to answer, even before a long row of replies', async () => {
    const replies = Array.from({ length: 5 }, (_, at): Message => ({ role: 'assistant', content: `a${at}` }));
    const { lines, log } = await sent([...turns(1), { role: 'user', content: 'q' }, ...replies], 3, []);
    expect(lines).toEqual(['user: q0', 'assistant: a0', 'user: q']);
    expect(log).toEqual(['load {"last":3,"ids":true}', 'load {"ids":true}']);
  });

  test('a turn that is sent again finds its input, however long', async () => {
    const store = new MemoryStore();
    const input = turns(3);
    await store.append(
      's',
      input.map((message) => ({ message })),
      { expectedVersion: 0, turnId: 't.input' },
    );
    const { middleware, calls } = answers([texts('ok'), stop()]);
    const pipeline = new Pipeline([middleware], { store, historyLimit: 2 });
    await pipeline.executeWithContext('s', input, { turnId: 't' });
    expect(calls[0]?.request.messages.map(lineOf)).toEqual(input.map(lineOf));
  });

  test('must be a whole number of at least 1', async () => {
    for (const historyLimit of [0, 1.5, -1]) {
      const made = (async () => new Pipeline([says('a')], { historyLimit }))();
      expect((await failureOf(made)).message).toContain('historyLimit');
    }
  });
});
