import type { ExecutionChunk, ResetChunk, StreamChunk } from '../chunks.ts';
import { isVoided } from '../chunks.ts';
import { CharacterJoiner } from '../well-formed.ts';

/** Chunks that text can be taken from. */
export type TextChunk = StreamChunk | ExecutionChunk;

/** A piece of text, and the call that made it. */
export interface Piece {
  call: number;
  text: string;
}

/** Takes the text out of chunks, in pieces of whole characters. */
export class PieceReader {
  readonly #joiner = new CharacterJoiner();
  /** The call of the half that is held back. */
  #call = 0;

  /** The pieces and the resets of a batch. Pieces that one of its own resets voids are left out. */
  read(batch: readonly TextChunk[]): (Piece | ResetChunk)[] {
    let read: (Piece | ResetChunk)[] = [];
    for (const chunk of batch) {
      if (chunk.type === 'content') this.#add(chunk.content, chunk.call ?? 0, read);
      if (chunk.type !== 'reset') continue;
      if (isVoided(chunk, this.#call)) this.#joiner.flush();
      read = read.filter((one) => 'type' in one || !isVoided(chunk, one.call));
      read.push(chunk);
    }
    return read;
  }

  /** What is held back, when no more chunks come. */
  end(): Piece[] {
    const text = this.#joiner.flush();
    return text === '' ? [] : [{ call: this.#call, text }];
  }

  #add(content: string, call: number, read: (Piece | ResetChunk)[]): void {
    if (this.#joiner.holds && call !== this.#call) read.push(...this.end());
    this.#call = call;
    const text = this.#joiner.push(content);
    if (text !== '') read.push({ call, text });
  }
}

/** Text, by the calls that made it. Adding to it costs the same however long it is. */
export class Pieces {
  #pieces: Piece[] = [];

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  get text(): string {
    return this.#pieces.map(({ text }) => text).join('');
  }

  add({ call, text }: Piece): void {
    const last = this.#pieces.at(-1);
    if (last?.call === call) last.text += text;
    else this.#pieces.push({ call, text });
  }

  [Symbol.iterator](): Iterator<Piece> {
    return this.#pieces.values();
  }

  /** Drops what a reset voids. */
  drop(reset: ResetChunk): void {
    this.#pieces = this.#pieces.filter(({ call }) => !isVoided(reset, call));
  }

  /** Takes all of it. */
  take(): Pieces {
    const taken = new Pieces();
    taken.#pieces = this.#pieces;
    this.#pieces = [];
    return taken;
  }

  /** Takes what comes after its last line feed. */
  takeLastLine(): Pieces {
    const line = new Pieces();
    for (let last = this.#pieces.pop(); last !== undefined; last = this.#pieces.pop()) {
      const at = last.text.lastIndexOf('\n') + 1;
      const after = last.text.slice(at);
      if (after !== '') line.#pieces.unshift({ call: last.call, text: after });
      if (at === 0) continue;
      this.#pieces.push({ call: last.call, text: last.text.slice(0, at) });
      break;
    }
    return line;
  }
}

/** What a reader of text has got. It remembers the text only if the reader can take it back. */
export class Delivered {
  readonly #calls = new Set<number>();
  readonly #pieces: Pieces | undefined;

  constructor(remembers: boolean) {
    this.#pieces = remembers ? new Pieces() : undefined;
  }

  add(piece: Piece): void {
    this.#calls.add(piece.call);
    this.#pieces?.add(piece);
  }

  addAll(pieces: Pieces): void {
    for (const piece of pieces) this.add(piece);
  }

  /** Drops what a reset voids. False if that is nothing. */
  drop(reset: ResetChunk): boolean {
    const voided = [...this.#calls].filter((call) => isVoided(reset, call));
    for (const call of voided) this.#calls.delete(call);
    this.#pieces?.drop(reset);
    return voided.length > 0;
  }

  /** What is left; empty if the text is not remembered. */
  get kept(): Pieces {
    return this.#pieces ?? new Pieces();
  }
}
