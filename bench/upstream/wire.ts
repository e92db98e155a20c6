import { pieceAt } from './text.ts';
import { ARGUMENTS, TOOL } from './tool.ts';

/** The events of a wire format. */
export interface Wire {
  /** How its paths end. */
  readonly path: string;
  /** The events before the text, as they are sent. */
  opening(): string[];
  /** The event of one piece of text. */
  piece(text: string): string;
  /** The events after the text. */
  closing(chunks: number): string[];
  /** The events of a reply that calls the tool. Only Chat Completions has it, which all contestants of a tool turn speak. */
  toolCall?(): string[];
  readonly headers: Readonly<Record<string, string>>;
}

const MODEL = 'gpt-4.1-nano-2025-04-14';
const ID = 'chatcmpl-D8Z5oo6uDh67AD85p73ksdT1KxhE0';

/** Chat Completions. OpenAI only sends the usage fields if a request asks for them with `stream_options.include_usage`. */
export function chatWire(includeUsage: boolean): Wire {
  const usage = includeUsage ? { usage: null } : {};
  const frame = {
    id: ID,
    object: 'chat.completion.chunk',
    created: 1_770_933_892,
    model: MODEL,
    service_tier: 'default',
    system_fingerprint: 'fp_de604bd877',
  };
  const choice = (delta: object, finish: string | null): object => ({
    ...frame,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    ...usage,
  });
  const data = (event: object, said = ''): string =>
    `data: ${JSON.stringify({ ...event, obfuscation: padding(said) })}\n\n`;
  const closing = (reason: string, tokens: number): string[] => [
    data(choice({}, reason)),
    ...(includeUsage ? [data({ ...frame, choices: [], usage: chatUsage(tokens) })] : []),
    'data: [DONE]\n\n',
  ];
  return {
    path: '/chat/completions',
    opening: () => [data(choice({ role: 'assistant', content: '', refusal: null }, null))],
    piece: (text) => data(choice({ content: text }, null), text),
    closing: (chunks) => closing('stop', chunks),
    toolCall() {
      const begun = {
        index: 0,
        id: 'call_GqXh2rY7',
        type: 'function',
        function: { name: TOOL.name, arguments: '' },
      };
      const first = { role: 'assistant', content: null, tool_calls: [begun], refusal: null };
      const more = ARGUMENTS.map((piece) =>
        data(choice({ tool_calls: [{ index: 0, function: { arguments: piece } }] }, null), piece),
      );
      return [data(choice(first, null)), ...more, ...closing('tool_calls', ARGUMENTS.length)];
    },
    headers: {
      'x-request-id': 'req_7f1c2c7d1f0b4d6f8d5ad8a5a1f4d6b2',
      'openai-version': '2020-10-01',
      'openai-processing-ms': '212',
      'x-ratelimit-limit-requests': '30000',
      'x-ratelimit-limit-tokens': '150000000',
      'x-ratelimit-remaining-requests': '29999',
      'x-ratelimit-remaining-tokens': '149999967',
      'x-ratelimit-reset-requests': '2ms',
      'x-ratelimit-reset-tokens': '0s',
    },
  };
}

/** OpenAI pads its events to about the same length, so that the text cannot be guessed from their size. */
function padding(said: string): string {
  return 'Qup1BsQ3xT0aWz9'.slice(0, Math.max(1, 12 - said.length));
}

function chatUsage(chunks: number): object {
  return {
    prompt_tokens: 16,
    completion_tokens: chunks,
    total_tokens: 16 + chunks,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** Anthropic's Messages. */
export const messagesWire: Wire = {
  path: '/messages',
  opening: () => [
    event({
      type: 'message_start',
      message: {
        model: 'claude-sonnet-4-6',
        id: 'msg_01QC4g3HwBThD4BaNtBckFDJ',
        type: 'message',
        role: 'assistant',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: {
          input_tokens: 12,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 0,
          cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
          output_tokens: 1,
          service_tier: 'standard',
          inference_geo: 'not_available',
        },
      },
    }),
    event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    event({ type: 'ping' }),
  ],
  piece: (text) => event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
  closing: (chunks) => [
    event({ type: 'content_block_stop', index: 0 }),
    event({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: {
        input_tokens: 12,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        output_tokens: chunks,
      },
    }),
    event({ type: 'message_stop' }),
  ],
  headers: {
    'request-id': 'req_011CQtCvRzPnZ3nXrSgqVJDh',
    'anthropic-ratelimit-requests-limit': '4000',
    'anthropic-ratelimit-requests-remaining': '3999',
    'anthropic-ratelimit-tokens-limit': '4000000',
    'anthropic-ratelimit-tokens-remaining': '3999000',
  },
};

function event(data: { type: string; [field: string]: unknown }): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Encodes an answer as a list of writes, before anything is measured. */
export function buffersOf(wire: Wire, chunks: number, perWrite: number): Buffer[] {
  const events = wire.opening();
  const first = events.length;
  for (let index = 0; index < chunks; index++) events.push(wire.piece(pieceAt(index)));
  const buffers: Buffer[] = [];
  // The opening is sent with the first piece and the closing with the last one, as when a model answers at once.
  let from = 0;
  for (let end = first + perWrite; from < first + chunks; end += perWrite) {
    const last = end >= first + chunks;
    const slice = events.slice(from, end);
    if (last) slice.push(...wire.closing(chunks));
    buffers.push(Buffer.from(slice.join('')));
    from = end;
  }
  return buffers;
}

/** Encodes the reply that calls the tool. */
export function callBuffersOf(wire: Wire, perWrite: number): Buffer[] {
  const events = wire.toolCall?.();
  if (events === undefined) throw new Error(`${wire.path} has no reply that calls a tool.`);
  const buffers: Buffer[] = [];
  for (let at = 0; at < events.length; at += perWrite)
    buffers.push(Buffer.from(events.slice(at, at + perWrite).join('')));
  return buffers;
}
