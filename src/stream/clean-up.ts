import { abortedError } from '../errors.ts';
import type { SluiceError } from '../errors.ts';
import { kindOfThrown } from '../kit/thrown.ts';
import { Timer } from '../kit/timer.ts';
import { asSluiceError } from '../middleware-error.ts';
import type { MaybePromise, StreamOwner } from './owner.ts';
import { Segment } from './segment.ts';
import type { OpenedAs } from './segment.ts';
import { GeneratorSource } from './source.ts';
import type { StreamSource } from './source.ts';

/** A chain that ends early. */
export interface Stopped<C, R> {
  /** Outermost first. */
  segments: readonly Segment<C, R>[];
  /** Undefined if there is nothing to close: the source ended by itself, or there is none yet. */
  source: StreamSource<C, R> | undefined;
  /** An async body that has not returned its stream yet. */
  opening: Promise<void> | undefined;
  /** This segment and those above it end with `error`, those below with `aborted`. */
  at: Segment<C, R>;
  error: SluiceError;
}

/** Closes the wire first. Then ends the bodies and taps of the chain, the innermost first. */
export async function cleanUpInOrder<C, R>(stopped: Stopped<C, R>): Promise<void> {
  const { source, opening, at, error } = stopped;
  const below = abortedError(error);
  const inwards = stopped.segments.toReversed();
  const innermost = inwards[0] ?? at;
  // A stream that a body made itself has no owner. The layer that returned it answers for its source.
  const { owner } = stopped.segments[0] ?? at;
  const { name } = inwards.find((segment) => segment.owner === owner) ?? innermost;
  const isBody = source instanceof GeneratorSource;
  if (source !== undefined && !isBody) await withinCloseTimeout(owner, name, closeSource(source, below));
  let mine = below;
  let isBelow = true;
  for (const segment of inwards) {
    if (segment === at) mine = error;
    await segment.closeOtherRuns(below);
    if (segment === innermost) {
      // A body is closed only after what it reads: it may be waiting for that.
      if (isBody) await withinCloseTimeout(owner, name, closeSource(source, below));
      if (opening !== undefined) await withinCloseTimeout(owner, name, opening);
    }
    // The end of the streams above is an error in any case: chunks that they would have got were dropped.
    const decided = isBelow && mine.code === 'aborted' ? segment.decidedEnd : undefined;
    segment.finish(decided ?? { outcome: segment.outcomeOf(mine), error: mine });
    if (segment === at) isBelow = false;
  }
}

/** Ends what a body returned after its stream was stopped. */
export function endLate<C, R>(
  by: Segment<C, R>,
  opened: OpenedAs<C, R>,
  error: SluiceError,
): MaybePromise<void> {
  if (opened instanceof Segment) return opened.endLate(error);
  return withinCloseTimeout(by.owner, by.name, closeSource(opened, error));
}

/**
 * Waits for a part of a cleanup, at most `owner.closeTimeoutMs`. An error and lateness become warnings: a cleanup never fails and never
 * hangs.
 */
export async function withinCloseTimeout(
  owner: StreamOwner,
  name: string,
  work: MaybePromise<unknown>,
): Promise<void> {
  if (!(work instanceof Promise)) return;
  const late = Promise.withResolvers<string>();
  using timer = new Timer(() =>
    late.resolve(`"${name}" did not end within ${owner.closeTimeoutMs} ms and was abandoned.`),
  );
  timer.start(owner.closeTimeoutMs);
  const warning = await Promise.race([
    work.then(
      () => undefined,
      (error: unknown) => `"${name}" threw ${kindOfThrown(error)} while it was torn down.`,
    ),
    late.promise,
  ]);
  if (warning !== undefined) owner.warn(warning);
}

/** Closes a source. An error that it throws at once comes as a rejection. */
function closeSource(source: Closable, error: SluiceError): MaybePromise<void> {
  try {
    return source.close(error);
  } catch (thrown) {
    return Promise.reject(asSluiceError(thrown, 'source'));
  }
}

interface Closable {
  close(error: SluiceError): MaybePromise<void>;
}
