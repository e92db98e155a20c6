import { Accumulator } from '../../src/index.ts';
import type { Message, StreamChunk } from '../../src/index.ts';
import type { CallIds } from './call-ids.ts';

/** Reads the reply of one round: gives its calls our ids, and keeps it. It is on the hot path: text only grows a string. */
export class Reading {
  readonly #ids: CallIds;
  readonly #accumulator = new Accumulator();
  #text = '';
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
        this.#text += chunk.content;
        continue;
      }
      const renamed = this.#other(chunk);
      if (renamed !== chunk) (changed ??= batch.slice())[at] = renamed;
    }
    return changed ?? batch;
  }

  /** The reply so far, as one message. */
  message(): Message {
    this.#flush();
    return this.#accumulator.message();
  }

  #other(chunk: StreamChunk): StreamChunk {
    this.#flush();
    this.call = chunk.call;
    if (chunk.type === 'content' && isPlain(chunk)) {
      this.#text = chunk.content;
      this.#textOf = chunk.call;
      return chunk;
    }
    this.#textOf = undefined;
    if (chunk.type === 'tool_call' && chunk.providerExecuted !== true) this.hasCalls = true;
    if (chunk.type === 'tool_result' && chunk.providerExecuted !== true) this.ranBelow = true;
    const renamed = this.#ids.renamed(chunk);
    this.#accumulator.add(renamed);
    return renamed;
  }

  #flush(): void {
    if (this.#text === '') return;
    const call = this.#textOf;
    this.#accumulator.add({ type: 'content', content: this.#text, ...(call !== undefined && { call }) });
    this.#text = '';
  }
}

function isPlain(chunk: { citations?: unknown; refusal?: unknown; block?: unknown }): boolean {
  return chunk.citations === undefined && chunk.refusal === undefined && chunk.block === undefined;
}
