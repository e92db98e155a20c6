import * as z from 'zod';
import { parseOptions } from '../src/index.ts';
import type { PackVariable } from './pack-types.ts';

/** The types of the specification. A pack may name others; their values are not checked. */
const TYPES: Readonly<Record<string, z.ZodType>> = {
  string: z.string(),
  number: z.number(),
  boolean: z.boolean(),
  object: z.record(z.string(), z.unknown()),
  array: z.array(z.unknown()),
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
 * The text of a value: a string as it is, a number or boolean in JavaScript's words, anything else as JSON. `declared` is the variable's
 * declaration, where there is one; `what` names the value in errors, which never hold it.
 *
 * Throws `invalid_options` for a value of another type, or one that the declaration's `validation` refuses.
 */
export function textOfValue(value: unknown, declared: PackVariable | undefined, what: string): string {
  const checked = parseOptions(what, schemaOf(declared), value);
  return textOf(checked) ?? '';
}

function schemaOf(declared: PackVariable | undefined): z.ZodType {
  if (declared === undefined) return anyType;
  const { type, validation } = declared;
  const typed = isKnownType(type) ? (TYPES[type] ?? anyType).pipe(anyType) : anyType;
  if (validation === undefined) return typed;
  return typed.superRefine((value, context) => {
    const message = mendOf(value, validation);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });
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

/** What the rules ask for, where the value breaks one. A rule that is for another type says nothing. */
function mendOf(value: unknown, rules: NonNullable<PackVariable['validation']>): string | undefined {
  const { pattern, min_length, max_length, minimum, maximum } = rules;
  if (typeof value === 'string') {
    const length = lengthOf(value);
    if (min_length !== undefined && length < min_length) return `give at least ${min_length} characters`;
    if (max_length !== undefined && length > max_length) return `give at most ${max_length} characters`;
    if (pattern !== undefined && !new RegExp(pattern).test(value)) return `give one that matches ${pattern}`;
  }
  if (typeof value === 'number') {
    if (minimum !== undefined && value < minimum) return `give a number of at least ${minimum}`;
    if (maximum !== undefined && value > maximum) return `give a number of at most ${maximum}`;
  }
  if (rules.enum === undefined) return undefined;
  const texts = rules.enum.map((item) => JSON.stringify(item));
  return texts.includes(JSON.stringify(value)) ? undefined : `give one of ${texts.slice(0, 20).join(', ')}`;
}

/** In characters, as JSON Schema counts: not in UTF-16 units. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _character of text) length++;
  return length;
}
