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
  readonly name: string;
  readonly tap: Pick<Tap<never, never>, 'call'>;
}

/** The same, in a list. */
export interface CallTapList extends CallTap {
  /** The one that was added before it. */
  readonly before: CallTapList | undefined;
}

/** A method signature, so that a stream of narrow chunks is a stream of wide ones. */
interface ChunkFunction<C> {
  chunk(this: void, chunk: C): void;
}

/** A function that sees chunks. */
export type ChunkTap<C> = ChunkFunction<C>['chunk'];

/** Throws `invalid_options` for what is neither a function nor a tap. */
export function checkTap(tap: unknown): void {
  if (typeof tap === 'function') return;
  if (typeof tap !== 'object' || tap === null)
    throw new SluiceError(
      'invalid_options',
      `tap() was given ${kindOf(tap)}: give a function or { chunk, end, pull, call }.`,
    );
  const { chunk, end, pull, call }: Partial<Record<keyof Tap<unknown, unknown>, unknown>> = tap;
  checkFunction('chunk', chunk);
  checkFunction('end', end);
  checkFunction('pull', pull);
  checkFunction('call', call);
}

function checkFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return;
  throw new SluiceError('invalid_options', `tap(): ${name} is ${kindOf(value)}: give a function.`);
}

/** The error for a tap that would not see everything. */
export function lateTapError(): SluiceError {
  return new SluiceError(
    'middleware',
    'tap() came after the stream had started: add taps before the first pull.',
  );
}
