import type { StreamKey } from '../log/chunk-log.ts';
import type { Resumable } from '../resumable/resumable.ts';

/**
 * Who reads which stream in this process. Where streams do not outlive their connections, the last reader that leaves one stops it. A client that comes back is another reader.
 */
export class Readers {
  readonly #count = new Map<string, number>();
  readonly #runs: Resumable;
  readonly #outlive: boolean;

  constructor(runs: Resumable, outlive: boolean) {
    this.#runs = runs;
    this.#outlive = outlive;
  }

  /** Counts a reader until the returned function is called. */
  enter(key: StreamKey): () => void {
    if (this.#outlive) return () => undefined;
    const name = JSON.stringify([key.owner, key.id]);
    this.#count.set(name, (this.#count.get(name) ?? 0) + 1);
    return () => {
      const left = (this.#count.get(name) ?? 1) - 1;
      if (left > 0) this.#count.set(name, left);
      else {
        this.#count.delete(name);
        // A stream that has ended is not changed by it.
        void this.#runs.stop(key, 'left').catch(() => undefined);
      }
    };
  }
}
