import { isVoided } from '../../src/index.ts';
import type { SentChunk } from '../stream/parts.ts';
import type { SentReset } from './chunk-log.ts';

/** Which numbers have chunks that are not void, and which resets voided some. Each chunk of a stream is added once, in order. */
export class Resets {
  readonly #valid = new Set<number>();
  readonly #list: SentReset[] = [];

  /** The resets that voided a chunk, the oldest first. */
  get list(): readonly SentReset[] {
    return this.#list;
  }

  add(chunk: SentChunk): void {
    if (chunk.type === 'reset') this.addReset(chunk);
    else this.addCall(chunk.call);
  }

  /** There is a chunk of this number. */
  addCall(call: number): void {
    this.#valid.add(call);
  }

  addReset(reset: SentReset): void {
    const voided = [...this.#valid].filter((call) => isVoided(reset, call));
    for (const call of voided) this.#valid.delete(call);
    if (voided.length > 0) this.#list.push(reset);
  }
}
