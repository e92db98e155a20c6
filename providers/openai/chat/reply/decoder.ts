import type { FinishReason, Reply, SluiceError, StreamChunk } from '../../../../src/index.ts';
import { asModelName } from '../../../../src/kit/index.ts';
import { streamError, errorFromBody, finishReasonOf, isRecord, text } from '../../../wire/index.ts';
import type { Decoder } from '../../../wire/index.ts';
import { failureIn, mayHoldFailure, failureInChoice, finishFailure, isErrorFinish } from './errors.ts';
import { ChatMessage } from './message.ts';
import { noteUsage, ownOptionsOf } from '../../shared/reply-context.ts';
import type { OpenAIReplyContext } from '../../shared/reply-context.ts';
import { chatUsage } from '../../shared/usage.ts';

type Fields = Record<string, unknown>;

/** How much a finish reason says. If a server sends two, the last one may say less. */
const WEIGHTS: Readonly<Record<FinishReason, number>> = {
  stop: 0,
  other: 1,
  pause: 2,
  tool_calls: 3,
  length: 4,
  content_filter: 4,
  refusal: 4,
};

/** Lists that Perplexity sends with the sources. No chunk has a place for them. */
const WITH_SOURCES = ['images', 'videos', 'related_questions'] as const;

/**
 * Decodes the stream of Chat Completions, from OpenAI and compatible servers. The reply is complete when a finish reason or
 * `[DONE]` has come. Usage may come after the one and before the other.
 * Source: developers.openai.com, API reference, "Chat completion chunk object"
 */
export class ChatDecoder implements Decoder {
  finished = false;
  readonly #context: OpenAIReplyContext;
  readonly #message: ChatMessage;
  #finish = '';
  /** Whether the reply comes in deltas or in complete messages. Messages that accompany deltas only repeat them. */
  #source: 'delta' | 'message' | undefined;
  /** The text of complete messages so far. Some servers repeat it in each message. */
  #repeated = '';
  #citations: readonly unknown[] = [];
  #results: readonly unknown[] = [];

  constructor(context: OpenAIReplyContext) {
    this.#context = context;
    this.#message = new ChatMessage(context);
  }

  event(data: Fields, name: string, out: StreamChunk[]): void {
    const { choices, id, x_groq: groq } = data;
    if (!Array.isArray(choices) || choices.length === 0 || mayHoldFailure(data, name)) {
      const failure = failureIn(data, name);
      if (isRecord(groq)) this.#usage(groq['usage']);
      if (failure !== undefined) {
        // An event with an error may also have the usage of the failed call.
        this.#header(data);
        throw this.#failure(failure, out);
      }
    }
    this.#header(data);
    if (!Array.isArray(choices)) return;
    for (const choice of choices) {
      if (!isRecord(choice)) continue;
      const { index } = choice;
      if (index === 0 || typeof index !== 'number' || this.#isReplyChoice(id)) {
        this.#choice(id, choice, out);
      } else {
        this.#message.warn('only the first of several choices is read');
      }
    }
  }

  sentinel(): void {
    this.finished = true;
  }

  end(out: StreamChunk[]): Reply {
    if (this.#finish === '' && !this.finished && !this.#message.audioEnded) {
      this.#message.flush(out);
      throw streamError(this.#context, 'truncated', 'the stream ended without a finish reason');
    }
    this.#message.end([...this.#citations, ...this.#results], out);
    const finishReason = this.#endCalls(out);
    const { call } = this.#context.call;
    return {
      finishReason,
      rawFinishReason: this.#finish === '' ? undefined : this.#finish,
      usage: call.usage,
      model: call.model,
      provider: this.#context.provider,
      requestId: this.#context.info.requestId,
      serviceTier: call.serviceTier,
    };
  }

  /** Reads the fields beside the choices: model, tier, usage, sources. */
  #header(data: Fields): void {
    const { call } = this.#context.call;
    const model = data['model'];
    // Every chunk repeats it.
    if (model !== call.model) call.model = asModelName(model, this.#context.info.secrets) ?? call.model;
    const tier = data['service_tier'];
    if (typeof tier === 'string') call.serviceTier = tier;
    this.#usage(data['usage']);
    // Perplexity and xAI repeat the sources with every chunk.
    const { citations, search_results: results } = data;
    if (Array.isArray(citations) && citations.length > 0) this.#citations = citations;
    if (!Array.isArray(results) || results.length === 0) return;
    this.#results = results;
    for (const field of WITH_SOURCES) {
      const list = data[field];
      if (Array.isArray(list) && list.length > 0) this.#message.onlyRaw(field);
    }
  }

  #usage(usage: unknown): void {
    if (isRecord(usage)) noteUsage(this.#context, chatUsage(usage));
  }

  #choice(id: unknown, choice: Fields, out: StreamChunk[]): void {
    const { delta, finish_reason: finish, error, logprobs } = choice;
    const isOver = finish !== null && finish !== undefined && finish !== '';
    // Moonshot puts the usage here.
    this.#usage(choice['usage']);
    if (isOver && isErrorFinish(finishOf(finish))) throw this.#failedChoice(id, choice, out);
    const isDelta = this.#source === 'delta' && isRecord(delta);
    const more = isDelta ? this.#message.delta(id, delta, out) : this.#pieces(id, choice, isOver, out);
    if (more || (error !== undefined && error !== null)) this.#checkFailure(choice, out);
    if (logprobs !== undefined && logprobs !== null) this.#message.onlyRaw('logprobs');
    if (isOver) this.#end(finishOf(finish));
  }

  /** Reads a choice as long as it is not known whether the reply comes in deltas, and later if it comes in messages. */
  #pieces(id: unknown, choice: Fields, isOver: boolean, out: StreamChunk[]): true {
    const { delta, message } = choice;
    if (isRecord(delta) && (this.#source !== 'message' || !isRecord(message))) {
      this.#message.delta(id, delta, out);
      if (this.#message.begun) this.#source ??= 'delta';
    }
    if (this.#source !== 'delta') {
      this.#whole(id, choice, isOver, out);
      if (this.#message.begun) this.#source = 'message';
    }
    return true;
  }

  /** Reads one or several messages that come in place of deltas, or the text of a legacy completion. */
  #whole(id: unknown, choice: Fields, isOver: boolean, out: StreamChunk[]): void {
    const { message, messages, text: said } = choice;
    if (isRecord(message)) {
      const { content } = message;
      const rest = typeof content === 'string' ? this.#newText(content, isOver) : content;
      this.#message.delta(id, { ...message, content: rest }, out, true);
    } else if (Array.isArray(messages)) {
      for (const one of messages) if (isRecord(one)) this.#message.delta(id, one, out);
    } else if (typeof said === 'string') {
      this.#message.text(said, out);
    }
  }

  /**
   * The text that a message adds to the messages before it. A message that does not begin with their text is a new piece.
   */
  #newText(content: string, isOver: boolean): string {
    const before = this.#repeated;
    const isLonger = content.length > before.length || (isOver && content.length === before.length);
    const rest = isLonger && content.startsWith(before) ? content.slice(before.length) : content;
    this.#repeated += rest;
    return rest;
  }

  /**
   * Whether to read a choice although its index is not 0. Some servers increase the index with each chunk, and send new ids
   * as well.
   */
  #isReplyChoice(id: unknown): boolean {
    return this.#message.isOther(id) && !(Number(ownOptionsOf(this.#context)['n']) > 1);
  }

  #failure(body: Fields, out: StreamChunk[]): SluiceError {
    this.#message.flush(out);
    const { provider, info } = this.#context;
    return errorFromBody(body, { provider, ...info });
  }

  #checkFailure(choice: Fields, out: StreamChunk[]): void {
    const failure = failureInChoice(choice);
    if (failure !== undefined) throw this.#failure(failure, out);
  }

  /**
   * The error of a choice whose finish reason is an error. Without an error object, the last piece of text is its message.
   */
  #failedChoice(id: unknown, choice: Fields, out: StreamChunk[]): SluiceError {
    const failure = failureInChoice(choice);
    const finish = finishOf(choice['finish_reason']);
    const { delta } = choice;
    const words = isRecord(delta) ? (text(delta['content']) ?? '') : '';
    if (failure === undefined && words !== '')
      return this.#failure(finishFailure(finish, choice, words), out);
    this.#pieces(id, choice, true, out);
    return this.#failure(failure ?? finishFailure(finish, choice, ''), out);
  }

  #end(finish: string): void {
    // DeepSeek sends this if it has no capacity left: the server ended the reply.
    if (finish === 'insufficient_system_resource') {
      throw streamError(
        this.#context,
        'overloaded',
        'the server ended the reply because it had no capacity left',
      );
    }
    const isWeaker =
      this.#finish !== '' && WEIGHTS[finishReasonOf(finish)] <= WEIGHTS[finishReasonOf(this.#finish)];
    if (!isWeaker) this.#finish = finish;
  }

  #endCalls(out: StreamChunk[]): FinishReason {
    const said = this.#finish === '' ? 'stop' : finishReasonOf(this.#finish);
    const reason = said === 'stop' && this.#message.refused ? 'refusal' : said;
    const { calls, hasServerCalls } = this.#message.endCalls(reason, said === 'tool_calls', out);
    // OpenAI sends `stop` if the tool choice named the tool. Ollama always did.
    if (reason === 'stop') return calls > 0 ? 'tool_calls' : 'stop';
    return reason === 'tool_calls' && calls === 0 && hasServerCalls ? 'stop' : reason;
  }
}

/** A complete JSON response of Chat Completions as events. */
export function* chatEvents(body: Fields): Iterable<Fields> {
  yield body;
}

/** A finish reason as text. SGLang sends an object that holds it. */
function finishOf(finish: unknown): string {
  if (typeof finish === 'string') return finish;
  return isRecord(finish) ? (text(finish['type']) ?? '') : '';
}
