import type { StreamKey } from '../log/chunk-log.ts';
import type { SentItem, SentStream } from '../stream/sent-stream.ts';

/** A turn of which the caller is a reader. */
export interface ResumableStream extends SentStream {
  /** Where the stream can be read again. */
  readonly key: StreamKey;
}

/** A stream that is opened at the first read. */
export class OpeningStream implements ResumableStream {
  readonly key: StreamKey;
  readonly #open: () => Promise<SentStream>;
  #stream: Promise<SentStream> | undefined;
  #isClosed = false;

  constructor(key: StreamKey, open: () => Promise<SentStream>) {
    this.key = key;
    this.#open = open;
  }

  async next(): Promise<SentItem[] | undefined> {
    if (this.#isClosed) return undefined;
    this.#stream ??= this.#open();
    return (await this.#stream).next();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await (await this.#stream?.catch(() => undefined))?.close();
  }
}
