import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { chatStream } from '../../testing/upstream/chat-stream.ts';
import { faultServer, type FaultServer } from '../../testing/upstream/fault-server.ts';
import { messagesStream } from '../../testing/upstream/messages-stream.ts';
import { responsesStream } from '../../testing/upstream/responses-stream.ts';
import { parseLine, textAt } from '../support/json.ts';
import { plainReading } from '../support/recordings.ts';

const usage = { inputTokens: 100, outputTokens: 30, cachedInputTokens: 40, reasoningTokens: 10 };
const toolCalls = [
  { name: 'add', arguments: { a: 1, b: 'two words' } },
  { id: 'mine', name: 'now' },
];

let server: FaultServer;

beforeEach(async () => {
  server = await faultServer();
});

afterEach(async () => {
  await server.close();
});

function typesOf(lines: readonly string[]): string[] {
  return lines.map((line) => textAt(parseLine(line), 'type'));
}

describe('a made chat stream', () => {
  it('has the chunks that OpenAI sends', () => {
    const head =
      '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1750000000,"model":"m","service_tier":"default","system_fingerprint":"fp_made",';
    const chunk = (delta: string, finish = 'null') =>
      `${head}"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}],"usage":null}`;
    const { lines } = chatStream({ text: 'Hello you', id: 'chatcmpl-1', model: 'm', usage });
    expect(lines).toEqual([
      chunk('{"role":"assistant","content":"","refusal":null}'),
      chunk('{"content":"Hello "}'),
      chunk('{"content":"you"}'),
      chunk('{}', '"stop"'),
      `${head}"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":30,"total_tokens":130,"prompt_tokens_details":{"cached_tokens":40,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":10,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}`,
    ]);
  });

  it('leaves out what the options say', () => {
    const { lines } = chatStream({ text: ['a'], finishReason: null, usage: false });
    expect(lines).toHaveLength(2);
    expect(plainReading('openai-chat', lines)).toMatchObject({
      text: 'a',
      finishReason: undefined,
      usage: undefined,
    });
  });

  it('says in its lines what it was asked to say', () => {
    const made = chatStream({
      reasoning: 'hm well',
      reasoningField: 'reasoning',
      text: 'a b',
      toolCalls,
      usage,
    });
    expect(plainReading('openai-chat', made.lines)).toEqual({
      text: 'a b',
      thinking: 'hm well',
      toolCalls: [
        { id: 'call_0', name: 'add', arguments: { a: 1, b: 'two words' } },
        { id: 'mine', name: 'now', arguments: {} },
      ],
      finishReason: 'tool_calls',
      rawFinishReason: 'tool_calls',
      usage: { ...usage, totalTokens: 130, cacheWriteTokens: 0 },
      error: undefined,
      spliced: false,
    });
  });

  it("is read by OpenAI's SDK", async () => {
    server.enqueue({ stream: chatStream({ text: 'Hello you', toolCalls, usage }) });
    const client = new OpenAI({ apiKey: 'test', baseURL: server.openaiBaseURL, maxRetries: 0 });
    const completion = await client.chat.completions
      .stream({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] })
      .finalChatCompletion();
    expect(completion.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        role: 'assistant',
        content: 'Hello you',
        tool_calls: [
          { id: 'call_0', type: 'function', function: { name: 'add', arguments: '{"a":1,"b":"two words"}' } },
          { id: 'mine', type: 'function', function: { name: 'now', arguments: '{}' } },
        ],
      },
    });
    expect(completion.usage?.total_tokens).toBe(130);
    expect(server.requests[0]?.body).toMatchObject({ model: 'm', stream: true });
  });
});

describe('a made Responses stream', () => {
  it('has the events that OpenAI sends, numbered', () => {
    const { lines } = responsesStream({ reasoning: ['r'], text: ['a', 'b'], toolCalls: [{ name: 'now' }] });
    expect(typesOf(lines)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(lines.map((line, index) => line.endsWith(`"sequence_number":${index}}`))).not.toContain(false);
  });

  it('says in its lines what it was asked to say', () => {
    const made = responsesStream({ reasoning: 'hm well', text: 'a b', toolCalls, usage });
    expect(plainReading('openai-responses', made.lines)).toEqual({
      text: 'a b',
      thinking: 'hm well',
      toolCalls: [
        { id: 'call_0', name: 'add', arguments: { a: 1, b: 'two words' } },
        { id: 'mine', name: 'now', arguments: {} },
      ],
      finishReason: 'tool_calls',
      rawFinishReason: 'completed',
      usage: { ...usage, totalTokens: 130, cacheWriteTokens: 0 },
      error: undefined,
      spliced: false,
    });
  });

  it('can end incomplete or failed', () => {
    const cut = plainReading(
      'openai-responses',
      responsesStream({ text: 'a', incomplete: 'max_output_tokens' }).lines,
    );
    expect([cut.finishReason, cut.rawFinishReason]).toEqual(['length', 'max_output_tokens']);
    const failed = responsesStream({ text: 'a', failed: { code: 'server_error', message: 'sorry' } });
    expect(plainReading('openai-responses', failed.lines)).toMatchObject({
      error: 'sorry',
      finishReason: undefined,
    });
    expect(typesOf(failed.lines).at(-1)).toBe('response.failed');
  });

  it("is read by OpenAI's SDK", async () => {
    server.enqueue({
      stream: responsesStream({ text: 'Hello you', encryptedContent: 'secret', toolCalls, usage }),
    });
    const client = new OpenAI({ apiKey: 'test', baseURL: server.openaiBaseURL, maxRetries: 0 });
    const response = await client.responses.stream({ model: 'm', input: 'Hi' }).finalResponse();
    expect(response.output_text).toBe('Hello you');
    expect(response.output).toMatchObject([
      { type: 'reasoning', summary: [], encrypted_content: 'secret' },
      { type: 'message', content: [{ type: 'output_text', text: 'Hello you' }] },
      { type: 'function_call', call_id: 'call_0', name: 'add', arguments: '{"a":1,"b":"two words"}' },
      { type: 'function_call', call_id: 'mine', name: 'now', arguments: '{}' },
    ]);
    expect(response.usage).toMatchObject({ input_tokens: 100, total_tokens: 130 });
  });
});

describe('a made Messages stream', () => {
  const cached = { inputTokens: 100, outputTokens: 30, cachedInputTokens: 40, cacheWriteTokens: 20 };

  it('has the events that Anthropic sends', () => {
    const { lines } = messagesStream({ text: ['Hi'], id: 'msg_1', model: 'm', usage: cached });
    const counts = '"input_tokens":40,"cache_creation_input_tokens":20,"cache_read_input_tokens":40';
    expect(lines).toEqual([
      `{"type":"message_start","message":{"model":"m","id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{${counts},"output_tokens":1,"service_tier":"standard"}}}`,
      '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
      '{"type":"ping"}',
      '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}',
      '{"type":"content_block_stop","index":0}',
      `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{${counts},"output_tokens":30}}`,
      '{"type":"message_stop"}',
    ]);
  });

  it('says in its lines what it was asked to say', () => {
    const made = messagesStream({ thinking: 'hm well', text: 'a b', toolCalls, usage: cached });
    expect(plainReading('anthropic-messages', made.lines)).toEqual({
      text: 'a b',
      thinking: 'hm well',
      toolCalls: [
        { id: 'toolu_2', name: 'add', arguments: { a: 1, b: 'two words' } },
        { id: 'mine', name: 'now', arguments: {} },
      ],
      finishReason: 'tool_calls',
      rawFinishReason: 'tool_use',
      usage: { ...cached, totalTokens: 130, reasoningTokens: 0 },
      error: undefined,
      spliced: false,
    });
  });

  it("is read by Anthropic's SDK, with all kinds of blocks", async () => {
    const search = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} };
    const stream = messagesStream({
      blocks: [
        { type: 'thinking', thinking: ['Let me', ' see'], signature: 'sig-1' },
        { type: 'redacted_thinking', data: 'opaque' },
        {
          type: 'other',
          block: search,
          deltas: [{ type: 'input_json_delta', partial_json: '{"query":"x"}' }],
        },
        { type: 'text', text: 'Hello you' },
        { type: 'tool_use', name: 'add', input: { a: 1 } },
      ],
      stopReason: 'pause_turn',
    });
    server.enqueue({ stream });
    const client = new Anthropic({ apiKey: 'test', baseURL: server.anthropicBaseURL, maxRetries: 0 });
    const message = await client.messages
      .stream({ model: 'm', max_tokens: 100, messages: [{ role: 'user', content: 'Hi' }] })
      .finalMessage();
    expect(message.content).toEqual([
      { type: 'thinking', thinking: 'Let me see', signature: 'sig-1' },
      { type: 'redacted_thinking', data: 'opaque' },
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'x' } },
      { type: 'text', text: 'Hello you' },
      { type: 'tool_use', id: 'toolu_4', name: 'add', input: { a: 1 } },
    ]);
    expect([message.stop_reason, message.usage.output_tokens]).toEqual(['pause_turn', 8]);
    expect(server.requests[0]?.body).toMatchObject({ model: 'm', max_tokens: 100, stream: true });
  });
});
