/** How far back an overlap is looked for, in UTF-16 units: enough for a model that starts a long answer anew. */
const LONGEST_OVERLAP = 65_536;

/** From this length on a repetition is none by chance. */
const SURE_OVERLAP = 3;

/**
 * Joins a text that goes on to the one that was cut off: what the new one repeats of the old one's end is left out. Only the
 * beginning is held back, as long as it could still be a repetition.
 */
export class Seam {
  readonly #tail: string;
  #held = '';
  /** The first place in the tail where the held text stands. */
  #at = 0;
  #closed = false;

  constructor(partial: string) {
    this.#tail = partial.slice(-LONGEST_OVERLAP);
  }

  /** Takes a piece of the new text; answers with what is new for certain. */
  push(text: string): string {
    if (this.#closed) return text;
    const goesOn = this.#tail.startsWith(text, this.#at + this.#held.length);
    this.#held += text;
    if (!goesOn) this.#at = this.#tail.indexOf(this.#held, this.#at);
    return this.#at !== -1 && this.#at + this.#held.length < this.#tail.length ? '' : this.flush();
  }

  /** Decides by what has come so far; answers with what of it is new. */
  flush(): string {
    const held = this.#held;
    this.#closed = true;
    this.#held = '';
    return held.slice(overlap(this.#tail, held));
  }
}

/** The length of the longest end of `tail` that `head` begins with, leaving out what is so by chance. */
function overlap(tail: string, head: string): number {
  for (let length = Math.min(tail.length, head.length); length > 0; length--) {
    if (tail.endsWith(head.slice(0, length)) && isRepetition(tail, length)) return length;
  }
  return 0;
}

const WORD = /[\p{L}\p{N}]/u;
/** Scripts without spaces between the words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** A model that repeats itself begins with a word: "hel" goes on with "lo", which repeats no "l". */
function isRepetition(tail: string, length: number): boolean {
  if (length >= SURE_OVERLAP) return true;
  const before = tail.at(-length - 1) ?? '';
  return WORD.test(tail.slice(-length)) && (!WORD.test(before) || UNSPACED.test(before));
}
