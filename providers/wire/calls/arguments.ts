import type { InvalidArguments } from '../../../src/index.ts';
import { MAX_DEPTH, isDeeper } from '../json.ts';
import type { Limits } from '../options/limits.ts';

/** The arguments of a tool call after parsing. If they are not valid, they are `{}` and `invalid` says why. */
export interface ReadArguments {
  arguments: unknown;
  invalid?: InvalidArguments;
}

/**
 * Parses the JSON text of a call's arguments. Blank text is `{}`. Text that is not JSON, is nested more than 64 deep or is
 * longer than `maxArgumentsCharacters` makes the call invalid, but does not fail the reply. A key `__proto__` is a plain
 * field.
 */
export function readArguments(text: string, { maxArgumentsCharacters: max }: Limits): ReadArguments {
  if (text.length > max) {
    return invalidArguments(text.slice(0, max), `the arguments are longer than ${max} characters`);
  }
  if (text.trim() === '') return { arguments: {} };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own error would quote the arguments.
    return invalidArguments(text, 'the arguments are not valid JSON');
  }
  return isDeeper(value) ? invalidArguments(text, TOO_DEEP) : { arguments: value };
}

/** Checks arguments that came as a value instead of text. The rules are those of {@link readArguments}. */
export function checkedArguments(value: unknown, limits: Limits): ReadArguments {
  let text: string;
  try {
    text = JSON.stringify(value) ?? '';
  } catch {
    return invalidArguments('', TOO_DEEP);
  }
  return readArguments(text, limits);
}

const TOO_DEEP = `the arguments are nested more than ${MAX_DEPTH} levels deep`;

/** Arguments that could not be read. If the text was cut within a surrogate pair, the half of it is replaced. */
export function invalidArguments(raw: string, reason: string): ReadArguments {
  return { arguments: {}, invalid: { raw: raw.toWellFormed(), reason } };
}
