/**
 * Plain data without half characters: in every string of it, keys included, a surrogate that stands alone becomes U+FFFD. Every
 * provider and many databases refuse one. What has none is returned as it is, not copied; so is a value that holds itself or is
 * nested thousands deep, which whoever writes it as JSON has to refuse.
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
  // Not by assignment: a key `__proto__` is a field as any other.
  return isSame ? value : Object.fromEntries(clean);
}

function cleanedList(list: readonly unknown[]): readonly unknown[] {
  const clean = list.map((inner) => cleaned(inner));
  return clean.every((inner, index) => inner === list[index]) ? list : clean;
}

/** Anything else says for itself how it is written as JSON. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === null;
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
