import { JoinedSegment } from './joined-segment.ts';
import type { Segment } from './segment.ts';
import type { StreamEnd } from './tap.ts';

/** A stream of what a map or a filter makes of another one. */
export class ChangedSegment<C, D, R> extends JoinedSegment<C, D, R> {
  readonly #change: (this: void, chunk: C) => unknown;

  constructor(of: Segment<C, R>, change: (this: void, chunk: C) => unknown) {
    super(of);
    this.#change = change;
  }

  override get change(): (this: void, chunk: C) => unknown {
    return this.#change;
  }

  override get decidedEnd(): StreamEnd<R> | undefined {
    return this.of.decidedEnd;
  }
}
