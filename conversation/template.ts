import { SluiceError } from '../src/index.ts';

/** A part of a compiled template: text, or the name of a variable whose value goes there. */
export type Piece = string | { readonly variable: string };

/** The characters around a name in a template. */
export interface Delimiters {
  readonly open: string;
  readonly close: string;
}

/** What a template can refer to. */
export interface Scope {
  readonly delimiters: Delimiters;
  readonly fragments: ReadonlyMap<string, string>;
  /** Variables that the prompt declares. A variable takes precedence over a fragment of the same name. */
  readonly declared: ReadonlySet<string>;
}

/** Characters and names of a template with its fragments included: what the specification calls a reasonable size of a whole pack. */
const MAX_SIZE = 1_000_000;
const MAX_DEPTH = 32;
const MAX_REFERENCE = 200;

/** The delimiters of `template_engine.syntax`: `{{` and `}}` for `{{variable}}`. Undefined if it does not have this form. */
export function delimitersOf(syntax: string): Delimiters | undefined {
  const [, open, close] = /^([^\w\s]{1,4})\s*\w{1,40}\s*([^\w\s]{1,4})$/.exec(syntax) ?? [];
  return open === undefined || close === undefined ? undefined : { open, close };
}

/**
 * Includes the fragments of a template, once, and finds its variables. Text between delimiters that is not a name stays text. A name is a
 * variable or a fragment; `fragments.name` and `fragment:name` are always fragments.
 *
 * The time is proportional to the size of the result, which is limited. Throws `invalid_options` that names `path` for fragments that include
 * themselves or do not exist, for tags of conditionals, loops and filters, and for templates that grow too large.
 */
export function compileTemplate(template: string, path: string, scope: Scope): Piece[] {
  const pieces: Piece[] = [];
  let size = 0;

  function grow(by: number): void {
    size += by;
    if (size > MAX_SIZE)
      throw wrong(path, `grows past ${MAX_SIZE} characters with its fragments: include fewer of them`);
  }

  function expand(text: string, within: readonly string[]): void {
    const place = within.length === 0 ? path : `fragments.${within.at(-1) ?? ''}`;
    for (const token of tokensOf(text, scope.delimiters)) {
      if (typeof token === 'string') {
        grow(token.length);
        pieces.push(token);
        continue;
      }
      grow(1);
      if ('tag' in token) {
        const advice = 'conditionals, loops and filters are not supported; write the text without them';
        throw wrong(
          place,
          `has a tag ${scope.delimiters.open}${token.tag} at character ${token.at}: ${advice}`,
        );
      }
      const { name } = token;
      const fragment = token.fragment || !scope.declared.has(name) ? scope.fragments.get(name) : undefined;
      if (fragment === undefined) {
        if (token.fragment)
          throw wrong(place, `uses the fragment ${name}, which does not exist: add it to fragments`);
        pieces.push({ variable: name });
        continue;
      }
      if (within.includes(name))
        throw wrong(
          `fragments.${name}`,
          `includes itself (${[...within, name].join(' -> ')}): remove one of these references`,
        );
      if (within.length === MAX_DEPTH)
        throw wrong(path, `has fragments that nest deeper than ${MAX_DEPTH} levels: nest them less`);
      expand(fragment, [...within, name]);
    }
  }

  expand(template, []);
  return pieces;
}

/** The names of the variables in a compiled template. */
export function variablesOf(pieces: readonly Piece[]): string[] {
  return pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.variable]));
}

/** The text of a compiled template. Values are inserted as they are: templates in them are not filled in. */
export function fill(pieces: readonly Piece[], valueOf: (variable: string) => string): string {
  return pieces.map((piece) => (typeof piece === 'string' ? piece : valueOf(piece.variable))).join('');
}

type Token = string | { name: string; fragment: boolean } | { tag: string; at: number };

const REFERENCE = /^(fragments\.|fragment:)?([a-zA-Z_][\w.-]*)$/;
/** `#if`, `/if`, `^name` and `> name` of the Mustache family; `name | filter`. */
const TAG = /^[#/^>]\s*[a-zA-Z_]|^[a-zA-Z_][\w.-]*\s*\|/;

/** Splits a template into text and names. Each character is read once or twice, however many braces there are. */
function* tokensOf(text: string, { open, close }: Delimiters): Generator<Token, void> {
  let textFrom = 0;
  let closeAt = -1;
  for (let at = text.indexOf(open); at !== -1; at = text.indexOf(open, at + 1)) {
    const from = at + open.length;
    if (closeAt < from) closeAt = text.indexOf(close, from);
    if (closeAt === -1) break;
    if (closeAt - from > MAX_REFERENCE) continue;
    const inner = text.slice(from, closeAt).trim();
    // A single brace is too common in plain text to be the beginning of a tag.
    const tag = open.length > 1 ? TAG.exec(inner)?.[0] : undefined;
    const [, prefix, name] = REFERENCE.exec(inner) ?? [];
    if (tag === undefined && name === undefined) continue;
    if (at > textFrom) yield text.slice(textFrom, at);
    if (tag !== undefined) yield { tag, at };
    else if (name !== undefined) yield { name, fragment: prefix !== undefined };
    textFrom = closeAt + close.length;
    at = textFrom - 1;
  }
  if (textFrom < text.length) yield text.slice(textFrom);
}

function wrong(path: string, what: string): SluiceError {
  return new SluiceError('invalid_options', `Pack: ${path} ${what}.`);
}
