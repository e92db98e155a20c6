import { openai } from 'sluice/providers/openai';
import type { OpenAIOptions } from 'sluice/providers/openai';
import { DONE, sse } from './stage.ts';
import type { Backend } from './stage.ts';

type Make = Backend['make'];

function chat(name: string, baseURL: string, model: string, more: OpenAIOptions = {}): Make {
  return (fetch) => openai({ name, baseURL, model, apiKey: 'none', fetch, ...more });
}

/** A chunk with one delta. */
const delta = (fields: object, more: object = {}): object => ({
  id: 'gen-1',
  object: 'chat.completion.chunk',
  model: 'm-1',
  choices: [{ index: 0, delta: fields, finish_reason: null }],
  ...more,
});
const finish = (reason: string, more: object = {}, choice: object = {}): object => ({
  id: 'gen-1',
  object: 'chat.completion.chunk',
  model: 'm-1',
  choices: [{ index: 0, delta: {}, finish_reason: reason, ...choice }],
  ...more,
});
const call = (fields: object, name = 'get_weather', json = '{"city":"Paris"}'): object => ({
  ...fields,
  type: 'function',
  function: { name, arguments: json },
});

const WEATHER = { name: 'get_weather', arguments: { city: 'Paris' } };

/** Chat Completions, hosted. */
export const hosted: readonly Backend[] = [
  {
    name: 'Gemini: no index, the signature of a thought on the call, finish reason stop, usage on each chunk',
    make: chat('gemini', 'https://generativelanguage.googleapis.com/v1beta/openai', 'gemini-3-flash-preview'),
    body: sse(
      delta(
        {
          role: 'assistant',
          tool_calls: [
            { ...call({ id: 'jm4owj31' }), extra_content: { google: { thought_signature: 'EjQK' } } },
          ],
        },
        { usage: { prompt_tokens: 50, completion_tokens: 10, total_tokens: 75 } },
      ),
      finish('stop', { usage: { prompt_tokens: 50, completion_tokens: 12, total_tokens: 90 } }),
      DONE,
    ),
    expected: {
      calls: [{ id: 'jm4owj31', ...WEATHER }],
      finishReason: 'tool_calls',
      usage: { inputTokens: 50, outputTokens: 40, reasoningTokens: 28 },
    },
    sentBack: [
      { id: 'jm4owj31', extra_content: { google: { thought_signature: 'EjQK' } } },
      { tool_call_id: 'jm4owj31' },
    ],
  },
  {
    name: 'Gemini: an error in a list, with the wait in its details',
    make: chat('gemini', 'https://generativelanguage.googleapis.com/v1beta/openai', 'gemini-3-flash-preview'),
    status: 429,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([
      {
        error: {
          code: 429,
          message: 'You exceeded your current quota.',
          status: 'RESOURCE_EXHAUSTED',
          details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.5s' }],
        },
      },
    ]),
    expected: { error: { code: 'rate_limited', status: 429, retryAfterMs: 34_500 } },
  },
  {
    name: 'OpenRouter: comments, reasoning twice, details that must go back, images',
    make: chat('openrouter', 'https://openrouter.ai/api/v1', 'google/gemini-3-pro'),
    body: sse(
      ': OPENROUTER PROCESSING\n\n',
      delta({
        role: 'assistant',
        content: '',
        reasoning: 'Let me ',
        reasoning_details: [
          { type: 'reasoning.text', text: 'Let me ', index: 0, format: 'google-gemini-v1' },
        ],
      }),
      ': OPENROUTER PROCESSING\n\n',
      delta({
        content: '',
        reasoning: 'look.',
        reasoning_details: [{ type: 'reasoning.text', text: 'look.', index: 0, format: 'google-gemini-v1' }],
      }),
      delta({
        content: '',
        reasoning_details: [
          { type: 'reasoning.encrypted', data: 'c2ln', index: 1, id: 'tool_1', format: 'google-gemini-v1' },
        ],
      }),
      delta({ tool_calls: [call({ index: 0, id: 'tool_1' })] }),
      delta({
        images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }],
      }),
      finish('tool_calls', {}, { native_finish_reason: 'STOP' }),
      {
        ...finish('tool_calls'),
        choices: [{ index: 0, delta: { content: '' }, finish_reason: null }],
        usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14, cost: 0.0001 },
      },
      DONE,
    ),
    expected: {
      thinking: 'Let me look.',
      calls: [{ id: 'tool_1', ...WEATHER }],
      files: [{ mediaType: 'image/png', data: 'aGk=' }],
      finishReason: 'tool_calls',
      usage: { inputTokens: 9, outputTokens: 5 },
    },
    sentBack: [
      { type: 'reasoning.text', text: 'Let me look.', index: 0 },
      { type: 'reasoning.encrypted', data: 'c2ln', id: 'tool_1' },
    ],
  },
  {
    name: 'OpenRouter: an error in the stream',
    make: chat('openrouter', 'https://openrouter.ai/api/v1', 'meta/llama'),
    body: sse(
      delta({ role: 'assistant', content: 'The wea' }),
      {
        id: 'gen-1',
        object: 'chat.completion.chunk',
        provider: 'openai',
        error: { code: 'server_error', message: 'Provider disconnected' },
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
      },
      DONE,
    ),
    expected: {
      error: { code: 'server', received: 'The wea' },
    },
  },
  {
    name: 'Groq: reasoning and its own usage',
    make: chat('groq', 'https://api.groq.com/openai/v1', 'qwen3-32b'),
    body: sse(
      delta({ role: 'assistant', content: '' }, { x_groq: { id: 'req_1' } }),
      delta({ reasoning: 'Paris.' }),
      delta({ content: 'Sunny.' }),
      finish('stop', {
        x_groq: { id: 'req_1', usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } },
      }),
      DONE,
    ),
    expected: {
      content: 'Sunny.',
      thinking: 'Paris.',
      finishReason: 'stop',
      usage: { inputTokens: 7, outputTokens: 3 },
    },
  },
  {
    name: 'Groq: an error in x_groq',
    make: chat('groq', 'https://api.groq.com/openai/v1', 'llama'),
    body: sse(
      delta({ role: 'assistant', content: 'Su' }),
      finish('stop', { x_groq: { id: 'req_1', error: 'over capacity, please retry' } }),
      DONE,
    ),
    expected: {
      error: { code: 'server', says: 'over capacity, please retry' },
    },
  },
  {
    name: 'DeepSeek: keep-alives, reasoning that goes back in a round of tools, cache hits',
    make: chat('deepseek', 'https://api.deepseek.com', 'deepseek-reasoner'),
    body: sse(
      ': keep-alive\n\n',
      delta({ role: 'assistant', content: null, reasoning_content: 'Use the tool.' }),
      delta({ tool_calls: [call({ index: 0, id: 'call_00_a' })] }),
      finish('tool_calls', {
        usage: {
          prompt_tokens: 20,
          completion_tokens: 9,
          total_tokens: 29,
          prompt_cache_hit_tokens: 16,
          prompt_cache_miss_tokens: 4,
        },
      }),
      DONE,
    ),
    expected: {
      thinking: 'Use the tool.',
      calls: [{ id: 'call_00_a', ...WEATHER }],
      usage: { inputTokens: 20, cachedInputTokens: 16, outputTokens: 9 },
    },
    sentBack: [{ role: 'assistant', reasoning_content: 'Use the tool.' }],
  },
  {
    name: 'xAI: reasoning beside the completion tokens, usage on each chunk, sources at the end',
    make: chat('xai', 'https://api.x.ai/v1', 'grok-4'),
    body: sse(
      delta(
        { role: 'assistant', reasoning_content: 'Thinking… ' },
        {
          usage: {
            prompt_tokens: 10,
            completion_tokens: 0,
            total_tokens: 30,
            completion_tokens_details: { reasoning_tokens: 20 },
          },
        },
      ),
      delta(
        { content: 'Sunny.' },
        {
          usage: {
            prompt_tokens: 10,
            completion_tokens: 2,
            total_tokens: 32,
            completion_tokens_details: { reasoning_tokens: 20 },
          },
        },
      ),
      finish('stop', {
        citations: ['https://weather.example'],
        usage: {
          prompt_tokens: 10,
          completion_tokens: 2,
          total_tokens: 32,
          completion_tokens_details: { reasoning_tokens: 20 },
        },
      }),
      DONE,
    ),
    expected: {
      content: 'Sunny.',
      thinking: 'Thinking… ',
      usage: { inputTokens: 10, outputTokens: 22, reasoningTokens: 20 },
    },
  },
  {
    name: 'Mistral: content in parts, calls whole, ids of nine characters',
    make: chat('mistral', 'https://api.mistral.ai/v1', 'magistral-medium-latest'),
    body: sse(
      delta({
        role: 'assistant',
        content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Paris?' }] }],
      }),
      delta({ content: [{ type: 'text', text: 'I look.' }] }),
      finish(
        'tool_calls',
        { usage: { prompt_tokens: 8, completion_tokens: 4, total_tokens: 12 } },
        { delta: { content: '', tool_calls: [{ ...call({ index: 0, id: 'D681PevKs' }) }] } },
      ),
      DONE,
    ),
    expected: {
      content: 'I look.',
      thinking: 'Paris?',
      calls: [{ id: 'D681PevKs', ...WEATHER }],
      finishReason: 'tool_calls',
    },
    sentBack: [{ id: 'D681PevKs', type: 'function' }, { tool_call_id: 'D681PevKs' }],
  },
  {
    name: 'Together: finish reason eos, usage in the last chunk',
    make: chat('together', 'https://api.together.ai/v1', 'meta-llama/Llama-3.3-70B-Instruct-Turbo'),
    body: sse(
      delta({ role: 'assistant', content: 'Sunny', token_id: 1 }, { token: { id: 1 } }),
      delta({ role: 'assistant', content: '.', token_id: 2 }),
      finish(
        'eos',
        { usage: { prompt_tokens: 6, completion_tokens: 2, total_tokens: 8 } },
        { delta: { role: 'assistant', content: '' }, seed: 1 },
      ),
      DONE,
    ),
    expected: { content: 'Sunny.', finishReason: 'stop', usage: { inputTokens: 6, outputTokens: 2 } },
  },
  {
    name: 'Fireworks: thinking in tags of the text, a later usage of null',
    make: chat('fireworks', 'https://api.fireworks.ai/inference/v1', 'accounts/fireworks/models/deepseek-r1'),
    body: sse(
      delta({ role: 'assistant' }),
      delta({ content: '<think>Pa' }),
      delta({ content: 'ris.</th' }),
      delta({ content: 'ink>\n\nSunny.' }),
      finish('stop', { usage: { prompt_tokens: 6, completion_tokens: 9, total_tokens: 15 } }),
      { ...finish('stop'), choices: [], usage: null },
      DONE,
    ),
    expected: {
      content: 'Sunny.',
      thinking: 'Paris.',
      finishReason: 'stop',
      usage: { inputTokens: 6, outputTokens: 9 },
    },
  },
  {
    name: 'LiteLLM: thinking blocks that must go back, an id on every delta',
    make: chat('litellm', 'https://litellm.example/v1', 'claude-sonnet'),
    body: sse(
      delta({
        role: 'assistant',
        reasoning_content: 'Look.',
        thinking_blocks: [{ type: 'thinking', thinking: 'Look.' }],
      }),
      delta({
        reasoning_content: '',
        thinking_blocks: [{ type: 'thinking', thinking: '', signature: 'c2ln' }],
      }),
      delta({ tool_calls: [call({ index: 1, id: 'toolu_1' }, 'get_weather', '')] }),
      delta({
        tool_calls: [
          { index: 1, id: 'toolu_1', type: 'function', function: { name: null, arguments: '{"city":' } },
        ],
      }),
      delta({
        tool_calls: [
          { index: 1, id: 'toolu_1', type: 'function', function: { name: null, arguments: '"Paris"}' } },
        ],
      }),
      finish('tool_calls'),
      DONE,
    ),
    expected: { thinking: 'Look.', calls: [{ id: 'toolu_1', ...WEATHER }] },
    sentBack: [{ type: 'thinking', thinking: 'Look.', signature: 'c2ln' }],
  },
  {
    name: 'Copilot: opaque reasoning that must go back',
    make: chat('copilot', 'https://api.githubcopilot.com', 'gemini-3-pro'),
    body: sse(
      delta({ role: 'assistant', reasoning_text: 'Look.', content: null }),
      delta({ tool_calls: [call({ index: 0, id: 'call_1' })] }),
      delta({ content: null, reasoning_opaque: 'b3BhcXVl' }),
      finish('tool_calls'),
      DONE,
    ),
    expected: { thinking: 'Look.', calls: [{ id: 'call_1', ...WEATHER }] },
    sentBack: [{ role: 'assistant', reasoning_opaque: 'b3BhcXVl' }],
  },
];
