import type { RateLimits } from '../../src/index.ts';

/** One limit as a bucket that fills at a constant rate. It is full, with `limit`, at `resetMs` after `atMs`. */
interface Bucket {
  atMs: number;
  limit: number | undefined;
  remaining: number;
  resetMs: number;
}

/**
 * The limits from a provider's headers, and how long the provider asked to wait. They expire when everything is available again according to
 * those headers.
 */
export class Learned {
  #requests: Bucket | undefined;
  #tokens: Bucket | undefined;
  #atMs = 0;
  #pausedUntilMs = 0;

  /** Takes the limits of newer headers. */
  learn(limits: RateLimits): void {
    const { atMs, limitRequests, remainingRequests, resetRequestsMs } = limits;
    const { limitTokens, remainingTokens, resetTokensMs } = limits;
    if (atMs < this.#atMs) return;
    this.#atMs = atMs;
    this.#requests = bucket(atMs, limitRequests, remainingRequests, resetRequestsMs) ?? this.#requests;
    this.#tokens = bucket(atMs, limitTokens, remainingTokens, resetTokensMs) ?? this.#tokens;
  }

  /** Lets nothing be sent for so many milliseconds. */
  pause(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, Date.now() + ms);
  }

  /** Milliseconds until the provider should accept a request of so many tokens; 0: now. */
  waitMs(tokens: number): number {
    const now = Date.now();
    return Math.max(
      0,
      this.#pausedUntilMs - now,
      waitFor(this.#requests, 1, now),
      waitFor(this.#tokens, tokens, now),
    );
  }

  /** Counts a request that was sent and that no headers include yet. */
  spend(tokens: number): void {
    if (this.#requests !== undefined) this.#requests.remaining = Math.max(0, this.#requests.remaining - 1);
    if (this.#tokens !== undefined) this.#tokens.remaining = Math.max(0, this.#tokens.remaining - tokens);
  }

  /** Whether all limits have expired. */
  get faded(): boolean {
    const now = Date.now();
    return [this.#requests, this.#tokens].every((one) => one === undefined || now >= one.atMs + one.resetMs)
      ? now >= this.#pausedUntilMs
      : false;
  }
}

function bucket(
  atMs: number,
  limit: number | undefined,
  remaining: number | undefined,
  resetMs: number | undefined,
): Bucket | undefined {
  return remaining === undefined || resetMs === undefined ? undefined : { atMs, limit, remaining, resetMs };
}

function waitFor(bucket: Bucket | undefined, amount: number, now: number): number {
  if (bucket === undefined) return 0;
  const { atMs, limit, remaining, resetMs } = bucket;
  const left = atMs + resetMs - now;
  if (left <= 0 || amount <= remaining) return 0;
  // More than the limit allows: wait until everything is available, and let the provider decide.
  if (limit === undefined || limit <= remaining || amount >= limit) return left;
  const share = (amount - remaining) / (limit - remaining);
  return Math.max(0, Math.ceil(atMs + resetMs * share - now));
}
