import type { SluiceError } from '../errors.ts';
import type { MaybePromise, StreamOwner } from './owner.ts';
import { Segment } from './segment.ts';
import type { TappedStream } from './segment.ts';
import type { BatchSource } from './source.ts';
import type { CallTap, StreamEnd } from './tap.ts';

/** What a view needs of the stream that it is made from. */
interface Viewed<R> extends TappedStream {
  readonly owner: StreamOwner;
  readonly decidedEnd: StreamEnd<R> | undefined;
  addCallTap(on: TappedStream, tap: CallTap['tap']): void;
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
  override addCallTap(on: TappedStream, tap: CallTap['tap']): void {
    this.#of.addCallTap(on, tap);
  }

  override closeUnread(error: SluiceError): MaybePromise<void> {
    return this.#source.close(error);
  }

  override get decidedEnd(): StreamEnd<R> | undefined {
    return this.#of.decidedEnd;
  }
}
