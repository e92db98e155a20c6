import type { OutputForm } from './forms.ts';
import { WRAPPER } from './forms.ts';
import { ESCAPES, isEmpty, isHigh, isOfLiteral, literalOf, put, unicodeOf } from './json-words.ts';
import type { Nulls } from './nulls.ts';

/** An object or array that is not closed. */
type Frame =
  | {
      readonly isArray: true;
      readonly live: unknown[];
      size: number;
      nulls: Nulls | undefined;
      watched: boolean;
    }
  | {
      readonly isArray: false;
      readonly live: Record<string, unknown>;
      size: number;
      nulls: Nulls | undefined;
      /** The key whose value comes. */
      key: string;
    };

type State =
  | 'seek'
  | 'value'
  | 'item'
  | 'first-key'
  | 'key'
  | 'colon'
  | 'after'
  | 'string'
  | 'literal'
  | 'done'
  | 'failed';

/** Nothing, where `undefined` could be a value. */
const NOTHING = Symbol('nothing');

/** What a look at an item of an open array costs, compared with one at a key of an open object, and with an open one itself. */
const COST = { item: 1, key: 8, frame: 4 } as const;
/** A look that costs no more than this is always taken. */
const FREE = 64;
/**
 * How long after the last look another one waits, in milliseconds for each part of its cost. With the collection of garbage, a copy takes a small part of that, so all looks together stay
 * in proportion to the text, and whoever reads along with a model sees each change.
 */
const MS_FOR_COST = 0.001;

/**
 * Reads JSON that comes in pieces. What it costs does not depend on how much came before. Strings grow, and everything else appears when it is complete. It reads
 * no further than the first mistake.
 *
 * Text before the first object is skipped.
 */
export class JsonReader {
  readonly #wrapped: boolean;
  readonly #nulls: Nulls | undefined;
  readonly #watched: string | undefined;
  readonly #frames: Frame[] = [];
  #state: State = 'seek';
  /** The string or literal that comes. */
  #token = '';
  #isKey = false;
  /** What an escape has so far, with its backslash. */
  #escape = '';
  /** The first half of a character that came as an escape. */
  #half = '';
  #root: unknown = NOTHING;
  /** Whether something has changed since the last look. */
  #isChanged = false;
  /** Whether a look has shown more than an empty object. */
  #hasShown = false;
  #lookedAt = 0;
  #elements: unknown[] = [];

  /** `watch` is the key of the array whose elements are collected, or `''` for the answer itself. */
  constructor({ wrapped, nulls }: Pick<OutputForm, 'wrapped' | 'nulls'>, watch?: string) {
    this.#wrapped = wrapped;
    this.#nulls = nulls;
    this.#watched = watch;
  }

  /** Reads on. */
  add(text: string): void {
    let at = 0;
    while (at < text.length) {
      if (this.#state === 'string') at = this.#string(text, at);
      else if (this.#state === 'literal') at = this.#literal(text, at);
      else if (this.#state === 'done' || this.#state === 'failed') return;
      else this.#structure(text, at++);
    }
  }

  /** No more comes: a number at the root is complete. */
  end(): void {
    if (this.#state === 'literal' && this.#frames.length === 0) this.#literalEnds();
  }

  /** Elements of the watched array that have closed since the last call. */
  takeElements(): unknown[] {
    const taken = this.#elements;
    if (taken.length > 0) {
      this.#elements = [];
      this.#hasShown = true;
    }
    return taken;
  }

  /**
   * What has come, if it has changed since the last look. A value that was given never changes. The look at a large value is put off if the last one
   * was a moment ago, unless no more comes.
   */
  take(isLast = false): { value: unknown } | undefined {
    if (!this.#isChanged) return undefined;
    const cost = this.#cost();
    if (cost > FREE) {
      const now = performance.now();
      if (!isLast && now - this.#lookedAt < cost * MS_FOR_COST) return undefined;
      this.#lookedAt = now;
    }
    this.#isChanged = false;
    const value = this.#copy();
    if (value === NOTHING) return undefined;
    // An empty object may be followed by any other.
    this.#hasShown ||= this.#wrapped || !isEmpty(value);
    return { value };
  }

  #cost(): number {
    let cost = 0;
    for (const { isArray, size } of this.#frames)
      cost += COST.frame + size * (isArray ? COST.item : COST.key);
    return cost;
  }

  /** Copies what is open. What is closed does not change any more. */
  #copy(): unknown {
    let inner: unknown = this.#state === 'string' && !this.#isKey ? this.#token : NOTHING;
    const outermost = this.#wrapped ? 1 : 0;
    for (let at = this.#frames.length - 1; at >= outermost; at--) {
      const frame = this.#frames[at];
      if (frame === undefined) break;
      if (frame.isArray) {
        const copy = frame.live.slice();
        if (inner !== NOTHING) copy.push(inner);
        inner = copy;
      } else {
        const copy = { ...frame.live };
        if (inner !== NOTHING) put(copy, frame.key, inner);
        inner = copy;
      }
    }
    if (!this.#wrapped) return inner === NOTHING ? this.#root : inner;
    return inner === NOTHING || this.#isBesideWrapped() ? this.#unwrapped() : inner;
  }

  /** Whether what is open is under another key than that of the value. */
  #isBesideWrapped(): boolean {
    const [wrapper] = this.#frames;
    return wrapper !== undefined && !wrapper.isArray && wrapper.key !== WRAPPER;
  }

  #unwrapped(): unknown {
    const wrapper = this.#root === NOTHING ? this.#frames[0]?.live : this.#root;
    if (typeof wrapper !== 'object' || wrapper === null || !Object.hasOwn(wrapper, WRAPPER)) return NOTHING;
    const value: unknown = Reflect.get(wrapper, WRAPPER);
    return value;
  }

  // Structure.

  #structure(text: string, at: number): void {
    const char = text.charCodeAt(at);
    if (this.#state === 'seek') {
      if (char === 0x7b) this.#opens(char);
      return;
    }
    // Space, line feed, return, tab.
    if (char === 0x20 || char === 0x0a || char === 0x0d || char === 0x09) return;
    switch (this.#state) {
      case 'after':
        return this.#afterValue(char);
      case 'colon':
        if (char === 0x3a) this.#state = 'value';
        else this.#fails(char);
        return;
      case 'first-key':
      case 'key':
        if (char === 0x22) this.#stringBegins(true);
        else if (char === 0x7d && this.#state === 'first-key') this.#closes(false);
        else this.#fails(char);
        return;
      case 'item':
        if (char === 0x5d) return this.#closes(true);
        return this.#value(char, text, at);
      default:
        return this.#value(char, text, at);
    }
  }

  #value(char: number, text: string, at: number): void {
    if (char === 0x22) return this.#stringBegins(false);
    if (char === 0x7b || char === 0x5b) return this.#opens(char);
    if (char === 0x2d || (char >= 0x30 && char <= 0x39) || (char >= 0x61 && char <= 0x7a)) {
      this.#state = 'literal';
      this.#token = text.charAt(at);
    } else this.#fails(char);
  }

  #afterValue(char: number): void {
    const frame = this.#frames.at(-1);
    if (char === 0x2c) this.#state = frame?.isArray === true ? 'value' : 'key';
    else if (char === 0x5d || char === 0x7d) this.#closes(char === 0x5d);
    else this.#fails(char);
  }

  /** A mistake. An object of which nothing was shown may be part of the prose, which has braces, too. */
  #fails(char?: number): void {
    this.#state = 'failed';
    if (this.#hasShown) return;
    this.#frames.length = 0;
    this.#isChanged = false;
    this.#elements = [];
    this.#state = 'seek';
    if (char === 0x7b) this.#opens(char);
  }

  #opens(char: number): void {
    const above = this.#frames.at(-1);
    const key = above === undefined || above.isArray ? undefined : above.key;
    const isWrapper = this.#wrapped && above === undefined;
    const isInWrapper = this.#wrapped && this.#frames.length === 1;
    let nulls = above === undefined || isInWrapper ? this.#nulls : above.nulls?.under(key);
    if (isWrapper) nulls = undefined;
    if (char === 0x5b) {
      const watched = this.#watched !== undefined && this.#isWatched(key);
      this.#frames.push({ isArray: true, live: [], size: 0, nulls, watched });
      this.#state = 'item';
    } else {
      this.#frames.push({ isArray: false, live: {}, size: 0, nulls, key: '' });
      this.#state = 'first-key';
    }
    this.#isChanged = true;
  }

  #isWatched(key: string | undefined): boolean {
    const depth = this.#frames.length - (this.#wrapped ? 1 : 0);
    return this.#watched === '' ? depth === 0 : depth === 1 && key === this.#watched;
  }

  #closes(isArray: boolean): void {
    const frame = this.#frames.at(-1);
    if (frame?.isArray !== isArray) return this.#fails();
    this.#frames.pop();
    this.#complete(frame.live);
  }

  /** A value is complete. */
  #complete(value: unknown): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) {
      this.#root = value;
      this.#state = 'done';
      return;
    }
    this.#state = 'after';
    if (frame.isArray) {
      frame.live.push(value);
      frame.size++;
      if (frame.watched) this.#elements.push(value);
      return;
    }
    if (value === null && this.#dropsNull()) return;
    put(frame.live, frame.key, value);
    frame.size++;
  }

  // Strings.

  #stringBegins(isKey: boolean): void {
    this.#state = 'string';
    this.#token = '';
    this.#isKey = isKey;
    if (!isKey) this.#isChanged = true;
  }

  #string(text: string, from: number): number {
    if (this.#escape !== '') return this.#escaped(text, from);
    let at = from;
    while (at < text.length) {
      const char = text.charCodeAt(at);
      if (char === 0x22 || char === 0x5c) break;
      at++;
    }
    if (at > from) {
      this.#halfEnds();
      this.#token += text.slice(from, at);
      if (!this.#isKey) this.#isChanged = true;
    }
    if (at === text.length) return at;
    if (text.charCodeAt(at) === 0x5c) this.#escape = '\\';
    else this.#stringEnds();
    return at + 1;
  }

  #stringEnds(): void {
    this.#halfEnds();
    if (!this.#isKey) return this.#complete(this.#token);
    const frame = this.#frames.at(-1);
    // What was shown under a key does not change.
    if (frame === undefined || frame.isArray || Object.hasOwn(frame.live, this.#token)) this.#fails();
    else {
      frame.key = this.#token;
      this.#state = 'colon';
    }
  }

  /** The next character of an escape. */
  #escaped(text: string, at: number): number {
    this.#escape += text.charAt(at);
    const [, kind = ''] = this.#escape;
    const length = kind === 'u' ? 6 : 2;
    if (this.#escape.length < length) return at + 1;
    const char = kind === 'u' ? unicodeOf(this.#escape) : ESCAPES[kind];
    this.#escape = '';
    if (char === undefined) this.#fails();
    else this.#addEscaped(char);
    return at + 1;
  }

  #addEscaped(char: string): void {
    if (this.#half === '' && isHigh(char)) {
      this.#half = char;
      return;
    }
    if (isHigh(char)) this.#halfEnds();
    if (isHigh(char)) this.#half = char;
    else {
      this.#token += this.#half + char;
      this.#half = '';
    }
    if (!this.#isKey) this.#isChanged = true;
  }

  /** A half whose other half does not come. */
  #halfEnds(): void {
    this.#token += this.#half;
    this.#half = '';
  }

  // Numbers, true, false and null.

  #literal(text: string, from: number): number {
    let at = from;
    while (at < text.length && isOfLiteral(text.charCodeAt(at))) at++;
    this.#token += text.slice(from, at);
    if (at < text.length) this.#literalEnds();
    return at;
  }

  #literalEnds(): void {
    const token = this.#token;
    const value = literalOf(token);
    if (value === undefined) return this.#fails();
    this.#isChanged ||= value !== null || !this.#dropsNull();
    this.#complete(value);
  }

  #dropsNull(): boolean {
    const frame = this.#frames.at(-1);
    return frame !== undefined && !frame.isArray && frame.nulls?.drops(frame.key) === true;
  }
}
