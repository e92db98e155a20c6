import type * as z from 'zod';
import { SluiceError, kindOf } from '../errors.ts';

/**
 * Parses options with a zod schema, and returns them with their defaults. Throws one `invalid_options` error that begins with `what` and says of
 * every wrong field what kind of value was found, never the value, and what to give instead.
 *
 * @example
 * const { size } = parseOptions('recorder()', z.strictObject({ size: option.count(1).default(10) }), options);
 */
export function parseOptions<S extends z.ZodType>(what: string, schema: S, options: unknown): z.output<S> {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => describe(issue, options));
  throw new SluiceError('invalid_options', `${what}: ${lines.join('; ')}.`);
}

function describe(issue: z.core.$ZodIssue, options: unknown): string {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const inside = path === '' ? '' : `${path}.`;
    return issue.keys
      .map((key) => `${inside}${key} is not an option: take it out or fix its name`)
      .join('; ');
  }
  let value = options;
  for (const key of issue.path)
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return `${path === '' ? 'what was given' : path} is ${foundAs(value)}: ${adviceOf(issue, value)}`;
}

function foundAs(value: unknown): string {
  return isNotFinite(value) ? String(value) : kindOf(value);
}

function isNotFinite(value: unknown): value is number {
  return typeof value === 'number' && !Number.isFinite(value);
}

/** What to do: the words of the schema, or ours instead of zod's. */
function adviceOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (!/^(Invalid|Too) /.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      if (isNotFinite(value)) return 'give a finite number';
      return `give ${EXPECTED[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `give ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? 'give one that is not empty'
        : `give a number of at least ${issue.minimum}`;
    case 'too_big':
      return `give a number of at most ${issue.maximum}`;
    default:
      return 'give a value of its type';
  }
}

/** What to give for each kind that a schema expects. */
const EXPECTED: Readonly<Partial<Record<string, string>>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'an array',
  function: 'a function',
};
