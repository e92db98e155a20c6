import { Accumulator } from '../../../src/index.ts';
import type { Message, StreamChunk } from '../../../src/index.ts';
import { CallIds } from './call-ids.ts';

/** What no chunk has as its call. A number: two numbers are compared faster than a number and nothing. */
const NO_CALL = -1;

/** Reads the reply of one round: gives its calls our ids, and keeps it. It is on the hot path: pieces of text are only kept. */
export class Reading {
  /** What the ids are made of, with the round. */
  readonly turnId: string;
  readonly #round: number;
  /** Made for the first chunk that is not plain text, as is the accumulator. */
  #ids: CallIds | undefined;
  #accumulator: Accumulator | undefined;
  /** The text that came last. Strings grow faster than a list of them. */
  #text = '';
  /** The call that made the text. */
  #textOf: number | undefined = NO_CALL;
  /** The number of what came last. */
  call: number | undefined;
  /** Whether a call came that the provider has not run. A reset may have voided it. */
  hasCalls = false;
  /** Whether a layer below has run tools. */
  ranBelow = false;

  constructor(turnId: string, round: number) {
    this.turnId = turnId;
    this.#round = round;
  }

  /** The chunk with our id, if it has one. Any other passes as it is. */
  readonly take = (chunk: StreamChunk): StreamChunk => {
    if (chunk.type !== 'content' || chunk.call !== this.#textOf || !isPlain(chunk)) return this.#other(chunk);
    this.#text += chunk.content;
    return chunk;
  };

  /** The reply so far, as one message. */
  message(): Message {
    return this.#flush().message();
  }

  #other(chunk: StreamChunk): StreamChunk {
    const accumulator = this.#flush();
    this.call = chunk.call;
    if (chunk.type === 'content' && isPlain(chunk)) {
      this.#text += chunk.content;
      this.#textOf = chunk.call;
      return chunk;
    }
    this.#textOf = NO_CALL;
    if (chunk.type === 'tool_call' && chunk.providerExecuted !== true) this.hasCalls = true;
    if (chunk.type === 'tool_result' && chunk.providerExecuted !== true) this.ranBelow = true;
    this.#ids ??= new CallIds(this.turnId, this.#round);
    const renamed = this.#ids.renamed(chunk);
    accumulator.add(renamed);
    return renamed;
  }

  #flush(): Accumulator {
    const accumulator = (this.#accumulator ??= new Accumulator());
    if (this.#text === '') return accumulator;
    const call = this.#textOf;
    accumulator.add({ type: 'content', content: this.#text, ...(call !== undefined && { call }) });
    this.#text = '';
    return accumulator;
  }
}

function isPlain(chunk: { citations?: unknown; refusal?: unknown; block?: unknown }): boolean {
  return chunk.citations === undefined && chunk.refusal === undefined && chunk.block === undefined;
}
