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
    if (chunk.type !== 'reset') {
      this.#valid.add(chunk.call);
      return;
    }
    let voids = false;
    for (const call of this.#valid) {
      if (!isVoided(chunk, call)) continue;
      voids = true;
      this.#valid.delete(call);
    }
    if (voids) this.#list.push(chunk);
  }
}
