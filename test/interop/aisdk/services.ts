import { crc32 } from 'node:zlib';

import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createGroq } from '@ai-sdk/groq';
import { createMistral } from '@ai-sdk/mistral';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { createXai } from '@ai-sdk/xai';
import { createGoogleGenerativeAI } from 'ai-sdk-google-3';
import { createOpenAICompatible as createOfV3 } from 'ai-sdk-openai-compatible-2';
import type { AISDKModel } from 'sluice/interop/aisdk';
import { chatStream, messagesStream, responsesStream } from 'sluice/testing';
import type { FaultResponse } from 'sluice/testing';

/** What the model says in the first round: it thinks, and calls the tool `weather`. */
export const THOUGHT = 'The user asks for Oslo.';
export const ARGUMENTS = { city: 'Oslo' };
export const KEY = 'sk-canary-0123456789abcdefghijklmnop';

/** One service with its real package and its own wire. */
export interface Service {
  name: string;
  /** The name that the provider gets. */
  provider: string;
  model(url: string): AISDKModel;
  /** The first answer. */
  calls: FaultResponse;
  /** A later answer: the text `It is 3 degrees.` */
  says: FaultResponse;
  /** Input, output, cached and reasoning tokens of the first answer. */
  usage: readonly [number, number, number, number];
  /** What must be in the next request. */
  goesBack: readonly string[];
}

const MADE = { inputTokens: 20, outputTokens: 12, cachedInputTokens: 8, reasoningTokens: 7 };
const toolCalls = [{ id: 'call12345', name: 'weather', arguments: ARGUMENTS }];
const TEXT = 'It is 3 degrees.';

function lines(...events: object[]): FaultResponse {
  return {
    stream: { wire: 'openai-chat', sentinel: false, lines: events.map((event) => JSON.stringify(event)) },
  };
}

/** Events of Gemini's API. Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse */
function gemini(parts: object[]): FaultResponse {
  const usageMetadata = {
    ...{ promptTokenCount: 20, candidatesTokenCount: 5, thoughtsTokenCount: 7, cachedContentTokenCount: 8 },
    totalTokenCount: 32,
  };
  return lines(
    ...parts.map((part) => ({
      candidates: [{ content: { role: 'model', parts: [part] } }],
      modelVersion: 'gemini-3-flash',
    })),
    { candidates: [{ content: { role: 'model', parts: [] }, finishReason: 'STOP' }], usageMetadata },
  );
}

/** Events of Bedrock's ConverseStream. Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html */
function converse(...events: readonly (readonly [type: string, event: object])[]): FaultResponse {
  const frames = events.map(([type, event]) =>
    frame({ ':event-type': type, ':message-type': 'event' }, JSON.stringify(event)),
  );
  return { headers: { 'content-type': 'application/vnd.amazon.eventstream' }, body: Buffer.concat(frames) };
}

/** One message of AWS's event streams. Source: https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html */
function frame(headers: Record<string, string>, payload: string): Buffer {
  const TEXT = 7;
  const head = Buffer.concat(
    Object.entries(headers).map(([name, value]) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(value.length);
      return Buffer.concat([
        Buffer.from([name.length]),
        Buffer.from(name),
        Buffer.from([TEXT]),
        length,
        Buffer.from(value),
      ]);
    }),
  );
  const body = Buffer.from(payload);
  const prelude = Buffer.concat([number(16 + head.length + body.length), number(head.length)]);
  const message = Buffer.concat([prelude, number(crc32(prelude)), head, body]);
  return Buffer.concat([message, number(crc32(message))]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const converseEnd = (stopReason: string): readonly (readonly [string, object])[] => [
  ['messageStop', { stopReason }],
  [
    'metadata',
    {
      usage: {
        inputTokens: 12,
        outputTokens: 12,
        totalTokens: 32,
        cacheReadInputTokens: 8,
        cacheWriteInputTokens: 0,
      },
      metrics: { latencyMs: 5 },
    },
  ],
];

/** xAI's items of reasoning have a status. */
function withStatus({ wire, lines: made }: ReturnType<typeof responsesStream>): FaultResponse {
  const status = '"type":"reasoning","status":"completed"';
  return { stream: { wire, lines: made.map((line) => line.replaceAll('"type":"reasoning"', status)) } };
}

function mistral(deltas: object[], finishReason: string): FaultResponse {
  const head = { id: 'cmpl-1', object: 'chat.completion.chunk', created: 1, model: 'magistral-medium' };
  const usage = { prompt_tokens: 20, completion_tokens: 12, total_tokens: 32 };
  return lines(...deltas.map((delta) => ({ ...head, choices: [{ index: 0, delta, finish_reason: null }] })), {
    ...head,
    choices: [{ index: 0, delta: { content: '' }, finish_reason: finishReason }],
    usage,
  });
}

function groq(deltas: object[], finishReason: string): FaultResponse {
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'qwen3-32b' };
  const usage = {
    ...{ prompt_tokens: 20, completion_tokens: 12, total_tokens: 32 },
    prompt_tokens_details: { cached_tokens: 8 },
    completion_tokens_details: { reasoning_tokens: 7 },
  };
  return lines(...deltas.map((delta) => ({ ...head, choices: [{ index: 0, delta, finish_reason: null }] })), {
    ...head,
    choices: [{ index: 0, delta: {}, finish_reason: finishReason }],
    x_groq: { id: 'req_1', usage },
  });
}

const chatCall = {
  index: 0,
  id: 'call12345',
  type: 'function',
  function: { name: 'weather', arguments: JSON.stringify(ARGUMENTS) },
};

const geminiAnswers = {
  calls: gemini([
    { text: THOUGHT, thought: true },
    { functionCall: { name: 'weather', args: ARGUMENTS }, thoughtSignature: 'c2lnbmVkIGNhbGw=' },
  ]),
  says: gemini([{ text: 'It is 3 ' }, { text: 'degrees.', thoughtSignature: 'c2lnbmVkIHRleHQ=' }]),
  usage: [20, 12, 8, 7] as const,
  goesBack: ['c2lnbmVkIGNhbGw='],
};

const chatAnswers = {
  calls: { stream: chatStream({ reasoning: THOUGHT, toolCalls, usage: MADE }) },
  says: { stream: chatStream({ text: TEXT }) },
  usage: [20, 12, 8, 7] as const,
  goesBack: [THOUGHT],
};

/** The services, each with its package. */
export const services: readonly Service[] = [
  {
    name: '@ai-sdk/google',
    provider: 'google',
    model: (url) => createGoogle({ baseURL: `${url}/v1beta`, apiKey: KEY })('gemini-3-flash'),
    ...geminiAnswers,
  },
  {
    name: '@ai-sdk/google of specification V3',
    provider: 'google',
    model: (url) => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: KEY })('gemini-3-flash'),
    ...geminiAnswers,
  },
  {
    name: '@ai-sdk/mistral',
    provider: 'mistral',
    model: (url) => createMistral({ baseURL: `${url}/v1`, apiKey: KEY })('magistral-medium'),
    calls: mistral(
      [
        { role: 'assistant', content: [{ type: 'thinking', thinking: [{ type: 'text', text: THOUGHT }] }] },
        { tool_calls: [{ ...chatCall, id: 'Abcde1234' }] },
      ],
      'tool_calls',
    ),
    says: mistral([{ role: 'assistant', content: 'It is 3 ' }, { content: 'degrees.' }], 'stop'),
    usage: [20, 12, 0, 0],
    goesBack: [THOUGHT],
  },
  {
    name: '@ai-sdk/groq',
    provider: 'groq',
    model: (url) => createGroq({ baseURL: `${url}/openai/v1`, apiKey: KEY })('qwen/qwen3-32b'),
    calls: groq([{ role: 'assistant', reasoning: THOUGHT }, { tool_calls: [chatCall] }], 'tool_calls'),
    says: groq([{ content: 'It is 3 ' }, { content: 'degrees.' }], 'stop'),
    usage: [20, 12, 8, 7],
    goesBack: [THOUGHT],
  },
  {
    name: '@ai-sdk/xai',
    provider: 'xai',
    model: (url) => createXai({ baseURL: `${url}/v1`, apiKey: KEY })('grok-4'),
    calls: withStatus(
      responsesStream({
        reasoning: THOUGHT,
        encryptedContent: 'sealed',
        toolCalls,
        usage: MADE,
        model: 'grok-4',
      }),
    ),
    says: { stream: responsesStream({ text: TEXT, model: 'grok-4' }) },
    usage: [20, 12, 8, 7],
    goesBack: ['sealed'],
  },
  {
    name: '@ai-sdk/amazon-bedrock',
    provider: 'amazon-bedrock',
    model: (url) =>
      createAmazonBedrock({ baseURL: url, apiKey: KEY, region: 'us-east-1' })('anthropic.claude-haiku-4-5'),
    calls: converse(
      ['messageStart', { role: 'assistant' }],
      ['contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { text: THOUGHT } } }],
      [
        'contentBlockDelta',
        { contentBlockIndex: 0, delta: { reasoningContent: { signature: 'sig_bedrock' } } },
      ],
      ['contentBlockStop', { contentBlockIndex: 0 }],
      [
        'contentBlockStart',
        { contentBlockIndex: 1, start: { toolUse: { toolUseId: 'tooluse_1', name: 'weather' } } },
      ],
      [
        'contentBlockDelta',
        { contentBlockIndex: 1, delta: { toolUse: { input: JSON.stringify(ARGUMENTS) } } },
      ],
      ['contentBlockStop', { contentBlockIndex: 1 }],
      ...converseEnd('tool_use'),
    ),
    says: converse(
      ['messageStart', { role: 'assistant' }],
      ['contentBlockDelta', { contentBlockIndex: 0, delta: { text: TEXT } }],
      ['contentBlockStop', { contentBlockIndex: 0 }],
      ...converseEnd('end_turn'),
    ),
    usage: [20, 12, 8, 0],
    goesBack: ['sig_bedrock'],
  },
  {
    name: '@ai-sdk/openai-compatible',
    provider: 'local',
    model: (url) =>
      createOpenAICompatible({ name: 'local', baseURL: `${url}/v1`, apiKey: KEY, includeUsage: true })(
        'llama',
      ),
    ...chatAnswers,
  },
  {
    name: '@ai-sdk/openai-compatible of specification V3',
    provider: 'local',
    model: (url) =>
      createOfV3({ name: 'local', baseURL: `${url}/v1`, apiKey: KEY, includeUsage: true })('llama'),
    ...chatAnswers,
  },
  {
    name: '@ai-sdk/openai',
    provider: 'openai',
    model: (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: KEY })('gpt-5-mini'),
    calls: {
      stream: responsesStream({ reasoning: THOUGHT, encryptedContent: 'sealed', toolCalls, usage: MADE }),
    },
    says: { stream: responsesStream({ text: TEXT }) },
    usage: [20, 12, 8, 7],
    // The reasoning, by the id of its item: OpenAI keeps it, unless `store` is false.
    goesBack: ['item_reference'],
  },
  {
    name: '@ai-sdk/anthropic',
    provider: 'anthropic',
    model: (url) => createAnthropic({ baseURL: `${url}/v1`, apiKey: KEY })('claude-haiku-4-5'),
    calls: {
      stream: messagesStream({ thinking: THOUGHT, signature: 'sig_anthropic', toolCalls, usage: MADE }),
    },
    says: { stream: messagesStream({ text: TEXT }) },
    usage: [20, 12, 8, 0],
    goesBack: ['sig_anthropic', THOUGHT],
  },
];
