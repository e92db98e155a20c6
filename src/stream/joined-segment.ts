import type { SluiceError } from '../errors.ts';
import { andThen } from './owner.ts';
import type { MaybePromise } from './owner.ts';
import { Segment } from './segment.ts';
import type { TappedStream } from './segment.ts';
import { readElsewhereError } from './source-over-stream.ts';
import type { MapStamp } from './stamp.ts';
import type { CallTap } from './tap.ts';

/** A stream that is made of another one and shares its chain. */
export abstract class JoinedSegment<C, D, R> extends Segment<D, R> {
  protected readonly of: Segment<C, R>;

  constructor(of: Segment<C, R>) {
    super(of.owner, of.tappedBy);
    this.of = of;
  }

  /** Joins the other stream. Two signatures, because TypeScript cannot follow the type of a chunk through a change. */
  override open(): Segment<D, R>;
  override open(): Segment<unknown, R> {
    if (this.of.isHandedOn) throw readElsewhereError();
    return this.of;
  }

  override get stampAbove(): MapStamp | undefined {
    return this.of.stampAbove;
  }

  override addCallTap(on: TappedStream, tap: CallTap['tap']): void {
    this.of.addCallTap(on, tap);
  }

  /** Reads ahead as the other stream does. */
  override wantsMore(buffered: number): boolean {
    return this.of.wantsMore(buffered);
  }

  override closeUnread(error: SluiceError): MaybePromise<void> {
    // Another stream may read it.
    if (!this.of.isHandedOn) return this.of.stop(error, 'drop');
  }

  override endLate(error: SluiceError): MaybePromise<void> {
    return andThen(this.of.endLate(error), () => super.endLate(error));
  }
}
