import type { ChatCompletionChunk, CompletionUsage } from 'openai/resources';

import { made, pieces, type Made } from './made.ts';

// After https://platform.openai.com/docs/api-reference/chat-streaming. The compiler checks the events against the SDK's types.

type Delta = ChatCompletionChunk.Choice.Delta & { reasoning_content?: string };
type Finish = ChatCompletionChunk.Choice['finish_reason'];

const HEAD = {
  id: 'chatcmpl-Ck2Qn5iTq7wZbV9sLr3xYd8mHf0aE',
  object: 'chat.completion.chunk',
  created: 1_764_000_000,
  model: 'gpt-5-mini-2025-08-07',
  service_tier: 'default',
  system_fingerprint: 'fp_1f35b2c9d0',
} as const;

const USAGE: CompletionUsage = {
  prompt_tokens: 74,
  completion_tokens: 61,
  total_tokens: 135,
  prompt_tokens_details: { cached_tokens: 32, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 24,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
};

function chunk(delta: Delta, finish_reason: Finish = null): ChatCompletionChunk {
  return { ...HEAD, choices: [{ index: 0, delta, logprobs: null, finish_reason }], usage: null };
}

function stream(name: string, deltas: readonly Delta[], finish: Finish): Made {
  const role: Delta = { role: 'assistant', content: '', refusal: null };
  const events: ChatCompletionChunk[] = [
    ...[role, ...deltas].map((delta) => chunk(delta)),
    chunk({}, finish),
    { ...HEAD, choices: [], usage: USAGE },
  ];
  return made('openai-chat', name, events);
}

const said = (text: string, width?: number): Delta[] => pieces(text, width).map((content) => ({ content }));

function called(index: number, id: string, name: string, json: string): Delta[] {
  return [
    { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] },
    ...pieces(json, 9).map((text) => ({ tool_calls: [{ index, function: { arguments: text } }] })),
  ];
}

const FAILURE = { message: 'The server had an error while processing your request.', type: 'server_error' };

/** Streams of Chat Completions. */
export const chatRecordings: readonly Made[] = [
  stream('made-text', said('Grüße aus Zürich 😀: "Möwen" sind\nmehr als nur Vögel.', 5), 'stop'),
  stream(
    'made-parallel-calls',
    [
      ...pieces('Two cities, so two calls.').map((reasoning_content) => ({ reasoning_content })),
      ...said('I look up both.'),
      ...called(0, 'call_k3VbQx81', 'weather', '{"city":"Zürich","days":[1,2]}'),
      ...called(1, 'call_p0LmWz52', 'weather', '{"city":"Oslo","units":null}'),
      ...called(2, 'call_t9AaNn33', 'time', '{}'),
    ],
    'tool_calls',
  ),
  stream(
    'made-refusal',
    pieces('I cannot help with that.').map((refusal) => ({ refusal })),
    'stop',
  ),
  made('openai-chat', 'made-filter-first', [
    { ...HEAD, id: '', model: '', choices: [], prompt_filter_results: [{ prompt_index: 0 }] },
    ...said('Azure sends its verdict first.').map((delta) => chunk(delta)),
    chunk({}, 'stop'),
    { ...HEAD, choices: [], usage: USAGE },
  ]),
  stream('made-length', said('This answer is longer than it may'), 'length'),
  stream('made-content-filter', said('This answer was'), 'content_filter'),
  made('openai-chat', 'made-error', [
    chunk({ role: 'assistant', content: '' }),
    { error: { ...FAILURE, param: null, code: null } },
  ]),
];
