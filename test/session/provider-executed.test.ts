import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline } from 'sluice';
import type { Message, Part, StreamChunk } from 'sluice';
import { repaired } from '../../src/session/repair.ts';
import { Model, answers, readAll, stop, texts } from '../core/harness.ts';

const QUESTION: Message = { role: 'user', content: 'What is the weather?' };
const origin = { provider: 'anthropic', model: 'm', baseURL: 'https://example.com' };

const search = {
  type: 'tool_call',
  id: 'srv_1',
  name: 'web_search',
  arguments: { query: 'weather' },
  providerExecuted: true,
  block: { ...origin, data: { type: 'server_tool_use', id: 'srv_1' } },
} as const;
const found = {
  type: 'tool_result',
  id: 'srv_1',
  name: 'web_search',
  content: '[]',
  providerExecuted: true,
  block: { ...origin, data: { type: 'web_search_tool_result', tool_use_id: 'srv_1' } },
} as const;
/** A hosted call that holds its own result. */
const hosted = {
  ...search,
  id: 'ws_1',
  block: { provider: 'openai.responses', data: { type: 'web_search_call', id: 'ws_1' } },
} as const;
const sunny: Part = { type: 'text', text: 'Sunny.' };

function reply(...content: Part[]): Message {
  return { role: 'assistant', content };
}

describe('R49 calls that the provider ran itself, in a conversation', () => {
  test('stay in the message of the assistant, with their results', () => {
    const history = [QUESTION, reply(search, found, sunny), QUESTION];
    expect(repaired(history)).toEqual({ messages: history, faults: [] });
  });

  test('need no tool message after them', () => {
    const history = [QUESTION, reply(hosted, sunny), QUESTION];
    expect(repaired(history).messages).toEqual(history);
  });

  test('are left out if the reply was cut before their result came', () => {
    const { messages, faults } = repaired([QUESTION, reply(sunny, search), QUESTION]);
    expect(messages).toEqual([QUESTION, reply(sunny), QUESTION]);
    expect(faults).toEqual([{ at: 1, what: 'call' }]);
  });

  test('do not answer the calls of the client', () => {
    const own: Part = { type: 'tool_call', id: 'call_1', name: 'light', arguments: {} };
    const history = [QUESTION, reply(own), reply(search, found, sunny), QUESTION];
    expect(repaired(history).messages).toEqual([QUESTION, reply(search, found, sunny), QUESTION]);
  });

  test('may be answered in the reply that continues after a pause', () => {
    const history = [QUESTION, reply(search), reply(found, sunny), QUESTION];
    expect(repaired(history).messages).toEqual(history);
  });
});

describe('chunks of every kind in a session', () => {
  const file = { type: 'file', mediaType: 'image/png', data: 'aGk=', id: 'img_1' } as const;
  const invalid = { raw: '{"a":', reason: 'the arguments are not valid JSON' };
  const broken = { type: 'tool_call', id: 'call_1', name: 'light', arguments: {}, invalid } as const;
  const chunks: StreamChunk[] = [
    { ...search },
    { ...found, isError: false },
    ...texts('Sunny.'),
    { ...file },
    { ...broken },
  ];
  const content = [search, found, sunny, file, broken];

  test('are one message of the assistant, stored and given back alike', async () => {
    const store = new MemoryStore();
    const { middleware } = answers([chunks, stop({ finishReason: 'tool_calls' })]);
    const pipeline = new Pipeline([middleware], { store });
    const options = { turnId: 'turn-1' };
    const first = await pipeline.executeWithContext('s', 'user', 'Hi', options);
    expect(first.messages.at(-1)).toEqual({ role: 'assistant', content });
    expect(first.response.toolCalls).toEqual([
      { id: 'srv_1', name: 'web_search', arguments: { query: 'weather' }, providerExecuted: true },
      { id: 'call_1', name: 'light', arguments: {}, invalid },
    ]);
    expect((await store.load('s'))?.messages.at(-1)).toEqual({ role: 'assistant', content });
    const again = await pipeline.executeWithContext('s', 'user', 'Hi', options);
    expect(again.replayed).toBe(true);
    expect(again.response).toEqual(first.response);
  });

  test('come to the handlers of files and calls', async () => {
    const seen: string[] = [];
    const { middleware } = answers([chunks, stop()]);
    await new Pipeline([middleware]).executeStream('user', 'Hi').handle({
      onToolCall: ({ id }) => void seen.push(id),
      onFile: ({ mediaType }) => void seen.push(mediaType),
    });
    expect(seen).toEqual(['srv_1', 'image/png', 'call_1']);
  });

  test('a chunk of a file without data and url is refused', async () => {
    const model = new Model();
    const stream = new Pipeline([model.middleware]).executeStream('user', 'Hi');
    model.give([JSON.parse('{"type":"file","mediaType":"image/png"}') as StreamChunk]);
    const { error } = await readAll(stream);
    expect(error?.code).toBe('middleware');
    expect(error?.message).toContain('of type "file"');
  });
});
