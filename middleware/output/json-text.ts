import { WRAPPER } from '../../src/index.ts';
import type { Nulls, OutputForm } from '../../src/index.ts';

/** An object or array that is not closed. */
interface Frame {
  readonly isArray: boolean;
  readonly nulls: Nulls | undefined;
  /** How many members were written. */
  size: number;
  /** The JSON text of the key whose value comes. */
  key: string;
}

type State =
  | 'seek'
  | 'first-key'
  | 'key'
  | 'colon'
  | 'value'
  | 'item'
  | 'string'
  | 'literal'
  | 'after'
  | 'done'
  | 'failed';

const SPACE = /[ \n\r\t]/;
const LITERAL = /[\w+.-]/;
const HEX = /^[\da-fA-F]{0,4}$/;

/**
 * Writes the JSON of an answer while its text comes: without what is around it, without space, without the object around an answer that is not an object, and without nulls that stand for
 * nothing. It costs the same however long the text is. After the first mistake it writes nothing more.
 */
export class JsonText {
  readonly #wrapped: boolean;
  readonly #nulls: Nulls | undefined;
  readonly #frames: Frame[] = [];
  #state: State = 'seek';
  #isKey = false;
  /** The string of a key, the literal, or the escape that comes. */
  #token = '';
  #escape = '';
  /** How many values around this place are not written. */
  #muted = 0;
  /** What was read and is not written yet: what follows may show that it is prose. */
  #held = '';
  #isSure = false;
  #out = '';
  /** All that was written. */
  text = '';

  constructor({ wrapped, nulls }: Pick<OutputForm, 'wrapped' | 'nulls'>) {
    this.#wrapped = wrapped;
    this.#nulls = nulls;
  }

  /** Whether the JSON was read to its end. */
  get isWhole(): boolean {
    return this.#state === 'done' && this.text !== '';
  }

  /** Reads on. Returns what is to be written now. */
  add(text: string): string {
    this.#out = '';
    let at = 0;
    while (at < text.length && this.#state !== 'done' && this.#state !== 'failed') {
      if (this.#state === 'string') at = this.#string(text, at);
      else this.#structure(text.charAt(at++));
    }
    this.text += this.#out;
    return this.#out;
  }

  #write(text: string): void {
    if (this.#muted > 0) return;
    if (this.#isSure) this.#out += text;
    else this.#held += text;
  }

  #sure(): void {
    if (this.#isSure) return;
    this.#isSure = true;
    this.#out += this.#held;
  }

  #structure(char: string): void {
    if (this.#state === 'seek') {
      if (char === '{') this.#opens(char);
      return;
    }
    if (this.#state === 'literal') {
      if (LITERAL.test(char)) {
        this.#token += char;
        return;
      }
      this.#literalEnds();
    }
    if (SPACE.test(char)) return;
    const frame = this.#frames.at(-1);
    switch (this.#state) {
      case 'after':
        if (char === ',') this.#state = frame?.isArray === true ? 'value' : 'key';
        else if (char === (frame?.isArray === true ? ']' : '}')) this.#closes();
        else this.#fails(char);
        return;
      case 'colon':
        if (char === ':') this.#state = 'value';
        else this.#fails(char);
        return;
      case 'first-key':
      case 'key':
        if (char === '"') this.#stringBegins(true);
        else if (char === '}' && this.#state === 'first-key') this.#closes();
        else this.#fails(char);
        return;
      case 'item':
        if (char === ']') this.#closes();
        else this.#value(char);
        return;
      case 'value':
        this.#value(char);
        return;
      default:
    }
  }

  #value(char: string): void {
    const isLiteral = /[-\da-z]/.test(char);
    if (char !== '"' && char !== '{' && char !== '[' && !isLiteral) return this.#fails(char);
    // Where a null may stand for nothing, the literal says first what it is.
    if (!(isLiteral && this.#mayBeDropped(char))) this.#begins();
    if (char === '"') this.#stringBegins(false);
    else if (isLiteral) {
      this.#state = 'literal';
      this.#token = char;
    } else this.#opens(char);
  }

  #mayBeDropped(char: string): boolean {
    const frame = this.#frames.at(-1);
    return (
      char === 'n' && frame?.nulls !== undefined && !frame.isArray && frame.nulls.drops(nameOf(frame.key))
    );
  }

  /** A value begins: what is before it in its object or array is written. */
  #begins(): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) return;
    this.#sure();
    if (this.#isWrapper) {
      if (nameOf(frame.key) !== WRAPPER) this.#muted++;
      return;
    }
    this.#write(`${frame.size++ > 0 ? ',' : ''}${frame.isArray ? '' : `${frame.key}:`}`);
  }

  get #isWrapper(): boolean {
    return this.#wrapped && this.#frames.length === 1;
  }

  #opens(char: string): void {
    const above = this.#frames.at(-1);
    const isRoot = this.#wrapped ? this.#isWrapper : above === undefined;
    const isWrapper = this.#wrapped && above === undefined;
    const inside = above?.nulls?.under(above.isArray ? undefined : nameOf(above.key));
    if (!isWrapper) this.#write(char);
    this.#frames.push({
      isArray: char === '[',
      nulls: isWrapper ? undefined : isRoot ? this.#nulls : inside,
      ...{ size: 0, key: '' },
    });
    this.#state = char === '[' ? 'item' : 'first-key';
  }

  #closes(): void {
    const isWrapper = this.#isWrapper;
    const frame = this.#frames.pop();
    if (!isWrapper) this.#write(frame?.isArray === true ? ']' : '}');
    this.#complete();
  }

  /** A value is complete. */
  #complete(): void {
    if (this.#frames.length === 0) {
      this.#sure();
      this.#state = 'done';
      return;
    }
    if (this.#isWrapper && this.#muted > 0) this.#muted--;
    this.#state = 'after';
  }

  #stringBegins(isKey: boolean): void {
    this.#state = 'string';
    this.#isKey = isKey;
    this.#token = '';
    this.#inString('"');
  }

  #inString(text: string): void {
    if (this.#isKey) this.#token += text;
    else this.#write(text);
  }

  #string(text: string, from: number): number {
    if (this.#escape !== '') return this.#escaped(text, from);
    let at = from;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 0x22 || code === 0x5c || code < 0x20) break;
    }
    if (at > from) this.#inString(text.slice(from, at));
    if (at === text.length) return at;
    const char = text.charAt(at);
    if (char === '\\') this.#escape = char;
    else if (char === '"') this.#stringEnds();
    // JSON has no line feeds in strings, and models write them.
    else this.#inString(JSON.stringify(char).slice(1, -1));
    return at + 1;
  }

  #escaped(text: string, at: number): number {
    this.#escape += text.charAt(at);
    const [, kind = ''] = this.#escape;
    const isRight = kind === 'u' ? HEX.test(this.#escape.slice(2)) : '"\\/bfnrt'.includes(kind);
    if (!isRight) this.#fails();
    else if (kind !== 'u' || this.#escape.length === 6) {
      this.#inString(this.#escape);
      this.#escape = '';
    }
    return at + 1;
  }

  #stringEnds(): void {
    this.#inString('"');
    if (!this.#isKey) return this.#complete();
    const frame = this.#frames.at(-1);
    if (frame !== undefined) frame.key = this.#token;
    this.#state = 'colon';
  }

  #literalEnds(): void {
    const token = this.#token;
    if (!isLiteralWord(token)) return this.#fails();
    if (!this.#mayBeDropped(token.charAt(0))) this.#write(token);
    else if (token !== 'null') return this.#fails();
    this.#complete();
  }

  /** A mistake. As long as nothing was written, it is prose. */
  #fails(char?: string): void {
    this.#state = 'failed';
    if (this.#isSure) return;
    this.#frames.length = 0;
    this.#held = '';
    this.#escape = '';
    this.#state = 'seek';
    if (char === '{') this.#opens(char);
  }
}

function nameOf(key: string): string {
  const name: unknown = JSON.parse(key);
  return typeof name === 'string' ? name : '';
}

function isLiteralWord(token: string): boolean {
  try {
    JSON.parse(token);
    return true;
  } catch {
    return false;
  }
}
