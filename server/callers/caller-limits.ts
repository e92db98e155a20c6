import type { Cost, Usage } from '../../src/index.ts';
import { RequestError } from '../requests/request-error.ts';
import type { Caller, CallerLimits } from './caller.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Callers that are remembered. Beyond it, those without an open stream are forgotten, the oldest first. */
const MAX_CALLERS = 10_000;

/** What one caller has used in the current minute and day. */
interface Used {
  minute: number;
  requests: number;
  tokens: number;
  day: number;
  usd: number;
  open: number;
}

/** What is left of the limit of requests, for the headers of an answer. */
export interface RequestsLeft {
  limit: number;
  remaining: number;
  /** When the next minute begins, in milliseconds from now. */
  resetMs: number;
}

/** Counts what each caller uses, keyed by the id that its token stands for and by nothing that a request says. */
export class CallerCounts {
  readonly #used = new Map<string, Used>();
  readonly #defaults: CallerLimits;
  readonly #now: () => number;

  constructor(defaults: CallerLimits, now: () => number = Date.now) {
    this.#defaults = defaults;
    this.#now = now;
  }

  /** Counts a request that starts a turn. Throws `rate_limited` or `budget`, with the time to wait. */
  begin(caller: Caller): RequestsLeft {
    const used = this.#of(caller.id);
    const limits = this.#limitsOf(caller);
    const now = this.#now();
    const resetMs = MINUTE_MS - (now % MINUTE_MS);
    const { requestsPerMinute = 600, concurrentStreams = 50, tokensPerMinute, usdPerDay } = limits;
    if (usdPerDay !== undefined && used.usd >= usdPerDay)
      throw new RequestError('budget', 'The budget of the day is used up.', {
        retryAfterMs: DAY_MS - (now % DAY_MS),
      });
    if (used.requests >= requestsPerMinute) throw limited('requests in a minute', resetMs);
    if (tokensPerMinute !== undefined && used.tokens >= tokensPerMinute)
      throw limited('tokens in a minute', resetMs);
    if (used.open >= concurrentStreams) throw limited('open streams', 1_000);
    used.requests++;
    return { limit: requestsPerMinute, remaining: requestsPerMinute - used.requests, resetMs };
  }

  /** Counts an answer as open until the returned function is called. */
  open(caller: Caller): () => void {
    const used = this.#of(caller.id);
    used.open++;
    let isOpen = true;
    return () => {
      if (isOpen) used.open--;
      isOpen = false;
    };
  }

  /** Counts what a turn has used. */
  spend(caller: Caller, usage: Usage | undefined, cost: Cost | undefined): void {
    const used = this.#of(caller.id);
    used.tokens += usage?.totalTokens ?? 0;
    if (cost?.status !== undefined && cost.status !== 'unknown') used.usd += cost.totalUsd ?? 0;
  }

  #limitsOf(caller: Caller): CallerLimits {
    return caller.limits === undefined ? this.#defaults : { ...this.#defaults, ...caller.limits };
  }

  #of(id: string): Used {
    const now = this.#now();
    const minute = Math.floor(now / MINUTE_MS);
    const day = Math.floor(now / DAY_MS);
    let used = this.#used.get(id);
    if (used === undefined) {
      this.#forgetOld();
      used = { minute, requests: 0, tokens: 0, day, usd: 0, open: 0 };
      this.#used.set(id, used);
    }
    if (used.minute !== minute) Object.assign(used, { minute, requests: 0, tokens: 0 });
    if (used.day !== day) Object.assign(used, { day, usd: 0 });
    return used;
  }

  #forgetOld(): void {
    if (this.#used.size < MAX_CALLERS) return;
    for (const [id, { open, usd }] of this.#used) {
      if (this.#used.size < MAX_CALLERS) return;
      if (open === 0 && usd === 0) this.#used.delete(id);
    }
  }
}

function limited(what: string, retryAfterMs: number): RequestError {
  return new RequestError('rate_limited', `Too many ${what}.`, { retryAfterMs, retryable: true });
}
