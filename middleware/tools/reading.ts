import { Accumulator } from '../../src/index.ts';
import type { Message, StreamChunk } from '../../src/index.ts';
import type { CallIds } from './call-ids.ts';

/** Reads the reply of one round: gives its calls our ids, and keeps it. It is on the hot path: pieces of text are only kept. */
export class Reading {
  readonly #ids: CallIds;
  /** Made for the first chunk that is not plain text. */
  #accumulator: Accumulator | undefined;
  /** The pieces of text that came last. */
  #pieces: string[] = [];
  /** The call that made the text. */
  #textOf: number | undefined;
  /** The number of what came last. */
  call: number | undefined;
  /** Whether a call came that the provider has not run. A reset may have voided it. */
  hasCalls = false;
  /** Whether a layer below has run tools. */
  ranBelow = false;

  constructor(ids: CallIds) {
    this.#ids = ids;
  }

  /** The batch with our ids in it. */
  take(batch: readonly StreamChunk[]): readonly StreamChunk[] {
    let changed: StreamChunk[] | undefined;
    for (let at = 0; at < batch.length; at++) {
      const chunk = batch[at];
      if (chunk === undefined) continue;
      if (chunk.type === 'content' && chunk.call === this.#textOf && isPlain(chunk)) {
        this.#pieces.push(chunk.content);
        continue;
      }
      const renamed = this.#other(chunk);
      if (renamed !== chunk) (changed ??= batch.slice())[at] = renamed;
    }
    return changed ?? batch;
  }

  /** The reply so far, as one message. */
  message(): Message {
    return this.#flush().message();
  }

  #other(chunk: StreamChunk): StreamChunk {
    const accumulator = this.#flush();
    this.call = chunk.call;
    if (chunk.type === 'content' && isPlain(chunk)) {
      this.#pieces.push(chunk.content);
      this.#textOf = chunk.call;
      return chunk;
    }
    this.#textOf = undefined;
    if (chunk.type === 'tool_call' && chunk.providerExecuted !== true) this.hasCalls = true;
    if (chunk.type === 'tool_result' && chunk.providerExecuted !== true) this.ranBelow = true;
    const renamed = this.#ids.renamed(chunk);
    accumulator.add(renamed);
    return renamed;
  }

  #flush(): Accumulator {
    const accumulator = (this.#accumulator ??= new Accumulator());
    if (this.#pieces.length === 0) return accumulator;
    const call = this.#textOf;
    accumulator.add({ type: 'content', content: this.#pieces.join(''), ...(call !== undefined && { call }) });
    this.#pieces = [];
    return accumulator;
  }
}

function isPlain(chunk: { citations?: unknown; refusal?: unknown; block?: unknown }): boolean {
  return chunk.citations === undefined && chunk.refusal === undefined && chunk.block === undefined;
}
