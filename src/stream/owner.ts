import { plainForms } from '../output/forms.ts';
import type { OutputForms } from '../output/forms.ts';

/** What a stream needs of the execution that it belongs to. */
export interface StreamOwner {
  /** How long a cleanup waits for a body or a source that ignores its signal, in milliseconds. */
  readonly closeTimeoutMs: number;
  /** Set when the execution is interrupted: batches then end with the current chunk. */
  interrupted: boolean;
  /** The batch in which a tap interrupted the execution, up to that chunk. */
  deliveredBatch: readonly unknown[];
  /** How the text of its calls is read, if it was asked for an output. */
  readonly output?: OutputForms | undefined;
  warn(message: string): void;
}

const PLAIN = plainForms();

/** The owner of a stream outside any execution. */
export function noOwner(): StreamOwner {
  return {
    ...{ closeTimeoutMs: 1_000, interrupted: false, deliveredBatch: [], output: PLAIN },
    warn: () => undefined,
  };
}

/** A value or a promise of it. Code that meets a value goes on at once, without a promise in between. */
export type MaybePromise<T> = T | Promise<T>;

/** Calls `go` with the value, at once if it is there. */
export function andThen<T, U>(value: MaybePromise<T>, go: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(go) : go(value);
}
