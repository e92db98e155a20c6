import { isVoided } from '../../src/index.ts';
import type { Encoder, EncoderOptions, Format, Frame } from '../formats/format.ts';
import type { SentReset } from '../log/chunk-log.ts';
import { addMerged } from '../log/snapshot.ts';
import { isAfter } from './cursor.ts';
import type { Cursor } from './cursor.ts';
import type { SentChunk, SentEnd } from './parts.ts';
import type { ChunkItem, SentItem } from './sent-stream.ts';

/** Takes a frame, and the id that a client may come back with. A frame without an id ends a stream that cannot be gone on with. */
export type Emit = (frame: Frame, id: string | undefined) => void;

/** A reset that took back what a client had been shown, in a format that cannot take it back. */
const CUT: SentEnd = {
  outcome: 'failed',
  reason: 'reset',
  error: { code: 'truncated', message: 'The answer stopped before its end.', retryable: true },
};

/**
 * Makes the items of one stream into frames with ids, and leaves out those that the client has: all up to the cursor. The items must begin with the start of the stream, also for a
 * client with a cursor, because what a frame holds depends on all that came before it.
 *
 * The id of a frame is `position.sub`. A format that cannot take back what was sent is folded without what is void: then all that lies before the last reset which the log knew
 * when the reader joined has the position of that reset, so that its ids are the same for whoever joins later. A client that has been shown something which is void gets the end of
 * its stream as an error, without an id: if it comes back by itself, it is told the same again.
 *
 * What comes from the snapshot of a log is one frame in a format that has an event for it, with the id of its last chunk.
 */
export class EventFold {
  readonly #encoder: Encoder;
  readonly #showsResets: boolean;
  readonly #after: Cursor;
  /** The resets that void something, as far as they were known when the reader joined. */
  #resets: readonly SentReset[] = [];
  /** The position of the last of them; 0: there is none. What lies before it is one position. */
  #foldedTo = 0;
  /** The same for the last one that the client has come past. */
  #seenTo = 0;
  /** How many frames lie before `#foldedTo`, and before `#seenTo`, so far. */
  #folded = 0;
  #seen = 0;
  /** The calls of which the client was shown something that is not void. */
  readonly #shown = new Set<number>();
  /** Whether something that the client has is void. Known as soon as all is folded that it has. */
  #isDoomed: boolean | undefined;
  #ended = false;
  #given = 0;
  /** What is told in one event, the id of its last frame, and its time. */
  #missed: SentChunk[] = [];
  #missedId: string | undefined;
  #missedAt = 0;

  constructor(format: Format, options: EncoderOptions, after: Cursor = NOTHING) {
    this.#encoder = format.encoder(options);
    this.#showsResets = format.showsResets(options);
    this.#after = after;
  }

  /** Whether the last frame was given. */
  get ended(): boolean {
    return this.#ended;
  }

  /** How many frames were given. If the stream has ended without one, the client has them all. */
  get given(): number {
    return this.#given;
  }

  add(item: SentItem, emit: Emit): void {
    if (this.#ended) return;
    switch (item.type) {
      case 'start':
        this.#join(item.resets ?? []);
        this.#give(this.#encoder.start(item.start), 0, emit);
        return;
      case 'chunk':
        if (item.trimmed === true && this.#encoder.gap !== undefined) this.#miss(item, emit);
        else {
          this.#tellMissed(emit);
          this.#chunk(item.chunk, item.position, item.at, emit);
        }
        return;
      case 'end':
        this.#tellMissed(emit);
        this.#ended = true;
        this.#give(this.#encoder.end(item.end, item.position, item.at), item.position, emit);
    }
  }

  #join(resets: readonly SentReset[]): void {
    if (this.#showsResets) return;
    this.#resets = resets;
    for (const reset of resets) {
      const position = positionOf(reset);
      this.#foldedTo = position;
      if (position <= this.#after.position) this.#seenTo = position;
    }
  }

  /** Folds a chunk whose frames are told in one event with those of others. */
  #miss({ chunk, position, at }: ChunkItem, emit: Emit): void {
    const given = this.#given;
    let last: string | undefined;
    this.#chunk(chunk, position, at, (frame, id) => {
      // Without an id the stream does not go on.
      if (id === undefined) emit(frame, id);
      else last = id;
    });
    if (last === undefined) return;
    this.#given = given;
    this.#missedId = last;
    this.#missedAt = at;
    addMerged(this.#missed, chunk);
  }

  #tellMissed(emit: Emit): void {
    const id = this.#missedId;
    const frame = id === undefined ? undefined : this.#encoder.gap?.(this.#missed, this.#missedAt);
    this.#missedId = undefined;
    this.#missed = [];
    if (frame !== undefined) this.#emit(frame, id, emit);
  }

  #chunk(chunk: SentChunk, position: number, at: number, emit: Emit): void {
    if (this.#showsResets) {
      this.#give(this.#encoder.chunk(chunk, position, at), position, emit);
      return;
    }
    if (chunk.type === 'reset') {
      this.#reset(chunk, position, at, emit);
      return;
    }
    const isSeen = this.#hasCome(position);
    // Nothing may follow what the client has but the end, which closes what it has.
    if (!isSeen && this.#isLost()) return;
    if (this.#isVoid(chunk.call, position, isSeen ? this.#seenTo : this.#foldedTo)) return;
    const frames = this.#encoder.chunk(chunk, position, at);
    if (frames.length === 0) return;
    this.#shown.add(chunk.call);
    for (let sub = 0; sub < frames.length; sub++) {
      const frame = frames[sub];
      const isFolded = position <= this.#foldedTo;
      const id = isFolded ? `${this.#foldedTo}.${this.#folded++}` : `${position}.${sub}`;
      const wasGiven =
        position <= this.#seenTo ? this.#has(this.#seenTo, this.#seen++) : this.#has(position, sub);
      // The rest of a chunk that the client has a part of is given in any case, because the end fits to the whole.
      if (frame !== undefined && !wasGiven) this.#emit(frame, this.#isLost() ? undefined : id, emit);
    }
  }

  /** A reset that voids nothing that was shown is left out. */
  #reset(reset: SentReset, position: number, at: number, emit: Emit): void {
    for (const call of this.#shown) {
      if (!isVoided(reset, call)) continue;
      this.#ended = true;
      for (const frame of this.#encoder.end(CUT, position, at)) this.#emit(frame, undefined, emit);
      return;
    }
    this.#encoder.forget?.(reset);
  }

  /** Whether a reset behind the cursor voids something that the client has. Asked first when all is folded that it has. */
  #isLost(): boolean {
    this.#isDoomed ??= this.#resets.some(
      (reset) =>
        positionOf(reset) > this.#after.position && [...this.#shown].some((call) => isVoided(reset, call)),
    );
    return this.#isDoomed;
  }

  /** Whether the client has a frame of the chunk at this position, as far as the cursor says. */
  #hasCome(position: number): boolean {
    return position <= this.#seenTo ? this.#has(this.#seenTo, this.#seen) : this.#has(position, 0);
  }

  #has(position: number, sub: number): boolean {
    return !isAfter(this.#after, position, sub);
  }

  /** Whether a reset behind a chunk voids it, of those up to a position. */
  #isVoid(call: number, position: number, upTo: number): boolean {
    if (position > upTo) return false;
    return this.#resets.some((reset) => {
      const at = positionOf(reset);
      return at > position && at <= upTo && isVoided(reset, call);
    });
  }

  #give(frames: readonly Frame[], position: number, emit: Emit): void {
    for (let sub = 0; sub < frames.length; sub++) {
      const frame = frames[sub];
      if (frame !== undefined && !this.#has(position, sub)) this.#emit(frame, `${position}.${sub}`, emit);
    }
  }

  #emit(frame: Frame, id: string | undefined, emit: Emit): void {
    this.#given++;
    emit(frame, id);
  }
}

/** The cursor of a client that has nothing. */
const NOTHING: Cursor = { position: -1, sub: -1 };

function positionOf(reset: SentReset): number {
  return reset.index + 1;
}
