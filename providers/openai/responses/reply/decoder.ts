import type { FinishReason, Reply, StreamChunk } from '../../../../src/index.ts';
import { asModelName } from '../../../../src/kit/index.ts';
import { streamError, filled, finishReasonOf, isRecord } from '../../../wire/index.ts';
import type { Decoder } from '../../../wire/index.ts';
import { noteUsage } from '../../shared/reply-context.ts';
import type { OpenAIReplyContext } from '../../shared/reply-context.ts';
import { failureIn, failureOf, failureWithoutMessage } from './failure.ts';

import { ResponsesOutput } from './output.ts';
import { pieceOf } from './text-item.ts';
import type { Piece } from './text-item.ts';
import { responsesUsage } from '../../shared/usage.ts';

type Event = Record<string, unknown>;

/**
 * Decodes the stream of Responses, from OpenAI, Azure, xAI, LM Studio and others. It reads the event types that carry
 * output or end it. It ignores the progress of server tools, whose items are kept when they are complete.
 * Source: developers.openai.com, API reference, "Responses streaming events"
 */
export class ResponsesDecoder implements Decoder {
  finished = false;
  readonly #context: OpenAIReplyContext;
  readonly #output: ResponsesOutput;
  #id = '';
  #last: { reason: string | undefined; status: string } | undefined;

  constructor(context: OpenAIReplyContext) {
    this.#context = context;
    this.#output = new ResponsesOutput(context);
  }

  event(data: Event, name: string, out: StreamChunk[]): void {
    const type = typeof data['type'] === 'string' ? data['type'] : name;
    const { texts, calls } = this.#output;
    if (data['error']) return this.#other(type, data, name, out);
    switch (type) {
      case 'response.output_text.delta':
        return texts.delta('text', data, data['content_index'], out);
      case 'response.refusal.delta':
        return texts.delta('refusal', data, data['content_index'], out);
      case 'response.reasoning_summary_text.delta':
        return texts.delta('summary', data, data['summary_index'], out);
      case 'response.reasoning_text.delta':
        return texts.delta('thinking', data, data['content_index'], out);
      case 'response.function_call_arguments.delta':
        return calls.delta(data, false, out);
      case 'response.custom_tool_call_input.delta':
        return calls.delta(data, true, out);
      default:
        return this.#other(type, data, name, out);
    }
  }

  end(_out: StreamChunk[]): Reply {
    if (this.#last === undefined) {
      throw streamError(this.#context, 'truncated', 'the stream ended before the response was complete');
    }
    const { reason, status } = this.#last;
    const { call } = this.#context.call;
    return {
      finishReason: this.#finishReason(reason, status),
      rawFinishReason: reason ?? status,
      usage: call.usage,
      model: call.model,
      provider: this.#context.provider,
      requestId: this.#context.info.requestId,
      serviceTier: call.serviceTier,
    };
  }

  /** Reads all events that are not deltas. */
  #other(type: string, data: Event, name: string, out: StreamChunk[]): void {
    const { texts, calls } = this.#output;
    const { item, part, response } = data;
    if (ENDS.has(type)) return this.#ended(type, data, out);
    const failure = failureIn(type, name, data);
    if (failure !== undefined) throw failureOf(this.#context, failure);
    switch (type) {
      case 'response.output_text.done':
        return this.#whole(data, { ...data, type: 'output_text' }, out);
      case 'response.refusal.done':
        return this.#whole(data, { ...data, type: 'refusal' }, out);
      case 'response.reasoning_text.done':
      case 'response.reasoning.done':
        return this.#whole(data, { ...data, type: 'reasoning_text' }, out);
      case 'response.reasoning_summary_text.done':
        return this.#whole(data, { ...data, type: 'summary_text' }, out);
      case 'response.content_part.done':
      case 'response.reasoning_summary_part.done':
        return isRecord(part) ? this.#whole(data, part, out) : undefined;
      case 'response.content_part.added':
      case 'response.reasoning_summary_part.added': {
        const piece = this.#piece(data, part);
        return piece === undefined ? undefined : texts.begin(data, piece, out);
      }
      case 'response.output_text.annotation.added':
        return this.#output.cite(data, out);
      case 'response.reasoning.delta':
        return texts.delta('thinking', data, data['content_index'], out);
      case 'response.audio.transcript.delta':
      case 'response.output_audio_transcript.delta':
        return texts.delta('text', data, data['content_index'], out);
      case 'response.audio.delta':
      case 'response.output_audio.delta':
        return this.#output.sounds(data['delta']);
      case 'response.function_call_arguments.done':
        return calls.whole(data, data['arguments'], false, out);
      case 'response.custom_tool_call_input.done':
        return calls.whole(data, data['input'], true, out);
      case 'response.output_item.added':
        return isRecord(item) ? this.#announced(data, item, out) : undefined;
      case 'response.output_item.done':
        return isRecord(item) ? this.#output.close(data, item, out) : undefined;
      case 'response.created':
      case 'response.queued':
      case 'response.in_progress':
        return isRecord(response) ? this.#started(response) : undefined;
      default:
        if (HOSTED_WORK.test(type)) this.#context.call.call.alive('progress');
    }
  }

  #announced(data: Event, item: Event, out: StreamChunk[]): void {
    if (HOSTED_ITEM.test(String(item['type']))) this.#context.call.call.alive('progress');
    this.#output.announce(data, item, out);
  }

  /** Takes a complete text, from an event of its own or from a part. */
  #whole(data: Event, part: Event, out: StreamChunk[]): void {
    const piece = this.#piece(data, part);
    if (piece !== undefined) this.#output.texts.whole(data, piece, out);
    if (piece?.kind === 'text') this.#output.part(data, part, out);
  }

  #piece(data: Event, part: unknown): Piece | undefined {
    const at = data['summary_index'] ?? data['content_index'];
    const isPart = data['part'] !== undefined;
    return pieceOf(part, at, isPart && this.#output.texts.isReasoning(data));
  }

  #started(response: Event): void {
    const id = filled(response['id']);
    if (id !== undefined) {
      if (this.#id !== '' && id !== this.#id && !this.#output.isEmpty) {
        throw streamError(this.#context, 'protocol', 'a second response began within the stream');
      }
      this.#id = id;
    }
    this.#note(response);
  }

  #note(response: Event): void {
    const { call } = this.#context.call;
    call.model = asModelName(response['model'], this.#context.info.secrets) ?? call.model;
    // The first response has the requested tier ("auto"), the last one the tier that is billed.
    if (typeof response['service_tier'] === 'string') call.serviceTier = response['service_tier'];
    if (isRecord(response['usage'])) noteUsage(this.#context, responsesUsage(response['usage']));
  }

  #ended(type: string, data: Event, out: StreamChunk[]): void {
    // Some proxies send the response itself instead of an event that holds it.
    const response = isRecord(data['response']) ? data['response'] : data;
    this.#note(response);
    this.#output.list(response['output'], out);
    const failure = failureIn(type, '', data);
    if (failure !== undefined) throw failureOf(this.#context, failure);
    const status = statusOf(type, response['status']);
    if (status === 'failed') throw failureWithoutMessage(this.#context, response);
    if (status === 'cancelled') {
      throw streamError(this.#context, 'truncated', 'the response was cancelled at the server');
    }
    const reason = reasonOf(response);
    this.#output.end(response, status === 'incomplete' || reason !== undefined, out);
    this.#last = { reason, status };
    this.finished = true;
  }

  #finishReason(reason: string | undefined, status: string): FinishReason {
    const known = finishReasonOf(reason ?? status);
    if (known !== 'stop') return known;
    if (this.#output.calls.own > 0) return 'tool_calls';
    return this.#output.texts.refused ? 'refusal' : 'stop';
  }
}

/**
 * Matches the events of tools that the provider runs itself, such as `response.web_search_call.searching`,
 * `response.code_interpreter_call_code.delta` and `response.mcp_list_tools.in_progress`.
 */
const HOSTED_WORK = /^response\.(?:\w+_call(?:_\w+)?|mcp_list_tools)\.\w+$/;

/** Matches the items of those tools. A `function_call` is the client's, and its arguments follow as chunks. */
const HOSTED_ITEM = /^(?!function_call$|custom_tool_call$)(?:\w+_call|mcp_list_tools)$/;

/** The types of events that end a stream. xAI sometimes sends `response.done`. */
const ENDS: ReadonlySet<string> = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
  'response.cancelled',
  'response.done',
]);

/** The status of a response that has ended. Some servers leave it at `in_progress`. */
function statusOf(type: string, status: unknown): string {
  const fromType = type === 'response.done' ? 'completed' : type.slice('response.'.length);
  const isOpen =
    typeof status !== 'string' || status === '' || status === 'in_progress' || status === 'queued';
  return isOpen || fromType === 'failed' ? fromType : status;
}

/** Why a response is incomplete. */
function reasonOf(response: Event): string | undefined {
  const details = response['incomplete_details'];
  return isRecord(details) ? filled(details['reason']) : undefined;
}
