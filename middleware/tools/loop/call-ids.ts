import type { StreamChunk } from '../../../src/index.ts';
import { hashOf } from '../../../src/kit/index.ts';

/**
 * Gives the calls of one round ids of ours, made of what the record is of, the round and the place: a provider's id may be missing, or come twice. A call gets its id
 * with its first delta. A call that the provider runs itself keeps the provider's.
 */
export class CallIds {
  readonly #turnId: string;
  readonly #round: number;
  #prefix: string | undefined;
  /** Our ids for calls whose end has not come. */
  #open: Map<string, string> | undefined;
  /** Our ids for calls that began like ours and that the provider ran. */
  #hosted: Map<string, string> | undefined;
  #place = 0;

  constructor(turnId: string, round: number) {
    this.#turnId = turnId;
    this.#round = round;
  }

  /** The chunk with our id. Chunks are never changed: it is a copy. */
  renamed(chunk: StreamChunk): StreamChunk {
    switch (chunk.type) {
      case 'tool_call_delta': {
        const key = keyOf(chunk);
        this.#open ??= new Map();
        let id = this.#open.get(key);
        if (id === undefined) this.#open.set(key, (id = this.#next()));
        return { ...chunk, id };
      }
      case 'tool_call': {
        const key = keyOf(chunk);
        const begun = this.#open?.get(key);
        if (chunk.providerExecuted === true) {
          if (begun === undefined) return chunk;
          (this.#hosted ??= new Map()).set(key, begun);
        }
        // The next call with this id is another one.
        this.#open?.delete(key);
        return { ...chunk, id: begun ?? this.#next() };
      }
      case 'tool_result': {
        const id = chunk.providerExecuted === true ? this.#hosted?.get(keyOf(chunk)) : undefined;
        return id === undefined ? chunk : { ...chunk, id };
      }
      default:
        return chunk;
    }
  }

  #next(): string {
    this.#prefix ??= `c${hashOf(this.#turnId)}_${this.#round}_`;
    return `${this.#prefix}${this.#place++}`;
  }
}

/** A second attempt of a model call may use the same ids again. */
function keyOf({ call = 0, id }: { call?: number; id: string }): string {
  return `${call} ${id}`;
}
