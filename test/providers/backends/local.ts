import { openai } from 'sluice/providers/openai';
import type { OpenAIOptions } from 'sluice/providers/openai';
import { DONE, named, sse } from './stage.ts';
import type { Backend } from './stage.ts';

function local(name: string, port: number, model: string, more: OpenAIOptions = {}): Backend['make'] {
  return (fetch) => openai({ name, baseURL: `http://127.0.0.1:${port}/v1`, model, fetch, ...more });
}

const delta = (fields: object, finish: string | null = null): object => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta: fields, finish_reason: finish }],
});

const WEATHER = { name: 'get_weather', arguments: { city: 'Paris' } };
const ROME = { name: 'get_weather', arguments: { city: 'Rome' } };
const item = {
  id: 'fc_1',
  type: 'function_call',
  call_id: 'call_1',
  name: 'get_weather',
  arguments: '{"city":"Paris"}',
};

/** Servers that people run themselves. */
export const servers: readonly Backend[] = [
  {
    name: 'Ollama: every call at index 0, whole, and finish reason stop',
    make: local('ollama', 11434, 'qwen3'),
    body: sse(
      delta({ role: 'assistant', content: '', reasoning: 'Two cities.' }),
      delta({
        role: 'assistant',
        content: '',
        tool_calls: [
          {
            id: 'call_a',
            index: 0,
            type: 'function',
            function: { name: 'get_weather', arguments: '{"city":"Paris"}' },
          },
        ],
      }),
      delta({
        role: 'assistant',
        content: '',
        tool_calls: [
          {
            id: 'call_b',
            index: 0,
            type: 'function',
            function: { name: 'get_weather', arguments: '{"city":"Rome"}' },
          },
        ],
      }),
      delta({ role: 'assistant', content: '' }, 'stop'),
      DONE,
    ),
    expected: {
      thinking: 'Two cities.',
      calls: [
        { id: 'call_a', ...WEATHER },
        { id: 'call_b', ...ROME },
      ],
      finishReason: 'tool_calls',
    },
    sentBack: [{ tool_call_id: 'call_a' }, { tool_call_id: 'call_b' }],
  },
  {
    name: 'vLLM: reasoning, nulls on the later deltas of a call',
    make: local('vllm', 8000, 'Qwen/Qwen3-32B'),
    body: sse(
      delta({ role: 'assistant', content: '' }),
      delta({ reasoning_content: 'Paris.' }),
      delta({
        tool_calls: [
          { id: 'chatcmpl-tool-1', type: 'function', index: 0, function: { name: 'get_weather' } },
        ],
      }),
      delta({ tool_calls: [{ id: null, index: 0, function: { name: null, arguments: '{"city": ' } }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] }),
      delta({ content: '' }, 'tool_calls'),
      {
        id: 'chatcmpl-1',
        choices: [],
        usage: { prompt_tokens: 30, total_tokens: 40, completion_tokens: 10 },
      },
      DONE,
    ),
    expected: {
      thinking: 'Paris.',
      calls: [{ id: 'chatcmpl-tool-1', ...WEATHER }],
      usage: { inputTokens: 30, outputTokens: 10 },
    },
  },
  {
    name: 'vLLM: an error as an event, and the sentinel after it',
    make: local('vllm', 8000, 'Qwen/Qwen3-32B'),
    body: sse(
      delta({ role: 'assistant', content: 'Su' }),
      { object: 'error', message: 'EngineCore died.', type: 'InternalServerError', param: null, code: 500 },
      DONE,
    ),
    expected: { error: { code: 'server', says: 'EngineCore died.' } },
  },
  {
    name: 'llama.cpp: the context is full',
    make: local('llama.cpp', 8080, 'gpt-oss'),
    status: 400,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      error: {
        code: 400,
        message: 'the request exceeds the available context size, try increasing it',
        type: 'exceed_context_size_error',
        n_prompt_tokens: 9000,
        n_ctx: 4096,
      },
    }),
    expected: { error: { code: 'context_length', status: 400, retryable: false } },
  },
  {
    name: 'llama.cpp: the same in the stream',
    make: local('llama.cpp', 8080, 'gpt-oss'),
    body: sse('error: {"code":400,"message":"context size exceeded","type":"exceed_context_size_error"}\n\n'),
    expected: { error: { code: 'context_length', retryable: false } },
  },
  {
    name: 'LM Studio: a new id on each delta of a call without a name',
    make: local('lmstudio', 1234, 'qwen/qwen3-8b'),
    body: sse(
      delta({
        role: 'assistant',
        tool_calls: [
          { index: 0, id: '100000001', type: 'function', function: { name: 'get_weather', arguments: '' } },
        ],
      }),
      delta({
        tool_calls: [{ index: 0, id: '100000002', type: 'function', function: { arguments: '{"city":' } }],
      }),
      delta({
        tool_calls: [{ index: 0, id: '100000003', type: 'function', function: { arguments: '"Paris"}' } }],
      }),
      delta({}, 'tool_calls'),
      DONE,
    ),
    expected: { calls: [{ id: '100000001', ...WEATHER }], finishReason: 'tool_calls' },
  },
  {
    name: 'LM Studio: an event named error',
    make: local('lmstudio', 1234, 'qwen/qwen3-8b'),
    body: sse(
      delta({ role: 'assistant', content: 'Su' }),
      'event: error\ndata: {"error":{"message":"The model has crashed."}}\n\n',
      DONE,
    ),
    expected: {
      error: { code: 'server', says: 'The model has crashed.' },
    },
  },
  {
    name: 'LM Studio: Responses whose indices start anew for each item',
    make: local('lmstudio', 1234, 'openai/gpt-oss-20b', { api: 'responses' }),
    body: named(
      { type: 'response.created', response: { id: 'resp_1', status: 'in_progress', output: [] } },
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: { id: 'rs_1', type: 'reasoning', content: [] },
      },
      {
        type: 'response.reasoning_text.delta',
        output_index: 0,
        item_id: 'rs_1',
        content_index: 0,
        delta: 'Paris.',
      },
      {
        type: 'response.output_item.done',
        output_index: 0,
        item: { id: 'rs_1', type: 'reasoning', content: [{ type: 'reasoning_text', text: 'Paris.' }] },
      },
      { type: 'response.output_item.added', output_index: 0, item: { ...item, arguments: '' } },
      {
        type: 'response.function_call_arguments.delta',
        output_index: 0,
        item_id: 'fc_1',
        delta: '{"city":"Paris"}',
      },
      {
        type: 'response.function_call_arguments.done',
        output_index: 0,
        item_id: 'fc_1',
        arguments: '{"city":"Paris"}',
      },
      { type: 'response.output_item.done', output_index: 0, item },
      {
        type: 'response.completed',
        response: {
          id: 'resp_1',
          status: 'completed',
          output: [item],
          usage: { input_tokens: 5, output_tokens: 6 },
        },
      },
    ),
    expected: {
      thinking: 'Paris.',
      calls: [{ id: 'call_1', ...WEATHER }],
      finishReason: 'tool_calls',
      usage: { inputTokens: 5, outputTokens: 6 },
    },
    sentBack: [
      { type: 'function_call', call_id: 'call_1' },
      { type: 'function_call_output', call_id: 'call_1' },
    ],
  },
];
