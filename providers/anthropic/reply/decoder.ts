import type { FinishReason, SluiceError, Reply, StreamChunk } from '../../../src/index.ts';
import { asModelName, asRequestId } from '../../../src/kit/index.ts';
import {
  MAY_CUT_CALLS,
  blockFrom,
  errorFromBody,
  finishReasonOf,
  isRecord,
  replyWarning,
  streamError,
  text,
  type Decoder,
  type ReplyContext,
} from '../../wire/index.ts';
import {
  keptBlock,
  kindOfDelta,
  redactedBlock,
  textBlock,
  thinkingBlock,
  type OpenBlock,
  type ThinkingBlock,
} from './blocks.ts';
import { CallBlock } from './call-block.ts';
import { CallQueue } from './call-queue.ts';
import { isErrorEvent, isErrorField } from './error-events.ts';
import { fileBlock, fileOf } from './files.ts';
import { answeredId, nameOfResult, resultBlock } from './results.ts';
import { UsageReader } from './usage.ts';
import { sizeOf } from './values.ts';

/**
 * Reads the events of the Messages API. Each payload's own `type` counts, so that a stream without `event:` lines can be
 * read, too. Unknown events and deltas are ignored, unknown blocks are kept. A block lasts from its start to the next
 * block: some servers reuse an index, leave it out, mix two blocks at one index, or leave out starts and stops.
 * Source: https://platform.claude.com/docs/en/build-with-claude/streaming
 */
export class MessagesDecoder implements Decoder {
  finished = false;
  readonly #context: ReplyContext;
  readonly #usage = new UsageReader();
  readonly #calls: CallQueue;
  /** The open block of each index. A block without an index has the key undefined. */
  readonly #open = new Map<unknown, OpenBlock>();
  /** The index of the block that began last. */
  #latest: number | undefined;
  /** The latest block of thinking. */
  #thinking: ThinkingBlock | undefined;
  /** The latest block that pushes its content only when it is closed. */
  #whole: OpenBlock | undefined;
  #messageId: string | undefined;
  #started = false;
  #hasContent = false;
  #characters = 0;
  #stopReason: string | undefined;
  #container: Record<string, unknown> | undefined;

  constructor(context: ReplyContext) {
    this.#context = context;
    this.#calls = new CallQueue(context);
  }

  event(data: Record<string, unknown>, name: string, out: StreamChunk[]): void {
    const type = data['type'] ?? name;
    if (data['error'] !== undefined) this.#checkError(data, type, out);
    switch (type) {
      case 'content_block_delta':
        return this.#delta(data, out);
      case 'content_block_start':
        // Also a block that comes whole, such as the result of a tool that the provider ran.
        this.#context.call.call.alive('progress');
        return this.#start(data, out);
      case 'content_block_stop':
        return this.#stop(data['index'], out);
      case 'message_start':
        return this.#messageStart(data['message'], out);
      case 'message_delta':
        return this.#messageDelta(data);
      case 'message_stop':
        this.#addUsage(data['usage'], true);
        this.finished = true;
        return;
      case 'error':
        throw this.#failed(data);
      default:
        if (isErrorEvent(data)) throw this.#failed(data);
    }
  }

  /** Throws an error that is in an event with other fields. The content of those fields is delivered first. */
  #checkError(data: Record<string, unknown>, type: unknown, out: StreamChunk[]): void {
    if (!isErrorField(data['error'])) return;
    if (type === 'content_block_delta') this.#delta(data, out);
    throw this.#failed(data);
  }

  end(out: StreamChunk[]): Reply {
    if (!this.finished) {
      const seen = this.#started || this.#hasContent;
      throw this.#error('truncated', `the stream ended ${seen ? 'without' : 'before'} a message_stop event`);
    }
    this.#thinking?.close(out);
    this.#whole?.close(out);
    this.#calls.end(MAY_CUT_CALLS.has(finishReasonOf(this.#stopReason ?? 'stop')), out);
    if (this.#container !== undefined) {
      const block = blockFrom(this.#context.origin, { ...this.#container, type: 'container' });
      out.push({ type: 'content', content: '', block, call: 0 });
    }
    return {
      finishReason: this.#finishReason(),
      rawFinishReason: this.#stopReason,
      usage: this.#usage.usage(),
      model: this.#context.call.call.model,
      provider: this.#context.provider,
      requestId: this.#context.info.requestId,
      serviceTier: this.#usage.serviceTier,
    };
  }

  #messageStart(message: unknown, out: StreamChunk[]): void {
    if (!isRecord(message)) return;
    const id = text(message['id']);
    // Some proxies repeat the opening. Any other second opening belongs to another message, whose text would be mixed in.
    if (this.#hasContent || (this.#started && this.#messageId !== id)) {
      throw this.#error('protocol', 'a second message began within the stream');
    }
    this.#messageId = id;
    const { call, info } = this.#context;
    call.call.model = asModelName(message['model'], info.secrets) ?? call.call.model;
    this.#addUsage(message['usage'], false);
    if (this.#started) return;
    this.#started = true;
    this.#noteEnd(message);
    for (const block of Array.isArray(message['content']) ? message['content'] : []) {
      if (isRecord(block)) this.#close(this.#opened(block, undefined, out), out);
    }
  }

  #start(data: Record<string, unknown>, out: StreamChunk[]): void {
    const key = this.#key(data['index']);
    const start = data['content_block'];
    if (!isRecord(start) || this.#calls.reopen(start, key)) return;
    this.#open.get(key)?.close(out);
    this.#open.set(key, this.#opened(start, key, out));
    this.#latest = key;
  }

  #opened(given: Record<string, unknown>, key: number | undefined, out: StreamChunk[]): OpenBlock {
    this.#hasContent = true;
    const start = this.#checked(given);
    const type = text(start['type']) ?? '';
    this.#whole?.close(out);
    this.#whole = undefined;
    // A signature ends its block. Without one, more of the block may follow: some proxies mix it with the next block.
    if (this.#thinking?.isSigned === true || type === 'thinking') this.#thinking?.close(out);
    if (type === 'text') {
      this.#calls.follow('other', out);
      return textBlock(start, out);
    }
    if (type === 'thinking') {
      this.#calls.follow('other', out);
      return (this.#thinking = thinkingBlock(start, this.#context.origin, out));
    }
    if (type.endsWith('tool_use')) return this.#openedCall(start, key, out);
    return (this.#whole = this.#openedWhole(start, type, out));
  }

  #openedCall(start: Record<string, unknown>, key: number | undefined, out: StreamChunk[]): OpenBlock {
    const { maxToolCalls } = this.#context.limits;
    if (this.#calls.size >= maxToolCalls) {
      throw this.#error('protocol', `the tool calls exceed limits.maxToolCalls (${maxToolCalls})`);
    }
    this.#calls.follow(start['type'] === 'tool_use' ? 'call' : 'other', out);
    return this.#calls.open(start, key, out);
  }

  #openedWhole(start: Record<string, unknown>, type: string, out: StreamChunk[]): OpenBlock {
    const rawId = answeredId(start);
    if (rawId !== undefined) {
      const { messages } = this.#context.call.call.request;
      const call = this.#calls.answer(rawId, out) ?? {
        id: rawId,
        name: nameOfResult(start, rawId, messages),
      };
      return resultBlock(start, call, this.#context);
    }
    this.#calls.follow('other', out);
    if (type === 'redacted_thinking') return redactedBlock(start, this.#context.origin);
    const file = fileOf(start);
    return file === undefined ? keptBlock(start, this.#context) : fileBlock(start, file);
  }

  #delta(data: Record<string, unknown>, out: StreamChunk[]): void {
    const delta = data['delta'];
    if (!isRecord(delta)) return;
    const index = data['index'];
    const before = out.length;
    const open = this.#open.get(index)?.delta(delta, out);
    const size = open ?? this.#deltaWithoutBlock(this.#key(index), delta, out);
    // Pieces of a block that is delivered whole, such as the input of a tool that the provider runs.
    if (size > 0 && out.length === before) this.#context.call.call.alive('progress');
    this.#grow(size);
  }

  /** Takes a delta without an open block at its index: its block has no start, was stopped, or has another index. */
  #deltaWithoutBlock(key: number | undefined, delta: Record<string, unknown>, out: StreamChunk[]): number {
    const open = this.#open.get(key ?? this.#latest)?.delta(delta, out);
    if (open !== undefined) return open;
    switch (kindOfDelta(delta['type'])) {
      case 'text':
        return this.#deltaOfNewBlock('text', key, delta, out);
      case 'thinking': {
        const size = this.#thinking?.delta(delta, out);
        return size ?? this.#deltaOfNewBlock('thinking', key, delta, out);
      }
      case 'call': {
        const call = this.#calls.forInput(key);
        if (call === undefined) {
          return this.#calls.repeats(delta) ? 0 : this.#deltaOfNewBlock('tool_use', key, delta, out);
        }
        if (!this.#open.has(key)) this.#open.set(key, call);
        return call.delta(delta, out) ?? 0;
      }
      case undefined:
        return 0;
    }
  }

  /** Opens the block that a delta belongs to. An empty delta needs no block. */
  #deltaOfNewBlock(
    type: 'text' | 'thinking' | 'tool_use',
    key: number | undefined,
    delta: Record<string, unknown>,
    out: StreamChunk[],
  ): number {
    if (Object.entries(delta).every(([name, value]) => name === 'type' || value === '')) return 0;
    const block = this.#opened({ type }, key, out);
    if (!this.#open.has(key)) {
      this.#open.set(key, block);
      this.#latest = key;
    }
    return block.delta(delta, out) ?? 0;
  }

  #stop(index: unknown, out: StreamChunk[]): void {
    const given = this.#key(index);
    const key = given === undefined && !this.#open.has(undefined) ? this.#latest : given;
    const block = this.#open.get(key);
    if (block === undefined) return this.#calls.stopAt(key, out);
    this.#open.delete(key);
    this.#close(block, out);
  }

  #close(block: OpenBlock, out: StreamChunk[]): void {
    if (block instanceof CallBlock) this.#calls.stop(block, out);
    else block.close(out);
  }

  #messageDelta(data: Record<string, unknown>): void {
    const delta = isRecord(data['delta']) ? data['delta'] : {};
    this.#addUsage(data['usage'] ?? delta['usage'], true);
    const stop_reason = delta['stop_reason'] ?? data['stop_reason'];
    this.#noteEnd({ ...delta, stop_reason, request_id: data['request_id'] });
  }

  /**
   * Notes what the opening or a `message_delta` says about the end. A later one may say less. Throws if the end is an
   * error.
   */
  #noteEnd(message: Record<string, unknown>): void {
    const { error, container } = message;
    if (isErrorField(error)) throw this.#failed(message);
    if (isRecord(container) && sizeOf(container) !== undefined) this.#container = container;
    const reason = text(message['stop_reason']);
    if (reason !== undefined && reason !== '') this.#stopReason = reason;
    const explanation = explanationIn(message);
    if (reason?.toLowerCase() === 'error') {
      throw this.#failed({ message: explanation ?? 'The reply ended with the stop reason "error".' });
    }
    if (explanation !== undefined) replyWarning(this.#context, `the model refused: ${explanation}`);
  }

  #addUsage(usage: unknown, final: boolean): void {
    this.#usage.add(usage, final);
    const record = this.#context.call.call;
    record.usage = this.#usage.usage() ?? record.usage;
    record.serviceTier = this.#usage.serviceTier ?? record.serviceTier;
  }

  /**
   * If the server sends no reason, its message_stop still says that the message is complete. Some servers send `end_turn`
   * after a call.
   */
  #finishReason(): FinishReason {
    const reason = finishReasonOf(this.#stopReason ?? 'stop');
    const { clientCalls, hostedCalls } = this.#calls;
    if (reason === 'stop') return clientCalls > 0 ? 'tool_calls' : 'stop';
    // The provider ran all calls: there is nothing for the client to do.
    return reason === 'tool_calls' && clientCalls === 0 && hostedCalls > 0 ? 'stop' : reason;
  }

  /** The index, if it is a whole number of 0 or more, or the digits of one. Any other value counts as no index. */
  #key(index: unknown): number | undefined {
    const value = typeof index === 'string' && /^\d{1,15}$/.test(index) ? Number(index) : index;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) return undefined;
    const max = this.#context.limits.maxToolIndex;
    if (value <= max) return value;
    throw this.#error('protocol', `the index of a content block exceeds limits.maxToolIndex (${max})`);
  }

  /**
   * Counts the characters of a start, and removes fields that are nested too deep to be kept. The input is checked
   * elsewhere.
   */
  #checked(start: Record<string, unknown>): Record<string, unknown> {
    const size = sizeOf(start);
    this.#grow(size ?? 0);
    if (size !== undefined) return start;
    replyWarning(this.#context, 'fields of a block that are nested too deep are left out');
    const kept = Object.entries(start).filter(
      ([name, value]) => name === 'input' || sizeOf(value) !== undefined,
    );
    return Object.fromEntries(kept);
  }

  #grow(characters: number): void {
    this.#characters += characters;
    const max = this.#context.limits.maxOutputCharacters;
    if (this.#characters > max)
      throw this.#error('protocol', `the output exceeds limits.maxOutputCharacters (${max})`);
  }

  #error(code: 'protocol' | 'truncated', message: string): SluiceError {
    return streamError(this.#context, code, message);
  }

  #failed(data: Record<string, unknown>): SluiceError {
    const { provider, info } = this.#context;
    return errorFromBody(data, {
      provider,
      ...info,
      requestId: asRequestId(data['request_id'], info.secrets) ?? info.requestId,
    });
  }
}

/** Why the model refused, in its own words. */
function explanationIn(message: Record<string, unknown>): string | undefined {
  const details = message['stop_details'];
  return isRecord(details) ? text(details['explanation']) : undefined;
}
