import { Validator } from '@cfworker/json-schema';
import { partUnder } from './keywords.ts';
import type { Part } from './keywords.ts';
import { UnusableSchema, withoutReferences } from './references.ts';
import { checkShape } from './shape.ts';
import { isRecord } from './values.ts';

/** A schema of a server in the two forms that are needed. */
export interface ServerSchema {
  /** As it is sent to a model. */
  readonly sent: Record<string, unknown>;
  /** As values are checked with it. */
  readonly checked: Record<string, unknown>;
}

/**
 * Makes the schema of a tool's input ready. `{}` and a schema without `properties` are those of an object without any; local references are replaced by what they refer to.
 * Patterns are sent to the model, but nothing is checked with them: one of a stranger may take forever. The server checks them itself.
 *
 * Throws {@link UnusableSchema}.
 */
export function inputSchema(given: unknown): ServerSchema {
  if (given !== undefined && !isRecord(given)) throw new UnusableSchema('its schema is not an object');
  const { $id: _id, $schema: _dialect, ...root } = given ?? {};
  const whole = withoutReferences(root);
  checkShape(whole);
  const { type = 'object', properties = {}, ...rest } = whole;
  if (type !== 'object' && !(Array.isArray(type) && type.includes('object')))
    throw new UnusableSchema('its schema is not that of an object');
  if (!isRecord(properties)) throw new UnusableSchema('the properties of its schema are not an object');
  const sent = { type: 'object', properties, ...rest };
  return { sent, checked: withoutPatterns(sent) };
}

/** Says what is wrong with a value; undefined if nothing is. */
export type Complaint = (value: unknown) => string | undefined;

/** Makes a check of the schema of a tool's output. Undefined: it has none. Throws {@link UnusableSchema}. */
export function outputCheck(given: unknown): Complaint | undefined {
  if (given === undefined) return undefined;
  if (!isRecord(given)) throw new UnusableSchema('its output schema is not an object');
  const { $id: _id, $schema: _dialect, ...root } = given;
  const whole = withoutReferences(root);
  checkShape(whole);
  const validator = validatorOf(withoutPatterns(whole));
  return (value) => {
    const { valid, errors } = validator.validate(value);
    if (valid) return undefined;
    const last = errors.at(-1);
    return last === undefined ? 'it does not match' : `${last.instanceLocation}: ${last.error}`;
  };
}

function validatorOf(schema: Record<string, unknown>): Validator {
  try {
    return new Validator(schema, '2020-12');
  } catch {
    throw new UnusableSchema('nothing can be checked with its output schema');
  }
}

function withoutPatterns(schema: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(schema).flatMap(([key, value]) => {
      if (key === 'pattern' || key === 'patternProperties' || key === 'format') return [];
      // What `patternProperties` allows is not known here.
      if (key === 'additionalProperties' && 'patternProperties' in schema) return [];
      if (key === 'unevaluatedProperties') return [];
      return [[key, inside(value, partUnder('schema', key))]];
    }),
  );
}

function inside(value: unknown, part: Part): unknown {
  if (part === 'data') return value;
  if (Array.isArray(value)) return value.map((one: unknown) => inside(one, part));
  if (!isRecord(value)) return value;
  if (part === 'schema') return withoutPatterns(value);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inside(one, 'schema')]));
}
