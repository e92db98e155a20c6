import type { RateLimits } from '../../../src/index.ts';
import type { HeaderReader } from '../headers.ts';

/** A longer reset time is not a duration, but for example a date written as a number. */
const LONGEST_RESET_MS = 86_400_000;

/** One limit, read from headers. */
interface HeaderLimit {
  limit: number | undefined;
  remaining: number | undefined;
  resetMs: number | undefined;
}

/**
 * Reads the provider's rate limits from headers. Undefined if they say nothing useful. OpenAI, Groq and others send
 * `x-ratelimit-remaining-tokens`, and resets as durations (`6m0s`, `20ms`). Anthropic sends
 * `anthropic-ratelimit-tokens-remaining`, and resets as dates. Compatible servers that have no limit send -1 or 0, which is
 * ignored.
 *
 * Sources: https://platform.openai.com/docs/guides/rate-limits, https://platform.claude.com/docs/en/api/rate-limits
 */
export function rateLimitsOf(headers: HeaderReader, nowMs = Date.now()): RateLimits | undefined {
  const requests = openaiLimit(headers, 'requests') ?? anthropicLimit(headers, 'requests', nowMs);
  const tokens =
    openaiLimit(headers, 'tokens') ??
    anthropicLimit(headers, 'tokens', nowMs) ??
    anthropicLimit(headers, 'input-tokens', nowMs);
  if (requests === undefined && tokens === undefined) return undefined;
  return {
    atMs: nowMs,
    ...(requests?.limit !== undefined && { limitRequests: requests.limit }),
    ...(requests?.remaining !== undefined && { remainingRequests: requests.remaining }),
    ...(requests?.resetMs !== undefined && { resetRequestsMs: requests.resetMs }),
    ...(tokens?.limit !== undefined && { limitTokens: tokens.limit }),
    ...(tokens?.remaining !== undefined && { remainingTokens: tokens.remaining }),
    ...(tokens?.resetMs !== undefined && { resetTokensMs: tokens.resetMs }),
  };
}

function openaiLimit(headers: HeaderReader, what: string): HeaderLimit | undefined {
  return limitOf(
    headers.get(`x-ratelimit-limit-${what}`),
    headers.get(`x-ratelimit-remaining-${what}`),
    durationMs(headers.get(`x-ratelimit-reset-${what}`)),
  );
}

function anthropicLimit(headers: HeaderReader, what: string, nowMs: number): HeaderLimit | undefined {
  const reset = headers.get(`anthropic-ratelimit-${what}-reset`);
  const at = reset === null ? NaN : Date.parse(reset);
  return limitOf(
    headers.get(`anthropic-ratelimit-${what}-limit`),
    headers.get(`anthropic-ratelimit-${what}-remaining`),
    Number.isNaN(at) ? undefined : Math.max(0, at - nowMs),
  );
}

function limitOf(
  limit: string | null,
  remaining: string | null,
  resetMs: number | undefined,
): HeaderLimit | undefined {
  const most = count(limit);
  const left = count(remaining);
  // Without a sensible limit, "0 remaining" means nothing.
  if (most === undefined || most === 0 || left === undefined) return undefined;
  const usable = resetMs !== undefined && resetMs <= LONGEST_RESET_MS;
  return { limit: most, remaining: Math.min(left, most), resetMs: usable ? resetMs : undefined };
}

function count(value: string | null): number | undefined {
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration in Go's format, such as `1h2m3.5s` or `20ms`, in milliseconds. A bare number is seconds. */
export function durationMs(value: string | null): number | undefined {
  if (value === null || value.length > 40) return undefined;
  // A fast path for the formats of a server that is not busy. Nearly every response has one of them.
  const simple = /^(\d+)(ms|s)$/.exec(value);
  if (simple !== null) return Number(simple[1]) * (simple[2] === 'ms' ? 1 : 1_000);
  if (/^\d+(?:\.\d+)?$/.test(value)) return Math.ceil(Number(value) * 1_000);
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(value)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    sum += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  }
  return Math.ceil(sum);
}
