import { anthropic } from 'sluice/providers/anthropic';
import type { AnthropicClient } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, messagesStream, responsesStream } from 'sluice/testing';
import { AzureOpenAI } from 'openai';
import { DONE, named, sse } from './stage.ts';
import type { Backend } from './stage.ts';

const CALL = { name: 'get_weather', arguments: { city: 'Paris' } };

/** The lines of a made stream as the API sends them. */
const bodyOf = (lines: readonly string[]): string =>
  lines
    .map((line) => {
      const { type } = JSON.parse(line) as { type?: string };
      return `${type === undefined ? '' : `event: ${type}\n`}data: ${line}\n\n`;
    })
    .join('');

/** A client like those of Anthropic's packages for Bedrock and Vertex: the messages endpoint over this fetch. */
function clientOver(fetch: typeof globalThis.fetch, baseURL: string): AnthropicClient {
  return {
    baseURL,
    messages: {
      create: (body) => ({
        asResponse: () => fetch(`${baseURL}/v1/messages`, { method: 'POST', body: JSON.stringify(body) }),
      }),
    },
  };
}

/** The two companies' own APIs, and the clouds that resell them. */
export const firstParty: readonly Backend[] = [
  {
    name: 'OpenAI, Chat Completions',
    make: (fetch) => openai({ apiKey: 'none', model: 'gpt-4.1', fetch }),
    body: bodyOf(chatStream({ text: 'I look.', toolCalls: [CALL] }).lines) + DONE,
    expected: { content: 'I look.', calls: [CALL], finishReason: 'tool_calls' },
  },
  {
    name: 'OpenAI, Responses: encrypted reasoning goes back with the call that it led to',
    make: (fetch) => openai({ apiKey: 'none', model: 'gpt-5', api: 'responses', fetch }),
    body: bodyOf(
      responsesStream({ reasoning: 'Look.', encryptedContent: 'c2VjcmV0', toolCalls: [CALL] }).lines,
    ),
    expected: { thinking: 'Look.', calls: [CALL], finishReason: 'tool_calls' },
    sentBack: [{ type: 'reasoning', encrypted_content: 'c2VjcmV0' }],
  },
  {
    name: "Azure: a first chunk with the filter's verdict and no choice, a filter on each choice",
    make: (fetch) =>
      openai({
        name: 'azure',
        model: 'my-deployment',
        client: new AzureOpenAI({
          apiKey: 'none',
          endpoint: 'https://res.openai.azure.com',
          apiVersion: '2025-04-01-preview',
          fetch,
          maxRetries: 0,
        }),
      }),
    body: sse(
      {
        choices: [],
        created: 0,
        id: '',
        model: '',
        object: '',
        prompt_filter_results: [{ prompt_index: 0, content_filter_results: { hate: { filtered: false } } }],
      },
      {
        id: 'c',
        model: 'gpt-4.1',
        choices: [
          {
            index: 0,
            delta: { role: 'assistant', content: 'Sunny.' },
            content_filter_results: {},
            finish_reason: null,
          },
        ],
      },
      {
        id: 'c',
        model: 'gpt-4.1',
        choices: [{ index: 0, delta: {}, content_filter_results: {}, finish_reason: 'content_filter' }],
      },
      DONE,
    ),
    expected: { content: 'Sunny.', finishReason: 'content_filter' },
  },
  {
    name: 'Anthropic: signed thinking and a search that the server ran go back as they came',
    make: (fetch) => anthropic({ apiKey: 'none', model: 'claude-sonnet-4-5', fetch }),
    body: bodyOf(
      messagesStream({
        blocks: [
          { type: 'thinking', thinking: 'Search.', signature: 'c2ln' },
          {
            type: 'other',
            block: {
              type: 'server_tool_use',
              id: 'srvtoolu_1',
              name: 'web_search',
              input: { query: 'weather' },
            },
          },
          {
            type: 'other',
            block: {
              type: 'web_search_tool_result',
              tool_use_id: 'srvtoolu_1',
              content: [
                {
                  type: 'web_search_result',
                  url: 'https://w.example',
                  title: 'W',
                  encrypted_content: 'ZW5j',
                },
              ],
            },
          },
          { type: 'text', text: 'Sunny.' },
        ],
      }).lines,
    ),
    expected: {
      content: 'Sunny.',
      thinking: 'Search.',
      calls: [
        { id: 'srvtoolu_1', name: 'web_search', arguments: { query: 'weather' }, providerExecuted: true },
      ],
      finishReason: 'stop',
    },
    sentBack: [
      { type: 'thinking', thinking: 'Search.', signature: 'c2ln' },
      { type: 'server_tool_use', id: 'srvtoolu_1' },
      { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1' },
    ],
  },
  {
    name: "Bedrock's client: metrics in the last event",
    make: (fetch) =>
      anthropic({
        name: 'bedrock',
        model: 'anthropic.claude-sonnet-4-5-v1:0',
        client: clientOver(fetch, 'https://bedrock-runtime.us-east-1.amazonaws.com'),
      }),
    body: bodyOf(messagesStream({ text: 'Sunny.' }).lines).replace(
      '"type":"message_stop"',
      '"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1}',
    ),
    expected: { content: 'Sunny.', finishReason: 'stop' },
  },
  {
    name: "Vertex's client: an event of its own before the message",
    make: (fetch) =>
      anthropic({
        name: 'vertex',
        model: 'claude-sonnet-4-5@20250929',
        client: clientOver(fetch, 'https://europe-west1-aiplatform.googleapis.com/v1'),
      }),
    body: named({ type: 'vertex_event' }) + bodyOf(messagesStream({ text: 'Sunny.' }).lines),
    expected: { content: 'Sunny.', finishReason: 'stop' },
  },
];
