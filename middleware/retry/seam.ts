/** How many UTF-16 units before the end an overlap may begin: enough for a model that starts a long answer again. */
const LONGEST_OVERLAP = 65_536;

/** The shortest repetition that is surely not a coincidence. */
const SURE_OVERLAP = 3;

/**
 * Joins a continuation to the text that broke off. If the continuation starts by repeating the end of that text, the repetition is left out. The
 * start of the continuation is held back as long as it may still be a repetition.
 *
 * The continuation is looked for in the text as Knuth, Morris and Pratt do it, as it comes: each unit of the text and of the continuation is
 * compared a bounded number of times, however they are cut into pieces.
 */
export class Seam {
  readonly #tail: string;
  /** The index in the tail of the next unit to compare. It never goes back. */
  #at = 0;
  /** How many units of the continuation end just before it. */
  #matched = 0;
  /** How many units of the continuation are held back, and where in the tail they stand. */
  #held = 0;
  #heldAt = 0;
  /** For each number of units held back: the longest start of them with which they end, other than all of them. */
  readonly #borders: number[] = [0, 0];
  #closed = false;

  constructor(partial: string) {
    this.#tail = partial.slice(-LONGEST_OVERLAP);
  }

  /** Takes a piece of the continuation. Returns what is certainly new. */
  push(text: string): string {
    if (this.#closed) return text;
    for (let read = 0; read < text.length; read++) {
      const unit = text.charCodeAt(read);
      if (!this.#find(unit)) return this.#close(text, read);
      this.#hold(unit);
      if (this.#at === this.#tail.length) return this.#close(text, read + 1);
    }
    return '';
  }

  /** Decides with what there is so far. Returns what of it is new. */
  flush(): string {
    if (this.#closed) return '';
    while (this.#at < this.#tail.length) this.#compare(this.#tail.charCodeAt(this.#at));
    return this.#close('', 0);
  }

  /**
   * Looks for the next place in the tail at which the units held back are followed by one more. Returns false at the end of the tail: only a start
   * of them may stand there.
   */
  #find(unit: number): boolean {
    while (this.#at < this.#tail.length) {
      const here = this.#tail.charCodeAt(this.#at);
      if (this.#matched === this.#held && here === unit) return true;
      if (this.#matched === this.#held && this.#matched > 0) this.#matched = this.#border(this.#matched);
      else if (this.#matched === this.#held) this.#at++;
      else this.#compare(here);
    }
    return false;
  }

  /** One step of the search for the units held back. */
  #compare(here: number): void {
    while (this.#matched > 0 && (this.#matched === this.#held || this.#heldUnit(this.#matched) !== here))
      this.#matched = this.#border(this.#matched);
    if (this.#matched < this.#held && this.#heldUnit(this.#matched) === here) this.#matched++;
    this.#at++;
  }

  #hold(unit: number): void {
    if (this.#held > 0) {
      let border = this.#border(this.#held);
      while (border > 0 && this.#heldUnit(border) !== unit) border = this.#border(border);
      this.#borders.push(this.#heldUnit(border) === unit ? border + 1 : 0);
    }
    this.#heldAt = this.#at - this.#matched;
    this.#held++;
    this.#matched++;
    this.#at++;
  }

  #heldUnit(index: number): number {
    return this.#tail.charCodeAt(this.#heldAt + index);
  }

  #border(length: number): number {
    return this.#borders[length] ?? 0;
  }

  /** `read`: how many units of the text are held back already. Returns what is new, the rest of the text included. */
  #close(text: string, read: number): string {
    this.#closed = true;
    let overlap = this.#matched;
    while (overlap > 0 && !isRepetition(this.#tail, overlap)) overlap = this.#border(overlap);
    return this.#tail.slice(this.#heldAt + overlap, this.#heldAt + this.#held) + text.slice(read);
  }
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
