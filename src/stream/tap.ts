import type { SluiceError } from '../errors.ts';
import type { Outcome } from '../result.ts';

/** How a stream ended. `reply` where it completed, `error` where it did not. */
export interface StreamEnd<R> {
  outcome: Outcome;
  reply?: R | undefined;
  error?: SluiceError | undefined;
}

/** Looks at a stream: `chunk` at every chunk, `end` exactly once for every started stream. All are synchronous. */
export interface Tap<C, R> {
  chunk?(chunk: C): void;
  end?(end: StreamEnd<R>): void;
  /** Called when the stream begins to wait for its source: what a clock for idleness needs, since a slow reader is not one. */
  pull?(): void;
}

/** The part of a tap that looks at chunks. */
export type Look<C> = NonNullable<Tap<C, unknown>['chunk']>;

/** A tap of which `this` does not matter. */
export function bound<C, R>(tap: Look<C> | Tap<C, R>): Tap<C, R> {
  if (typeof tap === 'function') return { chunk: tap };
  return {
    ...(tap.chunk && { chunk: tap.chunk.bind(tap) }),
    ...(tap.end && { end: tap.end.bind(tap) }),
    ...(tap.pull && { pull: tap.pull.bind(tap) }),
  };
}
