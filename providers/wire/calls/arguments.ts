import type { InvalidArguments } from '../../../src/index.ts';
import { MAX_DEPTH, isDeeper } from '../json.ts';
import type { Limits } from '../options/limits.ts';

/** The arguments of a tool call: parsed, or `{}` and what is wrong with them. */
export interface ReadArguments {
  arguments: unknown;
  invalid?: InvalidArguments;
}

/**
 * Reads the JSON text of a call's arguments; blank text is `{}`. Text that is no JSON, is nested more than 64 deep or is longer
 * than `maxArgumentsCharacters` makes the call invalid instead of failing the reply. A key `__proto__` is a plain field.
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
    // The parser's error quotes the arguments.
    return invalidArguments(text, 'the arguments are not valid JSON');
  }
  return isDeeper(value) ? invalidArguments(text, TOO_DEEP) : { arguments: value };
}

/** Checks arguments that came as a value, not as text, as {@link readArguments} does. */
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

/** A call whose arguments could not be read. A half character at the end, from a cut, is replaced. */
export function invalidArguments(raw: string, reason: string): ReadArguments {
  return { arguments: {}, invalid: { raw: raw.toWellFormed(), reason } };
}
