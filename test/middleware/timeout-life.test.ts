import { Pipeline } from 'sluice';
import type { Provider } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { timeout } from 'sluice/middleware/timeout';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, messagesStream, responsesStream } from 'sluice/testing';
import type { FaultServer, WireStream } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { failureOf } from '../core/harness.ts';

// Sockets live in real time, the clocks of the library do not.
beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] }));
afterEach(() => vi.useRealTimers());

/** What an event says: `none` is what a comment says. */
type Says = 'none' | 'alive' | 'progress';

interface Wired {
  provider(server: FaultServer): Provider;
  stream(...text: string[]): WireStream;
  /** Events in front of the first piece of text. */
  events: number;
  says: Record<string, Says>;
}

const lines = (...events: (string | object)[]): string =>
  events.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`).join('');
const everywhere: Record<string, Says> = {
  ': keep-alive\n\n: OPENROUTER PROCESSING\n\n': 'none',
  [lines('ping')]: 'alive',
  [lines('')]: 'alive',
  [lines({ type: 'keepalive' })]: 'alive',
  // A piece of a long event.
  'data: {"type":"some': 'alive',
};
const delta = (fields: object): string =>
  lines({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: fields }] });
const block = (start: object): object => ({ type: 'content_block_start', index: 1, content_block: start });
const blockDelta = (fields: object): object => ({ type: 'content_block_delta', index: 1, delta: fields });

const wires: Record<string, Wired> = {
  chat: {
    provider: ({ openaiBaseURL: baseURL }) => openai({ model: 'm', apiKey: 'test', baseURL, api: 'chat' }),
    stream: (...text) => chatStream({ text }),
    events: 1,
    says: {
      ...everywhere,
      [delta({})]: 'alive',
      [delta({ content: '' })]: 'alive',
      [delta({ role: 'assistant', content: null })]: 'alive',
      [delta({ reasoning_details: [{ type: 'reasoning.encrypted', data: 'opaque' }] })]: 'alive',
      [lines({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 1 } })]: 'alive',
      [delta({ executed_tools: [{ index: 0, type: 'search', arguments: '{}' }] })]: 'progress',
      [delta({ role: 'tool', tool_call_id: 'a', content: 'found' })]: 'progress',
      [delta({ audio: { id: 'a', data: 'UklGRg==' } })]: 'progress',
    },
  },
  messages: {
    provider: ({ anthropicBaseURL: baseURL }) => anthropic({ model: 'm', apiKey: 'test', baseURL }),
    stream: (...text) => messagesStream({ text }),
    events: 3,
    says: {
      ...everywhere,
      'event: ping\ndata: {"type":"ping"}\n\n': 'alive',
      [lines({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: '' } })]: 'alive',
      [lines({ type: 'message_delta', delta: {}, usage: { output_tokens: 9 } })]: 'alive',
      [lines(block({ type: 'thinking', thinking: '' }))]: 'progress',
      [lines(block({ type: 'server_tool_use', id: 'srv', name: 'web_search', input: {} }))]: 'progress',
      [lines(
        block({ type: 'web_search_tool_result', tool_use_id: 'srv', content: [] }),
        blockDelta({ type: 'some_delta', more: 'x' }),
      )]: 'progress',
    },
  },
  responses: {
    provider: ({ openaiBaseURL: baseURL }) =>
      openai({ model: 'm', apiKey: 'test', baseURL, api: 'responses' }),
    stream: (...text) => responsesStream({ text }),
    events: 4,
    says: {
      ...everywhere,
      [lines({ type: 'response.in_progress', response: { status: 'in_progress' } })]: 'alive',
      [lines({ type: 'response.queued', response: { status: 'queued' } })]: 'alive',
      [lines({ type: 'keepalive', sequence_number: 7 })]: 'alive',
      [lines({ type: 'response.some_future_event' })]: 'alive',
      [lines({ type: 'response.output_item.added', output_index: 1, item: { type: 'reasoning', id: 'rs' } })]:
        'alive',
      [lines({
        type: 'response.output_item.added',
        output_index: 1,
        item: { type: 'web_search_call', id: 'ws' },
      })]: 'progress',
      [lines({ type: 'response.web_search_call.searching', output_index: 1, item_id: 'ws' })]: 'progress',
      [lines({ type: 'response.file_search_call.in_progress', output_index: 1, item_id: 'fs' })]: 'progress',
      [lines({ type: 'response.code_interpreter_call_code.delta', item_id: 'ci', delta: 'print(' })]:
        'progress',
      [lines({ type: 'response.image_generation_call.partial_image', item_id: 'ig' })]: 'progress',
      [lines({ type: 'response.mcp_list_tools.in_progress', item_id: 'mcp' })]: 'progress',
      [lines({ type: 'response.mcp_call_arguments.delta', item_id: 'mcp', delta: '{' })]: 'progress',
      [lines({ type: 'response.output_audio.delta', delta: 'UklGRg==' })]: 'progress',
    },
  },
};

/** When each of them ends the wait, in milliseconds from its start, if the event comes after 3 seconds. */
const ENDS: Record<Says, number> = { none: 5_000, alive: 6_000, progress: 8_000 };

describe.each(Object.entries(wires))('R59 signs of life of the wire: %s', (_wire, { says, ...wire }) => {
  test.each(Object.entries(says))('%j says: %s', async (data, what) => {
    await using server = await faultServer();
    const later = Promise.withResolvers<unknown>();
    const fault = { kind: 'garbage', at: { event: wire.events + 1 }, data, gate: later.promise } as const;
    const never = new Promise<void>(() => undefined);
    let sent = 0;
    const gate = (): Promise<void> | undefined => (sent++ > wire.events ? never : undefined);
    server.enqueue({ stream: wire.stream('Once ', 'upon ', 'a time'), fault, gate });
    const limited = timeout({ idleMs: 5_000, chunkMs: 6_000 });
    const stack = [limited, provider(wire.provider(server))];
    const stream = new Pipeline(stack, { executionTimeoutMs: 0, idleTimeoutMs: 0 }).executeStream(
      'user',
      'Hi',
    );
    expect((await stream.next()).value).toMatchObject({ content: 'Once ' });
    const startedAt = performance.now();
    const ended = failureOf(stream.next()).then(({ phase }) => `${phase} ${performance.now() - startedAt}`);
    await vi.advanceTimersByTimeAsync(3_000);
    later.resolve(undefined);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    for (let second = 3; second < 8; second++) await vi.advanceTimersByTimeAsync(1_000);
    expect(await ended).toBe(`idle ${ENDS[what]}`);
    await stream.close();
  });
});
