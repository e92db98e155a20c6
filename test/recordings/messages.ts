import type {
  MessageDeltaUsage,
  RawContentBlockDelta,
  RawContentBlockStartEvent,
  RawMessageStreamEvent,
  StopReason,
  Usage,
} from '@anthropic-ai/sdk/resources/messages';

import { made, pieces, type Made } from './made.ts';

// After https://platform.claude.com/docs/en/build-with-claude/streaming. The compiler checks the events against the SDK's types.

type Block = RawContentBlockStartEvent['content_block'];

/** A block and its deltas. */
interface Content {
  readonly block: Block;
  readonly deltas: readonly RawContentBlockDelta[];
}

const DIRECT = { type: 'direct' } as const;

const BEGUN: Usage = {
  input_tokens: 21,
  cache_creation_input_tokens: 310,
  cache_read_input_tokens: 1_024,
  cache_creation: { ephemeral_5m_input_tokens: 310, ephemeral_1h_input_tokens: 0 },
  output_tokens: 1,
  output_tokens_details: null,
  server_tool_use: null,
  service_tier: 'standard',
  inference_geo: null,
  speed: null,
};

const ENDED: MessageDeltaUsage = {
  input_tokens: 21,
  cache_creation_input_tokens: 310,
  cache_read_input_tokens: 1_024,
  output_tokens: 96,
  output_tokens_details: { thinking_tokens: 30 },
  server_tool_use: null,
};

/** An event that is not in the SDK's types of events. */
const PING = { type: 'ping' };

function started(id = 'msg_01Hq2mXrT7sKd9WvBzJ4cNfE'): RawMessageStreamEvent {
  return {
    type: 'message_start',
    message: {
      model: 'claude-sonnet-5',
      id,
      type: 'message',
      role: 'assistant',
      content: [],
      container: null,
      diagnostics: null,
      stop_reason: null,
      stop_sequence: null,
      stop_details: null,
      usage: BEGUN,
    },
  };
}

function blockEvents({ block, deltas }: Content, index: number): object[] {
  const events: RawMessageStreamEvent[] = [
    { type: 'content_block_start', index, content_block: block },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta }) as const),
    { type: 'content_block_stop', index },
  ];
  // A ping comes after the start of the first block.
  return index === 0 ? [...events.slice(0, 1), PING, ...events.slice(1)] : events;
}

function ended(stop_reason: StopReason, usage: MessageDeltaUsage = ENDED): RawMessageStreamEvent[] {
  const stop_details =
    stop_reason === 'refusal' ? ({ type: 'refusal', category: 'cyber', explanation: null } as const) : null;
  return [
    {
      type: 'message_delta',
      delta: { container: null, stop_reason, stop_sequence: null, stop_details },
      usage,
    },
    { type: 'message_stop' },
  ];
}

function stream(
  name: string,
  contents: readonly Content[],
  stop: StopReason,
  usage?: MessageDeltaUsage,
): Made {
  const events = [started(), ...contents.flatMap(blockEvents), ...ended(stop, usage)];
  return made('anthropic-messages', name, events);
}

function said(text: string): Content {
  return {
    block: { type: 'text', text: '', citations: null },
    deltas: pieces(text).map((piece) => ({ type: 'text_delta', text: piece })),
  };
}

function thought(text: string): Content {
  return {
    block: { type: 'thinking', thinking: '', signature: '' },
    deltas: [
      ...pieces(text, 9).map((thinking) => ({ type: 'thinking_delta', thinking }) as const),
      { type: 'signature_delta', signature: 'EqQBCkYIBxgCKkDmadeSignatureOfThisThought==' },
    ],
  };
}

const json = (text: string): RawContentBlockDelta[] =>
  ['', ...pieces(text, 9)].map((partial_json) => ({ type: 'input_json_delta', partial_json }));

function called(id: string, name: string, input: string): Content {
  return { block: { type: 'tool_use', id, name, input: {}, caller: DIRECT }, deltas: json(input) };
}

const SEARCH = 'srvtoolu_01Gd5nKqVbR8tXwYz3LmPfHs';
const RIVER = { url: 'https://rivers.example/rhine', title: 'The Rhine' };

const SEARCHED: readonly Content[] = [
  said('I look it up.'),
  {
    block: { type: 'server_tool_use', id: SEARCH, name: 'web_search', input: {}, caller: DIRECT },
    deltas: json('{"query":"length of the Rhine"}'),
  },
  {
    block: {
      type: 'web_search_tool_result',
      tool_use_id: SEARCH,
      caller: DIRECT,
      content: [
        { type: 'web_search_result', ...RIVER, encrypted_content: 'EvMBmadeContent', page_age: null },
      ],
    },
    deltas: [],
  },
  {
    block: { type: 'text', text: '', citations: [] },
    deltas: [
      {
        type: 'citations_delta',
        citation: {
          type: 'web_search_result_location',
          ...RIVER,
          cited_text: 'The Rhine is 1,233 km long.',
          encrypted_index: 'EqMBmadeIndex',
        },
      },
      ...pieces('It is 1,233 km long.').map((text) => ({ type: 'text_delta', text }) as const),
    ],
  },
];

const OVERLOADED = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };

/** Streams of the Messages API. */
export const messagesRecordings: readonly Made[] = [
  stream('made-text', [said('Grüße aus Zürich 😀: "Möwen" sind\nmehr als nur Vögel.')], 'end_turn'),
  stream(
    'made-thinking-calls',
    [
      thought('Two cities, so two calls. The time takes no arguments.'),
      { block: { type: 'redacted_thinking', data: 'EmwKAhgBEgymadeRedactedData==' }, deltas: [] },
      said('I look up both.'),
      called('toolu_01Wm3kXvCq7RbTz9NdYhSfLp', 'weather', '{"city":"Zürich","days":[1,2]}'),
      called('toolu_01Jx6pLsVn2QcGt5MfBrKwDe', 'weather', '{"city":"Oslo","units":null}'),
      called('toolu_01Ca8hRyZk4PmUw1XsEjTvNb', 'time', ''),
    ],
    'tool_use',
  ),
  stream('made-web-search', SEARCHED, 'end_turn', {
    ...ENDED,
    server_tool_use: { web_search_requests: 1, web_fetch_requests: 0 },
  }),
  stream('made-refusal', [said('I cannot')], 'refusal'),
  stream(
    'made-max-tokens',
    [thought('A long thought.'), said('This answer is longer than it may')],
    'max_tokens',
  ),
  stream('made-pause', [said('I am still at it.')], 'pause_turn'),
  made('anthropic-messages', 'made-error', [
    started(),
    ...blockEvents(said('Half of'), 0).slice(0, -1),
    OVERLOADED,
  ]),
  // A proxy that repeats the start, and one that mixes two messages.
  made('anthropic-messages', 'made-repeated-start', [
    started(),
    started(),
    ...blockEvents(said('Hello there.'), 0),
    ...ended('end_turn'),
  ]),
  made('anthropic-messages', 'made-spliced', [
    started(),
    ...blockEvents(said('Hello'), 0).slice(0, -1),
    started('msg_01Another9WvBzJ4cNfEHq2mXrT7'),
    ...blockEvents(said('Something else.'), 0),
    ...ended('end_turn'),
  ]),
];
