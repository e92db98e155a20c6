const QUOTE = '"'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
const OPENING: ReadonlySet<number> = new Set(['{'.charCodeAt(0), '['.charCodeAt(0)]);
const CLOSING: ReadonlySet<number> = new Set(['}'.charCodeAt(0), ']'.charCodeAt(0)]);

/**
 * Follows a JSON text that comes in pieces, to tell whether its value is complete. Each character is looked at once, and
 * only if somebody asks.
 */
export class JsonProgress {
  #waiting = '';
  #depth = 0;
  #inString = false;
  #escaped = false;
  #ended = false;

  /** Adds the next characters. */
  add(text: string): void {
    this.#waiting += text;
  }

  /** Whether the outermost object, array or string is closed. */
  get ended(): boolean {
    const text = this.#waiting;
    this.#waiting = '';
    for (let at = 0; at < text.length; at++) this.#read(text.charCodeAt(at));
    return this.#ended;
  }

  #read(code: number): void {
    if (this.#escaped) {
      this.#escaped = false;
      return;
    }
    if (this.#inString) {
      if (code === BACKSLASH) this.#escaped = true;
      if (code !== QUOTE) return;
      this.#inString = false;
    } else if (code === QUOTE) {
      this.#inString = true;
      return;
    } else if (OPENING.has(code)) {
      this.#depth++;
      return;
    } else if (CLOSING.has(code)) {
      this.#depth--;
    } else {
      return;
    }
    if (this.#depth <= 0) this.#ended = true;
  }
}
