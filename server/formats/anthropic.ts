import type { FinishReason, Usage } from '../../src/index.ts';
import type { SentChunk, SentEnd, SentError, SentStart } from '../stream/parts.ts';
import type { SentItem } from '../stream/sent-stream.ts';
import { isRecord } from '../requests/read.ts';
import { modelHeader } from '../send/headers.ts';
import { AnthropicBlocks, type AnthropicEvent } from './anthropic-blocks.ts';
import { messageOf } from './anthropic-message.ts';
import { endError, endingOf } from './ending.ts';
import { retryHeaders, wireError } from './errors.ts';
import type { Encoder, EncoderOptions, ErrorBody, Format, Frame } from './format.ts';
import { keptItems } from './kept-items.ts';

const REQUEST_ID = 'request-id';

/**
 * Anthropic's Messages API: the events of a stream.
 *
 * Calls of the client's tools are shown whole, when they are known to be whole. A tool of the pipeline stays inside. A reset cannot be shown: a client adds up what it gets.
 * Source: https://platform.claude.com/docs/en/build-with-claude/streaming
 */
export const anthropicFormat: Format = {
  name: 'anthropic',
  showsResets: () => false,
  encoder: (options) => framed(new MessageEncoder(options)),
  heartbeat: 'event: ping\ndata: {"type":"ping"}\n\n',
  headers: {},
  requestIdHeader: REQUEST_ID,
  error: anthropicError,
};

/** The answer in one piece. What a reset voids is not in it. An end that is an error is one. */
export function anthropicAnswer(
  items: readonly SentItem[],
  options: EncoderOptions,
  requestId: string,
  retries = 0,
): ErrorBody {
  const encoder = new MessageEncoder(options);
  const events: AnthropicEvent[] = [];
  let model: string | undefined;
  for (const item of keptItems(items)) {
    if (item.type === 'start') events.push(...encoder.start(item.start));
    else if (item.type === 'chunk') events.push(...encoder.chunk(item.chunk));
    else {
      const ending = endingOf(item.end);
      if (ending === 'failed' || ending === 'cancelled')
        return anthropicError(endError(item.end), requestId, retries);
      events.push(...encoder.end(item.end));
      ({ model } = item.end);
    }
  }
  return {
    status: 200,
    headers: { [REQUEST_ID]: requestId, ...modelHeader(model) },
    body: messageOf(events),
  };
}

function anthropicError(error: SentError, requestId: string, retries = 0): ErrorBody {
  const { status } = wireError(error, 'anthropic');
  return {
    status,
    headers: { [REQUEST_ID]: requestId, ...retryHeaders(error, retries) },
    body: { ...errorEvent(error), request_id: requestId },
  };
}

function errorEvent(error: SentError): AnthropicEvent {
  const { type } = wireError(error, 'anthropic');
  // Clients of the API know this error by its words alone: coding agents then shorten the conversation.
  const words = error.code === 'context_length' ? 'prompt is too long: ' : '';
  return { type: 'error', error: { type, message: words + error.message, ...detailsOf(error) } };
}

/** The tool runner of the official client asks for a thread first. Told in these words that there are none, it sends whole conversations instead. */
function detailsOf({ field }: SentError): { details?: Record<string, unknown> } {
  if (field !== 'thread') return {};
  return { details: { error_code: 'thread_unsupported_request', unsupported: [field] } };
}

/** Each event is named after its type. */
function framed(encoder: MessageEncoder): Encoder {
  const frames = (events: AnthropicEvent[]): Frame[] =>
    events.map((event) => ({ event: event.type, data: JSON.stringify(event) }));
  return {
    start: (start) => frames(encoder.start(start)),
    chunk: (chunk) => frames(encoder.chunk(chunk)),
    end: (end) => frames(encoder.end(end)),
  };
}

/** Makes events of chunks. */
class MessageEncoder {
  readonly #options: EncoderOptions;
  readonly #blocks = new AnthropicBlocks();
  #hasCalls = false;
  /** How much text came, for an estimate if nobody reports usage. */
  #characters = 0;

  constructor(options: EncoderOptions) {
    this.#options = options;
  }

  start({ turnId, model, name }: SentStart): AnthropicEvent[] {
    const message = {
      id: `msg_${turnId}`,
      type: 'message',
      role: 'assistant',
      model: this.#options.model ?? model ?? name ?? 'default',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      // Clients divide by it, and show it until the end has the real number.
      usage: { input_tokens: Math.max(1, this.#options.inputTokens ?? 1), output_tokens: 0 },
    };
    return [{ type: 'message_start', message }];
  }

  chunk(chunk: SentChunk): AnthropicEvent[] {
    const out: AnthropicEvent[] = [];
    switch (chunk.type) {
      case 'content':
        this.#characters += chunk.content.length;
        this.#blocks.text(chunk, out);
        if (chunk.block?.provider === 'anthropic') this.#verbatim(chunk.block.data, out);
        break;
      case 'thinking':
        this.#characters += chunk.content.length;
        if (this.#options.thinking !== false)
          this.#blocks.thinking(
            this.#options.thinkingText === false ? { ...chunk, content: '' } : chunk,
            out,
          );
        break;
      case 'tool_call':
        if (chunk.providerExecuted === true) this.#verbatim(chunk.block?.data, out);
        else if (this.#options.clientTools?.has(chunk.name) === true) {
          this.#hasCalls = true;
          this.#blocks.call(chunk, this.#options.verbatim === true, out);
        } else this.#blocks.separate();
        break;
      case 'tool_result':
        if (chunk.providerExecuted === true) this.#verbatim(chunk.block?.data, out);
        else this.#blocks.separate();
        break;
      case 'tool_progress':
        out.push({ type: 'ping' });
        break;
      case 'tool_call_delta':
      case 'file':
      case 'reset':
        break;
    }
    return out;
  }

  end(end: SentEnd): AnthropicEvent[] {
    const out: AnthropicEvent[] = [];
    const ending = endingOf(end);
    if (ending === 'failed' || ending === 'cancelled') return [errorEvent(endError(end))];
    this.#blocks.close(out);
    const delta = { stop_reason: this.#stopReason(end), stop_sequence: null };
    out.push({ type: 'message_delta', delta, usage: this.#usage(end.usage) }, { type: 'message_stop' });
    return out;
  }

  /** Blocks of the API's own tools go out as they came, if the request asked for such tools. */
  #verbatim(data: unknown, out: AnthropicEvent[]): void {
    if (this.#options.verbatim !== true || !isRecord(data) || data['type'] === 'container') {
      this.#blocks.separate();
      return;
    }
    this.#blocks.whole(data, out);
  }

  #stopReason(end: SentEnd): string {
    const ending = endingOf(end);
    if (ending === 'guard') return 'refusal';
    if (end.finishReason === 'length') return 'max_tokens';
    if (this.#hasCalls) return 'tool_use';
    // A client that is told `end_turn` takes half an answer for a whole one.
    if (ending !== 'completed') return 'max_tokens';
    return STOP_REASONS[end.finishReason ?? 'stop'];
  }

  #usage(usage: Usage | undefined): Record<string, number | object> {
    if (usage === undefined) {
      const output = Math.ceil(this.#characters / CHARACTERS_PER_TOKEN);
      return { input_tokens: Math.max(1, this.#options.inputTokens ?? 1), output_tokens: output };
    }
    const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage;
    return {
      // Ours are totals. Here, what was read from the cache or written to it is not part of the input.
      input_tokens: Math.max(0, inputTokens - cachedInputTokens - cacheWriteTokens),
      output_tokens: outputTokens,
      ...(cachedInputTokens > 0 && { cache_read_input_tokens: cachedInputTokens }),
      ...(cacheWriteTokens > 0 && { cache_creation_input_tokens: cacheWriteTokens }),
      ...(reasoningTokens > 0 && { output_tokens_details: { thinking_tokens: reasoningTokens } }),
    };
  }
}

/** A rough count for English prose. */
const CHARACTERS_PER_TOKEN = 4;

const STOP_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  // Calls of the pipeline's own tools have run inside.
  tool_calls: 'end_turn',
  content_filter: 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
  other: 'end_turn',
};
