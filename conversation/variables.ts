import * as z from 'zod';
import { parseOptions } from '../src/kit/index.ts';
import type { PackVariable } from './pack-types.ts';

/** The part of a declaration that decides which values are valid. */
export type Declared = Pick<PackVariable, 'type' | 'validation'>;

/** Maximum length of a value that a pattern runs on, unless the rules have a `max_length`. Values come from users, and some patterns are slow. */
const MAX_MATCHED = 10_000;

/** The types of the specification. A pack may name others; their values are not checked. */
const TYPES: Readonly<Record<string, z.ZodType>> = {
  string: z.string('give a string'),
  number: z.number('give a number'),
  boolean: z.boolean('give true or false'),
  object: z.record(z.string(), z.unknown(), 'give an object'),
  array: z.array(z.unknown(), 'give an array'),
};

const anyType = z
  .unknown()
  .refine(
    (value) => textOf(value) !== undefined,
    'give a string, a number, true, false, or an object or array of plain data',
  );

/** Whether values of a type can be checked. */
export function isKnownType(type: string): boolean {
  return Object.hasOwn(TYPES, type);
}

/**
 * The text of a value: a string unchanged, a number or boolean as JavaScript writes it, anything else as JSON. `declared` is the variable's
 * declaration, if there is one. `what` is the name of the value in errors, which never contain the value.
 *
 * Throws `invalid_options` for a value of the wrong type, or one that the declaration's `validation` refuses.
 */
export function textOfValue(value: unknown, declared: Declared | undefined, what: string): string {
  const checked = parseOptions(what, declared === undefined ? anyType : valueSchema(declared), value);
  return textOf(checked) ?? '';
}

/** The schema for values of a variable: its type and its rules. */
export function valueSchema({ type, validation }: Declared): z.ZodType {
  const typed = isKnownType(type) ? (TYPES[type] ?? anyType).pipe(anyType) : anyType;
  if (validation === undefined) return typed;
  return typed.superRefine((value, context) => {
    const message = fixOf(value, validation);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });
}

/** What to do about an invalid pattern; undefined if it is valid. */
export function patternFault(pattern: string): string | undefined {
  if (compiles(pattern, 'u')) return undefined;
  if (!compiles(pattern, '')) return 'give a regular expression';
  return 'give a regular expression that is valid with the flag u: escape only the characters that need it, such as { and }';
}

function compiles(pattern: string, flags: string): boolean {
  try {
    return new RegExp(pattern, flags) instanceof RegExp;
  } catch {
    return false;
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    const text: unknown = JSON.stringify(value);
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}

/** What to give instead, if the value breaks a rule. Rules for other types are ignored. */
function fixOf(value: unknown, rules: NonNullable<PackVariable['validation']>): string | undefined {
  const { pattern, min_length, minimum, maximum } = rules;
  const max_length = rules.max_length ?? (pattern === undefined ? undefined : MAX_MATCHED);
  if (typeof value === 'string') {
    const length = lengthOf(value);
    if (min_length !== undefined && length < min_length) return `give at least ${min_length} characters`;
    if (max_length !== undefined && length > max_length) return `give at most ${max_length} characters`;
    if (pattern !== undefined && !new RegExp(pattern, 'u').test(value))
      return `give one that matches ${pattern}`;
  }
  if (typeof value === 'number') {
    if (minimum !== undefined && value < minimum) return `give a number of at least ${minimum}`;
    if (maximum !== undefined && value > maximum) return `give a number of at most ${maximum}`;
  }
  if (rules.enum === undefined) return undefined;
  const texts = rules.enum.map((item) => JSON.stringify(item));
  return texts.includes(JSON.stringify(value)) ? undefined : `give one of ${texts.slice(0, 20).join(', ')}`;
}

/** The length in characters, as in JSON Schema, not in UTF-16 code units. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _character of text) length++;
  return length;
}
