import { SluiceError, kindOf } from '../errors.ts';
import type { Outcome } from '../outcome.ts';

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

/** A tap of which `this` does not matter. */
export interface BoundTap<C, R> {
  chunk?(this: void, chunk: C): void;
  end?(this: void, end: StreamEnd<R>): void;
  pull?(this: void): void;
}

/** The part of a tap that sees chunks. */
export type ChunkTap<C> = NonNullable<BoundTap<C, unknown>['chunk']>;

/** Binds a tap's functions to it. */
export function bound<C, R>(tap: ChunkTap<C> | Tap<C, R>): BoundTap<C, R> {
  if (typeof tap === 'function') return { chunk: tap };
  checkTap(tap);
  return {
    ...(tap.chunk && { chunk: tap.chunk.bind(tap) }),
    ...(tap.end && { end: tap.end.bind(tap) }),
    ...(tap.pull && { pull: tap.pull.bind(tap) }),
  };
}

function checkTap(tap: unknown): void {
  if (typeof tap !== 'object' || tap === null)
    throw new SluiceError(
      'invalid_options',
      `tap() was given ${kindOf(tap)}: give a function or { chunk, end, pull }.`,
    );
  for (const key of ['chunk', 'end', 'pull']) {
    const value: unknown = Reflect.get(tap, key);
    if (value !== undefined && typeof value !== 'function')
      throw new SluiceError('invalid_options', `tap(): ${key} is ${kindOf(value)}: give a function.`);
  }
}
