import { isThenable } from '../kit/thrown.ts';
import { asSluiceError, middlewareError } from '../middleware-error.ts';
import { withinCloseTimeout } from './clean-up.ts';
import { JoinedSegment } from './joined-segment.ts';
import type { MaybePromise } from './owner.ts';
import { Segment, replyOf } from './segment.ts';
import type { StreamEnd } from './tap.ts';

/** What a stream goes on with, `F` as the layer says it. Method signatures, so that a stream of a narrow reply is a stream of a wide one. */
export interface Follower<C, R, F> {
  /** Asked at each good end. */
  follow(this: void, reply: R): F | PromiseLike<F>;
  /** Another stream to go on with, another reply to end with, or nothing. */
  read(this: void, following: F): Segment<C, R> | { reply: R } | undefined;
}

/** A stream that goes on with others: at each good end it asks what follows. */
export class FollowedSegment<C, R, F> extends JoinedSegment<C, C, R> {
  readonly #follow: Follower<C, R, F>['follow'];
  readonly #read: Follower<C, R, F>['read'];
  /** Settles when it is known what follows. Made if the layer answers with a promise. */
  #deciding: Promise<unknown> | undefined;

  constructor(of: Segment<C, R>, follow: Follower<C, R, F>['follow'], read: Follower<C, R, F>['read']) {
    super(of);
    this.#follow = follow;
    this.#read = read;
  }

  override conclude(ended: StreamEnd<R>): MaybePromise<StreamEnd<R> | Segment<C, R>> {
    if (ended.outcome !== 'completed' || this.chain?.isStopped === true) return ended;
    try {
      const following = this.#follow(replyOf(ended));
      if (!isPromise(following)) return this.#concluded(following, ended);
      const deciding = Promise.resolve(following)
        .then((late) => this.#concluded(late, ended))
        .catch((error: unknown) => this.#failed(error));
      this.#deciding = deciding;
      return deciding;
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** Waits for the answer of the layer. A stream that comes then is closed. */
  override closeOtherRuns(): MaybePromise<void> {
    if (this.#deciding !== undefined) return withinCloseTimeout(this.owner, this.name, this.#deciding);
  }

  #concluded(following: F, ended: StreamEnd<R>): StreamEnd<R> | Segment<C, R> {
    const read = this.#read(following);
    if (read === undefined) return ended;
    if (!(read instanceof Segment)) return { outcome: 'completed', reply: read.reply };
    requireUnread(read, this, 'went on with');
    return read;
  }

  #failed(thrown: unknown): StreamEnd<R> {
    const error = asSluiceError(thrown, this.tappedBy);
    return { outcome: this.outcomeOf(error), error };
  }
}

function isPromise<F>(following: F | PromiseLike<F>): following is PromiseLike<F> {
  return isThenable(following);
}

/** Throws if `by` cannot hand on a stream, since another stream reads it, or because it was read to its end. `did`: what the layer did with it. */
export function requireUnread<C, R>(segment: Segment<C, R>, by: Segment<C, R>, did: string): void {
  if (segment.isHandedOn || segment.chain === by.chain) {
    const advice = 'return each stream of next() once.';
    throw middlewareError(by.name, `${did} a stream that is handed on already: ${advice}`);
  }
  if (segment.end !== undefined && segment.chain?.queue.wasRead === true) {
    const advice = 'return it unread, or yield its chunks from an async generator.';
    throw middlewareError(by.name, `${did} a stream that it had read to its end: ${advice}`);
  }
}
