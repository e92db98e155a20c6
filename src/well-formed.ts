/**
 * Plain data without half characters: in all its strings, keys included, a lone surrogate becomes U+FFFD, because every provider
 * and many databases refuse one. A value without any is returned as it is, not copied. So is a value that contains itself or is
 * nested thousands of levels deep; it is refused later, when it is written as JSON.
 */
export function wellFormed<T>(value: T): T {
  try {
    return isWellFormed(value) ? value : cleaned(value);
  } catch (error) {
    if (error instanceof RangeError) return value;
    throw error;
  }
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (Array.isArray(value)) return value.every(isWellFormed);
  if (!isPlain(value)) return true;
  for (const key in value) if (!key.isWellFormed() || !isWellFormed(value[key])) return false;
  return true;
}

function cleaned<T>(value: T): T;
function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return cleanedList(value);
  if (!isPlain(value)) return value;
  const entries = Object.entries(value);
  const clean = entries.map(([key, inner]) => [key.toWellFormed(), cleaned(inner)] as const);
  const isSame = clean.every(([key, inner], at) => key === entries[at]?.[0] && inner === entries[at]?.[1]);
  // Not by assignment: a key `__proto__` is a field like any other.
  return isSame ? value : Object.fromEntries(clean);
}

function cleanedList(list: readonly unknown[]): readonly unknown[] {
  const clean = list.map((inner) => cleaned(inner));
  return clean.every((inner, index) => inner === list[index]) ? list : clean;
}

/** Other objects decide themselves how they are written as JSON. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === null;
}

/**
 * Joins the two halves of a character that arrive in different pieces of text. A half at the end of a piece is held until the next
 * piece arrives. A half without its other half becomes U+FFFD.
 */
export class CharacterJoiner {
  #half = '';

  /** Returns the next piece in whole characters: with the half that was held before, and without a half at its end. */
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

  /** At the end of the text: returns the held half as U+FFFD, or '' if there is none. */
  flush(): string {
    const half = this.#half;
    this.#half = '';
    return half.toWellFormed();
  }

  /** Whether a half is held. */
  get holds(): boolean {
    return this.#half !== '';
  }
}

/** Whether a text ends with the first half of a surrogate pair. */
function endsWithHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}
