import type { SentItem, SentStream } from '../stream/sent-stream.ts';

/** A stream that says once when it is over: at its end, or when its reader leaves. */
export class CountedStream implements SentStream {
  readonly #stream: SentStream;
  #done: (() => void) | undefined;

  readonly #given = (items: SentItem[] | undefined): SentItem[] | undefined => {
    if (items === undefined || items.at(-1)?.type === 'end') this.#over();
    return items;
  };

  readonly #failed = (error: unknown): never => {
    this.#over();
    throw error;
  };

  constructor(stream: SentStream, done: () => void) {
    this.#stream = stream;
    this.#done = done;
  }

  get model(): string | undefined {
    return this.#stream.model;
  }

  /** One promise more than its stream: it is called for each read. */
  next(): Promise<SentItem[] | undefined> {
    return this.#stream.next().then(this.#given, this.#failed);
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
