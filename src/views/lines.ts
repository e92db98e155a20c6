import type { SluiceError } from '../errors.ts';
import { isEnd, pullFrom } from '../stream/source.ts';
import type { BatchSource, Pulled, PushSource } from '../stream/source.ts';
import type { MaybePromise } from '../stream/owner.ts';
import type { TextOptions } from './reset.ts';
import { Delivered, PieceReader, Pieces } from './text-pieces.ts';
import type { Piece, TextChunk } from './text-pieces.ts';
import { takeBack } from './text-source.ts';

/** The lines of the text of a stream's chunks, without their ends (LF or CRLF). */
export class LineSource<R> implements BatchSource<string, R> {
  readonly #stream: PushSource<TextChunk, R>;
  readonly #onReset: TextOptions<string[]>['onReset'];
  readonly #reader = new PieceReader();
  readonly #delivered: Delivered;
  /** The line that has not ended. */
  #rest = new Pieces();
  #end: Pulled<string, R> | undefined;

  constructor(stream: PushSource<TextChunk, R>, { onReset }: TextOptions<string[]>) {
    this.#stream = stream;
    this.#onReset = onReset;
    this.#delivered = new Delivered(onReset !== undefined);
  }

  async pull(): Promise<Pulled<string, R>> {
    for (;;) {
      if (this.#end !== undefined) return this.#end;
      const pulled = await pullFrom(this.#stream);
      const lines = isEnd(pulled) ? this.#last(pulled) : await this.#lines(pulled);
      if (lines.length > 0) return lines;
    }
  }

  close(error: SluiceError): MaybePromise<void> {
    return this.#stream.close(error);
  }

  #last(end: Pulled<string, R>): string[] {
    this.#end = end;
    for (const piece of this.#reader.end()) this.#rest.add(piece);
    return this.#rest.isEmpty ? [] : [this.#rest.text];
  }

  async #lines(batch: readonly TextChunk[]): Promise<string[]> {
    const fresh: Piece[] = [];
    for (const one of this.#reader.read(batch)) {
      if (!('type' in one)) {
        fresh.push(one);
        continue;
      }
      this.#rest.drop(one);
      if (!this.#delivered.drop(one)) continue;
      await takeBack(this.#stream, one, this.#onReset, () => this.#kept());
    }
    return fresh.flatMap((piece) => this.#endLines(piece));
  }

  /** The lines that still stand. One whose end is void goes on. */
  #kept(): string[] {
    const { kept } = this.#delivered;
    const line = kept.takeLastLine();
    for (const piece of this.#rest) line.add(piece);
    this.#rest = line;
    return kept.text.split('\n').slice(0, -1).map(withoutReturn);
  }

  /** The lines that a piece ends. */
  #endLines({ call, text }: Piece): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', from)) {
      this.#rest.add({ call, text: text.slice(from, at) });
      const line = this.#rest.take();
      lines.push(withoutReturn(line.text));
      line.add({ call, text: '\n' });
      this.#delivered.addAll(line);
      from = at + 1;
    }
    if (from < text.length) this.#rest.add({ call, text: text.slice(from) });
    return lines;
  }
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
