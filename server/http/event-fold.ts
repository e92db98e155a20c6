import type { Encoder, EncoderOptions, Format, Frame } from '../formats/format.ts';
import type { SentChunk, SentEnd } from '../stream/parts.ts';
import type { SentItem } from '../stream/sent-stream.ts';
import { isAfter } from './cursor.ts';
import type { Cursor } from './cursor.ts';

/** Takes a frame, and the id that a client may come back with. A frame without an id ends a stream that cannot be gone on with. */
export type Emit = (frame: Frame, id: string | undefined) => void;

/** A reset that took back what a client had been shown, in a format that cannot take it back. */
const CUT: SentEnd = {
  outcome: 'failed',
  reason: 'reset',
  error: { code: 'truncated', message: 'The answer stopped before its end.', retryable: true },
};

/** Makes the items of one stream into frames with ids, and leaves out those that the client has. */
export class EventFold {
  readonly #encoder: Encoder;
  readonly #showsResets: boolean;
  readonly #after: Cursor | undefined;
  /** The calls that something was shown of, if resets are not shown. */
  readonly #shown = new Set<number>();
  #ended = false;

  constructor(format: Format, options: EncoderOptions, after?: Cursor) {
    this.#encoder = format.encoder(options);
    this.#showsResets = format.showsResets(options);
    this.#after = after;
  }

  /** Whether the last frame was given. */
  get ended(): boolean {
    return this.#ended;
  }

  add(item: SentItem, emit: Emit): void {
    if (this.#ended) return;
    if (item.type === 'start') return this.#give(this.#encoder.start(item.start), 0, emit);
    const { position, at } = item;
    if (item.type === 'end') {
      this.#ended = true;
      return this.#give(this.#encoder.end(item.end, position, at), position, emit);
    }
    const { chunk } = item;
    if (chunk.type === 'reset' && !this.#showsResets) return this.#reset(chunk, position, at, emit);
    const frames = this.#encoder.chunk(chunk, position, at);
    if (!this.#showsResets && frames.length > 0) this.#shown.add(chunk.call);
    this.#give(frames, position, emit);
  }

  #reset(chunk: SentChunk & { type: 'reset' }, position: number, at: number, emit: Emit): void {
    if (!chunk.calls.some((call) => this.#shown.has(call))) return;
    this.#ended = true;
    for (const frame of this.#encoder.end(CUT, position, at)) emit(frame, undefined);
  }

  #give(frames: readonly Frame[], position: number, emit: Emit): void {
    for (let sub = 0; sub < frames.length; sub++) {
      const frame = frames[sub];
      if (frame !== undefined && isAfter(this.#after, position, sub)) emit(frame, `${position}.${sub}`);
    }
  }
}

/** A frame as text of a stream of server-sent events. Line ends within the data begin further `data` lines, so that it stays one event whatever it holds. */
export function sseText({ event, data }: Frame, id: string | undefined): string {
  const head = `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}`;
  if (!LINE_END.test(data)) return `${head}data: ${data}\n\n`;
  return `${head}data: ${data.split(LINE_END).join('\ndata: ')}\n\n`;
}

const LINE_END = /\r\n|\r|\n/;
