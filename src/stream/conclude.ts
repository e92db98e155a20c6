import { Segment } from './segment.ts';
import type { StreamEnd } from './tap.ts';

/** The chain that an end goes through. */
export interface EndingChain<C, R> {
  /** Outermost first. */
  readonly segments: readonly Segment<C, R>[];
  /** Opens another stream below segment number `at`. */
  follow(next: Segment<C, R>, at: number): void;
  /** Called after a part of the end that took its time. */
  endedLate(): void;
}

/** Tells an end to each segment from number `at` outwards, until one of them goes on with another stream. */
export function conclude<C, R>(
  chain: EndingChain<C, R>,
  came: StreamEnd<R>,
  at: number = chain.segments.length - 1,
): void {
  let below = came;
  for (let number = at; number >= 0; number--) {
    const segment = chain.segments[number];
    if (segment === undefined) return;
    const concluded = segment.conclude(below);
    if (concluded instanceof Promise) {
      void concluded.then((late) => {
        const ended = endOf(chain, segment, late, number);
        if (ended !== undefined) conclude(chain, ended, number - 1);
        chain.endedLate();
      });
      return;
    }
    const ended = endOf(chain, segment, concluded, number);
    if (ended === undefined) return;
    below = ended;
  }
}

/** How a segment has ended; undefined if it goes on with another stream. */
function endOf<C, R>(
  chain: EndingChain<C, R>,
  segment: Segment<C, R>,
  concluded: StreamEnd<R> | Segment<C, R>,
  at: number,
): StreamEnd<R> | undefined {
  if (concluded instanceof Segment) {
    chain.follow(concluded, at);
    return undefined;
  }
  segment.finish(concluded);
  return segment.end ?? concluded;
}
