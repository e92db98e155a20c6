import type { SluiceError } from '../errors.ts';
import { isThenable } from '../kit/thrown.ts';
import { asSluiceError } from '../middleware-error.ts';
import { withinCloseTimeout } from './clean-up.ts';
import { andThen } from './owner.ts';
import type { MaybePromise } from './owner.ts';
import { Segment, replyOf, requireUnread } from './segment.ts';
import type { TappedStream } from './segment.ts';
import { readElsewhereError } from './source-over-stream.ts';
import type { MapStamp } from './stamp.ts';
import type { CallTap, StreamEnd } from './tap.ts';

/** What a map or a filter makes of a chunk. A method signature, because TypeScript cannot follow the type of a chunk through a change. */
interface Change {
  change(this: void, chunk: never): unknown;
}

/** Says what follows a good end: the segment of another stream, a reply to end with, or nothing. */
interface Follower<C, R> {
  follow(this: void, reply: R): MaybePromise<Segment<C, R> | { reply: R } | undefined>;
}

/**
 * A stream that is made of another one and shares its chain: a map, a filter, or one that goes on with others. One class for all, because a chain asks its segments
 * at many places, which V8 does fast for four classes at most.
 */
export class JoinedSegment<C, D, R> extends Segment<D, R> {
  readonly #of: Segment<C, R>;
  readonly #change: Change['change'] | undefined;
  readonly #follow: Follower<D, R>['follow'] | undefined;
  /** Settles when it is known what follows, if that is said with a promise. */
  #deciding: Promise<unknown> | undefined;

  constructor(of: Segment<C, R>, change?: Change['change'], follow?: Follower<D, R>['follow']) {
    super(of.owner, of.tappedBy);
    this.#of = of;
    this.#change = change;
    this.#follow = follow;
  }

  /** Joins the other stream. Two signatures, because TypeScript cannot follow the type of a chunk through a change. */
  override open(): Segment<D, R>;
  override open(): Segment<unknown, R> {
    if (this.#of.isHandedOn) throw readElsewhereError();
    return this.#of;
  }

  override get change(): Change['change'] | undefined {
    return this.#change;
  }

  override get stampAbove(): MapStamp | undefined {
    return this.#of.stampAbove;
  }

  override addCallTap(on: TappedStream, tap: CallTap['tap']): void {
    this.#of.addCallTap(on, tap);
  }

  /** Reads ahead as the other stream does. */
  override wantsMore(buffered: number): boolean {
    return this.#of.wantsMore(buffered);
  }

  override closeUnread(error: SluiceError): MaybePromise<void> {
    // Another stream may read it.
    if (!this.#of.isHandedOn) return this.#of.stop(error, 'drop');
  }

  override endLate(error: SluiceError): MaybePromise<void> {
    return andThen(this.#of.endLate(error), () => super.endLate(error));
  }

  /** Not known of a stream that may go on with others. */
  override get decidedEnd(): StreamEnd<R> | undefined {
    return this.#follow === undefined ? this.#of.decidedEnd : undefined;
  }

  override conclude(ended: StreamEnd<R>): MaybePromise<StreamEnd<R> | Segment<D, R>> {
    const follow = this.#follow;
    if (follow === undefined || ended.outcome !== 'completed' || this.chain?.isStopped === true) return ended;
    try {
      const following = follow(replyOf(ended));
      if (!isThenable(following)) return this.#concluded(following, ended);
      const deciding = following
        .then((late) => this.#concluded(late, ended))
        .catch((error: unknown) => this.#failed(error));
      this.#deciding = deciding;
      return deciding;
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** Waits for who says what follows. A stream that comes then is closed. */
  override closeOtherRuns(): MaybePromise<void> {
    if (this.#deciding !== undefined) return withinCloseTimeout(this.owner, this.name, this.#deciding);
  }

  #concluded(
    following: Segment<D, R> | { reply: R } | undefined,
    ended: StreamEnd<R>,
  ): StreamEnd<R> | Segment<D, R> {
    if (following === undefined) return ended;
    if (!(following instanceof Segment)) return { outcome: 'completed', reply: following.reply };
    requireUnread(following, this, 'went on with');
    return following;
  }

  #failed(thrown: unknown): StreamEnd<R> {
    const error = asSluiceError(thrown, this.tappedBy);
    return { outcome: this.outcomeOf(error), error };
  }
}
