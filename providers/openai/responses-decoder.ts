import type { FinishReason, Reply, SluiceError, StreamChunk } from '../../src/index.ts';
import { errorFromBody, isRecord } from '../wire/index.ts';
import type { Decoder } from '../wire/index.ts';
import { noteUsage, streamError } from './decoding.ts';
import type { Decoding } from './decoding.ts';
import { OutputItem } from './responses-items.ts';
import { responsesUsage } from './usage.ts';

type Event = Record<string, unknown>;

/**
 * Responses' stream of events, as OpenAI, Azure, xAI, LM Studio and others send it. Of some sixty types those are read that
 * carry output or end it; progress reports of server-side tools pass by, their items are kept whole when they are done.
 * Fields: developers.openai.com, API reference, "Responses streaming events".
 */
export class ResponsesDecoder implements Decoder {
  finished = false;
  readonly #decoding: Decoding;
  readonly #items = new Map<unknown, OutputItem>();
  #id = '';
  #calls = 0;
  #refused = false;
  #last: Event | undefined;

  constructor(decoding: Decoding) {
    this.#decoding = decoding;
  }

  event(data: Event, name: string, out: StreamChunk[]): void {
    const type = typeof data['type'] === 'string' ? data['type'] : name;
    switch (type) {
      case 'response.output_text.delta':
        return this.#item(data).delta('text', data['content_index'], data['delta'], out);
      case 'response.output_text.done':
        return this.#item(data).whole('text', data['content_index'], data['text'], out);
      case 'response.refusal.delta':
        this.#refused = true;
        return this.#item(data).delta('refusal', data['content_index'], data['delta'], out);
      case 'response.refusal.done':
        this.#refused = true;
        return this.#item(data).whole('refusal', data['content_index'], data['refusal'], out);
      case 'response.output_text.annotation.added':
        return this.#item(data).citation(data['annotation'], out);
      case 'response.reasoning_summary_text.delta':
        return this.#item(data).delta('summary', data['summary_index'], data['delta'], out);
      case 'response.reasoning_summary_text.done':
        return this.#item(data).whole('summary', data['summary_index'], data['text'], out);
      case 'response.reasoning_text.delta':
        return this.#item(data).delta('thinking', data['content_index'], data['delta'], out);
      case 'response.reasoning_text.done':
        return this.#item(data).whole('thinking', data['content_index'], data['text'], out);
      case 'response.function_call_arguments.delta':
        return this.#item(data).callPiece({ arguments: data['delta'] }, out);
      case 'response.custom_tool_call_input.delta':
        return this.#item(data).callPiece({ input: data['delta'] }, out);
      case 'response.output_item.added':
        return this.#opened(data, out);
      case 'response.output_item.done':
        return isRecord(data['item']) ? this.#close(this.#item(data), data['item'], out) : undefined;
      case 'response.created':
      case 'response.queued':
      case 'response.in_progress':
        return this.#started(data['response']);
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
      case 'response.cancelled':
        return this.#ended(type, data['response'], out);
      case 'error':
        throw this.#failure(data);
      default:
        if (isRecord(data['error']) || data['object'] === 'error') throw this.#failure(data);
    }
  }

  end(_out: StreamChunk[]): Reply {
    const response = this.#last;
    if (response === undefined) {
      throw streamError(this.#decoding, 'truncated', 'the stream stopped before the response was complete');
    }
    const details = response['incomplete_details'];
    const reason = isRecord(details) ? details['reason'] : undefined;
    const status = typeof response['status'] === 'string' ? response['status'] : undefined;
    const { call } = this.#decoding.call;
    return {
      finishReason: this.#finishReason(reason, status),
      rawFinishReason: typeof reason === 'string' ? reason : status,
      usage: call.usage,
      model: call.model,
      provider: this.#decoding.provider,
      requestId: this.#decoding.info.requestId,
      serviceTier: call.serviceTier,
    };
  }

  /** Items are known by their place: a proxy in between may give one item another id on each event. */
  #item(data: Event): OutputItem {
    const key = data['output_index'] ?? data['item_id'];
    let item = this.#items.get(key);
    if (item === undefined) this.#items.set(key, (item = new OutputItem(this.#decoding)));
    return item;
  }

  #opened(data: Event, out: StreamChunk[]): void {
    const opened = data['item'];
    const item = this.#item(data);
    if (!isRecord(opened)) return;
    if (opened['type'] !== 'function_call' && opened['type'] !== 'custom_tool_call') return;
    item.callPiece({ id: opened['call_id'] ?? opened['id'], name: opened['name'] }, out);
  }

  #close(item: OutputItem, whole: Event, out: StreamChunk[]): void {
    if (item.closed) return;
    const isCall = whole['type'] === 'function_call' || whole['type'] === 'custom_tool_call';
    if (isCall && ++this.#calls > this.#decoding.limits.maxToolCalls) {
      throw streamError(
        this.#decoding,
        'protocol',
        `more than ${this.#decoding.limits.maxToolCalls} tool calls (maxToolCalls)`,
      );
    }
    const before = out.length;
    item.close(whole, out);
    for (let at = before; at < out.length; at++) {
      const chunk = out[at];
      if (chunk?.type === 'content' && chunk.refusal === true) this.#refused = true;
    }
  }

  #started(response: unknown): void {
    if (!isRecord(response)) return;
    const id = response['id'];
    if (typeof id === 'string' && id !== '') {
      if (this.#id !== '' && id !== this.#id && this.#items.size > 0) {
        throw streamError(this.#decoding, 'protocol', 'a second response began within the stream');
      }
      this.#id = id;
    }
    this.#note(response);
  }

  #note(response: Event): void {
    const { call } = this.#decoding.call;
    if (typeof response['model'] === 'string' && response['model'] !== '') call.model = response['model'];
    // What was asked for is told first ("auto"), what is billed at the end.
    if (typeof response['service_tier'] === 'string') call.serviceTier = response['service_tier'];
    if (isRecord(response['usage'])) noteUsage(this.#decoding, responsesUsage(response['usage']));
  }

  #ended(type: string, response: unknown, out: StreamChunk[]): void {
    const whole = isRecord(response) ? response : {};
    this.#note(whole);
    const status = whole['status'] ?? type.slice('response.'.length);
    if (status === 'failed') throw this.#failure(whole);
    if (status === 'cancelled') {
      throw streamError(this.#decoding, 'truncated', 'the response was cancelled at the server');
    }
    // Servers that announce an item only here, and answers that were not streamed.
    const output = Array.isArray(whole['output']) ? whole['output'] : [];
    output.forEach((item: unknown, index) => {
      if (isRecord(item) && !this.#isClosed(item, index))
        this.#close(this.#item({ output_index: index }), item, out);
    });
    this.#last = { ...whole, status };
    this.finished = true;
  }

  #isClosed(item: Event, index: number): boolean {
    return this.#items.get(index)?.closed ?? this.#items.get(item['id'])?.closed ?? false;
  }

  #finishReason(reason: unknown, status: string | undefined): FinishReason {
    if (reason === 'max_output_tokens') return 'length';
    if (reason === 'content_filter') return 'content_filter';
    if (typeof reason === 'string' || (status !== 'completed' && status !== undefined)) return 'other';
    if (this.#calls > 0) return 'tool_calls';
    return this.#refused ? 'refusal' : 'stop';
  }

  /** An error event in either of its shapes, or a failed response. */
  #failure(data: Event): SluiceError {
    const { provider, info } = this.#decoding;
    const body = isRecord(data['error']) ? { error: data['error'] } : { error: data };
    return errorFromBody(body, { provider, requestId: info.requestId });
  }
}

/** A JSON answer of Responses as the events of a stream. */
export function* responsesEvents(body: Event): Iterable<Event> {
  if (isRecord(body['error'])) yield { type: 'error', error: body['error'] };
  else yield { type: 'response.completed', response: body };
}
