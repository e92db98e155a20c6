/**
 * A copy of plain data in which no text holds half a character (a lone surrogate, which every provider and many databases
 * refuse): each becomes U+FFFD. What is well-formed already is not copied, but returned as it is.
 */
export function wellFormed<T>(value: T): T;
export function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => wellFormed(item));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  const proto: unknown = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null) return value;
  const entries = Object.entries(value).map(([key, inner]: [string, unknown]) => [
    key.toWellFormed(),
    wellFormed(inner),
  ]);
  const same = Object.entries(value).every(
    ([key, inner], index) => entries[index]?.[0] === key && entries[index][1] === inner,
  );
  return same ? value : Object.fromEntries(entries);
}

/**
 * Joins the two halves of a character that came in different pieces of text. A half at the end is held back until the next
 * piece; a half without its other half becomes U+FFFD.
 */
export class CharacterJoiner {
  #half = '';

  /** The next piece, whole: with the half held back before, without the half that it ends with. */
  push(piece: string): string {
    if (this.#half === '' && piece.isWellFormed()) return piece;
    let text = this.#half + piece;
    this.#half = '';
    if (endsWithHalf(text)) {
      this.#half = text.slice(-1);
      text = text.slice(0, -1);
    }
    return text.toWellFormed();
  }

  /** The text is over: what is held back, as U+FFFD; '' if nothing is. */
  flush(): string {
    const half = this.#half;
    this.#half = '';
    return half.toWellFormed();
  }

  /** Whether a half is held back. */
  get holds(): boolean {
    return this.#half !== '';
  }
}

/** Whether a text ends with the first half of a surrogate pair. */
function endsWithHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}
