import type { Begun, CallerCounter, CountedLimits, Spent } from './counter.ts';

/** The window of requests and tokens, in milliseconds. */
export const MINUTE_MS = 60_000;
/** The window of money, in milliseconds. */
export const DAY_MS = 86_400_000;

/** How long a caller should wait for a place. Nobody knows when a stream ends. In milliseconds. */
export const PLACE_WAIT_MS = 1_000;

/** Callers that are remembered. Beyond it, those without an open stream and without costs of the day are forgotten, the oldest first. */
const MAX_CALLERS = 10_000;

/** How many of the oldest are looked at for each new one, so that it costs the same however many are kept. */
const LOOKS = 16;

/** What one caller has used in the current minute and day. */
interface Used {
  minute: number;
  requests: number;
  tokens: number;
  day: number;
  usd: number;
  isUnknown: boolean;
  /** Until when each place is held. */
  places: Map<string, number>;
}

/** A counter in memory, for one process. What it answers is there at once. `now`: a clock, in milliseconds. */
export function memoryCounter(now: () => number = Date.now): CallerCounter {
  return new MemoryCounter(now);
}

class MemoryCounter implements CallerCounter {
  readonly isShared = false;
  readonly #used = new Map<string, Used>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  begin(caller: string, place: string, limits: CountedLimits, leaseMs: number): Begun {
    const now = this.#now();
    const used = this.#of(caller, now);
    const resetMs = MINUTE_MS - (now % MINUTE_MS);
    if (!used.places.has(place)) {
      const refused = refusal(used, limits, now);
      if (refused !== undefined) return refused;
      used.requests++;
    }
    used.places.set(place, now + leaseMs);
    return { as: 'begun', requests: used.requests, resetMs };
  }

  hold(
    caller: string,
    place: string,
    { concurrentStreams }: Pick<CountedLimits, 'concurrentStreams'>,
    leaseMs: number,
  ): boolean {
    const now = this.#now();
    const { places } = this.#of(caller, now);
    if (!places.has(place) && openPlaces(places, now, concurrentStreams) >= concurrentStreams) return false;
    places.set(place, now + leaseMs);
    return true;
  }

  leave(caller: string, place: string): void {
    this.#used.get(caller)?.places.delete(place);
  }

  spend(caller: string, _id: string, { tokens, usd, isUnknown }: Spent): void {
    const used = this.#of(caller, this.#now());
    used.tokens += tokens;
    used.usd += usd;
    used.isUnknown ||= isUnknown;
  }

  #of(caller: string, now: number): Used {
    const minute = Math.floor(now / MINUTE_MS);
    const day = Math.floor(now / DAY_MS);
    let used = this.#used.get(caller);
    if (used === undefined) {
      this.#forgetOld(day);
      used = { minute, requests: 0, tokens: 0, day, usd: 0, isUnknown: false, places: new Map() };
      this.#used.set(caller, used);
    }
    if (used.minute !== minute) Object.assign(used, { minute, requests: 0, tokens: 0 });
    if (used.day !== day) Object.assign(used, { day, usd: 0, isUnknown: false });
    return used;
  }

  #forgetOld(today: number): void {
    let looks = 0;
    for (const [caller, used] of this.#used) {
      if (this.#used.size < MAX_CALLERS || ++looks > LOOKS) return;
      const { places, day, usd, isUnknown } = used;
      this.#used.delete(caller);
      // It is looked at again after all others.
      if (places.size > 0 || (day === today && (usd > 0 || isUnknown))) this.#used.set(caller, used);
    }
  }
}

function refusal(used: Used, limits: CountedLimits, now: number): Begun | undefined {
  const { requestsPerMinute, concurrentStreams, tokensPerMinute, usdPerDay, unknownCost } = limits;
  const minuteMs = MINUTE_MS - (now % MINUTE_MS);
  const dayMs = DAY_MS - (now % DAY_MS);
  if (usdPerDay !== undefined) {
    if (used.usd >= usdPerDay) return { as: 'refused', limit: 'usd', retryAfterMs: dayMs };
    if (used.isUnknown && unknownCost === 'refuse')
      return { as: 'refused', limit: 'cost', retryAfterMs: dayMs };
  }
  if (used.requests >= requestsPerMinute) return { as: 'refused', limit: 'requests', retryAfterMs: minuteMs };
  if (tokensPerMinute !== undefined && used.tokens >= tokensPerMinute)
    return { as: 'refused', limit: 'tokens', retryAfterMs: minuteMs };
  if (openPlaces(used.places, now, concurrentStreams) >= concurrentStreams)
    return { as: 'refused', limit: 'streams', retryAfterMs: PLACE_WAIT_MS };
  return undefined;
}

/** How many places are held. Those whose lease is over are looked for when there seem to be too many. */
function openPlaces(places: Map<string, number>, now: number, most: number): number {
  if (places.size >= most) for (const [place, until] of places) if (until <= now) places.delete(place);
  return places.size;
}
