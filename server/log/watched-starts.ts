import type { LoggedStart, StreamKey } from './chunk-log.ts';
import type { Hints } from './hints.ts';
import { nameOf } from './watchers.ts';
import type { Watched } from './watchers.ts';

/** The start of a stream, and the base that says whether another read has found the same stream. */
export interface KnownStart {
  base: string;
  start: LoggedStart;
}

/** The starts of streams for which somebody waits in this process. They may be large, and never change, so a read does not ask for them again. */
export class WatchedStarts {
  readonly #hints: Hints;
  readonly #starts = new Map<string, KnownStart>();

  constructor(hints: Hints) {
    this.#hints = hints;
  }

  /** Adds a waiter. Returns a function that removes it. */
  watch(key: StreamKey, what: Watched, wake: () => void): () => void {
    const end = this.#hints.watch(key, what, wake);
    return () => {
      end();
      if (!this.isRead(key)) this.#starts.delete(nameOf(key));
    };
  }

  /** Whether somebody waits for chunks of the stream. */
  isRead(key: StreamKey): boolean {
    return this.#hints.watchers.has(key, 'chunks');
  }

  get(key: StreamKey): KnownStart | undefined {
    return this.#starts.get(nameOf(key));
  }

  /** Keeps a start that was read while somebody waited, if somebody still does. */
  keep(key: StreamKey, known: KnownStart): void {
    if (this.isRead(key)) this.#starts.set(nameOf(key), known);
  }

  clear(): void {
    this.#starts.clear();
  }
}
