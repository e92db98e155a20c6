import { Stream, end, noUsage } from 'sluice';
import type { BatchSource, Provider, Reply, StreamChunk, Usage } from 'sluice';
import { pieceAt } from '../upstream/text.ts';

/**
 * A provider in memory that delivers `chunks` chunks, `perRead` per read. Each read is a promise, as from a socket, and each chunk a new object,
 * as from a decoder. Both are part of what is measured.
 */
export function source(chunks: number, perRead: number): Provider {
  return {
    name: 'openai',
    model: 'gpt-4.1-nano',
    stream: () => Stream.fromSource<StreamChunk, Reply>(() => new Source(chunks, perRead)),
  };
}

class Source implements BatchSource<StreamChunk, Reply> {
  readonly #chunks: number;
  readonly #perRead: number;
  #at = 0;

  constructor(chunks: number, perRead: number) {
    this.#chunks = chunks;
    this.#perRead = perRead;
  }

  pull(): ReturnType<BatchSource<StreamChunk, Reply>['pull']> {
    if (this.#at >= this.#chunks)
      return Promise.resolve(end<Reply>({ finishReason: 'stop', usage: this.#usage() }));
    const batch: StreamChunk[] = [];
    for (let left = this.#perRead; left > 0 && this.#at < this.#chunks; left--) {
      batch.push({ type: 'content', content: pieceAt(this.#at++), call: 0 });
    }
    return Promise.resolve(batch);
  }

  close(): void {
    this.#at = this.#chunks;
  }

  /** As a real service reports it: what is not reported would be estimated, which is not measured here. */
  #usage(): Usage {
    const outputTokens = this.#chunks;
    return { ...noUsage(), inputTokens: 12, outputTokens, totalTokens: 12 + outputTokens };
  }
}
