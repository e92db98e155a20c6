import type { StreamChunk } from '../../src/index.ts';

/** What one model call delivered. */
interface Piece {
  call: number;
  text: string;
  /** A tool call, a file or a block of the provider came: the text is not all that the model said. */
  acted: boolean;
  /** A tool of ours has run. */
  ran: boolean;
}

/** Keeps what has been delivered, by the call that made it; a `reset` from below drops what it voids. */
export class Delivered {
  #pieces: Piece[] = [];

  add(chunk: StreamChunk): void {
    if (chunk.type === 'reset') {
      this.#pieces = this.#pieces.filter(({ call }) => call < chunk.from);
      return;
    }
    const piece = this.#piece(chunk.call ?? 0);
    if (chunk.type === 'content') {
      piece.text += chunk.content;
      if (chunk.block !== undefined) piece.acted = true;
    } else if (chunk.type === 'tool_call' || chunk.type === 'file') {
      piece.acted = true;
    } else if (chunk.type === 'tool_result') {
      piece.acted = true;
      if (chunk.providerExecuted !== true) piece.ran = true;
    }
  }

  clear(): void {
    this.#pieces = [];
  }

  get nothing(): boolean {
    return this.#pieces.length === 0;
  }

  get text(): string {
    return this.#pieces.map(({ text }) => text).join('');
  }

  get acted(): boolean {
    return this.#pieces.some(({ acted }) => acted);
  }

  get ran(): boolean {
    return this.#pieces.some(({ ran }) => ran);
  }

  /** The number of the first call that delivered; 0: something came that no call made, which a reset cannot void. */
  get from(): number {
    return Math.min(...this.#pieces.map(({ call }) => call));
  }

  #piece(call: number): Piece {
    const last = this.#pieces.at(-1);
    if (last?.call === call) return last;
    const piece = { call, text: '', acted: false, ran: false };
    this.#pieces.push(piece);
    return piece;
  }
}
