import { SluiceError } from '../../../src/index.ts';
import type { ExecutionChunk, ExecutionResult } from '../../../src/index.ts';
import { filled, isRecord } from '../../../providers/wire/index.ts';
import { CallParts } from './call-parts.ts';
import { plainObject, withOwnData } from './own-data.ts';
import type { OfferedFinish, OfferedPart, OfferedSource, OfferedUsage } from './types.ts';

type Chunk<T extends ExecutionChunk['type']> = Extract<ExecutionChunk, { type: T }>;

/**
 * Turns the chunks of an execution into the parts of one call of the AI SDK: ids are unique over all rounds, and every block has its start and its
 * end. The specification cannot take anything back: a reset of what was sent is an error.
 */
export class Parts {
  readonly #calls: CallParts;
  #open: { type: 'text' | 'reasoning'; id: string; call: number } | undefined;
  #blocks = 0;
  /** The numbers of the calls of which something was sent. */
  readonly #sent = new Set<number>();

  /** `clientTools`: the tools that the caller runs. All others are the pipeline's or its provider's. */
  constructor(clientTools: ReadonlySet<string>) {
    this.#calls = new CallParts(clientTools);
  }

  /** The parts of a chunk. Throws if it takes back what was sent. */
  of(chunk: ExecutionChunk): OfferedPart[] {
    const out: OfferedPart[] = [];
    if (chunk.type === 'reset') this.#reset(chunk);
    else if (chunk.type === 'done') this.#done(chunk.result, out);
    else {
      this.#take(chunk, out);
      if (out.length > 0) this.#sent.add(chunk.call);
    }
    return out;
  }

  /** The ends of the blocks that are open, before an error. */
  close(): OfferedPart[] {
    const out: OfferedPart[] = [];
    this.#end(out);
    this.#calls.closeInputs(out);
    return out;
  }

  #take(chunk: Exclude<ExecutionChunk, { type: 'done' | 'reset' }>, out: OfferedPart[]): void {
    switch (chunk.type) {
      case 'content':
        this.#content(chunk, out);
        return;
      case 'thinking':
        if (chunk.content !== '' || chunk.block !== undefined) this.#delta('reasoning', chunk, out);
        if (chunk.block !== undefined) this.#end(out, withOwnData({ block: chunk.block }));
        return;
      case 'file':
        this.#end(out);
        this.#file(chunk, out);
        return;
      default:
        this.#end(out);
        this.#calls.take(chunk, out);
    }
  }

  #content(chunk: Chunk<'content'>, out: OfferedPart[]): void {
    if (chunk.content !== '') this.#delta('text', chunk, out);
    for (const citation of chunk.citations ?? []) {
      const source = sourceOf(citation, `source-${this.#blocks++}`);
      if (source !== undefined) out.push(source);
    }
    if (chunk.block === undefined) return;
    this.#end(out);
    out.push({ type: 'custom', kind: 'sluice.block', ...withOwnData({ block: chunk.block }) });
  }

  #delta(
    type: 'text' | 'reasoning',
    { content, call }: Chunk<'content' | 'thinking'>,
    out: OfferedPart[],
  ): void {
    if (this.#open?.type !== type || this.#open.call !== call) {
      this.#end(out);
      this.#open = { type, id: `${type}-${this.#blocks++}`, call };
      out.push({ type: `${type}-start`, id: this.#open.id });
    }
    if (content !== '') out.push({ type: `${type}-delta`, id: this.#open.id, delta: content });
  }

  #end(out: OfferedPart[], metadata: ReturnType<typeof withOwnData> = {}): void {
    if (this.#open === undefined) return;
    const { type, id } = this.#open;
    this.#open = undefined;
    out.push({ type: `${type}-end`, id, ...metadata });
  }

  #file({ mediaType, data, url, block }: Chunk<'file'>, out: OfferedPart[]): void {
    const own = withOwnData(block === undefined ? {} : { block });
    if (data !== undefined) out.push({ type: 'file', mediaType, data: { type: 'data', data }, ...own });
    else if (url !== undefined && URL.canParse(url)) {
      out.push({ type: 'file', mediaType, data: { type: 'url', url: new URL(url) }, ...own });
    }
  }

  #reset({ calls, reason }: Chunk<'reset'>): void {
    if (!calls.some((call) => this.#sent.has(call))) return;
    throw new SluiceError(
      'truncated',
      `An attempt failed (${reason}) after a part of it was delivered, and the AI SDK cannot take it back: use retry() without afterContent: "reset".`,
      { retryable: false },
    );
  }

  #done(result: ExecutionResult, out: OfferedPart[]): void {
    out.push(...this.close());
    if (result.pending?.some(({ waitsFor }) => waitsFor !== 'client') === true) {
      throw new SluiceError(
        'tool',
        'A tool of the pipeline waits for an approval, which an AI SDK model cannot ask for.',
      );
    }
    const { id, model, provider, outcome, cost, warnings, usage } = result;
    out.push({ type: 'response-metadata', id, modelId: model ?? 'unknown' });
    const own = plainObject({ id, provider, model, outcome, cost, warnings });
    out.push({
      type: 'finish',
      finishReason: finishOf(result, this.#calls.forClient),
      usage: usageOf(usage),
      ...(own !== undefined && { providerMetadata: { sluice: own } }),
    });
  }
}

const UNIFIED: Readonly<Record<string, OfferedFinish['unified']>> = {
  stop: 'stop',
  length: 'length',
  content_filter: 'content-filter',
  refusal: 'content-filter',
};

function finishOf({ response, outcome, reason }: ExecutionResult, hasCalls: boolean): OfferedFinish {
  const raw = response.finishReason;
  if (hasCalls) return { unified: 'tool-calls', raw };
  // Calls that the pipeline ran itself leave nothing to do.
  if (outcome === 'interrupted') return { unified: 'other', raw: reason ?? 'interrupted' };
  return { unified: UNIFIED[raw] ?? 'other', raw };
}

function usageOf(usage: ExecutionResult['usage']): OfferedUsage {
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage;
  const raw = plainObject(usage);
  return {
    inputTokens: {
      total: inputTokens,
      noCache: inputTokens - cachedInputTokens - cacheWriteTokens,
      cacheRead: cachedInputTokens,
      cacheWrite: cacheWriteTokens,
    },
    outputTokens: { total: outputTokens, text: outputTokens - reasoningTokens, reasoning: reasoningTokens },
    ...(raw !== undefined && { raw }),
  };
}

/** No tokens are known. */
export const NO_USAGE: OfferedUsage = {
  inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};

/** The web page that a citation of any provider names, if it names one. */
function sourceOf(citation: unknown, id: string): OfferedSource | undefined {
  if (!isRecord(citation)) return undefined;
  const inner = isRecord(citation['url_citation']) ? citation['url_citation'] : citation;
  const url = filled(inner['url']);
  if (url === undefined) return undefined;
  const title = filled(inner['title']);
  return { type: 'source', sourceType: 'url', id, url, ...(title !== undefined && { title }) };
}
