import type { ResetChunk } from '../chunks.ts';
import type { SluiceError } from '../errors.ts';
import { asSluiceError } from '../middleware-error.ts';
import { isEnd, pullFrom } from '../stream/source.ts';
import type { BatchSource, Pulled, PushSource } from '../stream/source.ts';
import type { MaybePromise } from '../stream/owner.ts';
import { attemptError } from './reset.ts';
import type { TextOptions } from './reset.ts';
import { Delivered, PieceReader } from './text-pieces.ts';
import type { Piece, TextChunk } from './text-pieces.ts';

/** The text of a stream's chunks, in pieces of whole characters. */
export class TextSource<R> implements BatchSource<string, R> {
  readonly #stream: PushSource<TextChunk, R>;
  readonly #onReset: TextOptions<string>['onReset'];
  readonly #reader = new PieceReader();
  readonly #delivered: Delivered;
  #end: Pulled<string, R> | undefined;

  constructor(stream: PushSource<TextChunk, R>, { onReset }: TextOptions<string>) {
    this.#stream = stream;
    this.#onReset = onReset;
    this.#delivered = new Delivered(onReset !== undefined);
  }

  async pull(): Promise<Pulled<string, R>> {
    for (;;) {
      if (this.#end !== undefined) return this.#end;
      // Whoever asks for more has got all that came before.
      const pulled = await pullFrom(this.#stream);
      if (isEnd(pulled)) this.#end = pulled;
      const pieces = isEnd(pulled) ? this.#reader.end() : await this.#pieces(pulled);
      for (const piece of pieces) this.#delivered.add(piece);
      if (pieces.length > 0) return pieces.map(({ text }) => text);
    }
  }

  close(error: SluiceError): MaybePromise<void> {
    return this.#stream.close(error);
  }

  async #pieces(batch: readonly TextChunk[]): Promise<Piece[]> {
    const pieces: Piece[] = [];
    for (const one of this.#reader.read(batch)) {
      if (!('type' in one)) {
        pieces.push(one);
        continue;
      }
      if (!this.#delivered.drop(one)) continue;
      await takeBack(this.#stream, one, this.#onReset, () => this.#delivered.kept.text);
    }
    return pieces;
  }
}

/** Has a reader take back what a reset voids. If it cannot, closes the stream with an error, and throws that. */
export async function takeBack<Kept>(
  stream: PushSource<unknown, unknown>,
  reset: ResetChunk,
  onReset: TextOptions<Kept>['onReset'],
  kept: () => Kept,
): Promise<void> {
  let error = attemptError(reset);
  if (onReset !== undefined) {
    try {
      onReset({ reason: reset.reason, kept: kept() });
      return;
    } catch (thrown) {
      error = asSluiceError(thrown, 'onReset');
    }
  }
  await stream.close(error);
  throw error;
}
