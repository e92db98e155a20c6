import type {
  Response,
  ResponseFunctionToolCall,
  ResponseFunctionWebSearch,
  ResponseOutputItem,
  ResponseOutputMessage,
  ResponseOutputText,
  ResponseReasoningItem,
  ResponseStreamEvent,
} from 'openai/resources/responses/responses';

import { made, pieces, type Made } from './made.ts';

// After https://platform.openai.com/docs/api-reference/responses-streaming. The compiler checks the events against the SDK's types.

/** A response as it is sent: these two fields are the SDK's own. */
type Sent = Omit<Response, 'output_text' | 'access_programs'>;

/** An event without its number, which is added at the end. */
type Event = Unnumbered<ResponseStreamEvent>;
type Unnumbered<E> = E extends { response: Response }
  ? Omit<E, 'response' | 'sequence_number'> & { response: Sent }
  : Omit<E, 'sequence_number'>;

/** An output item: its events between added and done, and its forms at both. */
interface Item {
  readonly added: ResponseOutputItem;
  readonly done: ResponseOutputItem;
  readonly events: (output_index: number) => Event[];
}

function response(status: Sent['status'], output: ResponseOutputItem[] = [], more: Partial<Sent> = {}): Sent {
  return {
    id: 'resp_0b7d1f5c9e3a468200692c4d8f51f08195a2c7e6b4d90f3e18',
    object: 'response',
    created_at: 1_764_000_000,
    status,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    model: 'gpt-5-mini-2025-08-07',
    output,
    parallel_tool_calls: true,
    service_tier: 'default',
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    ...more,
  };
}

const USAGE: Response['usage'] = {
  input_tokens: 88,
  input_tokens_details: { cached_tokens: 64, cache_write_tokens: 0 },
  output_tokens: 57,
  output_tokens_details: { reasoning_tokens: 20 },
  total_tokens: 145,
};

function stream(name: string, items: readonly Item[], end: (output: ResponseOutputItem[]) => Event): Made {
  const begun = response('in_progress');
  return numbered(name, [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...items.flatMap(({ added, done, events }, output_index): Event[] => [
      { type: 'response.output_item.added', output_index, item: added },
      ...events(output_index),
      { type: 'response.output_item.done', output_index, item: done },
    ]),
    end(items.map(({ done }) => done)),
  ]);
}

function numbered(name: string, events: readonly Event[]): Made {
  const lines = events.map((event, sequence_number) => ({ ...event, sequence_number }));
  return made('openai-responses', name, lines);
}

const completed = (output: ResponseOutputItem[]): Event => ({
  type: 'response.completed',
  response: response('completed', output, { usage: USAGE }),
});

function thought(text: string): Item {
  const item_id = 'rs_0b7d1f5c9e3a468200692c4d90';
  const done: ResponseReasoningItem = {
    id: item_id,
    type: 'reasoning',
    summary: [{ type: 'summary_text', text }],
    encrypted_content: 'gAAAAABmadeEncryptedReasoning==',
  };
  return {
    added: { ...done, summary: [], encrypted_content: '' },
    done,
    events(output_index) {
      const place = { item_id, output_index, summary_index: 0 };
      return [
        { type: 'response.reasoning_summary_part.added', ...place, part: { type: 'summary_text', text: '' } },
        ...pieces(text, 9).map((delta): Event => ({
          type: 'response.reasoning_summary_text.delta',
          ...place,
          delta,
        })),
        { type: 'response.reasoning_summary_text.done', ...place, text },
        { type: 'response.reasoning_summary_part.done', ...place, part: { type: 'summary_text', text } },
      ];
    },
  };
}

function message(done: ResponseOutputMessage, events: Item['events']): Item {
  return { added: { ...done, status: 'in_progress', content: [] }, done, events };
}

const MESSAGE = { id: 'msg_0b7d1f5c9e3a468200692c4d97', type: 'message', role: 'assistant' } as const;

function said(
  text: string,
  annotations: ResponseOutputText.URLCitation[] = [],
  status: 'completed' | 'incomplete' = 'completed',
): Item {
  const part: ResponseOutputText = { type: 'output_text', annotations, logprobs: [], text };
  return message({ ...MESSAGE, status, content: [part] }, (output_index) => {
    const place = { item_id: MESSAGE.id, output_index, content_index: 0 };
    return [
      { type: 'response.content_part.added', ...place, part: { ...part, annotations: [], text: '' } },
      ...pieces(text).map((delta): Event => ({
        type: 'response.output_text.delta',
        ...place,
        delta,
        logprobs: [],
      })),
      ...annotations.map((annotation, annotation_index): Event => ({
        type: 'response.output_text.annotation.added',
        ...place,
        annotation_index,
        annotation,
      })),
      { type: 'response.output_text.done', ...place, text, logprobs: [] },
      { type: 'response.content_part.done', ...place, part },
    ];
  });
}

function refused(refusal: string): Item {
  const part = { type: 'refusal', refusal } as const;
  return message({ ...MESSAGE, status: 'completed', content: [part] }, (output_index) => {
    const place = { item_id: MESSAGE.id, output_index, content_index: 0 };
    return [
      { type: 'response.content_part.added', ...place, part: { ...part, refusal: '' } },
      ...pieces(refusal).map((delta): Event => ({ type: 'response.refusal.delta', ...place, delta })),
      { type: 'response.refusal.done', ...place, refusal },
      { type: 'response.content_part.done', ...place, part },
    ];
  });
}

function called(id: string, call_id: string, name: string, json: string): Item {
  const done: ResponseFunctionToolCall = {
    id,
    type: 'function_call',
    call_id,
    name,
    arguments: json,
    status: 'completed',
  };
  return {
    added: { ...done, arguments: '', status: 'in_progress' },
    done,
    events(output_index) {
      const place = { item_id: id, output_index };
      return [
        ...pieces(json, 9).map((delta): Event => ({
          type: 'response.function_call_arguments.delta',
          ...place,
          delta,
        })),
        { type: 'response.function_call_arguments.done', ...place, name, arguments: json },
      ];
    },
  };
}

function searched(query: string): Item {
  const done: ResponseFunctionWebSearch = {
    id: 'ws_0b7d1f5c9e3a468200692c4d93',
    type: 'web_search_call',
    status: 'completed',
    action: { type: 'search', query },
  };
  return {
    added: { ...done, status: 'in_progress' },
    done,
    events(output_index) {
      const place = { item_id: done.id, output_index };
      return [
        { type: 'response.web_search_call.in_progress', ...place },
        { type: 'response.web_search_call.searching', ...place },
        { type: 'response.web_search_call.completed', ...place },
      ];
    },
  };
}

const RHINE: ResponseOutputText.URLCitation = {
  type: 'url_citation',
  start_index: 0,
  end_index: 21,
  title: 'The Rhine',
  url: 'https://rivers.example/rhine',
};

const FAILURE = {
  code: 'server_error',
  message: 'The server had an error while processing your request.',
} as const;

/** Streams of the Responses API. */
export const responsesRecordings: readonly Made[] = [
  stream('made-text', [said('Grüße aus Zürich 😀: "Möwen" sind\nmehr als nur Vögel.')], completed),
  stream(
    'made-parallel-calls',
    [
      thought('Two cities, so two calls.'),
      said('I look up both.'),
      called('fc_0b7d1f5c9e3a468200692c4da1', 'call_Hk2mXr81', 'weather', '{"city":"Zürich","days":[1,2]}'),
      called('fc_0b7d1f5c9e3a468200692c4da2', 'call_Vb9zQw52', 'weather', '{"city":"Oslo","units":null}'),
      called('fc_0b7d1f5c9e3a468200692c4da3', 'call_Ny4tLp33', 'time', '{}'),
    ],
    completed,
  ),
  stream(
    'made-web-search',
    [searched('length of the Rhine'), said('It is 1,233 km long, says an atlas.', [RHINE])],
    completed,
  ),
  stream('made-refusal', [refused('I cannot help with that.')], completed),
  stream('made-incomplete', [said('This answer is longer than it may', [], 'incomplete')], (output) => ({
    type: 'response.incomplete',
    response: response('incomplete', output, {
      incomplete_details: { reason: 'max_output_tokens' },
      usage: USAGE,
    }),
  })),
  stream('made-failed', [], () => ({
    type: 'response.failed',
    response: response('failed', [], { error: FAILURE }),
  })),
  numbered('made-error', [
    { type: 'response.created', response: response('in_progress') },
    { type: 'error', ...FAILURE, param: null },
  ]),
  numbered('made-quota', [
    { type: 'response.created', response: response('in_progress') },
    { type: 'error', code: 'insufficient_quota', message: 'You exceeded your current quota.', param: null },
  ]),
];
