import {
  SluiceError,
  type FinishReason,
  type ProviderCall,
  type Reply,
  type StreamChunk,
} from '../../src/index.ts';
import {
  errorFromBody,
  finishReasonOf,
  isRecord,
  text,
  type Decoder,
  type Limits,
  type Origin,
  type ResponseInfo,
} from '../wire/index.ts';
import {
  keptBlock,
  redactedBlock,
  sizeOf,
  textBlock,
  thinkingBlock,
  toolBlock,
  type OpenBlock,
  type ToolBlock,
} from './blocks.ts';
import { UsageReader } from './usage.ts';

/** What a decoder needs to know of its call. */
export interface MessagesDecoderOptions {
  provider: string;
  call: ProviderCall;
  limits: Limits;
  /** The headers' part of the answer. */
  info: ResponseInfo;
  /** What the blocks of the reply are marked with. */
  origin: Origin;
}

/**
 * Reads the events of the Messages API. Goes by each payload's own `type`, so that a stream without `event:` lines is
 * read too; unknown events and deltas are passed over, unknown blocks are kept.
 * Source: https://platform.claude.com/docs/en/build-with-claude/streaming
 */
export class MessagesDecoder implements Decoder {
  finished = false;
  readonly #options: MessagesDecoderOptions;
  readonly #usage = new UsageReader();
  readonly #open = new Map<number, OpenBlock>();
  /** Indices that were taken: a message uses each one once. */
  readonly #seen = new Set<number>();
  /** The last call: only when something follows it is it known not to be cut. */
  #pending: ToolBlock | undefined;
  #messageId: string | undefined;
  #started = false;
  #hasContent = false;
  #characters = 0;
  #calls = 0;
  #stopReason: string | undefined;

  constructor(options: MessagesDecoderOptions) {
    this.#options = options;
  }

  event(data: Record<string, unknown>, _name: string, out: StreamChunk[]): void {
    switch (data['type']) {
      case 'content_block_delta':
        return this.#delta(data, out);
      case 'content_block_start':
        return this.#start(data, out);
      case 'content_block_stop':
        return this.#stop(data['index'], out);
      case 'message_start':
        return this.#messageStart(data['message'], out);
      case 'message_delta':
        return this.#messageDelta(data);
      case 'message_stop':
        this.finished = true;
        return;
      case 'error': {
        const { provider, info } = this.#options;
        throw errorFromBody(data, { provider, requestId: text(data['request_id']) ?? info.requestId });
      }
    }
  }

  end(out: StreamChunk[]): Reply {
    if (!this.finished) {
      const seen = this.#started || this.#hasContent;
      throw this.#error('truncated', `The stream ended ${seen ? 'without' : 'before'} a message_stop event.`);
    }
    for (const block of this.#open.values()) this.#close(block, out);
    this.#open.clear();
    const reason = finishReason(this.#stopReason, this.#calls > 0);
    // Stopped in the middle of a call: what there is of its arguments is not what the model meant.
    if (reason !== 'length' || this.#pending?.isWhole() === true) this.#release(out);
    return {
      finishReason: reason,
      rawFinishReason: this.#stopReason,
      usage: this.#usage.usage(),
      model: this.#options.call.call.model,
      provider: this.#options.provider,
      requestId: this.#options.info.requestId,
      serviceTier: this.#usage.serviceTier,
    };
  }

  #messageStart(message: unknown, out: StreamChunk[]): void {
    if (!isRecord(message)) return;
    const id = text(message['id']);
    // Proxies repeat the opening; any other second opening is another message, and its text would be mixed in.
    if (this.#hasContent || (this.#started && this.#messageId !== id)) {
      throw this.#error('protocol', 'A second message begins inside the stream.');
    }
    this.#messageId = id;
    const model = text(message['model']);
    if (model !== undefined && model !== '') this.#options.call.call.model = model;
    this.#addUsage(message['usage'], false);
    if (this.#started) return;
    this.#started = true;
    for (const block of Array.isArray(message['content']) ? message['content'] : []) {
      if (isRecord(block)) this.#close(this.#opened(block, out), out);
    }
  }

  #start(data: Record<string, unknown>, out: StreamChunk[]): void {
    const index = this.#index(data['index']);
    if (this.#seen.has(index)) throw this.#error('protocol', 'A content block begins twice.');
    if (!isRecord(data['content_block'])) return;
    this.#seen.add(index);
    this.#open.set(index, this.#opened(data['content_block'], out));
  }

  #opened(start: Record<string, unknown>, out: StreamChunk[]): OpenBlock {
    this.#hasContent = true;
    this.#release(out);
    this.#grow(sizeOf(start));
    switch (start['type']) {
      case 'text':
        return textBlock(start, out);
      case 'thinking':
        return thinkingBlock(start, this.#options.origin, out);
      case 'redacted_thinking':
        return redactedBlock(start, this.#options.origin);
      case 'tool_use': {
        this.#calls += 1;
        const { limits } = this.#options;
        if (this.#calls > limits.maxToolCalls) {
          throw this.#error('protocol', `The reply has more than ${limits.maxToolCalls} tool calls.`);
        }
        return toolBlock(start, this.#calls, this.#options, out);
      }
      default:
        return keptBlock(start, this.#options.origin);
    }
  }

  #delta(data: Record<string, unknown>, out: StreamChunk[]): void {
    const delta = data['delta'];
    if (!isRecord(delta)) return;
    const index = this.#index(data['index']);
    const block = this.#open.get(index) ?? this.#unannounced(index, delta, out);
    if (block !== undefined) this.#grow(block.delta(delta, out));
  }

  /** Some servers leave out the start of a block of text or thinking. */
  #unannounced(index: number, delta: Record<string, unknown>, out: StreamChunk[]): OpenBlock | undefined {
    if (this.#seen.has(index)) throw this.#error('protocol', 'A delta follows the end of its content block.');
    const type =
      delta['type'] === 'text_delta' ? 'text' : delta['type'] === 'thinking_delta' ? 'thinking' : undefined;
    if (type === undefined) return undefined;
    this.#seen.add(index);
    const block = this.#opened({ type }, out);
    this.#open.set(index, block);
    return block;
  }

  #stop(value: unknown, out: StreamChunk[]): void {
    const index = this.#index(value);
    const block = this.#open.get(index);
    if (block === undefined) return;
    this.#open.delete(index);
    this.#close(block, out);
  }

  #close(block: OpenBlock, out: StreamChunk[]): void {
    if (isTool(block)) {
      this.#release(out);
      this.#pending = block;
    } else {
      block.close(out);
    }
  }

  #release(out: StreamChunk[]): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.close(out);
  }

  #messageDelta(data: Record<string, unknown>): void {
    this.#addUsage(data['usage'], true);
    const delta = data['delta'];
    if (!isRecord(delta)) return;
    const reason = text(delta['stop_reason']);
    if (reason !== undefined && reason !== '') this.#stopReason = reason;
    const details = delta['stop_details'];
    const explanation = isRecord(details) ? text(details['explanation']) : undefined;
    if (explanation !== undefined)
      this.#options.call.warn(`${this.#options.provider}: the model refused: ${explanation}`);
  }

  #addUsage(usage: unknown, final: boolean): void {
    this.#usage.add(usage, final);
    const record = this.#options.call.call;
    record.usage = this.#usage.usage() ?? record.usage;
    record.serviceTier = this.#usage.serviceTier ?? record.serviceTier;
  }

  #index(value: unknown): number {
    const max = this.#options.limits.maxToolIndex;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
    throw this.#error(
      'protocol',
      `A content block has an index that is not a whole number from 0 to ${max}.`,
    );
  }

  #grow(characters: number): void {
    this.#characters += characters;
    const max = this.#options.limits.maxOutputCharacters;
    if (this.#characters > max) throw this.#error('protocol', `The reply is longer than ${max} characters.`);
  }

  #error(code: 'protocol' | 'truncated', message: string): SluiceError {
    const { provider, info } = this.#options;
    return new SluiceError(code, message, { provider, requestId: info.requestId });
  }
}

function isTool(block: OpenBlock): block is ToolBlock {
  return 'isWhole' in block;
}

/** A server that leaves the reason out has still said that the message is complete. */
function finishReason(stopReason: string | undefined, called: boolean): FinishReason {
  if (stopReason === undefined) return called ? 'tool_calls' : 'stop';
  return finishReasonOf(stopReason);
}
