import { kindOf } from '../../src/kit/index.ts';
import { isRecord } from '../tools/values.ts';

/** A URL with what is left of the input. */
export interface Filled {
  url: URL;
  rest: Record<string, unknown>;
}

/** A URL whose path may have parameters: `https://api.example.com/cities/{city}`. */
export class UrlTemplate {
  /** The names of the parameters. */
  readonly names: ReadonlySet<string>;
  /** The URL with the parameters unfilled. */
  readonly base: URL;

  /** Throws an `Error` that says what is wrong. */
  constructor(url: URL) {
    if (/[{}]/.test(url.host)) throw new Error('it has a parameter in its host: give a function and hosts');
    if (/[{}]|%7[bd]/i.test(url.search))
      throw new Error('it has a parameter in its query: put it into the path');
    this.base = url;
    this.names = new Set([...url.pathname.matchAll(PARAMETER)].map(([, name = '']) => name));
    if (/%7[bd]/i.test(url.pathname.replace(PARAMETER, '')))
      throw new Error('it has a brace that is not part of a parameter such as {city}');
  }

  /** Puts the input's values into the path. Throws an `Error` that says what is wrong with a value. */
  fill(input: Record<string, unknown>): Filled {
    const url = new URL(this.base);
    url.pathname = url.pathname.replace(PARAMETER, (_, name: string) => encoded(name, input[name]));
    const rest = Object.entries(input).filter(([name]) => !this.names.has(name));
    return { url, rest: Object.fromEntries(rest) };
  }
}

/** A parameter in a path. A URL escapes the braces. */
const PARAMETER = /%7B([a-z_][\w-]*)%7D/gi;

function encoded(name: string, value: unknown): string {
  const text = textOf(value);
  if (text === undefined) throw new Error(`${name} is ${kindOf(value)}: give text or a number`);
  if (text === '') throw new Error(`${name} is empty`);
  if (!text.isWellFormed()) throw new Error(`${name} contains half a character`);
  // A URL takes such parts out of its path, and some servers decode a value before they split the path.
  if (text.split(/[/\\]/).some((part) => part === '.' || part === '..'))
    throw new Error(`${name} has "." or ".." as a part of a path`);
  return encodeURIComponent(text);
}

/** Adds the input as parameters of the query. Throws an `Error` that says what is wrong with a value. */
export function addQuery(url: URL, input: Record<string, unknown>): void {
  const own = new Set(url.searchParams.keys());
  for (const [name, value] of Object.entries(input)) {
    if (value === null || value === undefined) continue;
    if (own.has(name)) throw new Error(`${name} is set already`);
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const item of list) {
      const text = textOf(item);
      if (text === undefined)
        throw new Error(
          `${name} is ${isRecord(item) ? 'an object' : kindOf(item)}, which a query cannot hold`,
        );
      url.searchParams.append(name, text.toWellFormed());
    }
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return undefined;
}
