/** Chunks that wait for the reader of one branch. The oldest ones can be dropped, at a cost that does not depend on how many wait. */
export class Backlog<C> {
  #chunks: C[] = [];
  /** How many of them were dropped. */
  #at = 0;
  /** Resets that came before chunks that wait, and after chunks that were dropped. */
  #resets: C[] = [];

  /** How many chunks can be dropped. */
  get size(): number {
    return this.#chunks.length - this.#at;
  }

  get isEmpty(): boolean {
    return this.size === 0 && this.#resets.length === 0;
  }

  add(batch: readonly C[]): void {
    for (const chunk of batch) this.#chunks.push(copied(chunk));
  }

  /** Drops the oldest chunks. Resets stay: the reader may have read what they void. */
  drop(count: number): void {
    for (const end = this.#at + count; this.#at < end; this.#at++) {
      const chunk = this.#chunks[this.#at];
      if (chunk !== undefined && isReset(chunk)) this.#resets.push(chunk);
    }
    if (this.#at <= this.size) return;
    this.#chunks = this.#chunks.slice(this.#at);
    this.#at = 0;
  }

  /** All that waits, in order. */
  takeAll(): C[] {
    const all =
      this.#at === 0 && this.#resets.length === 0
        ? this.#chunks
        : this.#resets.concat(this.#chunks.slice(this.#at));
    this.clear();
    return all;
  }

  clear(): void {
    this.#chunks = [];
    this.#at = 0;
    this.#resets = [];
  }
}

/** Each reader gets a chunk of its own. */
function copied<C>(chunk: C): C {
  return typeof chunk === 'object' && chunk !== null ? { ...chunk } : chunk;
}

function isReset(chunk: unknown): boolean {
  return typeof chunk === 'object' && chunk !== null && 'type' in chunk && chunk.type === 'reset';
}
