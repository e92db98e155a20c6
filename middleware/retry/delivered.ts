import { isVoided, type StreamChunk } from '../../src/index.ts';

/** What one model call has delivered. */
interface Piece {
  call: number;
  text: string;
  /** Whether there was a tool call, even an unfinished one, a file or a provider's block, so that the text is not the whole content. */
  acted: boolean;
  /** Whether the model said it in this run of the turn. */
  isNew: boolean;
}

/** Keeps what was delivered, by call. A `reset` chunk from a layer below removes what it voids. */
export class Delivered {
  #pieces: Piece[] = [];

  add(chunk: StreamChunk): void {
    if (chunk.type === 'reset') {
      this.#pieces = this.#pieces.filter(({ call }) => !isVoided(chunk, call));
      return;
    }
    const piece = this.#piece(chunk.call ?? 0);
    // It can be said once more, so nothing would be lost.
    if (chunk.replayed === true) return;
    if (isOfTool(chunk)) {
      piece.acted = true;
      return;
    }
    piece.isNew = true;
    if (chunk.type === 'content') {
      piece.text += chunk.content;
      if (chunk.block !== undefined) piece.acted = true;
    } else if (chunk.type === 'tool_call_delta' || chunk.type === 'tool_call' || chunk.type === 'file') {
      // A call that has only begun counts, too: a text cannot be continued after half a call.
      piece.acted = true;
    } else if (chunk.type === 'tool_result') piece.acted = true;
  }

  clear(): void {
    this.#pieces = [];
  }

  get nothing(): boolean {
    return this.#pieces.length === 0;
  }

  /** What these calls said. What a layer below added by itself is not among it. */
  textOf(isOfCall: (call: number) => boolean): string {
    return this.#pieces.map(({ call, text }) => (isOfCall(call) ? text : '')).join('');
  }

  get acted(): boolean {
    return this.#pieces.some(({ acted }) => acted);
  }

  /** Whether there is something that was not only said again. */
  get hasNew(): boolean {
    return this.#pieces.some(({ isNew }) => isNew);
  }

  /** Whether something was said again. */
  get hasReplayed(): boolean {
    return this.#pieces.some(({ isNew }) => !isNew);
  }

  /** The lowest number of what was delivered. */
  get from(): number {
    return Math.min(...this.#pieces.map(({ call }) => call));
  }

  #piece(call: number): Piece {
    const last = this.#pieces.at(-1);
    if (last?.call === call) return last;
    const piece = { call, text: '', acted: false, isNew: false };
    this.#pieces.push(piece);
    return piece;
  }
}

/** Whether a tool of the caller says it. Its loop has a record of it, by which it is said again and no tool runs twice. */
function isOfTool(chunk: StreamChunk): boolean {
  return chunk.type === 'tool_progress' || (chunk.type === 'tool_result' && chunk.providerExecuted !== true);
}
