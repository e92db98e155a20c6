/** How many UTF-16 units before the end an overlap may begin: enough for a model that starts a long answer again. */
const LONGEST_OVERLAP = 65_536;

/** The shortest repetition that is surely not a coincidence. */
const SURE_OVERLAP = 3;

/**
 * Joins a continuation to the text that broke off. If the continuation starts by repeating the end of that text, the repetition is left out. The
 * start of the continuation is held back as long as it may still be a repetition.
 */
export class Seam {
  readonly #tail: string;
  #held = '';
  /** The first index in the tail at which the held text is found. */
  #at = 0;
  #closed = false;

  constructor(partial: string) {
    this.#tail = partial.slice(-LONGEST_OVERLAP);
  }

  /** Takes a piece of the continuation. Returns what is certainly new. */
  push(text: string): string {
    if (this.#closed) return text;
    const goesOn = this.#tail.startsWith(text, this.#at + this.#held.length);
    this.#held += text;
    if (!goesOn) this.#at = this.#tail.indexOf(this.#held, this.#at);
    return this.#at !== -1 && this.#at + this.#held.length < this.#tail.length ? '' : this.flush();
  }

  /** Decides with what there is so far. Returns what of it is new. */
  flush(): string {
    const held = this.#held;
    this.#closed = true;
    this.#held = '';
    return held.slice(overlap(this.#tail, held));
  }
}

/** The length of the longest end of `tail` with which `head` begins, ignoring coincidences. */
function overlap(tail: string, head: string): number {
  for (let length = Math.min(tail.length, head.length); length > 0; length--) {
    if (tail.endsWith(head.slice(0, length)) && isRepetition(tail, length)) return length;
  }
  return 0;
}

const WORD = /[\p{L}\p{N}]/u;
/** Scripts without spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** A model that repeats something starts with a whole word: after "hel" comes "lo", which does not repeat the "l". */
function isRepetition(tail: string, length: number): boolean {
  if (length >= SURE_OVERLAP) return true;
  const before = tail.at(-length - 1) ?? '';
  return WORD.test(tail.slice(-length)) && (!WORD.test(before) || UNSPACED.test(before));
}
