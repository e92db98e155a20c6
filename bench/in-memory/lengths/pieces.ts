import { end } from 'sluice';
import type { BatchSource, Pulled } from 'sluice';

const PIECES_PER_READ = 16;

/** How many characters a piece of text has. */
export const CHARACTERS_PER_PIECE = 4;

/** A source of chunks, 16 per read. Each chunk is a new object, as from a decoder. */
export class Pieces<Chunk, Reply> implements BatchSource<Chunk, Reply> {
  readonly #count: number;
  readonly #made: (at: number) => Chunk;
  readonly #reply: () => Reply;
  #at = 0;

  /** `made` makes the chunk at a position; `reply` is called at the end, and may throw. */
  constructor(count: number, made: (at: number) => Chunk, reply: () => Reply) {
    this.#count = count;
    this.#made = made;
    this.#reply = reply;
  }

  async pull(): Promise<Pulled<Chunk, Reply>> {
    if (this.#at >= this.#count) return end(this.#reply());
    const batch: Chunk[] = [];
    for (let left = PIECES_PER_READ; left > 0 && this.#at < this.#count; left--)
      batch.push(this.#made(this.#at++));
    return batch;
  }

  close(): void {
    this.#at = this.#count;
  }
}
