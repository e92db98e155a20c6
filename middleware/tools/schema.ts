import { Validator } from '@cfworker/json-schema';
import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';
import type * as z from 'zod';
import { SluiceError } from '../../src/index.ts';
import { sendable } from './sendable.ts';
import type { SchemaRoot } from './sendable.ts';
import { isRecord, messageOf } from './values.ts';

/** A JSON Schema as it is sent, with a function that checks what the model wrote. */
export interface RawSchema<T = unknown> {
  /** A JSON Schema whose root is of type `object`. */
  jsonSchema: Record<string, unknown>;
  /**
   * Returns what `execute` gets. The message of what it throws goes back to the model. Default: the arguments are checked against
   * `jsonSchema`, and given as they are.
   */
  validate?: ((value: unknown) => T | Promise<T>) | undefined;
}

/** A schema of zod, Valibot (through `toStandardJsonSchema()`), ArkType and others that implement Standard Schema. */
export type LibrarySchema<In = unknown, Out = In> = StandardSchemaV1<In, Out>;

/** The schema of a tool's input. */
export type InputSchema = LibrarySchema | RawSchema;

/** What `execute` gets of a schema. */
export type InputOf<S extends InputSchema> = S extends LibrarySchema
  ? StandardSchemaV1.InferOutput<S>
  : S extends { validate: (value: never) => infer T }
    ? Awaited<T>
    : Record<string, unknown>;

/** What is wrong at one place of a value. */
export interface Complaint {
  /** Keys and indices, from the outside. Empty: the whole value. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** A value that a schema let through, or what is wrong with it: in words for the model, and place by place. */
export type Checked = { value: unknown } | { problem: string; issues: readonly Complaint[] };

/** Checks a value. */
export type Check = (value: unknown) => Promise<Checked>;

/** A schema that is ready to be used. */
export interface Prepared {
  jsonSchema: Record<string, unknown>;
  check: Check;
}

/** Makes a schema ready. Throws `invalid_options`, with the path, if it cannot be sent. `what` says whose it is. */
export function prepared(what: string, schema: unknown, root: SchemaRoot = 'object'): Prepared {
  if (isLibrarySchema(schema))
    return { jsonSchema: sendable(what, jsonSchemaOf(what, schema), root), check: checkBy(schema) };
  if (!isRecord(schema) || schema['jsonSchema'] === undefined)
    throw wrong(what, 'give a schema of zod, Valibot or ArkType, or { jsonSchema }');
  const validate = schema['validate'];
  const jsonSchema = sendable(what, schema['jsonSchema'], root);
  if (validate === undefined) return { jsonSchema, check: checkByJsonSchema(what, jsonSchema) };
  if (typeof validate !== 'function') throw wrong(what, 'its validate is not a function');
  return {
    jsonSchema,
    check: checkByFunction((value): unknown => Reflect.apply(validate, undefined, [value])),
  };
}

/** Checks values with a schema of a library. */
export function checkBy(schema: LibrarySchema): Check {
  return async (value) => {
    const result = await schema['~standard'].validate(value);
    if (result.issues === undefined) return { value: result.value };
    const issues = result.issues.map(({ path = [], message }) => ({ path: path.map(stepOf), message }));
    return { problem: complaint(issues), issues };
  };
}

/** Whether a value implements Standard Schema. ArkType's are functions. */
export function isLibrarySchema(schema: unknown): schema is LibrarySchema {
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return false;
  const standard: unknown = Reflect.get(schema, '~standard');
  return isRecord(standard) && typeof standard['validate'] === 'function';
}

type WithJsonSchema = LibrarySchema & StandardJSONSchemaV1;

function hasJsonSchema(schema: LibrarySchema): schema is WithJsonSchema {
  return 'jsonSchema' in schema['~standard'];
}

function jsonSchemaOf(what: string, schema: LibrarySchema): unknown {
  const { vendor } = schema['~standard'];
  if (!hasJsonSchema(schema)) throw wrong(what, ADVICE[vendor] ?? OTHER_ADVICE);
  try {
    return toJsonSchema(schema);
  } catch (thrown) {
    const at = vendor === 'zod' ? placeInZod(schema) : undefined;
    throw wrong(what, `${at === undefined ? '' : `${at} cannot be sent: `}${messageOf(thrown)}`, thrown);
  }
}

const ADVICE: Readonly<Partial<Record<string, string>>> = {
  zod: 'this version of zod makes no JSON Schema of it: use zod 4.2 or newer',
  valibot: 'wrap it in toStandardJsonSchema() of @valibot/to-json-schema',
};

const OTHER_ADVICE = 'it makes no JSON Schema: give { jsonSchema, validate } instead';

function toJsonSchema(schema: WithJsonSchema, libraryOptions?: Record<string, unknown>): unknown {
  return schema['~standard'].jsonSchema.input({
    target: 'draft-2020-12',
    ...(libraryOptions !== undefined && { libraryOptions }),
  });
}

/** Where in a zod schema that is which has no JSON Schema. zod's own message says only what it is. */
function placeInZod(schema: WithJsonSchema): string | undefined {
  let found: string | undefined;
  const override = (at: Parameters<NonNullable<z.core.ToJSONSchemaParams['override']>>[0]): void => {
    const kind = at.zodSchema._zod.def.type;
    const isEmpty = Object.keys(at.jsonSchema).length === 0;
    if (isEmpty && kind !== 'any' && kind !== 'unknown') found ??= at.path.join('.');
  };
  try {
    toJsonSchema(schema, { unrepresentable: 'any', override });
  } catch {
    // The first error says what is wrong.
  }
  return found;
}

function complaint(issues: readonly Complaint[]): string {
  return issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': ')).join('; ');
}

function stepOf(step: PropertyKey | StandardSchemaV1.PathSegment): string | number {
  const key = typeof step === 'object' ? step.key : step;
  return typeof key === 'number' ? key : String(key);
}

/** Checks values with a JSON Schema. Throws `invalid_options` if it cannot be used. */
export function checkByJsonSchema(what: string, jsonSchema: Record<string, unknown>): Check {
  let validator: Validator;
  try {
    validator = new Validator(jsonSchema, '2020-12', false);
  } catch (thrown) {
    throw wrong(what, messageOf(thrown), thrown);
  }
  return (value) => {
    const { valid, errors } = validator.validate(value);
    if (valid) return Promise.resolve({ value });
    // The innermost errors say what is wrong; those around them only say where.
    const inner = errors.filter(({ keyword }) => !AROUND.has(keyword));
    const said = (inner.length > 0 ? inner : errors).map(
      ({ instanceLocation, error }) => `${instanceLocation.slice(2) || 'the arguments'}: ${error}`,
    );
    const issues = (inner.length > 0 ? inner : errors).map(({ instanceLocation, error }) => ({
      path: instanceLocation.slice(2).split('/').filter(Boolean).map(unescaped),
      message: error,
    }));
    return Promise.resolve({ problem: said.join(' '), issues });
  };
}

/** A step of a JSON pointer. */
function unescaped(step: string): string | number {
  if (/^\d+$/.test(step)) return Number(step);
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

const AROUND: ReadonlySet<string> = new Set([
  'properties',
  'items',
  'prefixItems',
  'additionalProperties',
  '$ref',
]);

function checkByFunction(validate: (value: unknown) => unknown): Check {
  return async (value) => {
    try {
      return { value: await validate(value) };
    } catch (thrown) {
      const message = messageOf(thrown);
      return { problem: message, issues: [{ path: [], message }] };
    }
  };
}

function wrong(what: string, why: string, cause?: unknown): SluiceError {
  return new SluiceError('invalid_options', `${what}: ${why}.`.replace(/\.\.$/, '.'), { cause });
}
