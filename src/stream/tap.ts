import type { Call, CallObserver } from '../call.ts';
import { SluiceError, kindOf } from '../errors.ts';
import type { Outcome } from '../outcome.ts';

/** How a stream ended: with `reply` if it completed, with `error` if it did not. */
export interface StreamEnd<R> {
  outcome: Outcome;
  reply?: R | undefined;
  error?: SluiceError | undefined;
}

/** Watches a stream: `chunk` sees every chunk, `end` is called exactly once for every stream that was started. All are synchronous. */
export interface Tap<C, R> {
  chunk?(chunk: C): void;
  end?(end: StreamEnd<R>): void;
  /** Called when the stream begins to wait for its source. A limit on idle time counts from here, because a slow reader is not idle. */
  pull?(): void;
  /**
   * Called for every model call that is made below this stream, also in retries, hedges, tool loops and `context.run()`, before anything of it is
   * sent. What it returns observes the call. What it throws refuses the call: nothing is sent, and nothing is billed.
   */
  call?(call: Call): CallObserver | void;
}

/** Who sees the calls that are made below a stream. */
export interface CallTap {
  /** The layer that added the tap, for errors and warnings. */
  name: string;
  call(this: void, call: Call): CallObserver | void;
}

/** A tap whose functions need no `this`. */
export interface BoundTap<C, R> {
  chunk?(this: void, chunk: C): void;
  end?(this: void, end: StreamEnd<R>): void;
  pull?(this: void): void;
  call?(this: void, call: Call): CallObserver | void;
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
    ...(tap.call && { call: tap.call.bind(tap) }),
  };
}

function checkTap(tap: unknown): void {
  if (typeof tap !== 'object' || tap === null)
    throw new SluiceError(
      'invalid_options',
      `tap() was given ${kindOf(tap)}: give a function or { chunk, end, pull, call }.`,
    );
  for (const key of ['chunk', 'end', 'pull', 'call']) {
    const value: unknown = Reflect.get(tap, key);
    if (value !== undefined && typeof value !== 'function')
      throw new SluiceError('invalid_options', `tap(): ${key} is ${kindOf(value)}: give a function.`);
  }
}

/** The error for a tap that would not see everything. */
export function lateTapError(): SluiceError {
  return new SluiceError(
    'middleware',
    'tap() came after the stream had started: add taps before the first pull.',
  );
}
