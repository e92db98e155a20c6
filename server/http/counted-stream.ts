import type { SentItem, SentStream } from '../stream/sent-stream.ts';

/** A stream that says once when it is over: at its end, or when its reader leaves. */
export class CountedStream implements SentStream {
  readonly #stream: SentStream;
  #done: (() => void) | undefined;

  constructor(stream: SentStream, done: () => void) {
    this.#stream = stream;
    this.#done = done;
  }

  get model(): string | undefined {
    return this.#stream.model;
  }

  async next(): Promise<SentItem[] | undefined> {
    let items: SentItem[] | undefined;
    try {
      items = await this.#stream.next();
    } catch (error) {
      this.#over();
      throw error;
    }
    if (items === undefined || items.at(-1)?.type === 'end') this.#over();
    return items;
  }

  async close(reason?: string): Promise<void> {
    await this.#stream.close(reason);
    this.#over();
  }

  #over(): void {
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }
}
