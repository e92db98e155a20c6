import type { FinishReason, Reply, SluiceError, StreamChunk } from '../../src/index.ts';
import {
  ToolCallAssembler,
  blockFrom,
  errorFromBody,
  finishReasonOf,
  isRecord,
  text,
} from '../wire/index.ts';
import type { Decoder } from '../wire/index.ts';
import { noteUsage, streamError } from './decoding.ts';
import type { Decoding } from './decoding.ts';
import { chatUsage } from './usage.ts';

/**
 * Chat Completions' stream of chunks, as OpenAI and the servers compatible with it send it. The reply is whole when a finish
 * reason was seen, or the sentinel; usage may follow the one and precede the other.
 * Fields: developers.openai.com, API reference, "Chat completion chunk object".
 */
export class ChatDecoder implements Decoder {
  finished = false;
  readonly #decoding: Decoding;
  /** Made with the first piece of one. */
  #calls: ToolCallAssembler | undefined;
  #finish = '';
  #id = '';
  /** A piece of the answer came: what comes with another id now is another answer. */
  #begun = false;
  /** A chunk came without a role: this server sends roles at a message's start alone. */
  #roleless = false;
  #refused = false;
  #citations: unknown[] | undefined;
  #warnedOfChoices = false;

  constructor(decoding: Decoding) {
    this.#decoding = decoding;
  }

  event(data: Record<string, unknown>, _name: string, out: StreamChunk[]): void {
    const { error } = data;
    if (isRecord(error) || (typeof error === 'string' && error !== '') || data['object'] === 'error') {
      throw this.#failure(data);
    }
    this.#header(data);
    const choices = data['choices'];
    if (!Array.isArray(choices)) return;
    for (const choice of choices) {
      if (!isRecord(choice)) continue;
      if (choice['index'] === 0 || typeof choice['index'] !== 'number') this.#choice(data, choice, out);
      else this.#otherChoice();
    }
  }

  sentinel(): void {
    this.finished = true;
  }

  end(out: StreamChunk[]): Reply {
    if (this.#finish === '' && !this.finished) {
      throw streamError(this.#decoding, 'truncated', 'the stream stopped without a finish reason');
    }
    const finishReason = this.#finishReason();
    this.#calls?.end(finishReason, out);
    if (this.#citations !== undefined) {
      out.push({ type: 'content', content: '', citations: this.#citations, call: 0 });
    }
    const { call } = this.#decoding.call;
    return {
      finishReason,
      rawFinishReason: this.#finish === '' ? undefined : this.#finish,
      usage: call.usage,
      model: call.model,
      provider: this.#decoding.provider,
      requestId: this.#decoding.info.requestId,
      serviceTier: call.serviceTier,
    };
  }

  /** What stands beside the choices: model, tier, usage. */
  #header(data: Record<string, unknown>): void {
    const { call } = this.#decoding.call;
    const model = data['model'];
    if (typeof model === 'string' && model !== '' && model !== call.model) call.model = model;
    const tier = data['service_tier'];
    if (typeof tier === 'string') call.serviceTier = tier;
    const usage = data['usage'] ?? groqUsage(data['x_groq']);
    if (isRecord(usage)) noteUsage(this.#decoding, chatUsage(usage));
    // Perplexity and xAI list the sources beside the choices, on every chunk anew.
    const citations = data['citations'];
    if (Array.isArray(citations) && citations.length > 0) this.#citations = citations;
  }

  #choice(data: Record<string, unknown>, choice: Record<string, unknown>, out: StreamChunk[]): void {
    const delta = choice['delta'] ?? (this.#begun ? undefined : choice['message']);
    if (isRecord(delta)) {
      this.#checkSplice(data['id'], delta['role']);
      this.#delta(delta, out);
    }
    // OpenRouter tells a failed upstream here.
    if (isRecord(choice['error'])) throw this.#failure({ error: choice['error'] });
    // Moonshot's place for it.
    if (isRecord(choice['usage'])) noteUsage(this.#decoding, chatUsage(choice['usage']));
    const finish = choice['finish_reason'];
    if (typeof finish === 'string' && finish !== '') this.#end(finish);
  }

  #delta(delta: Record<string, unknown>, out: StreamChunk[]): void {
    const before = out.length;
    const thinking = text(delta['reasoning_content']) || text(delta['reasoning']);
    if (thinking) out.push({ type: 'thinking', content: thinking, call: 0 });
    const content = delta['content'];
    if (typeof content === 'string') {
      if (content !== '') out.push({ type: 'content', content, call: 0 });
    } else if (Array.isArray(content)) {
      for (const part of content) contentPart(part, out);
    }
    const refusal = delta['refusal'];
    if (typeof refusal === 'string' && refusal !== '') {
      this.#refused = true;
      out.push({ type: 'content', content: refusal, refusal: true, call: 0 });
    }
    const citations = delta['annotations'];
    if (Array.isArray(citations) && citations.length > 0) {
      out.push({ type: 'content', content: '', citations, call: 0 });
    }
    const calls = delta['tool_calls'];
    if (Array.isArray(calls)) for (const call of calls) if (isRecord(call)) this.#toolCall(call, out);
    const legacy = delta['function_call'];
    if (isRecord(legacy)) {
      this.#assembler().add({ index: 0, name: legacy['name'], arguments: legacy['arguments'] }, out);
    }
    if (out.length > before || this.#calls !== undefined) this.#begun = true;
  }

  #toolCall(call: Record<string, unknown>, out: StreamChunk[]): void {
    const { index, id } = call;
    const custom = call['custom'];
    if (isRecord(custom)) {
      const block = blockFrom(this.#decoding.origin, { type: 'custom' });
      this.#assembler().add({ index, id, name: custom['name'], input: custom['input'] ?? '', block }, out);
      return;
    }
    const called = isRecord(call['function']) ? call['function'] : call;
    this.#assembler().add({ index, id, name: called['name'], arguments: called['arguments'] }, out);
  }

  #assembler(): ToolCallAssembler {
    return (this.#calls ??= new ToolCallAssembler(this.#decoding));
  }

  /**
   * Refuses a second message in one stream. Some servers give each chunk its own id or role, so only both together count, and
   * only where roles were not on every chunk before.
   */
  #checkSplice(id: unknown, role: unknown): void {
    const isOther = typeof id === 'string' && id !== '' && this.#id !== '' && id !== this.#id;
    if (isOther && typeof role === 'string' && this.#begun && this.#roleless) {
      throw streamError(this.#decoding, 'protocol', 'a second message began within the stream');
    }
    if (typeof id === 'string' && id !== '') this.#id = id;
    if (typeof role !== 'string') this.#roleless = true;
  }

  #failure(body: Record<string, unknown>): SluiceError {
    return errorFromBody(body, {
      provider: this.#decoding.provider,
      requestId: this.#decoding.info.requestId,
    });
  }

  #end(finish: string): void {
    // OpenRouter, and DeepSeek when it runs out of room: the reply was broken off by the server.
    if (finish === 'error') throw streamError(this.#decoding, 'server', 'the reply ended with an error');
    if (finish === 'insufficient_system_resource') {
      throw streamError(this.#decoding, 'overloaded', 'the server broke off the reply for want of resources');
    }
    this.#finish = finish;
  }

  #finishReason(): FinishReason {
    const reason = this.#finish === '' ? 'stop' : finishReasonOf(this.#finish);
    if (reason !== 'stop') return reason;
    if (this.#refused) return 'refusal';
    // OpenAI says stop when the one tool to call was prescribed, Ollama always did.
    return this.#calls !== undefined ? 'tool_calls' : 'stop';
  }

  #otherChoice(): void {
    if (this.#warnedOfChoices) return;
    this.#warnedOfChoices = true;
    this.#decoding.call.warn(`${this.#decoding.provider}: only the first of several choices is read`);
  }
}

/** A JSON answer of Chat Completions as the events of a stream. */
export function* chatEvents(body: Record<string, unknown>): Iterable<Record<string, unknown>> {
  yield body;
}

function groqUsage(value: unknown): unknown {
  return isRecord(value) ? value['usage'] : undefined;
}

/** Mistral's reasoning models answer in parts: text, and thinking that is a list of parts itself. */
function contentPart(part: unknown, out: StreamChunk[]): void {
  if (!isRecord(part)) return;
  const said = text(part['text']);
  if (said) out.push({ type: 'content', content: said, call: 0 });
  const thoughts = part['thinking'];
  if (typeof thoughts === 'string' && thoughts !== '')
    out.push({ type: 'thinking', content: thoughts, call: 0 });
  if (Array.isArray(thoughts)) {
    for (const thought of thoughts) {
      const thinking = isRecord(thought) ? text(thought['text']) : undefined;
      if (thinking) out.push({ type: 'thinking', content: thinking, call: 0 });
    }
  }
  if (part['type'] === 'reference') out.push({ type: 'content', content: '', citations: [part], call: 0 });
}
