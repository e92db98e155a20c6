import type { RateLimits } from '../../src/index.ts';

/** The part of `Headers` that is read. */
type HeaderSource = Pick<Headers, 'get'>;

/** The limits on tokens, the one that binds first standing first. */
const TOKEN_KINDS = ['tokens', 'input-tokens'] as const;

/**
 * What the headers of an answer say of the rate limits; undefined where they say nothing. Resets are given as dates.
 * Source: https://platform.claude.com/docs/en/api/rate-limits#response-headers
 */
export function rateLimitsOf(headers: HeaderSource, nowMs: number): RateLimits | undefined {
  const requests = limitOf(headers, 'requests', nowMs);
  const tokens = TOKEN_KINDS.map((kind) => limitOf(headers, kind, nowMs)).find((each) => each !== undefined);
  if (requests === undefined && tokens === undefined) return undefined;
  return {
    atMs: nowMs,
    ...(requests !== undefined && { limitRequests: requests.limit, remainingRequests: requests.remaining }),
    ...(requests?.resetMs !== undefined && { resetRequestsMs: requests.resetMs }),
    ...(tokens !== undefined && { limitTokens: tokens.limit, remainingTokens: tokens.remaining }),
    ...(tokens?.resetMs !== undefined && { resetTokensMs: tokens.resetMs }),
  };
}

/** The headers of an answer, or of the error that the SDK made of one. */
export function headersOf(answer: unknown): HeaderSource | undefined {
  if (typeof answer !== 'object' || answer === null || !('headers' in answer)) return undefined;
  return isHeaderSource(answer.headers) ? answer.headers : undefined;
}

function isHeaderSource(value: unknown): value is HeaderSource {
  return typeof value === 'object' && value !== null && 'get' in value && typeof value.get === 'function';
}

function limitOf(headers: HeaderSource, kind: string, nowMs: number) {
  const limit = numberOf(headers.get(`anthropic-ratelimit-${kind}-limit`));
  const remaining = numberOf(headers.get(`anthropic-ratelimit-${kind}-remaining`));
  // Servers without limits send 0 or -1.
  if (limit === undefined || limit <= 0 || remaining === undefined || remaining < 0) return undefined;
  const reset = Date.parse(headers.get(`anthropic-ratelimit-${kind}-reset`) ?? '');
  return { limit, remaining, resetMs: Number.isNaN(reset) ? undefined : Math.max(0, reset - nowMs) };
}

function numberOf(value: string | null): number | undefined {
  const number = value === null || value.trim() === '' ? Number.NaN : Number(value);
  return Number.isFinite(number) ? number : undefined;
}
