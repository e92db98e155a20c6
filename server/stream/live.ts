import type { Call, ExecutionChunk, ExecutionResult, Stream } from '../../src/index.ts';
import type { SentStart } from './parts.ts';
import { endOfError, endOfResult } from './sent-end.ts';
import type { SentItem, SentStream } from './sent-stream.ts';

/** The stream of an execution: what `executeStream()` and its relatives return. */
export type PipelineStream = Stream<ExecutionChunk, ExecutionResult>;

/** Options of {@link liveStream}. */
export interface LiveOptions {
  /** Whether the end has the spans of the execution. Default: false. */
  trace?: boolean | undefined;
}

/**
 * The stream of an execution as one reader gets it. The first `next()` gives the start alone and runs nothing; the second one starts the execution. Closing it
 * cancels the execution.
 *
 * @example
 * const sent = liveStream(pipeline.executeStream('user', 'Hello'), { turnId: crypto.randomUUID(), name: 'agent' });
 */
export function liveStream(
  stream: PipelineStream,
  start: Omit<SentStart, 'startedAt'>,
  options: LiveOptions = {},
): SentStream {
  return new LiveStream(stream, start, options.trace === true);
}

const NONE: readonly Call[] = [];

class LiveStream implements SentStream {
  readonly #stream: PipelineStream;
  #start: Omit<SentStart, 'startedAt'> | undefined;
  /** How many chunks were given. */
  #count = 0;
  #ended = false;
  readonly #hasTrace: boolean;
  /** The calls of the model until its first chunk has come. */
  #calls: readonly Call[] | undefined = NONE;
  model: string | undefined;

  constructor(stream: PipelineStream, start: Omit<SentStart, 'startedAt'>, hasTrace: boolean) {
    this.#stream = stream;
    this.#start = start;
    this.#hasTrace = hasTrace;
    stream.tap({ call: (call) => void (this.#calls &&= [...this.#calls, call]) });
  }

  next(): Promise<SentItem[] | undefined> {
    const start = this.#start;
    if (start !== undefined) {
      this.#start = undefined;
      return Promise.resolve([{ type: 'start', start: { ...start, startedAt: Date.now() } }]);
    }
    if (this.#ended) return Promise.resolve(undefined);
    return this.#stream.read().then(this.#itemsOf, this.#failed);
  }

  async close(reason?: string): Promise<void> {
    await this.#stream.close(reason);
  }

  readonly #failed = (error: unknown): SentItem[] => {
    this.#ended = true;
    return [{ type: 'end', end: endOfError(error), position: this.#count + 1, at: Date.now() }];
  };

  readonly #itemsOf = (batch: readonly ExecutionChunk[] | undefined): SentItem[] | undefined => {
    if (batch === undefined) {
      this.#ended = true;
      return undefined;
    }
    const at = Date.now();
    const items: SentItem[] = [];
    const [first] = batch;
    if (first !== undefined && this.#calls !== undefined) {
      this.model = this.#calls.find(({ number }) => number === first.call)?.model;
      this.#calls = undefined;
    }
    for (const chunk of batch) {
      if (chunk.type === 'done') {
        this.#ended = true;
        const end = endOfResult(chunk.result);
        if (this.#hasTrace) end.trace = chunk.result.trace;
        items.push({ type: 'end', end, position: this.#count + 1, at });
        continue;
      }
      const index = this.#count++;
      // A view that drops or joins chunks leaves gaps.
      const dense = chunk.index === index ? chunk : { ...chunk, index };
      items.push({ type: 'chunk', chunk: dense, position: index + 1, at });
    }
    return items;
  };
}
