import type { Cost, Logger, Usage } from '../../src/index.ts';
import { RequestError } from '../requests/request-error.ts';
import { askedOf } from './asked-of.ts';
import type { Caller, CallerLimits } from './caller.ts';
import type { Begun, CallerCounter, CountedLimits } from './counter.ts';
import { Debts } from './debts.ts';
import { PLACE_WAIT_MS } from './memory-counter.ts';
import { Places } from './places.ts';
import type { Place } from './places.ts';

/** What is left of the limit of requests, for the headers of an answer. */
export interface RequestsLeft {
  limit: number;
  remaining: number;
  /** When the next minute begins, in milliseconds from now. */
  resetMs: number;
}

/** Holds callers to their limits, keyed by the id that a token stands for and by nothing that a request says. */
export class CallerCounts {
  readonly #defaults: CallerLimits;
  readonly #counter: CallerCounter;
  readonly #places: Places;
  readonly #log: Logger;
  readonly #debts: Debts;

  constructor(defaults: CallerLimits, counter: CallerCounter, log: Logger) {
    this.#defaults = defaults;
    this.#counter = counter;
    this.#log = log;
    this.#places = new Places(counter, log);
    this.#debts = new Debts(counter, log);
  }

  /**
   * Counts a request that starts a turn, and takes a place for its answer, in one step. Throws `rate_limited` or `budget`, with the time to wait, and `store` if the counter does not
   * answer. `tell` learns what is left of the limit of requests, also if it is reached.
   */
  async begin(caller: Caller, tell?: (left: RequestsLeft) => void): Promise<Place> {
    const limits = this.#limitsOf(caller);
    const place = this.#places.of(caller.id, limits);
    const begun = await askedOf('counter of callers', () =>
      this.#counter.begin(caller.id, place.id, limits, place.leaseMs),
    );
    const { requestsPerMinute: limit } = limits;
    if (begun.as === 'refused') {
      if (begun.limit === 'requests') tell?.({ limit, remaining: 0, resetMs: begun.retryAfterMs });
      throw refusalOf(begun);
    }
    place.hold();
    tell?.({ limit, remaining: Math.max(0, limit - begun.requests), resetMs: begun.resetMs });
    return place;
  }

  /** Takes a place for a reader of a stream that was started before. Throws `rate_limited` and `store`. */
  async enter(caller: Caller): Promise<Place> {
    const limits = this.#limitsOf(caller);
    const place = this.#places.of(caller.id, limits);
    const isHeld = await askedOf('counter of callers', () =>
      this.#counter.hold(caller.id, place.id, limits, place.leaseMs),
    );
    if (!isHeld) throw refusalOf({ as: 'refused', limit: 'streams', retryAfterMs: PLACE_WAIT_MS });
    place.hold();
    return place;
  }

  /** Counts what a turn has used: now, or when a counter that does not answer is there again. */
  spend(caller: Caller, usage: Usage | undefined, cost: Cost | undefined): void {
    const isUnknown = cost?.status === 'unknown';
    const tokens = usage?.totalTokens ?? 0;
    const usd = isUnknown ? 0 : (cost?.totalUsd ?? 0);
    if (isUnknown && this.#limitsOf(caller).usdPerDay !== undefined)
      this.#log.warn('the cost of a turn is not known: is cost() in the pipeline?', { caller: caller.id });
    if (tokens === 0 && usd === 0 && !isUnknown) return;
    this.#debts.add(caller.id, { tokens, usd, isUnknown });
  }

  /** Resolves when all that was used is counted, and all places are given back, or a counter that does not answer was asked once more. */
  async settled(): Promise<void> {
    await Promise.all([this.#debts.settled(), this.#places.settled()]);
  }

  /** A limit that a caller has as undefined is the server's: it says nothing of it. */
  #limitsOf({ limits: own = {} }: Caller): CountedLimits {
    const all = this.#defaults;
    return {
      requestsPerMinute: own.requestsPerMinute ?? all.requestsPerMinute ?? 600,
      concurrentStreams: own.concurrentStreams ?? all.concurrentStreams ?? 50,
      tokensPerMinute: own.tokensPerMinute ?? all.tokensPerMinute,
      usdPerDay: own.usdPerDay ?? all.usdPerDay,
      unknownCost: own.unknownCost ?? all.unknownCost ?? 'refuse',
    };
  }
}

type Refused = Extract<Begun, { as: 'refused' }>;

function refusalOf({ limit, retryAfterMs }: Refused): RequestError {
  switch (limit) {
    case 'usd':
      return new RequestError('budget', 'The budget of the day is used up.', { retryAfterMs });
    case 'cost':
      return new RequestError('budget', 'What was spent of the budget of the day is not known.', {
        retryAfterMs,
      });
    case 'requests':
      return limited('requests in a minute', retryAfterMs);
    case 'tokens':
      return limited('tokens in a minute', retryAfterMs);
    case 'streams':
      return limited('open streams', retryAfterMs);
  }
}

function limited(what: string, retryAfterMs: number): RequestError {
  return new RequestError('rate_limited', `Too many ${what}.`, { retryAfterMs, retryable: true });
}
