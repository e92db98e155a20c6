import { isVoided } from '../../src/index.ts';
import type { ContentChunk, FileChunk, FinishReason, ResetChunk } from '../../src/index.ts';
import type { SentChunk, SentEnd, SentStart } from '../stream/parts.ts';
import { pageOf } from './citations.ts';
import { endingOf } from './ending.ts';
import type { Encoder, EncoderOptions, Format, Frame } from './format.ts';
import { plainErrorBody } from './plain-error.ts';
import { UiParts, type UiChunk } from './ui-parts.ts';
import { UiTools } from './ui-tools.ts';

/**
 * The UI message stream of the AI SDK, version 1: what `useChat` reads. The majors 5, 6 and 7 of `ai` differ in what they know, so `version` says which one reads.
 *
 * `ai` 7 can take a step back. The others cannot remove a part, so a reset that voids something shown ends their stream.
 * Source: https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol
 */
export const uiMessageFormat: Format = {
  name: 'ui-message',
  showsResets: ({ version }) => version === 7,
  encoder: (options) => new UiMessageEncoder(options),
  heartbeat: ': heartbeat\n\n',
  headers: { 'x-vercel-ai-ui-message-stream': 'v1' },
  error: plainErrorBody,
};

/** 256 kB, in base64. */
const MAX_INLINE_CHARACTERS = (256 * 1024 * 4) / 3;

const DONE: Frame = { data: '[DONE]' };

class UiMessageEncoder implements Encoder {
  readonly #options: EncoderOptions;
  readonly #parts = new UiParts();
  readonly #tools: UiTools;
  /** A reset could not be shown: the stream has ended. */
  #isOver = false;
  #turnId = '';

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#tools = new UiTools(options);
  }

  /** The id of the turn may be that of the user's message, so it is not the reply's. */
  start({ turnId }: SentStart): Frame[] {
    this.#turnId = turnId;
    return framed([{ type: 'start', messageId: this.#options.continues?.messageId ?? `reply-${turnId}` }]);
  }

  chunk(chunk: SentChunk, position: number): Frame[] {
    if (this.#isOver) return [];
    const out: UiChunk[] = [];
    this.#take(chunk, position, out);
    const frames = framed(out);
    if (this.#isOver) frames.push(DONE);
    return frames;
  }

  end(end: SentEnd): Frame[] {
    if (this.#isOver) return [];
    const out: UiChunk[] = [];
    const ending = endingOf(end);
    if (ending === 'failed')
      out.push({ type: 'error', errorText: end.error?.message ?? 'The request failed.' });
    else if (ending === 'cancelled')
      out.push({ type: 'abort', ...(end.reason !== undefined && this.#isFrom(6) && { reason: end.reason }) });
    else {
      this.#parts.close(out);
      this.#tools.settle(end, this.#parts, out);
      this.#parts.finishStep(out);
      out.push({ type: 'finish', finishReason: finishOf(end), ...this.#metadata(end) });
    }
    return [...framed(out), DONE];
  }

  #take(chunk: SentChunk, position: number, out: UiChunk[]): void {
    // The client has what an earlier run of the turn has said. Only calls that it does not know are told again.
    const isKnown = chunk.replayed === true && this.#options.continues !== undefined;
    switch (chunk.type) {
      case 'content':
        if (!isKnown) this.#content(chunk, position, out);
        break;
      case 'thinking':
        if (!isKnown && this.#options.thinking !== false)
          this.#parts.thinking(chunk, position, chunk.call, out);
        break;
      case 'tool_call_delta':
        if (!isKnown) this.#tools.delta(chunk, this.#parts, out);
        break;
      case 'tool_call':
        if (!isKnown || !this.#tools.knows(chunk.id)) this.#tools.call(chunk, this.#parts, out);
        break;
      case 'tool_result':
        this.#tools.result(chunk, this.#parts, out);
        break;
      case 'tool_progress': {
        const data = { toolCallId: chunk.id, toolName: chunk.name, data: chunk.data };
        // Not `preliminary`: that counts as an output of the tool.
        out.push({ type: 'data-tool-progress', id: chunk.id, data, transient: true });
        break;
      }
      case 'file': {
        const { mediaType } = chunk;
        if (!isKnown)
          this.#parts.whole({ type: 'file', mediaType, url: this.#urlOf(chunk, position) }, chunk.call, out);
        break;
      }
      case 'reset':
        this.#reset(chunk, out);
        break;
    }
  }

  /** A page keeps its messages and sends them again with each request, so a large file is not part of them. */
  #urlOf({ url, data = '', mediaType }: FileChunk, position: number): string {
    const { files } = this.#options;
    if (url !== undefined) return url;
    if (files === undefined || data.length <= MAX_INLINE_CHARACTERS)
      return `data:${mediaType};base64,${data}`;
    return `${files.before}${encodeURIComponent(this.#turnId)}/files/${position}${files.after}`;
  }

  #content(chunk: ContentChunk & { call: number }, position: number, out: UiChunk[]): void {
    this.#parts.text(chunk, position, chunk.call, out);
    chunk.citations?.forEach((citation, at) => {
      const source = sourceOf(citation, `source-${position}-${at}`);
      if (source !== undefined) this.#parts.whole(source, chunk.call, out);
    });
  }

  #reset(chunk: ResetChunk, out: UiChunk[]): void {
    const scope = this.#parts.scopeOf((call) => isVoided(chunk, call));
    if (scope === 'nothing') return;
    if (scope === 'step' && this.#isFrom(7)) {
      this.#parts.resetStep();
      this.#tools.resetStep(this.#parts);
      out.push({ type: 'reset-step' });
      return;
    }
    this.#isOver = true;
    out.push({ type: 'error', errorText: 'The answer stopped before its end.' });
  }

  #metadata({ usage, cost, model, provider, latencyMs }: SentEnd): { messageMetadata?: UiChunk[string] } {
    if (this.#options.include?.has('metadata') !== true) return {};
    return {
      messageMetadata: {
        ...(usage !== undefined && { usage }),
        ...(cost !== undefined && { cost }),
        ...(model !== undefined && { model }),
        ...(provider !== undefined && { provider }),
        ...(latencyMs !== undefined && { latencyMs }),
      },
    };
  }

  #isFrom(version: number): boolean {
    return (this.#options.version ?? 5) >= version;
  }
}

function framed(chunks: readonly UiChunk[]): Frame[] {
  return chunks.map((chunk) => ({ data: JSON.stringify(chunk) }));
}

/** A citation with an address, as a source of the message. */
function sourceOf(citation: unknown, sourceId: string): UiChunk | undefined {
  const page = pageOf(citation);
  if (page === undefined) return undefined;
  const { url, title } = page;
  return { type: 'source-url', sourceId, url, ...(title !== '' && { title }) };
}

const FINISH: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  content_filter: 'content-filter',
  refusal: 'content-filter',
  pause: 'other',
  other: 'other',
};

function finishOf(end: SentEnd): string {
  switch (endingOf(end)) {
    case 'completed':
      return FINISH[end.finishReason ?? 'other'];
    case 'calls':
    case 'approval':
      return 'tool-calls';
    case 'guard':
      return 'content-filter';
    default:
      return 'other';
  }
}
