import type { ExecutionChunk, StreamChunk } from '../chunks.ts';
import type { SluiceError } from '../errors.ts';
import { CharacterJoiner } from '../well-formed.ts';
import { isEnd, pullFrom } from '../stream/source.ts';
import type { BatchSource, Pulled, PushSource } from '../stream/source.ts';
import type { MaybePromise } from '../stream/owner.ts';

/** Chunks that text can be taken from. */
export type TextChunk = StreamChunk | ExecutionChunk;

/** The text of a stream's chunks, in pieces of whole characters. */
export class TextSource<R> implements BatchSource<string, R> {
  readonly #stream: PushSource<TextChunk, R>;
  readonly #joiner = new CharacterJoiner();
  #end: Pulled<string, R> | undefined;

  constructor(stream: PushSource<TextChunk, R>) {
    this.#stream = stream;
  }

  async pull(): Promise<Pulled<string, R>> {
    for (;;) {
      if (this.#end !== undefined) return this.#end;
      const pulled = await pullFrom(this.#stream);
      if (isEnd(pulled)) {
        this.#end = pulled;
        const rest = this.#joiner.flush();
        if (rest !== '') return [rest];
        continue;
      }
      const pieces: string[] = [];
      for (const chunk of pulled) {
        const piece = chunk.type === 'content' ? this.#joiner.push(chunk.content) : '';
        if (piece !== '') pieces.push(piece);
        // A reset voids the half that is held back.
        if (chunk.type === 'reset') this.#joiner.flush();
      }
      if (pieces.length > 0) return pieces;
    }
  }

  close(error: SluiceError): MaybePromise<void> {
    return this.#stream.close(error);
  }
}
