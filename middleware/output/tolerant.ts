import { jsonrepair } from 'jsonrepair';

/** What was read of a text: a value, or why there is none. */
export type Read = { readonly value: unknown } | { readonly problem: string };

/**
 * Reads the JSON in a text, with prose and a fence around it, and with mistakes that leave no doubt: quotes of the wrong kind, commas too many, comments, names without
 * quotes, the constants of Python. What is open at the end is not closed, and what was left out is not made up. Of several objects or arrays, the longest is meant.
 */
export function readTolerantly(text: string): Read {
  const strict = parsed(text);
  if (strict !== undefined) return strict;
  if (text.trim() === '') return { problem: 'it is empty' };
  const found = spansIn(text);
  if ('problem' in found) return found;
  for (const span of found.spans.sort((one, other) => other.length - one.length)) {
    const read = parsed(span) ?? repaired(span);
    if (read !== undefined) return read;
  }
  return { problem: found.spans.length === 0 ? 'it has no JSON in it' : 'its JSON cannot be read' };
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return { value };
  } catch {
    return undefined;
  }
}

function repaired(text: string): { value: unknown } | undefined {
  try {
    return parsed(jsonrepair(text));
  } catch {
    return undefined;
  }
}

/** The objects and arrays in a text, without their comments. Or why none of them is to be read: one is open at the end, or something was left out. */
function spansIn(text: string): { spans: string[] } | { problem: string } {
  const spans: string[] = [];
  for (let at = 0; at < text.length;) {
    const char = text.charAt(at);
    if (char !== '{' && char !== '[') {
      at++;
      continue;
    }
    const span = new Span(text, at);
    if (span.problem !== undefined) return { problem: span.problem };
    spans.push(span.text);
    at = span.end;
  }
  return { spans };
}

/** An object or array, from its bracket to the one that closes it, without a comma too many. */
class Span {
  readonly #open: string[] = [];
  #kept = '';
  /** Where what is kept goes on. */
  #from: number;
  /** Where a comma is after which nothing has come yet. */
  #comma: number | undefined;
  end: number;
  problem: string | undefined;

  constructor(text: string, from: number) {
    this.#from = from;
    this.end = from;
    this.#read(text);
    this.#kept += text.slice(this.#from, this.end);
  }

  get text(): string {
    return this.#kept;
  }

  #read(text: string): void {
    for (let at = this.end; at < text.length; at++) {
      const char = text.charAt(at);
      if (/\s/.test(char)) continue;
      const comment = endOfComment(text, at);
      if (comment !== undefined) {
        this.#kept += text.slice(this.#from, at);
        this.#from = comment;
        at = comment - 1;
        continue;
      }
      const comma = this.#comma;
      this.#comma = char === ',' ? at : undefined;
      if (char === '"' || (char === "'" && !/\w/.test(text.charAt(at - 1)))) {
        at = endOfString(text, at);
        if (at === text.length) break;
      } else if (char === '{' || char === '[') this.#open.push(char === '{' ? '}' : ']');
      else if (char === '}' || char === ']') {
        if (comma !== undefined) this.#dropComma(text, comma);
        if (this.#open.pop() !== char) this.problem = 'its brackets do not match';
        this.end = at + 1;
        if (this.#open.length === 0 || this.problem !== undefined) return;
      } else if (char === '…' || text.startsWith('...', at)) {
        this.problem = 'a part of it is left out';
        return;
      }
    }
    this.problem = 'it stops before its end';
  }

  #dropComma(text: string, comma: number): void {
    if (comma >= this.#from) {
      this.#kept += text.slice(this.#from, comma);
      this.#from = comma + 1;
    } else {
      // A comment came after it.
      this.#kept = this.#kept.slice(0, this.#kept.lastIndexOf(','));
    }
  }
}

/** Where the quote is that ends a string; the end of the text if none does. */
function endOfString(text: string, from: number): number {
  const quote = text.charAt(from);
  for (let at = from + 1; at < text.length; at++) {
    if (text.charAt(at) === '\\') at++;
    else if (text.charAt(at) === quote) return at;
  }
  return text.length;
}

/** Where a comment that begins at a place ends; undefined if none begins there. */
function endOfComment(text: string, at: number): number | undefined {
  if (text.charAt(at) !== '/') return undefined;
  const next = text.charAt(at + 1);
  const mark = next === '/' ? '\n' : next === '*' ? '*/' : undefined;
  if (mark === undefined) return undefined;
  const end = text.indexOf(mark, at + 2);
  return end === -1 ? text.length : end + mark.length;
}
