import { isVoided } from '../../src/index.ts';
import type { FinishReason, ResetChunk } from '../../src/index.ts';
import { CitedText } from './citations.ts';
import type { CitedPage } from './citations.ts';
import { ClientCalls, textOfInput } from './client-calls.ts';
import type { CallPiece } from './client-calls.ts';
import { endKind } from './end-kind.ts';
import type { EndKind } from './end-kind.ts';
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
import { chatUsageOf } from './openai-usage.ts';
import type { SentChunk, SentEnd, SentError, SentStart } from '../stream/parts.ts';
import type { SentItem } from '../stream/sent-stream.ts';

/**
 * Chat Completions of OpenAI. Thinking is sent as `reasoning_content`, as DeepSeek, vLLM and others do. Files have no place in it.
 * Source: developers.openai.com, API reference, "Create chat completion" and "The chat completion chunk object" (read 2026-11).
 */
export const chatCompletions = openaiFormat('openai', (options) => new ChatEncoder(options));

const FINISH: Readonly<Record<Exclude<EndKind, 'error'>, FinishReason>> = {
  stop: 'stop',
  tool_calls: 'tool_calls',
  length: 'length',
  content_filter: 'content_filter',
  // The text of a refusal has a field of its own.
  refusal: 'stop',
};

class ChatEncoder implements Encoder {
  readonly #options: EncoderOptions;
  readonly #calls: ClientCalls;
  readonly #pages = new CitedPages();
  #base: Record<string, unknown> = {};
  #isOver = false;

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#calls = new ClientCalls(options.clientTools);
  }

  start(start: SentStart): Frame[] {
    this.#calls.prefix = `call_${idTail(start)}`;
    this.#base = { ...baseOf(start, this.#options), object: 'chat.completion.chunk' };
    return [this.#delta({ role: 'assistant', content: '' })];
  }

  chunk(chunk: SentChunk, position: number): Frame[] {
    if (this.#isOver) return [];
    this.#pages.take(chunk);
    switch (chunk.type) {
      case 'content':
        if (chunk.content === '') return [];
        return [
          this.#delta(chunk.refusal === true ? { refusal: chunk.content } : { content: chunk.content }),
        ];
      case 'thinking':
        if (chunk.content === '' || this.#options.thinking === false) return [];
        return [this.#delta({ reasoning_content: chunk.content })];
      case 'tool_call_delta':
      case 'tool_call': {
        const piece = this.#calls.take(chunk, position);
        if (piece === 'changed') return this.#fail(CHANGED);
        const delta = piece === undefined ? undefined : this.#callDelta(piece);
        return delta === undefined ? [] : [this.#delta({ tool_calls: [delta] })];
      }
      case 'tool_result':
      case 'tool_progress':
      case 'file':
      case 'reset':
        return [];
    }
  }

  forget(reset: ResetChunk): void {
    this.#pages.forget(reset);
  }

  end(end: SentEnd): Frame[] {
    if (this.#isOver) return [];
    const kind = endKind(end, this.#calls.count);
    if (kind === 'error') return this.#fail(endError(end));
    // A layer took back a call of which the client has seen a part.
    if ((kind === 'stop' || kind === 'tool_calls') && this.#calls.unfinished.length > 0)
      return this.#fail(CHANGED);
    this.#isOver = true;
    const annotations = this.#pages.annotations();
    // Once, and all of them: a client that adds up deltas keeps the last list.
    const frames = annotations.length === 0 ? [] : [this.#delta({ annotations })];
    frames.push(this.#chunk([{ index: 0, delta: {}, logprobs: null, finish_reason: FINISH[kind] }]));
    if (this.#options.includeUsage === true && end.usage !== undefined)
      frames.push(this.#chunk([], { usage: chatUsageOf(end.usage) }));
    return [...frames, { data: '[DONE]' }];
  }

  /** A tool that takes a text gets it when the call is whole: what comes before is JSON with the text in it. */
  #callDelta({ call, begins, text, ends }: CallPiece): Record<string, unknown> | undefined {
    const { place, id, name } = call;
    if (this.#options.wireTools?.get(name)?.takesText !== true) {
      if (!begins) return { index: place, function: { arguments: text } };
      return { index: place, id, type: 'function', function: { name, arguments: text } };
    }
    const input = ends ? textOfInput(call.text) : '';
    if (begins) return { index: place, id, type: 'custom', custom: { name, input } };
    return ends ? { index: place, custom: { input } } : undefined;
  }

  #fail(error: SentError): Frame[] {
    this.#isOver = true;
    return [{ data: JSON.stringify(openaiErrorBody(error)) }];
  }

  #delta(delta: Record<string, unknown>): Frame {
    return this.#chunk([{ index: 0, delta, logprobs: null, finish_reason: null }]);
  }

  #chunk(choices: unknown[], more?: Record<string, unknown>): Frame {
    return { data: JSON.stringify({ ...this.#base, choices, ...more }) };
  }
}

/** The pages that an answer cites. */
class CitedPages {
  readonly #text = new CitedText();
  #pages: { page: CitedPage; call: number }[] = [];

  take(chunk: SentChunk): void {
    if (chunk.type !== 'content') {
      if (chunk.type !== 'thinking') this.#text.separate();
      return;
    }
    const { content, refusal, citations, call } = chunk;
    this.#text.add(refusal === true ? '' : content, call);
    for (const citation of citations ?? []) {
      const page = this.#text.page(citation);
      if (page !== undefined) this.#pages.push({ page, call });
    }
  }

  forget(reset: ResetChunk): void {
    this.#pages = this.#pages.filter(({ call }) => !isVoided(reset, call));
  }

  annotations(): unknown[] {
    return this.#pages.map(({ page: { url, title, start, end } }) => ({
      type: 'url_citation',
      url_citation: { url, title, start_index: start, end_index: end },
    }));
  }
}

/** The answer in one piece. What was taken back is not in it. */
export function chatCompletion(
  items: readonly SentItem[],
  options: EncoderOptions,
  requestId: string,
  retries = 0,
): ErrorBody {
  const whole = wholeAnswer(items);
  if (isSentError(whole)) return openaiError(whole, requestId, retries);
  const { start, end, chunks } = whole;
  const { message, calls } = messageOf(chunks, options, `call_${idTail(start)}`);
  const kind = endKind(end, calls);
  const finish_reason = kind === 'error' ? 'stop' : FINISH[kind];
  return {
    status: 200,
    headers: answerHeaders(end, requestId),
    body: {
      ...baseOf(start, options),
      object: 'chat.completion',
      choices: [{ index: 0, message, logprobs: null, finish_reason }],
      ...(end.usage !== undefined && { usage: chatUsageOf(end.usage) }),
    },
  };
}

function messageOf(
  chunks: readonly SentChunk[],
  { clientTools, thinking, wireTools }: EncoderOptions,
  prefix: string,
): { message: Record<string, unknown>; calls: number } {
  const said = { content: '', refusal: '', reasoning: '' };
  const calls: unknown[] = [];
  const shown = new ClientCalls(clientTools);
  shown.prefix = prefix;
  const pages = new CitedPages();
  for (const chunk of chunks) {
    pages.take(chunk);
    if (chunk.type === 'content') said[chunk.refusal === true ? 'refusal' : 'content'] += chunk.content;
    else if (chunk.type === 'thinking') said.reasoning += chunk.content;
    else if (chunk.type === 'tool_call') {
      const piece = shown.take(chunk, chunk.index + 1);
      if (piece !== undefined && piece !== 'changed') calls.push(wholeCall(piece, wireTools));
    }
  }
  const annotations = pages.annotations();
  const isSilent = said.content === '' && (calls.length > 0 || said.refusal !== '');
  const message = {
    role: 'assistant',
    content: isSilent ? null : said.content,
    refusal: said.refusal === '' ? null : said.refusal,
    ...(said.reasoning !== '' && thinking !== false && { reasoning_content: said.reasoning }),
    ...(annotations.length > 0 && { annotations }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  return { message, calls: calls.length };
}

function wholeCall(
  { call: { id, name, text } }: CallPiece,
  wireTools: EncoderOptions['wireTools'],
): Record<string, unknown> {
  if (wireTools?.get(name)?.takesText === true)
    return { id, type: 'custom', custom: { name, input: textOfInput(text) } };
  return { id, type: 'function', function: { name, arguments: text } };
}

function baseOf(
  { turnId, startedAt, model, name }: SentStart,
  options: EncoderOptions,
): Record<string, unknown> {
  return {
    id: `chatcmpl-${turnId}`,
    object: '',
    created: Math.floor(startedAt / 1_000),
    model: options.model ?? model ?? name ?? 'default',
  };
}
