import type { OutputSchema, SchemaDialect } from '../../src/index.ts';
import { isLibrarySchema, prepared } from '../tools/schema.ts';
import type { Check } from '../tools/schema.ts';
import { convert } from './convert.ts';
import type { Conversion } from './convert.ts';

/** A schema that is ready to be asked for and to check with. */
export interface PreparedOutput {
  readonly schema: OutputSchema;
  readonly jsonSchema: Readonly<Record<string, unknown>>;
  readonly check: Check;
  /** The schema as a dialect takes it. */
  for(this: void, dialect: SchemaDialect): Conversion;
}

/** What was prepared of the schemas that are in use. */
const known = new WeakMap<OutputSchema, PreparedOutput>();

/** Prepares a schema, once. Throws `invalid_options`, with the path, if it cannot be sent. */
export function preparedOutput(schema: OutputSchema): PreparedOutput {
  const before = known.get(schema);
  if (before !== undefined) return before;
  const { jsonSchema, check } = prepared('options.output', schema, 'any');
  // A function of the caller checks what it likes.
  const isChecked = isLibrarySchema(schema) || schema.validate === undefined;
  const checks = (keyword: string): boolean => isChecked && !UNCHECKED.has(keyword);
  const output = { schema, jsonSchema, check, for: conversions(jsonSchema, checks) };
  known.set(schema, output);
  return output;
}

/** Converts a schema, once for each dialect. `checks` says whether a keyword is checked after the answer has come. */
export function conversions(
  jsonSchema: Readonly<Record<string, unknown>>,
  checks: (keyword: string) => boolean,
): PreparedOutput['for'] {
  const known = new Map<SchemaDialect, Conversion>();
  return (dialect) => {
    let conversion = known.get(dialect);
    if (conversion === undefined) known.set(dialect, (conversion = convert(jsonSchema, dialect, checks)));
    return conversion;
  };
}

/** Keywords that no validator checks. */
export const UNCHECKED: ReadonlySet<string> = new Set([
  ...['contentEncoding', 'contentMediaType', 'contentSchema'],
]);
