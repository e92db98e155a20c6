import { describe, expect, it } from 'vitest';

import { faultServer } from '../../testing/upstream/fault-server.ts';
import {
  describeRealRecordings,
  plainReading,
  plainReplies,
  recording,
  recordings,
  replyLines,
  WIRES,
} from './recordings.ts';

const PATHS = {
  'openai-chat': '/v1/chat/completions',
  'openai-responses': '/v1/responses',
  'anthropic-messages': '/v1/messages',
};

const TEXT = 'Grüße aus Zürich 😀: "Möwen" sind\nmehr als nur Vögel.';
const CALLS = [
  { name: 'weather', arguments: { city: 'Zürich', days: [1, 2] } },
  { name: 'weather', arguments: { city: 'Oslo', units: null } },
  { name: 'time', arguments: {} },
];
const SEARCH = { name: 'web_search', arguments: { query: 'length of the Rhine' }, providerExecuted: true };
const ANTHROPIC_INPUT = { inputTokens: 1_355, cachedInputTokens: 1_024, cacheWriteTokens: 310 };

/** What some of the project's own recordings hold. */
const EXPECTED = [
  {
    wire: 'openai-chat',
    name: 'made-text',
    text: TEXT,
    finishReason: 'stop',
    usage: { inputTokens: 74, outputTokens: 61, cachedInputTokens: 32, reasoningTokens: 24 },
  },
  {
    wire: 'openai-chat',
    name: 'made-parallel-calls',
    text: 'I look up both.',
    thinking: 'Two cities, so two calls.',
    toolCalls: CALLS,
    finishReason: 'tool_calls',
  },
  { wire: 'openai-chat', name: 'made-refusal', text: 'I cannot help with that.', finishReason: 'refusal' },
  { wire: 'openai-chat', name: 'made-length', finishReason: 'length' },
  { wire: 'openai-chat', name: 'made-content-filter', finishReason: 'content_filter' },
  {
    wire: 'openai-responses',
    name: 'made-parallel-calls',
    text: 'I look up both.',
    thinking: 'Two cities, so two calls.',
    toolCalls: CALLS,
    finishReason: 'tool_calls',
    usage: { inputTokens: 88, outputTokens: 57, cachedInputTokens: 64, reasoningTokens: 20 },
  },
  { wire: 'openai-responses', name: 'made-web-search', toolCalls: [SEARCH], finishReason: 'stop' },
  { wire: 'openai-responses', name: 'made-refusal', finishReason: 'refusal' },
  { wire: 'openai-responses', name: 'made-incomplete', finishReason: 'length' },
  { wire: 'openai-responses', name: 'made-failed', error: expect.stringContaining('had an error') },
  {
    wire: 'anthropic-messages',
    name: 'made-thinking-calls',
    text: 'I look up both.',
    thinking: 'Two cities, so two calls. The time takes no arguments.',
    toolCalls: CALLS,
    finishReason: 'tool_calls',
    usage: { ...ANTHROPIC_INPUT, outputTokens: 96, reasoningTokens: 30 },
  },
  { wire: 'anthropic-messages', name: 'made-web-search', toolCalls: [SEARCH], finishReason: 'stop' },
  { wire: 'anthropic-messages', name: 'made-refusal', finishReason: 'refusal' },
  { wire: 'anthropic-messages', name: 'made-max-tokens', finishReason: 'length' },
  { wire: 'anthropic-messages', name: 'made-pause', finishReason: 'pause' },
  { wire: 'anthropic-messages', name: 'made-error', text: 'Half of', error: 'Overloaded' },
] as const;

describe('the recordings', () => {
  it('exist for every wire', () => {
    expect(WIRES.map((wire) => recordings(wire).length > 0)).toEqual([true, true, true]);
  });

  it('can be replayed by the fault server and split at random bytes', async () => {
    await using server = await faultServer();
    for (const recorded of recordings().filter((each) => each.lines.length < 100)) {
      server.enqueue({ stream: recorded, split: { seed: 7, maxBytes: 500 } });
      const response = await fetch(server.url + PATHS[recorded.wire], { method: 'POST' });
      const body = await response.text();
      const data = body.split('\n').filter((line) => line.startsWith('data: '));
      const sentinel = recorded.wire === 'openai-chat' ? ['data: [DONE]'] : [];
      expect(data, recorded.name).toEqual([...recorded.lines.map((line) => `data: ${line}`), ...sentinel]);
    }
    server.assertDrained();
  });

  it.each(recordings())('$wire/$name contains text, thinking, calls or an error', ({ wire, lines }) => {
    for (const reply of plainReplies(wire, lines)) {
      expect(reply.error !== undefined || reply.finishReason !== undefined).toBe(true);
      if (reply.error === undefined) expect(reply.usage?.outputTokens).toBeGreaterThan(0);
    }
  });

  it.each(EXPECTED)('$wire/$name reads as it was written', ({ wire, name, ...said }) => {
    expect(plainReading(wire, recording(wire, name).lines)).toMatchObject(said);
  });
});

describeRealRecordings('the recordings of real providers', () => {
  it('include a chat stream with reasoning and a tool call', () => {
    const { lines } = recording('openai-chat', 'deepseek-tool-call');
    const reading = plainReading('openai-chat', lines);
    expect(reading.thinking).toMatch(/^The user is asking for the weather/);
    expect(reading).toMatchObject({
      text: '',
      toolCalls: [
        { id: 'call_00_ioIn7yN9p1ZOMNpDLwd4MgAF', name: 'weather', arguments: { location: 'San Francisco' } },
      ],
      finishReason: 'tool_calls',
      usage: {
        inputTokens: 339,
        outputTokens: 83,
        totalTokens: 422,
        cachedInputTokens: 320,
        cacheWriteTokens: 0,
        reasoningTokens: 39,
      },
    });
  });

  it('include a Responses stream with reasoning text, text and a call', () => {
    const { lines } = recording('openai-responses', 'open-responses-lmstudio-tool-call.1');
    const reading = plainReading('openai-responses', lines);
    expect(reading.toolCalls).toEqual([
      { id: 'call_2025306790300011', name: 'weather', arguments: { location: 'San Francisco' } },
    ]);
    expect([reading.finishReason, reading.usage?.reasoningTokens]).toEqual(['tool_calls', 48]);
  });

  it('include a Messages stream with server tools and a cache', () => {
    const { lines } = recording('anthropic-messages', 'anthropic-code-execution-20260120-prompt-cache.1');
    const reading = plainReading('anthropic-messages', lines);
    expect(reading.toolCalls).toMatchObject([
      { name: 'bash_code_execution', providerExecuted: true },
      { name: 'bash_code_execution', providerExecuted: true },
    ]);
    expect(reading.usage).toEqual({
      inputTokens: 6 + 3337 + 6289,
      outputTokens: 198,
      totalTokens: 6 + 3337 + 6289 + 198,
      cachedInputTokens: 6289,
      cacheWriteTokens: 3337,
      reasoningTokens: 0,
    });
  });

  it('include streams that are broken on purpose', () => {
    const duplicate = recording('anthropic-messages', 'anthropic-duplicate-message-start');
    const spliced = recording('anthropic-messages', 'anthropic-spliced-message-start');
    const failed = recording('openai-responses', 'openai-error.1');
    const noCall = recording('anthropic-messages', 'anthropic-tool-no-args');
    expect(plainReading(duplicate.wire, duplicate.lines)).toMatchObject({
      text: 'Hello, World!',
      spliced: false,
    });
    expect(plainReading(spliced.wire, spliced.lines).spliced).toBe(true);
    expect(plainReading(failed.wire, failed.lines).error).toMatch(/^You exceeded your current quota/);
    expect(plainReading(noCall.wire, noCall.lines).toolCalls[0]?.arguments).toEqual({});
  });

  it('may contain several replies, which can be read together or separately', () => {
    const { wire, lines } = recording('anthropic-messages', 'anthropic-tool-search-regex.1');
    const replies = plainReplies(wire, lines);
    expect(replies.map((reply) => reply.finishReason)).toEqual(['tool_calls', 'stop']);
    const names = replies.map((reply) => reply.toolCalls.map(({ name }) => name));
    expect(names).toEqual([['tool_search_tool_regex', 'get_temp_data'], []]);
    const whole = plainReading(wire, lines);
    expect(whole.text).toBe(replies.map((reply) => reply.text).join(''));
    expect([whole.finishReason, whole.spliced, whole.usage]).toEqual(['stop', false, replies[1]?.usage]);
    expect(replyLines(wire, lines).flat()).toEqual(lines);
  });
});

describe('the plain reading', () => {
  it('adds reasoning tokens that are not part of the completion tokens (xAI)', () => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 22 };
    const details = { completion_tokens_details: { reasoning_tokens: 7 } };
    const line = JSON.stringify({ choices: [], usage: { ...usage, ...details } });
    expect(plainReading('openai-chat', [line]).usage).toMatchObject({ outputTokens: 12, totalTokens: 22 });
  });

  it('keeps parallel calls apart if all of them have index 0', () => {
    const piece = (id: string, text: string) =>
      JSON.stringify({
        choices: [
          { index: 0, delta: { tool_calls: [{ index: 0, id, function: { name: id, arguments: text } }] } },
        ],
      });
    expect(plainReading('openai-chat', [piece('a', '{"n":1}'), piece('b', '')]).toolCalls).toEqual([
      { id: 'a', name: 'a', arguments: { n: 1 } },
      { id: 'b', name: 'b', arguments: {} },
    ]);
  });

  it('neither overwrites a count with null nor adds counts up', () => {
    const start = {
      type: 'message_start',
      message: { id: 'm', usage: { input_tokens: 9, output_tokens: 1 } },
    };
    const delta = { type: 'message_delta', delta: {}, usage: { input_tokens: null, output_tokens: 5 } };
    const lines = [start, delta, { ...delta, usage: { output_tokens: 6 } }].map((event) =>
      JSON.stringify(event),
    );
    expect(plainReading('anthropic-messages', lines).usage).toMatchObject({
      inputTokens: 9,
      outputTokens: 6,
    });
  });
});
