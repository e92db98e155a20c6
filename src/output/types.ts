import type { ExecutionResult } from '../result.ts';
import type { OutputOf, OutputSchema, WrittenOf } from './schema.ts';

/**
 * A value of which any part may still be missing. A string may be the beginning of one, so it is any string, also where the whole one is one of a few.
 */
export type DeepPartial<T> = T extends string
  ? string
  : T extends readonly (infer E)[]
    ? DeepPartial<E>[]
    : T extends object
      ? { [K in keyof T]?: DeepPartial<T[K]> }
      : T;

/** The keys of a value that hold arrays. */
export type ArrayKey<T> = T extends object
  ? { [K in keyof T]-?: NonNullable<T[K]> extends readonly unknown[] ? K : never }[keyof T] & string
  : never;

/** An element of the array under a key. */
export type ElementAt<T, K extends keyof T> = NonNullable<T[K]> extends readonly (infer E)[] ? E : never;

/** The types of an output. It is never there: it carries them. */
export interface OutputTypes<Written, Output> {
  readonly types?: { readonly written: Written; readonly output: Output };
}

/** The result of an execution that was asked for an output: there is one if it completed. */
export type OutputResult<Written, Output = Written> = ExecutionResult &
  OutputTypes<Written, Output> &
  ({ outcome: 'completed'; output: Output } | { outcome: 'interrupted'; output?: undefined });

/** The result for a schema. */
export type ResultFor<S extends OutputSchema> = OutputResult<WrittenOf<S>, OutputOf<S>>;
