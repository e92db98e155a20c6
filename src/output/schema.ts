import type { StandardSchemaV1 } from '@standard-schema/spec';

/** A JSON Schema in place of a schema of a library. */
export interface RawOutputSchema<T = unknown> {
  /** A JSON Schema of the answer, of any type. */
  jsonSchema: Record<string, unknown>;
  /**
   * Returns what becomes the output. The message of what it throws says what is wrong. Default: the answer is checked against `jsonSchema`, and given as
   * it is.
   */
  validate?: ((value: unknown) => T | Promise<T>) | undefined;
}

/** The schema of an answer: one of zod, Valibot (through `toStandardJsonSchema()`), ArkType or another library of Standard Schema, or `{ jsonSchema, validate? }`. */
export type OutputSchema = StandardSchemaV1 | RawOutputSchema;

/** What a schema makes of an answer. */
export type OutputOf<S extends OutputSchema> = S extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<S>
  : S extends { validate: (value: never) => infer T }
    ? Awaited<T>
    : unknown;

/** What a model writes for a schema, before defaults and transforms. */
export type WrittenOf<S extends OutputSchema> = S extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<S>
  : OutputOf<S>;
