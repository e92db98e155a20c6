/** How long `spend` is called again with the same id until it succeeds, in milliseconds: a day. The limits that a use counts for are over then. */
export const SPEND_AGAIN_MS = 86_400_000;

/** The limits of one caller, as a counter checks them. */
export interface CountedLimits {
  /** Requests that start a turn, in a minute. */
  requestsPerMinute: number;
  /** Places for open streams. */
  concurrentStreams: number;
  /** Undefined: no limit. */
  tokensPerMinute?: number | undefined;
  /** Undefined: no limit. */
  usdPerDay?: number | undefined;
  /** With `usdPerDay`: whether a caller is refused for the rest of a day in which the cost of a turn was not known. */
  unknownCost: 'allow' | 'refuse';
}

/** What beginning gave. `refused`: nothing was counted. `limit`: the one that is reached; `cost`: what was spent today is not known. */
export type Begun =
  | {
      as: 'begun';
      /** How many requests the caller has made in this minute. */
      requests: number;
      /** When the next minute begins, in milliseconds from now. */
      resetMs: number;
    }
  | {
      as: 'refused';
      limit: 'requests' | 'streams' | 'tokens' | 'usd' | 'cost';
      /** How long until there may be room, in milliseconds. */
      retryAfterMs: number;
    };

/** What one turn has used. */
export interface Spent {
  tokens: number;
  usd: number;
  /** The cost of the turn is not known: `usd` is 0. */
  isUnknown: boolean;
}

/**
 * Counts what callers use. Minutes and days are those of UTC. A counter that several processes share makes limits hold over all of them: `redisCounter()` of
 * `sluice/server/redis-callers`. Each call is one step: nobody counts between its check and its count.
 *
 * `caller` is the id of a caller, any text. `place` and `id` are made at random: a second call with the same one, such as a command that a client sent again, counts once. `spend` that
 * fails is called again with the same id until it succeeds, for up to a day: it may have counted, and only its answer was lost. Errors are
 * `SluiceError`s of code `store`.
 */
export interface CallerCounter {
  /** Whether other processes count, too. If not, places are held until they are given back: `leaseMs` is `Infinity`. Default: true. */
  readonly isShared?: boolean;
  /** Checks all limits, counts a request, and holds one of the caller's places for `leaseMs`. */
  begin(caller: string, place: string, limits: CountedLimits, leaseMs: number): Begun | PromiseLike<Begun>;
  /** Holds a place for `leaseMs` from now, also one that is held already. False: all are taken. */
  hold(
    caller: string,
    place: string,
    limits: Pick<CountedLimits, 'concurrentStreams'>,
    leaseMs: number,
  ): boolean | PromiseLike<boolean>;
  /** Gives a place back. One whose process has died comes back when its lease is over. */
  leave(caller: string, place: string): void | PromiseLike<void>;
  /** Counts what a turn has used. */
  spend(caller: string, id: string, spent: Spent): void | PromiseLike<void>;
}
