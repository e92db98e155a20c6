import { joinedText, KINDS, piecesOf } from './text-item.ts';
import type { Piece, PieceKind, TextItem } from './text-item.ts';

type Json = Record<string, unknown>;

/**
 * Finds the missing text of the items in the final list, in order. If nothing told the items of a stream apart, the texts
 * of several items were delivered as the text of one. What exceeds the text of that item belongs to the next one.
 */
export class MissingText {
  readonly #more = new Map<PieceKind, string>();

  /** The texts of a listed item, without what was delivered as the text of another item. */
  of(json: Json, item: TextItem | undefined): Piece[] {
    const pieces = piecesOf(json);
    if (item === undefined) return pieces.map((piece) => this.#without(piece));
    for (const kind of KINDS) {
      const text = joinedText(pieces.filter((piece) => piece.kind === kind));
      const said = item.joined(kind);
      if (text !== '') this.#more.set(kind, said.startsWith(text) ? said.slice(text.length) : '');
    }
    return pieces;
  }

  #without(piece: Piece): Piece {
    const more = this.#more.get(piece.kind) ?? '';
    if (more.trim() === '' || piece.text === '') return piece;
    if (more.startsWith(piece.text)) {
      this.#more.set(piece.kind, more.slice(piece.text.length));
      return { ...piece, text: '' };
    }
    if (!piece.text.startsWith(more)) return piece;
    this.#more.delete(piece.kind);
    return { ...piece, text: piece.text.slice(more.length) };
  }
}
