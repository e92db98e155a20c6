import type { ContentChunk, StreamChunk, ThinkingChunk, ToolCallDeltaChunk } from '../chunks.ts';
import { chunkError, isChunk } from './check-chunk.ts';
import { CharacterJoiner, wellFormed } from '../well-formed.ts';

type TextChunk = ContentChunk | ThinkingChunk;

/**
 * Makes the chunks of an execution hold whole characters only. Some servers, and any middleware that cuts text by length, split
 * a character over two chunks; shown or stored like that it is garbage, and every later request with it is refused.
 */
export class ChunkJoiner {
  readonly #text = new CharacterJoiner();
  /** The chunk whose last half is held back. */
  #held: TextChunk | undefined;
  /** The arguments of each call whose last half is held back. */
  #arguments: Map<string, CharacterJoiner> | undefined;

  /**
   * The chunks with whole characters. It is the same array if all of them are. Throws `middleware` for what is no chunk. On the hot
   * path: pieces of text are looked at, and nothing is made.
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

  /** What is held back when there is no more to come. */
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
        if (chunk.type === 'reset') this.#drop(chunk.from);
        this.#letGo(out);
        // The finished call has them whole.
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
    // A block closes the text so far: the other half cannot come.
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

  /** A reset voids what its call had said: nobody waits for the other half. */
  #drop(from: number): void {
    if ((this.#held?.call ?? 0) >= from) {
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

/** Whether a chunk has more to tell than its text. */
function saysMore(chunk: TextChunk): boolean {
  return chunk.type === 'content' && (chunk.citations !== undefined || chunk.refusal !== undefined);
}
