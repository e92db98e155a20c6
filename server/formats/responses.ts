import type { ProviderBlock } from '../../src/index.ts';
import { ClientCalls } from './client-calls.ts';
import type { CallPiece, ShownCall } from './client-calls.ts';
import { endKind } from './end-kind.ts';
import { endError } from './ending.ts';
import { openaiErrorBody } from './errors.ts';
import type { Encoder, EncoderOptions, ErrorBody, Frame } from './format.ts';
import {
  CHANGED,
  answerHeaders,
  idTail,
  isSentError,
  openaiError,
  openaiFormat,
  wholeAnswer,
} from './openai-answer.ts';
import { hostedEvents, hostedItem } from './hosted-items.ts';
import { responsesUsageOf } from './openai-usage.ts';
import {
  imageItem,
  isAnnotation,
  openCall,
  openMessage,
  openReasoning,
  openTextCall,
  phaseOf,
} from './responses-items.ts';
import type {
  OpenItem,
  OpenMessage,
  OpenReasoning,
  Opened,
  OutputItem,
  ResponseEvent,
} from './responses-items.ts';
import { sealedBlock } from './sealed-block.ts';
import type { SentChunk, SentEnd, SentError, SentStart } from '../stream/parts.ts';
import type { SentItem } from '../stream/sent-stream.ts';

/**
 * Responses of OpenAI. Nothing is stored, so a client sends back all items with its next request. Thinking is a reasoning item; with `include` of
 * `reasoning.encrypted_content` it has what the provider wants back.
 * Source: developers.openai.com, API reference, "Create a model response" and "Streaming events" (read 2026-11).
 */
export const responses = openaiFormat('openai-responses', (options) => new ResponsesEncoder(options));

/** The value of `include` that asks for what the provider wants back. */
export const ENCRYPTED = 'reasoning.encrypted_content';

/** What is being written: one message or reasoning item at a time, and any number of calls beside it. */
type Writing =
  { kind: 'output_text' | 'refusal'; item: OpenMessage } | { kind: 'reasoning'; item: OpenReasoning };

class ResponsesEncoder implements Encoder {
  readonly #options: EncoderOptions;
  readonly #calls: ClientCalls;
  readonly #openCalls = new Map<ShownCall, OpenItem>();
  readonly #output: (OutputItem | undefined)[] = [];
  #response: Record<string, unknown> = {};
  #tail = '';
  #writing: Writing | undefined;
  #sequence = 0;
  #isOver = false;

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#calls = new ClientCalls(options.clientTools);
  }

  start(start: SentStart): Frame[] {
    this.#tail = idTail(start);
    this.#calls.prefix = `call_${this.#tail}`;
    this.#response = responseOf(start, this.#options);
    return this.#frames([
      { type: 'response.created', response: this.#response },
      { type: 'response.in_progress', response: this.#response },
    ]);
  }

  chunk(chunk: SentChunk, position: number): Frame[] {
    if (this.#isOver) return [];
    switch (chunk.type) {
      case 'content':
        return this.#frames([...this.#content(chunk, position), ...this.#hosted(chunk.block)]);
      case 'thinking':
        return this.#options.thinking === false ? [] : this.#frames(this.#thinking(chunk, position));
      case 'tool_call_delta':
      case 'tool_call': {
        if (chunk.type === 'tool_call' && chunk.providerExecuted === true)
          return this.#frames([...this.#close('completed'), ...this.#hosted(chunk.block)]);
        const piece = this.#calls.take(chunk, position);
        if (piece === 'changed') return this.#fail(CHANGED);
        if (piece !== undefined) return this.#frames(this.#call(piece, position));
        // A round with the pipeline's own tools is over: what is said next is another message.
        return chunk.type === 'tool_call' ? this.#frames(this.#close('completed')) : [];
      }
      case 'file':
        return this.#frames(this.#file(chunk, position));
      case 'tool_result':
      case 'tool_progress':
      case 'reset':
        return [];
    }
  }

  end(end: SentEnd): Frame[] {
    if (this.#isOver) return [];
    const kind = endKind(end, this.#calls.count);
    if (kind === 'error') return this.#fail(endError(end));
    const isCut = kind === 'length' || kind === 'content_filter';
    if (!isCut && this.#openCalls.size > 0) return this.#fail(CHANGED);
    this.#isOver = true;
    const events = this.#closeAll(isCut ? 'incomplete' : 'completed');
    const reason = kind === 'length' ? 'max_output_tokens' : 'content_filter';
    const response = this.#ended(isCut ? 'incomplete' : 'completed', {
      ...(isCut && { incomplete_details: { reason } }),
      ...(end.usage !== undefined && { usage: responsesUsageOf(end.usage) }),
    });
    return this.#frames([...events, { type: `response.${isCut ? 'incomplete' : 'completed'}`, response }]);
  }

  /** The response as it ended. For an answer in one piece. */
  get whole(): Record<string, unknown> {
    return this.#response;
  }

  #content(
    { content, refusal, citations: given = [], call, block }: Extract<SentChunk, { type: 'content' }>,
    position: number,
  ): ResponseEvent[] {
    const citations = given.filter(isAnnotation);
    const phase = phaseOf(block);
    // It comes behind the text of its message, which is over then.
    const written = this.#writing?.item;
    if (phase !== undefined && written !== undefined && 'setPhase' in written) {
      written.setPhase(phase);
      return this.#close('completed');
    }
    if (content === '' && citations.length === 0) return [];
    const events: ResponseEvent[] = [];
    const item = this.#message(refusal === true ? 'refusal' : 'output_text', position, events);
    if (content !== '') events.push(...item.add(content, call));
    if (citations.length > 0) events.push(...item.cite(citations, call));
    return events;
  }

  /** The message that is open, or a new one. */
  #message(kind: 'output_text' | 'refusal', position: number, events: ResponseEvent[]): OpenMessage {
    if (this.#writing?.kind === kind) return this.#writing.item;
    events.push(...this.#close('completed'));
    const opened = openMessage(`msg_${this.#tail}${position}`, this.#next(), kind);
    this.#writing = { kind, item: opened.open };
    events.push(...opened.events);
    return opened.open;
  }

  #thinking(chunk: Extract<SentChunk, { type: 'thinking' }>, position: number): ResponseEvent[] {
    const events: ResponseEvent[] = [];
    let item = this.#writing?.kind === 'reasoning' ? this.#writing.item : undefined;
    const encrypted =
      chunk.block !== undefined && this.#options.include?.has(ENCRYPTED) === true
        ? sealedBlock(chunk.block)
        : undefined;
    if (item === undefined && (chunk.content !== '' || encrypted !== undefined)) {
      events.push(...this.#close('completed'));
      const opened = openReasoning(`rs_${this.#tail}${position}`, this.#next());
      item = opened.open;
      this.#writing = { kind: 'reasoning', item };
      events.push(...opened.events);
    }
    if (chunk.content !== '') events.push(...(item?.add(chunk.content) ?? []));
    if (chunk.block === undefined) return events;
    item?.seal(encrypted);
    return [...events, ...this.#close('completed')];
  }

  #call({ call, begins, text, ends }: CallPiece, position: number): ResponseEvent[] {
    const events: ResponseEvent[] = [];
    if (begins) {
      events.push(...this.#close('completed'));
      const opened = this.#openCall(call, position);
      this.#openCalls.set(call, opened.open);
      events.push(...opened.events);
    }
    const item = this.#openCalls.get(call);
    if (item === undefined) return events;
    events.push(...item.add(text));
    if (!ends) return events;
    this.#openCalls.delete(call);
    return [...events, ...this.#closed(item, 'completed')];
  }

  #openCall({ id, name }: ShownCall, position: number): Opened {
    const tool = this.#options.wireTools?.get(name) ?? { name };
    const index = this.#next();
    return tool.takesText === true
      ? openTextCall(`ctc_${this.#tail}${position}`, index, id, tool)
      : openCall(`fc_${this.#tail}${position}`, index, id, tool);
  }

  /** An image that the model made. Other files, and images that only have an address, have no place here. */
  #file({ mediaType, data }: Extract<SentChunk, { type: 'file' }>, position: number): ResponseEvent[] {
    if (data === undefined || !mediaType.startsWith('image/')) return [];
    const events = this.#close('completed');
    const index = this.#next();
    const item = imageItem(`ig_${this.#tail}${position}`, data);
    this.#output[index] = item;
    return [
      ...events,
      {
        type: 'response.output_item.added',
        output_index: index,
        item: { ...item, status: 'in_progress', result: null },
      },
      { type: 'response.image_generation_call.completed', output_index: index, item_id: item.id },
      { type: 'response.output_item.done', output_index: index, item },
    ];
  }

  /** What tools of the provider did that the client asked for, as it came. */
  #hosted(block: ProviderBlock | undefined): ResponseEvent[] {
    const { hostedTools } = this.#options;
    const item = hostedTools === undefined ? undefined : hostedItem(block, hostedTools);
    if (item === undefined) return [];
    const events = this.#close('completed');
    const index = this.#next();
    this.#output[index] = item;
    return [...events, ...hostedEvents(item, index)];
  }

  /** The place of the next item. */
  #next(): number {
    return this.#output.push(undefined) - 1;
  }

  #close(status: 'completed' | 'incomplete'): ResponseEvent[] {
    const item = this.#writing?.item;
    this.#writing = undefined;
    return item === undefined ? [] : this.#closed(item, status);
  }

  #closeAll(status: 'completed' | 'incomplete'): ResponseEvent[] {
    const calls = [...this.#openCalls.values()];
    this.#openCalls.clear();
    return [...this.#close(status), ...calls.flatMap((item) => this.#closed(item, 'incomplete'))];
  }

  #closed(open: OpenItem, status: 'completed' | 'incomplete'): ResponseEvent[] {
    const { item, events } = open.close(status);
    this.#output[open.index] = item;
    return events;
  }

  #ended(
    status: 'completed' | 'incomplete' | 'failed',
    more: Record<string, unknown>,
  ): Record<string, unknown> {
    const output = this.#output.filter((item) => item !== undefined);
    this.#response = { ...this.#response, status, output, ...more };
    return this.#response;
  }

  /** Nothing is left that a client could take for a whole answer. */
  #fail(error: SentError): Frame[] {
    const wire = openaiErrorBody(error).error;
    const { code, message, param } = wire;
    this.#isOver = true;
    if (this.#output.length === 0) return this.#frames([{ type: 'error', code, message, param }]);
    const events = this.#closeAll('incomplete');
    const response = this.#ended('failed', { error: { code, message } });
    return this.#frames([...events, { type: 'response.failed', response }]);
  }

  #frames(events: readonly ResponseEvent[]): Frame[] {
    return events.map((event) => ({
      event: event.type,
      data: JSON.stringify({ ...event, sequence_number: this.#sequence++ }),
    }));
  }
}

/** The answer in one piece. What was taken back is not in it. */
export function response(
  items: readonly SentItem[],
  options: EncoderOptions,
  requestId: string,
  retries = 0,
): ErrorBody {
  const whole = wholeAnswer(items);
  if (isSentError(whole)) return openaiError(whole, requestId, retries);
  const encoder = new ResponsesEncoder(options);
  encoder.start(whole.start);
  for (const chunk of whole.chunks) encoder.chunk(chunk, chunk.index + 1);
  encoder.end(whole.end);
  return { status: 200, headers: answerHeaders(whole.end, requestId), body: encoder.whole };
}

function responseOf(start: SentStart, { model, echo }: EncoderOptions): Record<string, unknown> {
  return {
    id: `resp_${start.turnId}`,
    object: 'response',
    created_at: Math.floor(start.startedAt / 1_000),
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    metadata: {},
    model: model ?? start.model ?? start.name ?? 'default',
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    temperature: null,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: null,
    truncation: 'disabled',
    usage: null,
    ...echo,
    store: false,
  };
}
