import type { SluiceError } from '../errors.ts';
import type { MaybePromise, StreamOwner } from './owner.ts';
import { Segment } from './segment.ts';
import type { BatchSource } from './source.ts';
import type { CallTap, StreamEnd } from './tap.ts';

/** What a view needs of the stream that it is made from. */
interface Viewed<R> {
  readonly owner: StreamOwner;
  readonly tappedBy: string;
  readonly decidedEnd: StreamEnd<R> | undefined;
  addCallTap(tap: CallTap): void;
}

/** A stream of what a source makes of another stream: a view, or a branch of one. Closing the source closes the other stream. */
export class ViewSegment<C, R> extends Segment<C, R> {
  readonly #of: Viewed<R>;
  readonly #source: BatchSource<C, R>;

  constructor(of: Viewed<R>, source: BatchSource<C, R>) {
    super(of.owner, of.tappedBy);
    this.#of = of;
    this.#source = source;
  }

  override open(): BatchSource<C, R> {
    return this.#source;
  }

  /** Calls are made below the stream that it is made from. */
  override addCallTap(tap: CallTap): void {
    this.#of.addCallTap(tap);
  }

  override closeUnread(error: SluiceError): MaybePromise<void> {
    return this.#source.close(error);
  }

  override get decidedEnd(): StreamEnd<R> | undefined {
    return this.#of.decidedEnd;
  }
}
