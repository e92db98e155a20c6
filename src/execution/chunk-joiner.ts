import { isVoided } from '../chunks.ts';
import type { ContentChunk, ResetChunk, StreamChunk, ThinkingChunk, ToolCallDeltaChunk } from '../chunks.ts';
import { chunkError, isChunk } from './check-chunk.ts';
import { CharacterJoiner, wellFormed } from '../well-formed.ts';

type TextChunk = ContentChunk | ThinkingChunk;

/**
 * Joins characters that were split over two chunks, so that each chunk of an execution has whole characters only. Some servers split
 * them, and so does middleware that cuts text by length. Half a character is unreadable, and providers refuse requests that contain one.
 */
export class ChunkJoiner {
  readonly #text = new CharacterJoiner();
  /** The chunk whose last half is held back. */
  #held: TextChunk | undefined;
  /** The arguments of each call whose last half is held back. */
  #arguments: Map<string, CharacterJoiner> | undefined;

  /**
   * The chunks with whole characters; the same array if they all have them. Throws a `middleware` error for a value that is not a chunk.
   * It runs for every chunk, and makes no object unless a character is split.
   */
  join(batch: readonly StreamChunk[]): readonly StreamChunk[] {
    const isFree = this.#held === undefined;
    for (const chunk of batch) {
      const isText = isFree && chunk?.type === 'content' && typeof chunk.content === 'string';
      if (isText ? chunk.content.isWellFormed() : this.#isWhole(chunk)) continue;
      return this.#joined(batch);
    }
    return batch;
  }

  /** What is held back. Called when no more chunks come. */
  end(): StreamChunk[] {
    const out: StreamChunk[] = [];
    this.#letGo(out);
    return out;
  }

  #isWhole(chunk: StreamChunk): boolean {
    if (!isChunk(chunk)) throw chunkError(undefined, chunk);
    switch (chunk.type) {
      case 'content':
      case 'thinking':
        return this.#held === undefined && chunk.content.isWellFormed();
      case 'tool_call_delta':
        return this.#arguments === undefined && chunk.argumentsDelta.isWellFormed();
      default:
        return this.#held === undefined && this.#arguments === undefined && wellFormed(chunk) === chunk;
    }
  }

  #joined(batch: readonly StreamChunk[]): StreamChunk[] {
    const out: StreamChunk[] = [];
    for (const chunk of batch) {
      if (!isChunk(chunk)) throw chunkError(undefined, chunk);
      if (chunk.type === 'content' || chunk.type === 'thinking') this.#joinText(chunk, out);
      else if (chunk.type === 'tool_call_delta') out.push(this.#joinArguments(chunk));
      else {
        if (chunk.type === 'reset') this.#drop(chunk);
        this.#letGo(out);
        // The finished call has the whole arguments.
        if (chunk.type === 'tool_call') this.#arguments?.delete(chunk.id);
        out.push(wellFormed(chunk));
      }
    }
    return out;
  }

  #joinText(chunk: TextChunk, out: StreamChunk[]): void {
    const held = this.#held;
    if (held !== undefined && (held.type !== chunk.type || held.call !== chunk.call)) this.#letGo(out);
    let content = this.#text.push(chunk.content);
    // A block closes the text so far. The other half cannot come any more.
    if (chunk.block !== undefined) content += this.#text.flush();
    this.#held = this.#text.holds ? chunk : undefined;
    const wasHalf = content === '' && chunk.content !== '' && !saysMore(chunk);
    if (!wasHalf) out.push({ ...chunk, content });
  }

  #joinArguments(chunk: ToolCallDeltaChunk): ToolCallDeltaChunk {
    this.#arguments ??= new Map();
    const joiner = this.#arguments.get(chunk.id) ?? new CharacterJoiner();
    const argumentsDelta = joiner.push(chunk.argumentsDelta);
    if (joiner.holds) this.#arguments.set(chunk.id, joiner);
    else this.#arguments.delete(chunk.id);
    if (this.#arguments.size === 0) this.#arguments = undefined;
    return { ...chunk, argumentsDelta };
  }

  /** A reset voids the text of its call, and with it the half that is held back. */
  #drop(reset: ResetChunk): void {
    if (this.#held !== undefined && isVoided(reset, this.#held.call)) {
      this.#held = undefined;
      this.#text.flush();
    }
    this.#arguments = undefined;
  }

  #letGo(out: StreamChunk[]): void {
    if (this.#held === undefined) return;
    const { type, call } = this.#held;
    this.#held = undefined;
    out.push({ type, content: this.#text.flush(), call });
  }
}

/** Whether a chunk has more than text. */
function saysMore(chunk: TextChunk): boolean {
  return chunk.type === 'content' && (chunk.citations !== undefined || chunk.refusal !== undefined);
}
